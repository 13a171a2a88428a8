"""The event log: what happened, in the order readers see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from kilo_gql.models.base import Base, InProject, Stamped, SystemTable


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **kwargs: Any) -> str:
        return "xid8"


class OutboxEvent(Stamped, Base, SystemTable):
    """An event on its way: written with its cause, numbered by the relay once every older transaction has ended."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_xid_id", "xid", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    xid: Mapped[int] = mapped_column(Xid8(), server_default=text("pg_current_xact_id()"))
    project_id: Mapped[UUID] = mapped_column(Uuid())
    name: Mapped[str]
    ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    changed: Mapped[dict[str, Any]]
    op_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]


class EventStream(Base, InProject):
    """Where a project's log stands: the first event still held and the last number given out."""

    __tablename__ = "event_streams"

    project_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    first_seq: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    last_seq: Mapped[int] = mapped_column(BigInteger)


class ProjectEvent(Base, InProject):
    """A numbered event: ``seq`` is contiguous within its project."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_op_id", "op_id", postgresql_where=text("op_id IS NOT NULL")),)

    project_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    changed: Mapped[dict[str, Any]]
    op_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
