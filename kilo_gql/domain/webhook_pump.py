"""From the log to the wire: deliveries of events, which of them are due, and what becomes of each. System functions.

Deliveries are made in the transaction that moves the webhook's cursor: each event once, none passed over. An attempt
is counted, and the next one set, before anything is sent: whoever sends may die.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from kilo_gql.db import Tx
from kilo_gql.domain.webhook_bodies import RESET, event_body, own_delivery, text_of
from kilo_gql.domain.webhook_rules import passes
from kilo_gql.domain.webhooks import DisabledWhy, deliver_job, disable, tell
from kilo_gql.events import Event, Position, ResetReason, event_name, servable
from kilo_gql.jobs import JobType, enqueue
from kilo_gql.models import (
    DeliveryStatus,
    EventStream,
    Installation,
    Job,
    Priority,
    Project,
    ProjectEvent,
    ProjectStatus,
    Webhook,
    WebhookDelivery,
)
from kilo_gql.models.base import uuid7
from kilo_gql.webhook_signing import signing_key

#: Sent at once to one webhook; while nothing comes through, one alone tries.
AT_ONCE: Final = 8
#: Deliveries that may wait for a webhook. More are not made of events before some are gone: they wait in the log.
WAITING_MAX: Final = 1_000
#: Events of the log that are looked at in one statement, and so many times in one transaction.
_PAGE: Final = 500
_PAGES: Final = 20
#: Seconds until the next attempt, after the first, the second, …; after the last the delivery is dead: 29.7 hours.
SCHEDULE: Final = (5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 43_200)
ATTEMPTS: Final = len(SCHEDULE) + 1
#: Each is stretched by up to a tenth, lest what failed together comes back together.
_JITTER: Final = 0.1
#: The longest wait that an answer's Retry-After can ask for.
_RETRY_AFTER_MAX: Final = 43_200.0
#: After so long an attempt of which nothing was heard is made again: its worker is dead.
_SILENCE: Final = timedelta(seconds=60)
#: When nothing has come through for so long, the webhook is switched off.
_FAILING_FOR: Final = timedelta(days=3)
#: Between two looks at a webhook that fails: a quarter of the time that it has, within these. The relay has the same.
PAUSE: Final = (timedelta(seconds=5), timedelta(minutes=5))
#: Servers that hang take slots for as long as they are let: those that answer go first.
FAILING: Final = Priority.BACKFILL
#: How long deliveries are kept that do not wait.
KEPT: Final = timedelta(days=14)
BATCH: Final = 1_000
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery to send now. ``attempt`` is its number; ``keys`` sign it."""

    id: UUID
    url: str
    body: bytes
    attempt: int
    keys: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a parcel. ``status`` None: no answer. ``error``: None if it was accepted.

    ``retry_after`` in seconds, ``duration_ms`` in milliseconds.
    """

    parcel: Parcel
    status: int | None
    error: str | None
    retry_after: float | None
    duration_ms: int


async def take(tx: Tx, webhook_id: UUID, job_id: UUID) -> list[Parcel] | None:
    """What is to be sent to a webhook now, after deliveries were made of the events since.

    ``job_id``: of the job that asks. None: it has nothing to do here, since there is no such webhook, or it is off, or
    another job works on it, which looks again before it ends.
    """
    webhook = await _locked(tx, webhook_id)
    if webhook is None or await _busy(tx, webhook_id, job_id):
        return None
    for _ in range(_PAGES):
        room = min(_PAGE, await _room(tx, webhook))
        if room <= 0 or not await _advance(tx, webhook, room):
            break
    await tx.flush()
    most = AT_ONCE if webhook.failing_since is None else 1
    due = await tx.scalars(
        select(WebhookDelivery)
        .where(_pending(webhook_id), WebhookDelivery.next_at <= tx.now)
        .order_by(WebhookDelivery.next_at, WebhookDelivery.epoch, WebhookDelivery.seq)
        .limit(most)
        .with_for_update()
    )
    for delivery in due:
        delivery.attempts += 1
        delivery.next_at, delivery.updated_at = tx.now + _SILENCE, tx.now
    keys = _keys(tx, webhook)
    return [Parcel(d.id, webhook.url, d.body.encode(), d.attempts, keys) for d in due]


async def settle(tx: Tx, webhook_id: UUID, sent: Sequence[Sent]) -> bool:
    """Write what came of parcels; True if the webhook is well and more may follow at once."""
    webhook = await _locked(tx, webhook_id)
    if webhook is None:
        return False
    by_id = {one.parcel.id: one for one in sent}
    rows = await tx.scalars(select(WebhookDelivery).where(WebhookDelivery.id.in_(by_id)).with_for_update())
    # one that was sent again by its owner, or by another worker, meanwhile: that attempt speaks for it
    mine = [row for row in rows if row.next_at is not None and row.attempts == by_id[row.id].parcel.attempt]
    if dead := [str(row.id) for row in mine if _given_up(tx, row, by_id[row.id])]:
        tell(tx, webhook, {"dead": dead})
    return _health(tx, webhook, sent)


async def look_again(tx: Tx, webhook_id: UUID) -> datetime | None:
    """Queue the next job of a webhook for when it has something to send; says when that is (None: it has nothing)."""
    webhook = await _locked(tx, webhook_id)
    if webhook is None:
        return None
    waits: datetime | None = await tx.scalar(select(func.min(WebhookDelivery.next_at)).where(_pending(webhook_id)))
    last = await tx.scalar(select(EventStream.last_seq).where(EventStream.project_id == webhook.project_id)) or 0
    if (last > webhook.seq and await _room(tx, webhook) > 0) or await _epoch(tx) != webhook.epoch:
        waits = tx.now
    if waits is None:
        return None
    job = deliver_job(webhook_id)
    if webhook.failing_since is not None:
        waits = max(waits, tx.now + min(max((tx.now - webhook.failing_since) / 4, PAUSE[0]), PAUSE[1]))
        job = replace(job, priority=FAILING)
    await enqueue(tx, job if waits <= tx.now else replace(job, not_before=waits))
    return waits


async def catch_up(tx: Tx) -> int:
    """Wake every webhook that is behind its log, or has something due: what no event and no job would. How many.

    So a webhook that wants few events does not fall out of the log while others come.
    """
    due = select(WebhookDelivery.webhook_id).where(
        WebhookDelivery.status == literal_column("'pending'"), WebhookDelivery.next_at <= tx.now
    )
    behind = EventStream.last_seq > Webhook.seq
    found = await tx.scalars(
        select(Webhook.id)
        .outerjoin(EventStream, EventStream.project_id == Webhook.project_id)
        .where(
            Webhook.disabled_at.is_(None), behind | Webhook.id.in_(due) | (Webhook.epoch != await _epoch(tx))
        )
    )  # fmt: skip
    await enqueue(tx, *(deliver_job(webhook_id) for webhook_id in found))
    return len(found)


async def sweep_deliveries(tx: Tx) -> int:
    """Forget deliveries that ended 14 days ago, at most ``BATCH``; returns how many."""
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.updated_at < tx.now - KEPT, WebhookDelivery.status != DeliveryStatus.PENDING)
        .limit(BATCH)
    )
    return int((await tx.session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)))).rowcount)  # type: ignore[attr-defined]


# --- from the log ---------------------------------------------------------------------------------------------------


async def _advance(tx: Tx, webhook: Webhook, most: int) -> bool:
    """Make deliveries of the next events of the log, at most so many; True if there may be more of them."""
    position = Position(webhook.epoch, webhook.seq)
    epoch = await _epoch(tx)
    stream = await tx.rows(
        select(EventStream.first_seq, EventStream.last_seq).where(EventStream.project_id == webhook.project_id)
    )
    first, last = stream[0] if stream else (1, 0)
    reason = servable(position, epoch=epoch, first=first, last=last, far=2**62)
    events: Sequence[ProjectEvent] = ()
    if reason is None:
        events = await tx.scalars(
            select(ProjectEvent)
            .where(ProjectEvent.project_id == webhook.project_id, ProjectEvent.seq > webhook.seq)
            .order_by(ProjectEvent.seq)
            .limit(most)
        )
        if events and events[0].seq != webhook.seq + 1:  # pruned between two statements
            reason = ResetReason.EXPIRED
    if reason is not None:
        webhook.epoch, webhook.seq = epoch, last
        tx.add(await own_delivery(tx, webhook, RESET, reason))
        await tx.flush()
        return False
    await _make(tx, webhook, events)
    if events:
        webhook.seq = events[-1].seq
    return len(events) == most


async def _make(tx: Tx, webhook: Webhook, events: Sequence[ProjectEvent]) -> None:
    """Deliveries of those events that the webhook wants. One that is there already is replayed: sent once more."""
    rows = [row for event in events if (row := _row(tx, webhook, event)) is not None]
    if not rows:
        return
    statement = insert(WebhookDelivery).values(rows)
    again = {
        "status": DeliveryStatus.PENDING, "attempts": 0, "next_at": tx.now, "http_status": None, "error": None,
        "duration_ms": None, "delivered_at": None, "updated_at": tx.now,
    }  # fmt: skip
    await tx.session.execute(
        statement.on_conflict_do_update(
            index_elements=["webhook_id", "epoch", "seq"],
            set_=again,
            where=WebhookDelivery.status != DeliveryStatus.PENDING,
        )
    )


def _row(tx: Tx, webhook: Webhook, row: ProjectEvent) -> dict[str, Any] | None:
    event = Event(
        epoch=webhook.epoch,
        seq=row.seq,
        project_id=row.project_id,
        name=event_name(row.name),
        ids=tuple(row.ids),
        changed=row.changed,
        op_id=row.op_id,
        actor_id=row.actor_id,
        at=row.created_at,
    )
    id_ = uuid7()
    body = event_body(id_, event)
    if not passes(webhook, body):
        return None
    return {
        "id": id_, "project_id": row.project_id, "webhook_id": webhook.id, "epoch": webhook.epoch, "seq": row.seq,
        "event_name": str(event.name), "body": text_of(body), "status": DeliveryStatus.PENDING, "attempts": 0,
        "next_at": tx.now, "created_at": tx.now, "updated_at": tx.now,
    }  # fmt: skip


# --- of one delivery ------------------------------------------------------------------------------------------------


def _given_up(tx: Tx, delivery: WebhookDelivery, sent: Sent) -> bool:
    """Write what came of a pending delivery; True if there will be no further attempt."""
    delivery.http_status, delivery.error = sent.status, sent.error
    delivery.duration_ms, delivery.updated_at, delivery.next_at = sent.duration_ms, tx.now, None
    if sent.error is None:
        delivery.status, delivery.delivered_at = DeliveryStatus.DELIVERED, tx.now
    elif delivery.attempts >= ATTEMPTS or sent.status == _GONE:
        delivery.status = DeliveryStatus.DEAD
        return True
    else:
        delivery.next_at = tx.now + timedelta(seconds=wait(delivery.attempts, sent.retry_after))
    return False


def wait(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next attempt after so many (1 to 9): exponential with jitter, or as the answer asks."""
    planned = SCHEDULE[attempts - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311
    return max(planned, min(retry_after or 0.0, _RETRY_AFTER_MAX))


def _health(tx: Tx, webhook: Webhook, sent: Sequence[Sent]) -> bool:
    """Note whether anything came through, and switch off what is gone or has failed for days."""
    if any(one.status == _GONE for one in sent):
        disable(tx, webhook, DisabledWhy.GONE)
    elif any(one.error is None for one in sent):
        webhook.failing_since = None
    elif webhook.failing_since is None:
        webhook.failing_since = tx.now
    elif tx.now - webhook.failing_since >= _FAILING_FOR:
        disable(tx, webhook, DisabledWhy.FAILING)
    return webhook.failing_since is None and webhook.disabled_at is None


# --- of one webhook -------------------------------------------------------------------------------------------------


async def _locked(tx: Tx, webhook_id: UUID) -> Webhook | None:
    """The row, locked until the transaction ends; None if nothing is to be sent to it."""
    statement = (
        select(Webhook)
        .join(Project, Project.id == Webhook.project_id)
        .where(
            Webhook.id == webhook_id, Webhook.disabled_at.is_(None), Project.status != ProjectStatus.DELETED
        )
        .with_for_update(of=Webhook)
    )  # fmt: skip
    found: Webhook | None = await tx.scalar(statement)
    return found


async def _busy(tx: Tx, webhook_id: UUID, job_id: UUID) -> bool:
    """Does another job work on this webhook, and has the right of way?

    Of two that do, exactly one stands aside: that with the greater id. The other one looks again under the webhook's
    lock in the transaction that ends it, so it sees whatever the first was queued for.
    """
    running = select(Job.id).where(
        # literal: the partial index of what runs is small, the table is not
        Job.status == literal_column("'running'"),
        Job.type == JobType.WEBHOOK_DELIVER,
        Job.arguments["webhook_id"].astext == str(webhook_id),
        Job.id < job_id,
    )
    return await tx.scalar(running.limit(1)) is not None


async def _room(tx: Tx, webhook: Webhook) -> int:
    """How many deliveries more may wait for a webhook."""
    waiting: int = await tx.scalar(select(func.count()).select_from(WebhookDelivery).where(_pending(webhook.id)))
    return WAITING_MAX - waiting


async def _epoch(tx: Tx) -> int:
    epoch: int = await tx.scalar(select(Installation.epoch))
    return epoch


def _pending(webhook_id: UUID) -> Any:
    return (WebhookDelivery.webhook_id == webhook_id) & (WebhookDelivery.status == literal_column("'pending'"))


def _keys(tx: Tx, webhook: Webhook) -> tuple[bytes, ...]:
    """The present secret's, and for a day after a change the one's before it."""
    before = webhook.previous_until is not None and tx.now < webhook.previous_until
    versions = range(webhook.secret_version, webhook.secret_version - (2 if before else 1), -1)
    return tuple(signing_key(tx.house.key, webhook.id, version) for version in versions)
