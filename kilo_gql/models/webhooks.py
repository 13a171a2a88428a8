"""Webhooks: a project's events, sent to somebody else's server."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Stamped


class DeliveryStatus(StrEnum):
    """pending → delivered | dead; a replay leads from either back to pending."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Webhook(Identified, Stamped, Base, InProject):
    """Where a project's events are sent. Its secret is derived from the house's key, its id and ``secret_version``.

    ``previous_until``: until when the secret before that one signs as well. ``event_names``: which events (empty: all
    but those that must be asked for by name). ``filters``: dotted paths into the event and the value each must have.
    ``epoch`` and ``seq`` are the cursor up to which deliveries have been made of events. ``disabled_at``: by its
    owner, or because nothing came through for days (``disabled_why``).
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        UniqueConstraint("project_id", "id", name="uq_webhooks_project_id_id"),
        Index("ix_webhooks_active", "project_id", postgresql_where=sql("disabled_at IS NULL")),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"))
    created_by: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id"))
    url: Mapped[str]
    description: Mapped[str | None]
    event_names: Mapped[list[str]] = mapped_column(default=list)
    filters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secret_version: Mapped[int] = mapped_column(Integer, default=1)
    previous_until: Mapped[datetime | None]
    epoch: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    failing_since: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_why: Mapped[str | None]
    updated_at: Mapped[datetime]

    @property
    def cursor(self) -> str:
        """The last event that was looked at."""
        return f"{self.epoch}-{self.seq}"


class WebhookDelivery(Identified, Stamped, Base, InProject):
    """One event on its way to one webhook. The id is what the receiver sees, the same in every attempt.

    ``epoch`` 0: it is about no event of the log (a ping, a reset); such are numbered by themselves. ``body``: the JSON
    that is signed and sent. ``next_at``: of a pending one, when it is sent next.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "webhook_id"],
            ["webhooks.project_id", "webhooks.id"],
            name="fk_webhook_deliveries_webhook",
            ondelete="CASCADE",
        ),
        Index("uq_webhook_deliveries_event", "webhook_id", "epoch", "seq", unique=True),
        Index("ix_webhook_deliveries_due", "webhook_id", "next_at", postgresql_where=sql("status = 'pending'")),
        Index("ix_webhook_deliveries_webhook_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_updated_at", "updated_at"),
    )

    project_id: Mapped[UUID]
    webhook_id: Mapped[UUID]
    epoch: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    event_name: Mapped[str]
    body: Mapped[str]
    status: Mapped[DeliveryStatus] = mapped_column(Enumerated(DeliveryStatus), default=DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_at: Mapped[datetime | None]
    http_status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None]
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    delivered_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]

    @property
    def cursor(self) -> str | None:
        """The event's place in the log; None for what is not in it."""
        return f"{self.epoch}-{self.seq}" if self.epoch else None
