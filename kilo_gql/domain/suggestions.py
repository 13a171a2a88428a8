"""When the clusters of a project are ranked anew."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from kilo_gql import jobs
from kilo_gql.db import Tx
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Priority


async def follow(tx: Tx, project_id: UUID, *, pause: timedelta | None = None, aside: bool = False) -> None:
    """Clusters or rankers changed: rank the project anew. Many at once ask for one job.

    ``aside``: whenever there is room.
    """
    wanted = NewJob(
        JobType.PROJECT_RANK,
        {},
        project_id,
        once=f"rank:{project_id}",
        priority=Priority.BACKFILL if aside else Priority.NORMAL,
        not_before=None if pause is None else tx.now + pause,
    )
    await jobs.enqueue(tx, wanted)
