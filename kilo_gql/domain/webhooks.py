"""Webhooks as their owners see them: make, change, switch off, and their secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update

from kilo_gql import text
from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.webhook_rules import checked_events, checked_filters, checked_url
from kilo_gql.errors import Conflict
from kilo_gql.events import Change, EventName
from kilo_gql.jobs import JobType, NewJob, enqueue
from kilo_gql.models import DeliveryStatus, EventStream, Installation, Project, Webhook, WebhookDelivery
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.patch import UNSET, UnsetType, given
from kilo_gql.webhook_signing import secret_of, signing_key

#: Webhooks a project may have, so that a list of them needs no pages.
WEBHOOKS_MAX: Final = 20
DESCRIPTION_MAX: Final = 500
#: How long the secret before the present one signs as well.
OVERLAP: Final = timedelta(hours=24)


class DisabledWhy(StrEnum):
    """Who switched a webhook off: its owner, or the house, because of what the other side answered."""

    OWNER = "owner"
    #: It answered 410: nobody is there any more.
    GONE = "gone"
    #: Nothing came through for three days.
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook with its secret, which is shown when it is made and when it is renewed."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is to be otherwise."""

    url: str | UnsetType = UNSET
    event_names: Sequence[str] | UnsetType = UNSET
    filters: Mapping[str, Any] | UnsetType = UNSET
    description: str | None | UnsetType = UNSET


