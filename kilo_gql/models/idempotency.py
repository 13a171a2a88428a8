"""Answers kept so that a retry gets the same one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Stamped, SystemTable


class IdempotencyKey(Stamped, Base, SystemTable):
    """One keyed call that committed. ``response`` is the operation's value, before any door dressed it."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires_at", "expires_at"),)

    actor: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    response: Mapped[dict[str, Any]] = mapped_column(JSONB)
    op_id: Mapped[UUID]
    expires_at: Mapped[datetime]
