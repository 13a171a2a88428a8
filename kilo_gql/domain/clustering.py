"""When a project is grouped anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from kilo_gql import jobs
from kilo_gql.db import Tx
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Grouping

#: Photos that come within this time are grouped together.
PAUSE: Final = timedelta(seconds=2)
#: A large project rests longer between two groupings while photos keep coming in: so long for each photo, but no
#: longer than a minute.
_REST: Final = timedelta(milliseconds=2)
_LONGEST: Final = timedelta(minutes=1)


async def follow(tx: Tx, project_id: UUID) -> None:
    """Photos came or changed: group the project soon. Many at once ask for one job."""
    last = select(Grouping.grouped_at, Grouping.asset_count).where(Grouping.project_id == project_id)
    rows = await tx.rows(last)
    due = _due(tx.now, rows[0].grouped_at, rows[0].asset_count) if rows else tx.now + PAUSE
    wanted = NewJob(JobType.PROJECT_CLUSTER, {}, project_id, once=f"cluster:{project_id}", not_before=due)
    await jobs.enqueue(tx, wanted)


def _due(now: datetime, grouped_at: datetime | None, photos: int) -> datetime:
    if grouped_at is None:
        return now + PAUSE
    return max(now + PAUSE, grouped_at + min(_REST * photos, _LONGEST))


async def decided(tx: Tx, project_id: UUID) -> None:
    """Something that grouping depends on was decided or changed: what is being grouped at this moment will not do.

    For an entered project. Call it before touching clusters or assets: it holds off the grouping of the project until
    the transaction ends. Whatever splits, merges, moves, locks or reviews clusters calls it, and whatever sets clocks,
    pairs photos or throws them away.
    """
    if not await _raised(tx, project_id):
        await tx.insert(Grouping, [{"project_id": project_id, "revision": 0, **_UNGROUPED}], ignore=True)
        await _raised(tx, project_id)
    await follow(tx, project_id)


_UNGROUPED: Final = {"asset_count": 0, "clock_offsets": dict[str, object]()}


async def _raised(tx: Tx, project_id: UUID) -> bool:
    raised = update(Grouping).where(Grouping.project_id == project_id).values(revision=Grouping.revision + 1)
    done = await tx.session.execute(raised.returning(Grouping.revision).execution_options(synchronize_session=False))
    return done.first() is not None