@operation(Perm.WEBHOOK_MANAGE, write=True, retention=None)
async def create_webhook(
    tx: Tx,
    project_id: UUID,
    url: str,
    event_names: Sequence[str] = (),
    filters: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> NewWebhook:
    """Have a project's events sent to a server from now on; the secret that signs them is in this answer alone.

    ``event_names``: which events; none: all but ``job.progress`` and ``webhook.updated``. Raises BadRequest
    ``bad_webhook_url``, ``unknown_event``, ``bad_webhook_filter``, Conflict ``too_many_webhooks``.
    """
    await tx.get(Project, project_id, lock=True)
    count = await tx.scalar(select(func.count()).select_from(Webhook).where(Webhook.project_id == project_id))
    if count >= WEBHOOKS_MAX:
        raise Conflict(
            f"A project has at most {WEBHOOKS_MAX} webhooks.",
            code="too_many_webhooks",
            details={"max": WEBHOOKS_MAX},
            remediation=["Delete one that is not used any more.", "Let one server pass on what others need."],
        )
    last = await tx.scalar(select(EventStream.last_seq).where(EventStream.project_id == project_id))
    webhook = tx.add(
        Webhook(
            id=uuid7(),
            project_id=project_id,
            created_by=tx.user_id,
            url=checked_url(url),
            event_names=checked_events(event_names),
            filters=checked_filters(filters or {}),
            description=_description(description),
            secret_version=1,
            epoch=await tx.scalar(select(Installation.epoch)),
            seq=last or 0,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    await tx.flush()
    tell(tx, webhook, {"created": True})
    return NewWebhook(webhook, _secret(tx, webhook))


@operation(Perm.WEBHOOK_MANAGE)
async def list_webhooks(tx: Tx, project_id: UUID) -> Sequence[Webhook]:
    """The webhooks of a project, newest first; at most 20."""
    await tx.enter(project_id)
    statement = select(Webhook).where(Webhook.project_id == project_id).order_by(Webhook.id.desc())
    return await tx.scalars(statement.limit(WEBHOOKS_MAX))


@operation(Perm.WEBHOOK_MANAGE)
async def get_webhook(tx: Tx, webhook_id: UUID) -> Webhook:
    """One webhook."""
    return await tx.get(Webhook, webhook_id)


@operation(Perm.WEBHOOK_MANAGE, write=True)
async def update_webhook(tx: Tx, webhook_id: UUID, change: WebhookChange) -> Webhook:
    """Change where events are sent, or which. What waits already is sent to the new address at once."""
    webhook = await tx.get(Webhook, webhook_id, lock=True)
    before = webhook.url
    checks = {
        "url": checked_url,
        "event_names": checked_events,
        "filters": checked_filters,
        "description": _description,
    }
    for name, value in given(change).items():
        setattr(webhook, name, checks[name](value))
    webhook.updated_at = tx.now
    tell(tx, webhook, {"updated": True})
    if webhook.url != before and webhook.disabled_at is None:
        await _try_now(tx, webhook)
    return webhook


@operation(Perm.WEBHOOK_MANAGE, write=True)
async def delete_webhook(tx: Tx, webhook_id: UUID) -> None:
    """End a webhook. What waits to be sent is not."""
    webhook = await tx.get(Webhook, webhook_id, lock=True)
    tell(tx, webhook, {"deleted": True})
    await tx.delete(webhook)


@operation(Perm.WEBHOOK_MANAGE, write=True, retention=None)
async def rotate_webhook_secret(tx: Tx, webhook_id: UUID) -> NewWebhook:
    """Give a webhook a new secret; for 24 hours the one before it signs as well."""
    webhook = await tx.get(Webhook, webhook_id, lock=True)
    webhook.secret_version += 1
    webhook.previous_until = tx.now + OVERLAP
    webhook.updated_at = tx.now
    return NewWebhook(webhook, _secret(tx, webhook))


@operation(Perm.WEBHOOK_MANAGE, write=True)
async def disable_webhook(tx: Tx, webhook_id: UUID) -> Webhook:
    """Send nothing until the webhook is switched on again; doing so twice changes nothing."""
    webhook = await tx.get(Webhook, webhook_id, lock=True)
    if webhook.disabled_at is None:
        disable(tx, webhook, DisabledWhy.OWNER)
    return webhook


@operation(Perm.WEBHOOK_MANAGE, write=True)
async def enable_webhook(tx: Tx, webhook_id: UUID) -> Webhook:
    """Go on where the webhook was switched off: with what waited, and with every event since.

    Events that the log does not hold any more are answered by one delivery of the type ``reset``.
    """
    webhook = await tx.get(Webhook, webhook_id, lock=True)
    if webhook.disabled_at is not None:
        webhook.disabled_at = webhook.disabled_why = None
        webhook.updated_at = tx.now
        tell(tx, webhook, {"disabled": None})
        await _try_now(tx, webhook)
    return webhook


def disable(tx: Tx, webhook: Webhook, why: DisabledWhy) -> None:
    """Switch off a locked row."""
    webhook.disabled_at, webhook.disabled_why, webhook.updated_at = tx.now, why.value, tx.now
    tell(tx, webhook, {"disabled": why.value})


def tell(tx: Tx, webhook: Webhook, changed: Mapping[str, Any]) -> None:
    """Announce what happened to a webhook. Never its address, which may hold a token: all members read events."""
    tx.emit(Change(EventName.WEBHOOK_UPDATED, webhook.project_id, (webhook.id,), changed))


async def _try_now(tx: Tx, webhook: Webhook) -> None:
    """Send what waits without waiting any longer: whatever stood in the way may be mended."""
    webhook.failing_since = None
    waiting = update(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.status == DeliveryStatus.PENDING
    )
    await tx.session.execute(waiting.values(next_at=tx.now))
    await wake(tx, webhook)


async def wake(tx: Tx, webhook: Webhook) -> None:
    """Have what a webhook has to send looked at once this transaction commits.

    It is the house's own job: one of the project's would tell its progress in the log, and so wake itself.
    """
    await enqueue(tx, deliver_job(webhook.id))


def deliver_job(webhook_id: UUID) -> NewJob:
    """The job that sends what a webhook has to send."""
    arguments = {"webhook_id": str(webhook_id)}
    return NewJob(JobType.WEBHOOK_DELIVER, arguments, None, once=f"webhook:{webhook_id}")


def _secret(tx: Tx, webhook: Webhook) -> str:
    return secret_of(signing_key(tx.house.key, webhook.id, webhook.secret_version))


def _description(value: str | None) -> str | None:
    return text.lines(value, field="description", limit=DESCRIPTION_MAX).strip() or None if value is not None else None
