"""Reading the numbered log: one statement, however many projects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, BigInteger, Uuid, bindparam, text

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.events import Event, event_name
from kilo_gql.waiting import finished

#: Events read at a time for one project.
PAGE: Final = 500

_READER: Final = System("events")
_END: Final = 2**62

_READ: Final = text(
    """
        SELECT asked.project_id, i.epoch, coalesce(s.first_seq, 1) AS first, coalesce(s.last_seq, 0) AS last,
            e.seq, e.name, e.ids, e.changed::text AS changed, e.op_id, e.actor_id, e.created_at
        FROM unnest(:projects, :after) AS asked(project_id, after)
        CROSS JOIN installation i
        LEFT JOIN event_streams s ON s.project_id = asked.project_id
        LEFT JOIN LATERAL (
            SELECT * FROM events
            WHERE events.project_id = asked.project_id AND events.seq > asked.after ORDER BY seq LIMIT :page
        ) e ON true
        ORDER BY asked.project_id, e.seq
        """
).bindparams(bindparam("projects", type_=ARRAY(Uuid())), bindparam("after", type_=ARRAY(BigInteger())), page=PAGE)

_LAST_OF: Final = text(
    """
    SELECT DISTINCT ON (op_id, project_id) i.epoch, e.project_id, e.seq, e.name, e.ids, e.changed::text AS changed,
        e.op_id, e.actor_id, e.created_at
    FROM events e CROSS JOIN installation i
    WHERE op_id = ANY(:op_ids) ORDER BY op_id, project_id, seq DESC
    """
).bindparams(bindparam("op_ids", type_=ARRAY(Uuid())))


@dataclass(frozen=True, slots=True)
class Page:
    """The log of one project as one statement saw it: it holds ``first..last`` of ``epoch``.

    ``events`` are the next ones after the place asked for, at most ``PAGE``.
    """

    project_id: UUID
    epoch: int
    first: int
    last: int
    events: Sequence[Event]

    def after(self, seq: int) -> Sequence[Event]:
        """Those of its events that follow a sequence number."""
        return self.events[max(0, seq + 1 - self.events[0].seq) :] if self.events else ()


async def read(db: Database, after: Iterable[tuple[UUID, int]]) -> list[Page]:
    """The next page of each project after a sequence number."""
    places = dict(after)
    return await finished(_read(db, places)) if places else []


async def read_one(db: Database, project_id: UUID, after: int | None) -> Page:
    """The next page of one project; after None: its bounds alone."""
    return (await read(db, ((project_id, _END if after is None else min(after, _END)),)))[0]


async def last_of(db: Database, op_ids: Iterable[UUID]) -> list[Event]:
    """The last event that each operation has in each project, as far as they are numbered."""
    return await finished(_last_of(db, list(op_ids)))


async def _read(db: Database, places: Mapping[UUID, int]) -> list[Page]:
    async with db.transaction(_READER, Perm.SYSTEM, write=False) as tx:
        found = await tx.unchecked(_READ, {"projects": list(places), "after": list(places.values())})
        return [_page(project_id, list(rows)) for project_id, rows in groupby(found, key=lambda row: row.project_id)]


async def _last_of(db: Database, op_ids: list[UUID]) -> list[Event]:
    async with db.transaction(_READER, Perm.SYSTEM, write=False) as tx:
        return [_event(row) for row in await tx.unchecked(_LAST_OF, {"op_ids": op_ids})]


def _page(project_id: UUID, rows: Sequence[Any]) -> Page:
    first = rows[0]
    events = [_event(row) for row in rows] if first.seq is not None else []
    return Page(project_id, first.epoch, first.first, first.last, events)


def _event(row: Any) -> Event:
    return Event(
        epoch=row.epoch,
        seq=row.seq,
        project_id=row.project_id,
        name=event_name(row.name),
        ids=tuple(row.ids),
        changed=orjson.loads(row.changed),
        op_id=row.op_id,
        actor_id=row.actor_id,
        at=row.created_at,
    )
