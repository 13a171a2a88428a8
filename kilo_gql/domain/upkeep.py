"""What the house throws away, so that nothing grows for ever. Old events are the relay's to prune."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import text

from kilo_gql.db import Tx

#: Rows one statement deletes at most, so that no lock is held for long.
BATCH: Final = 5_000

#: How long things stay after their time was over, and how a batch of them is deleted.
_SWEEPS: Final = {
    "idempotency_keys": (
        timedelta(0),
        text(
            """
            DELETE FROM idempotency_keys WHERE ctid IN (
                SELECT ctid FROM idempotency_keys WHERE expires_at < :before LIMIT :batch)
            """
        ),
    ),
    "login_challenges": (
        timedelta(days=1),
        text(
            """
            DELETE FROM login_challenges WHERE ctid IN (
                SELECT ctid FROM login_challenges WHERE expires_at < :before LIMIT :batch)
            """
        ),
    ),
    "gallery_guesses": (
        timedelta(0),
        text(
            """
            DELETE FROM gallery_guesses WHERE ctid IN (
                SELECT ctid FROM gallery_guesses WHERE window_ends_at < :before LIMIT :batch)
            """
        ),
    ),
    "sessions": (
        timedelta(days=30),
        # refresh tokens go with their session
        text(
            """
            DELETE FROM sessions WHERE ctid IN (
                SELECT ctid FROM sessions WHERE least(expires_at, revoked_at) < :before LIMIT :batch)
            """
        ),
    ),
    "house_jobs": (
        timedelta(days=7),
        text(
            """
            DELETE FROM jobs WHERE ctid IN (
                SELECT ctid FROM jobs WHERE project_id IS NULL AND finished_at < :before LIMIT :batch)
            """
        ),
    ),
}


async def sweep(tx: Tx) -> dict[str, int]:
    """Delete one batch of each kind of thing whose time is over; returns how many. All zero: there is nothing left."""
    return {
        name: (await tx.unchecked(statement, {"before": tx.now - stays, "batch": BATCH})).rowcount
        for name, (stays, statement) in _SWEEPS.items()
    }
