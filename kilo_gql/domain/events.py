"""Reading a project's event log."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.models import EventStream, Installation, Role
from kilo_gql.operations import operation


@dataclass(frozen=True, slots=True)
class StreamStart:
    """A reader's role, and the log it may read: ``first..last`` of ``epoch`` (last = first - 1: it is empty)."""

    role: Role
    epoch: int
    first: int
    last: int

    @property
    def cursor(self) -> str:
        return f"{self.epoch}-{self.last}"


@operation(Perm.EVENT_READ)
async def open_stream(tx: Tx, project_id: UUID) -> StreamStart:
    """Begin, or go on, to read a project's events."""
    await tx.enter(project_id)
    stream = await tx.rows(
        select(EventStream.first_seq, EventStream.last_seq).where(EventStream.project_id == project_id)
    )
    first, last = stream[0] if stream else (1, 0)
    return StreamStart(tx.granted[project_id], await tx.scalar(select(Installation.epoch)), first, last)
