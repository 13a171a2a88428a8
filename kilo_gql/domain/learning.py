"""When a photographer's own ranker is learnt anew, what from, and what follows.

``follow`` and ``ask`` are for whoever changes picks or what may be learnt from. The rest are system functions, for the
job that learns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, exists, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import distinct_on

from kilo_gql import jobs
from kilo_gql.db import Tx
from kilo_gql.domain import suggestions
from kilo_gql.domain.consent_rows import given, history
from kilo_gql.domain.ranker_rows import forget_suggestions, locked
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Cluster, Consent, ConsentPurpose, Pick, Project, ProjectStatus, Ranker, RankerState
from kilo_gql.models.base import grants

#: Picks that come within this time are learnt from together.
PAUSE: Final = timedelta(seconds=3)
#: A ranker that has moved a little ranks the project anew in which its owner picks, and the others after a while.
HERE: Final = timedelta(seconds=10)
ELSEWHERE: Final = timedelta(minutes=5)
#: The latest picks that are learnt from.
MOST_PICKS: Final = 5_000
#: A decision about more photos at once is a sweep: nobody has compared each of them with all the others.
MOST_FRAMES: Final = 100
_PURPOSE: Final = ConsentPurpose.PERSONAL_RANKING


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a ranker is learnt from: its owner's leave and wishes, and their picks in force, the latest of each cluster.

    ``picks``: columns of ``Pick``, and the ``kind`` of its cluster, None if that is gone.
    """

    user_id: UUID
    at: datetime
    consented: bool
    enabled: bool
    reset_at: datetime | None
    leaves: Sequence[tuple[datetime, datetime | None]]
    picks: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learnt. ``posterior`` and ``temperature``: None where everyone's count."""

    state: RankerState
    posterior: Mapping[str, Any] | None
    temperature: float | None
    features_version: int
    picks: int
    held_out: int
    gain: float


async def follow(tx: Tx) -> None:
    """The acting user's picks have changed: learn anew soon, if they have said yes to that."""
    if await given(tx, tx.user_id, _PURPOSE):
        await ask(tx, tx.user_id)


async def ask(tx: Tx, user_id: UUID, pause: timedelta | None = PAUSE) -> None:
    """Learn a user's ranker anew; many at once ask for one job. They have said yes."""
    when = None if pause is None else tx.now + pause
    wanted = NewJob(JobType.RANKER_LEARN, {"user_id": str(user_id)}, None, once=f"learn:{user_id}", not_before=when)
    await jobs.enqueue(tx, wanted)


async def grounds(tx: Tx, user_id: UUID) -> Grounds:
    """What this user's ranker is to be learnt from now."""
    row: Ranker | None = await tx.scalar(select(Ranker).where(Ranker.user_id == user_id))
    leaves = await _leaves(tx, user_id)
    consented = any(revoked_at is None for _, revoked_at in leaves)
    enabled, reset_at = (True, None) if row is None else (row.enabled, row.reset_at)
    picks = await _picks(tx, user_id, reset_at) if consented else []
    return Grounds(user_id, tx.now, consented, enabled, reset_at, leaves, picks)


async def keep_values(tx: Tx, grounds: Grounds, features_version: int, values: Mapping[UUID, bytes]) -> None:
    """Keep what was measured in the frames of picks, by the pick: a taste outlives the photos it was shown by.

    Nothing is kept for one who takes back their word, or starts over, while their picks are measured.
    """
    row = await locked(tx, grounds.user_id)
    if not _hold(grounds, row, await _leaves(tx, grounds.user_id)):
        return
    table: Any = Pick.__table__
    statement = update(table).where(table.c.id == bindparam("pick_id"))
    statement = statement.values(values=bindparam("measured"), features_version=features_version)
    rows = [{"pick_id": id_, "measured": measured} for id_, measured in values.items()]
    if rows:
        await tx.session.execute(statement, rows)


