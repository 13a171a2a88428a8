"""What is sent to a webhook: an event as REST shows it, with its id, type and cursor.

A receiver may go on from a delivery's cursor with ``GET /v1/realtime``, and the other way round: it is one log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import func, select

from kilo_gql.access import user_id_of
from kilo_gql.db import Tx
from kilo_gql.events import Event, ResetReason
from kilo_gql.models import DeliveryStatus, Webhook, WebhookDelivery
from kilo_gql.models.base import uuid7

#: Types of deliveries that are about no event: a test, and "the log does not hold what lies before this cursor".
PING: Final = "ping"
RESET: Final = "reset"


def event_body(delivery_id: UUID, event: Event) -> dict[str, Any]:
    """The JSON of an event's delivery."""
    return {"id": str(delivery_id), "type": str(event.name), "cursor": event.cursor, **orjson.loads(event.json)}


def text_of(body: Mapping[str, Any]) -> str:
    """The JSON as it is signed and sent."""
    return orjson.dumps(body).decode()


async def own_delivery(
    tx: Tx, webhook: Webhook, type_: str, reason: ResetReason | None = None
) -> WebhookDelivery:  # fmt: skip
    """A delivery that is about no event of the log, for a locked webhook. ``reason``: of a reset."""
    numbered = select(func.max(WebhookDelivery.seq)).where(
        WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.epoch == 0
    )
    id_ = uuid7()
    event = Event(
        epoch=webhook.epoch,
        seq=webhook.seq,
        project_id=webhook.project_id,
        name=type_,
        ids=(webhook.id,),
        changed={} if reason is None else {"reason": reason.value},
        op_id=tx.op_id,
        actor_id=user_id_of(tx.actor),
        at=tx.now,
    )
    return WebhookDelivery(
        id=id_,
        project_id=webhook.project_id,
        webhook_id=webhook.id,
        epoch=0,
        seq=(await tx.scalar(numbered) or 0) + 1,
        event_name=type_,
        body=text_of(event_body(id_, event)),
        status=DeliveryStatus.PENDING,
        attempts=0,
        next_at=tx.now,
        created_at=tx.now,
        updated_at=tx.now,
    )
