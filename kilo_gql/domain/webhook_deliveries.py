"""What was sent to a webhook, and sending it again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.webhook_bodies import PING, own_delivery
from kilo_gql.domain.webhooks import wake
from kilo_gql.errors import BadRequest, Conflict
from kilo_gql.events import Position, servable
from kilo_gql.models import DeliveryStatus, EventStream, Installation, Webhook, WebhookDelivery
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of

#: A replay may begin anywhere in the log.
_ANYWHERE: Final = 2**62


@operation(Perm.WEBHOOK_MANAGE, write=True)
async def send_test_event(tx: Tx, webhook_id: UUID) -> WebhookDelivery:
    """Send a webhook a delivery of the type ``ping``, whatever its events and filters are.

    Raises Conflict ``webhook_disabled``.
    """
    webhook = await tx.get(Webhook, webhook_id, lock=True)
    _must_be_on(webhook)
    delivery = tx.add(await own_delivery(tx, webhook, PING))
    await tx.flush()
    await wake(tx, webhook)
    return delivery


@operation(Perm.WEBHOOK_MANAGE)
async def list_webhook_deliveries(
    tx: Tx, webhook_id: UUID, slice_: Slice, status: DeliveryStatus | None = None
) -> Page[WebhookDelivery]:
    """What was sent to a webhook or is to be, newest first, of one status where asked; kept for 14 days."""
    await tx.get(Webhook, webhook_id)
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if status is not None:
        statement = statement.where(WebhookDelivery.status == status)
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(WebhookDelivery.id < after[0])
    rows = await tx.scalars(statement.order_by(WebhookDelivery.id.desc()).limit(slice_.limit + 1))
    return page_of(rows, slice_, by_id)


@operation(Perm.WEBHOOK_MANAGE)
async def get_webhook_delivery(tx: Tx, delivery_id: UUID) -> WebhookDelivery:
    """One delivery: what was sent, how often, and what came of it."""
    return await tx.get(WebhookDelivery, delivery_id)


@operation(Perm.WEBHOOK_MANAGE, write=True)
async def redeliver(tx: Tx, delivery_id: UUID) -> WebhookDelivery:
    """Send a delivery again, under its old id, with as many attempts as a new one.

    One that waits for its next attempt is sent now. Raises Conflict ``webhook_disabled``.
    """
    found = await tx.get(WebhookDelivery, delivery_id)
    webhook = await tx.get(Webhook, found.webhook_id, lock=True)  # before its deliveries, in whichever operation
    _must_be_on(webhook)
    delivery = await tx.get(WebhookDelivery, delivery_id, lock=True)
    await tx.session.refresh(delivery)
    begin(tx, delivery)
    await wake(tx, webhook)
    return delivery


@operation(Perm.WEBHOOK_MANAGE, write=True)
async def replay_webhook(tx: Tx, webhook_id: UUID, after: str) -> Webhook:
    """Send every event after a cursor again that the webhook's events and filters let through, under the old ids.

    Raises BadRequest ``bad_cursor``, and Conflict ``cursor_expired`` if the log cannot serve the cursor any more: what
    is lost is said, not passed over. Raises Conflict ``webhook_disabled``.
    """
    webhook = await tx.get(Webhook, webhook_id, lock=True)
    _must_be_on(webhook)
    position = await _in_log(tx, webhook.project_id, after)
    # from here on the deliveries are made as they are of new events
    webhook.epoch, webhook.seq, webhook.updated_at = position.epoch, position.seq, tx.now
    await wake(tx, webhook)
    return webhook


def begin(tx: Tx, delivery: WebhookDelivery) -> None:
    """Make a locked delivery as good as new."""
    delivery.status, delivery.attempts, delivery.next_at = DeliveryStatus.PENDING, 0, tx.now
    delivery.http_status = delivery.error = delivery.duration_ms = delivery.delivered_at = None
    delivery.updated_at = tx.now


async def _in_log(tx: Tx, project_id: UUID, cursor: str) -> Position:
    position = Position.parse(cursor)
    if position is None:
        raise BadRequest("This cursor is not one of ours.", code="bad_cursor", details={"field": "after"})
    epoch = await tx.scalar(select(Installation.epoch))
    stream = await tx.rows(
        select(EventStream.first_seq, EventStream.last_seq).where(EventStream.project_id == project_id)
    )
    first, last = stream[0] if stream else (1, 0)
    reason = servable(position, epoch=epoch, first=first, last=last, far=_ANYWHERE)
    if reason is not None:
        raise Conflict(
            "The log does not hold what follows this cursor.",
            code="cursor_expired",
            details={"reason": reason.value, "first": f"{epoch}-{first - 1}", "last": f"{epoch}-{last}"},
            remediation=["Read the present state from the API.", "Replay from `details.first` on."],
        )
    return position


def _must_be_on(webhook: Webhook) -> None:
    if webhook.disabled_at is not None:
        raise Conflict(
            "This webhook is switched off.",
            code="webhook_disabled",
            details={"why": webhook.disabled_why},
            remediation=["Enable it first."],
        )
