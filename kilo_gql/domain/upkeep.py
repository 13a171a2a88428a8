"""What the house throws away, so that nothing grows for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text

from kilo_gql.db import Tx

#: Rows one statement deletes at most, so that no lock is held for long.
BATCH: Final = 5_000


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept. Events stay for ``events`` and, however old, the newest ``event_count`` of a project."""

    events: timedelta
    event_count: int
    challenges: timedelta = timedelta(days=1)
    house_jobs: timedelta = timedelta(days=7)


_SWEEPS: Final = {
    "idempotency_keys": text(
        """
        DELETE FROM idempotency_keys WHERE ctid IN (
            SELECT ctid FROM idempotency_keys WHERE expires_at < :before LIMIT :batch)
        """
    ),
    "login_challenges": text(
        """
        DELETE FROM login_challenges WHERE ctid IN (
            SELECT ctid FROM login_challenges WHERE expires_at < :before LIMIT :batch)
        """
    ),
    "house_jobs": text(
        """
        DELETE FROM jobs WHERE ctid IN (
            SELECT ctid FROM jobs WHERE project_id IS NULL AND finished_at < :before LIMIT :batch)
        """
    ),
    "events": text(
        """
        DELETE FROM events WHERE ctid IN (
            SELECT events.ctid FROM events JOIN event_streams USING (project_id)
            WHERE events.created_at < :before AND events.seq <= event_streams.last_seq - CAST(:kept AS bigint)
            LIMIT :batch)
        """
    ),
}


async def sweep(tx: Tx, keep: Retention) -> dict[str, int]:
    """Delete one batch of each kind of thing whose time is over; returns how many. All zero: there is nothing left."""
    values: dict[str, dict[str, Any]] = {
        "idempotency_keys": {"before": tx.now},
        "login_challenges": {"before": tx.now - keep.challenges},
        "house_jobs": {"before": tx.now - keep.house_jobs},
        "events": {"before": tx.now - keep.events, "kept": keep.event_count},
    }
    return {
        name: (await tx.unchecked(statement, {**values[name], "batch": BATCH})).rowcount
        for name, statement in _SWEEPS.items()
    }
