"""What a project's contents come to: counted by one statement, for one project or many, along indexes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, bindparam, func, literal_column, select, text, true

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.photo_counts import PHOTOS, aside, beside_project, shown_words, words
from kilo_gql.errors import not_found
from kilo_gql.models import Cluster, Job, Member, Project
from kilo_gql.operations import operation
from kilo_gql.reads import Read
from kilo_gql.sight import viewer_id


class Stats(msgspec.Struct, frozen=True):
    """Counts of a project's contents, computed by the database. ``asset_count`` is of the photos that lists show.

    ``picked_count`` and ``rejected_count`` are of what the viewer said of them; ``clusters_reviewed`` of all kinds.
    """

    project_id: UUID
    member_count: int = 0
    open_job_count: int = 0
    failed_job_count: int = 0
    asset_count: int = 0
    ready_count: int = 0
    quarantined_count: int = 0
    picked_count: int = 0
    rejected_count: int = 0
    clusters_reviewed: int = 0


# Plain tables: they join to a project by its id, so whoever may see the project may see these counts of it.
_MEMBERS: Final[Any] = Member.__table__
_JOBS: Final[Any] = Job.__table__
_CLUSTERS: Final[Any] = Cluster.__table__
_WORDS: Final = ("picked", "rejected")
#: The predicate of ``ix_jobs_unfinished``.
_UNFINISHED: Final = text("status IN ('queued', 'running', 'failed')")
_FAILED: Final[Any] = literal_column("'failed'")

_PEOPLE: Final = beside_project(
    select(func.count().label("n")).select_from(_MEMBERS).where(_MEMBERS.c.project_id == Project.id), "people"
)
_WORK: Final = beside_project(
    select(
        func.count().filter(_JOBS.c.status != _FAILED).label("open"),
        func.count().filter(_JOBS.c.status == _FAILED).label("failed"),
    ).where(_JOBS.c.project_id == Project.id, _UNFINISHED),
    "work",
)
_GROUPS: Final = beside_project(
    select(func.count().label("reviewed"))
    .select_from(_CLUSTERS)
    .where(_CLUSTERS.c.project_id == Project.id, _CLUSTERS.c.reviewed_at.is_not(None)),
    "groups",
)
_SAID: Final = words(*_WORDS)
_ASIDE: Final = aside(*_WORDS)
_PICKED, _REJECTED = shown_words(_SAID, _ASIDE, _WORDS)
_STATS: Final = Read(
    select(
        Project.id.label("project_id"),
        _PEOPLE.c.n.label("member_count"),
        _WORK.c.open.label("open_job_count"),
        _WORK.c.failed.label("failed_job_count"),
        PHOTOS.c.n.label("asset_count"),
        (PHOTOS.c.n - _ASIDE.c.processing).label("ready_count"),
        _ASIDE.c.quarantined.label("quarantined_count"),
        _PICKED.label("picked_count"),
        _REJECTED.label("rejected_count"),
        _GROUPS.c.reviewed.label("clusters_reviewed"),
    )
    .select_from(Project)
    .join(_PEOPLE, true())
    .join(_WORK, true())
    .join(PHOTOS, true())
    .join(_SAID, true())
    .join(_ASIDE, true())
    .join(_GROUPS, true())
    .where(Project.id == func.any(bindparam("ids", type_=ARRAY(Uuid())))),
    Stats,
)


@operation(Perm.PROJECT_READ)
async def get_stats(tx: Tx, project_id: UUID) -> Stats:
    """Counts of one project's contents."""
    found = await _found(tx, [project_id])
    if not found:
        raise not_found("project")
    return found[project_id]


@operation(Perm.PROJECT_READ)
async def stats_by_project(tx: Tx, project_ids: list[UUID]) -> list[Stats]:
    """Counts of each project's contents, in the order asked for; projects the actor cannot see count nothing."""
    found = await _found(tx, project_ids)
    return [found.get(id_) or Stats(id_) for id_ in project_ids]


async def _found(tx: Tx, project_ids: Sequence[UUID]) -> dict[UUID, Stats]:
    """Of those projects that the actor can see."""
    rows: Sequence[Stats] = await _STATS.rows(tx, ids=list(project_ids), me=viewer_id())
    return {row.project_id: row for row in rows}