async def learnt(tx: Tx, grounds: Grounds, lesson: Lesson) -> None:
    """Let a ranker be what was learnt from these grounds; ask for it once more if they hold no longer."""
    row = await locked(tx, grounds.user_id)
    leaves = await _leaves(tx, grounds.user_id)
    if not _hold(grounds, row, leaves):
        if any(revoked_at is None for _, revoked_at in leaves):
            await ask(tx, grounds.user_id, pause=None)
        return
    if not grounds.consented or (row.learnt_at is not None and row.learnt_at > grounds.at):
        return
    ranked = row.state is RankerState.ACTIVE
    moved = (row.state, row.posterior, row.temperature) != (lesson.state, lesson.posterior, lesson.temperature)
    switched = row.state is not lesson.state
    for name in ("state", "posterior", "temperature", "features_version", "picks", "held_out", "gain"):
        setattr(row, name, getattr(lesson, name))
    row.learnt_at = grounds.at
    row.updated_at = tx.now
    await tx.flush()
    if ranked and lesson.state is not RankerState.ACTIVE:
        await forget_suggestions(tx, grounds.user_id)
    if moved and lesson.state is RankerState.ACTIVE:
        await _rank(tx, grounds, at_once=switched)


def _hold(grounds: Grounds, row: Ranker, leaves: Sequence[tuple[datetime, datetime | None]]) -> bool:
    return (row.enabled, row.reset_at, leaves) == (grounds.enabled, grounds.reset_at, grounds.leaves)


async def _leaves(tx: Tx, user_id: UUID) -> list[tuple[datetime, datetime | None]]:
    return [(row.granted_at, row.revoked_at) for row in await history(tx, user_id, _PURPOSE)]


async def _picks(tx: Tx, user_id: UUID, reset_at: datetime | None) -> Sequence[Any]:
    """Of each cluster only the latest pick in force, even if that one may not be learnt from: it is what holds now.

    Those up to ``reset_at`` are forgotten.
    """
    latest = (
        select(Pick.id)
        .where(Pick.user_id == user_id, Pick.in_force)
        .ext(distinct_on(Pick.cluster_id))
        .order_by(Pick.cluster_id, Pick.at.desc(), Pick.id.desc())
    )
    allowed = exists().where(
        Consent.user_id == Pick.user_id,
        Consent.purpose == _PURPOSE,
        Consent.granted_at <= Pick.at,
        or_(Consent.revoked_at.is_(None), Pick.at < Consent.revoked_at),
    )
    fresh = true() if reset_at is None else Pick.at > reset_at
    columns = (
        Pick.id, Pick.at, Pick.project_id, Pick.asset_ids, Pick.picked, Pick.rejected, Pick.basis,
        Pick.features_version, Pick.values, Cluster.kind,
    )  # fmt: skip
    statement = (
        select(*columns)
        .outerjoin(Cluster, Cluster.id == Pick.cluster_id)
        .where(Pick.id.in_(latest), fresh, allowed, func.cardinality(Pick.asset_ids) <= MOST_FRAMES)
        .order_by(Pick.at.desc(), Pick.id.desc())
        .limit(MOST_PICKS)
    )
    return await tx.rows(statement)


async def _rank(tx: Tx, grounds: Grounds, *, at_once: bool) -> None:
    """Rank the user's projects in which there is something left to suggest."""
    mine = select(grants.c.project_id).where(grants.c.user_id == grounds.user_id)
    todo = exists().where(Cluster.project_id == Project.id, Cluster.reviewed_at.is_(None), Cluster.size > 1)
    statement = select(Project.id).where(Project.id.in_(mine), Project.status == ProjectStatus.ACTIVE, todo)
    here = grounds.picks[0].project_id if grounds.picks else None
    for project_id in await tx.scalars(statement.order_by(Project.id)):
        pause = ELSEWHERE if project_id != here else None if at_once else HERE
        await suggestions.follow(tx, project_id, pause=pause, aside=True)
