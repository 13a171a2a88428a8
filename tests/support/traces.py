"""What an operation left behind: events, wherever the relay has moved them to, and jobs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from kilo_gql.access import Perm, System
from kilo_gql.db import Database

_HOUSE = System("test")
_EVENTS = """
    SELECT name, changed, op_id, at FROM (
        SELECT name, changed, op_id, created_at AS at, id AS place FROM outbox WHERE project_id = :id
        UNION ALL SELECT name, changed, op_id, created_at, seq - 1000000 FROM events WHERE project_id = :id
    ) AS told ORDER BY place
"""


async def _all(db: Database, statement: str, **values: Any) -> list[Any]:
    async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
        return list((await tx.unchecked(text(statement), values)).all())


async def told(db: Database, project_id: UUID | str) -> list[tuple[str, dict[str, Any]]]:
    """(name, what changed) of a project's events, in order."""
    return [(row.name, row.changed) for row in await _all(db, _EVENTS, id=UUID(str(project_id)))]


async def op_ids(db: Database, project_id: UUID | str) -> list[str]:
    """The operations behind a project's events."""
    return [str(row.op_id) for row in await _all(db, _EVENTS, id=UUID(str(project_id)))]


async def queued(db: Database, type_: str) -> list[dict[str, Any]]:
    """The arguments of the queued jobs of a type."""
    rows = await _all(db, "SELECT arguments FROM jobs WHERE type = :type AND status = 'queued' ORDER BY id", type=type_)
    return [row.arguments for row in rows]
