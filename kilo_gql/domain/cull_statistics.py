"""How a project's cull goes: what is done, how long it took, and how good the suggestions were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, literal_column, select, text, true
from sqlalchemy.dialects.postgresql import distinct_on

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.photo_counts import PHOTOS, WORDS, aside, beside_project, shown_words, words
from kilo_gql.errors import BadRequest
from kilo_gql.models import Cluster, ClusterKind, CullAction, Pick, PickBasis, Project
from kilo_gql.operations import operation
from kilo_gql.reads import Read
from kilo_gql.sight import viewer_id

WEEKS: Final = 12
WEEKS_MAX: Final = 520
#: A longer pause between two steps is no culling: so much of it counts.
PAUSE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ClusterCount:
    """Clusters of a kind, and how many of them somebody has reviewed."""

    kind: ClusterKind
    count: int
    reviewed_count: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A mean over ``n`` cases; None over none."""

    value: float | None
    n: int

    @classmethod
    def of(cls, total: float, n: int) -> Measured:
        return cls(total / n if n else None, n)


@dataclass(frozen=True, slots=True)
class OverrideWeek:
    """The override rate of an ISO week (such as 2026-W47, UTC), which begins on the Monday ``starts_on``."""

    week: str
    starts_on: date
    rate: Measured


@dataclass(frozen=True, slots=True)
class CullStatistics:
    """A project in numbers, as far as ratings and picks go the viewer's alone.

    Photos are those that lists show; ``undecided_count`` are neither picked nor rejected. ``elapsed_seconds``: from the
    viewer's first step to the last, undone ones as well; ``active_seconds``: the pauses between them, each up to 5
    minutes.

    The rest is about the viewer's decisions in force, of each cluster the latest. ``override_rate``: of those for which
    one photo was suggested, the share that took another. Of those that picked a photo of a ranked cluster, ``top1`` is
    the share that picked the one ranked first, ``top3`` one of the first three, and ``mean_regret`` the probability by
    which the first was ahead of the one that was picked, on average.
    """

    asset_count: int
    picked_count: int
    rejected_count: int
    starred_count: int
    rated_count: int
    undecided_count: int
    clusters: list[ClusterCount]
    step_count: int
    first_step_at: datetime | None
    last_step_at: datetime | None
    elapsed_seconds: float
    active_seconds: float
    override_rate: Measured
    override_weeks: list[OverrideWeek]
    top1: Measured
    top3: Measured
    mean_regret: Measured


# Plain tables: they join to a project by its id, so whoever may see the project may see these counts of it. Ratings,
# steps and picks are the viewer's alone.
_CLUSTERS: Final[Any] = Cluster.__table__
_STEPS: Final[Any] = CullAction.__table__
_PICKS: Final[Any] = Pick.__table__
_PROJECT: Final = bindparam("project", type_=Uuid())
_ME: Final = bindparam("me", type_=Uuid())


def _of_project(statement: Any) -> Read:
    """What a statement finds for one project that the viewer can see."""
    found = beside_project(statement, "found")
    return Read(select(*found.c).select_from(Project).join(found, true()).where(Project.id == _PROJECT))


_SAID: Final = words(*WORDS)
_ASIDE: Final = aside(*WORDS)
_PHOTOS: Final = Read(
    select(PHOTOS.c.n.label("assets"), *shown_words(_SAID, _ASIDE, WORDS))
    .select_from(Project)
    .join(PHOTOS, true())
    .join(_SAID, true())
    .join(_ASIDE, true())
    .where(Project.id == _PROJECT)
)
_GROUPS: Final = _of_project(
    select(_CLUSTERS.c.kind, func.count().label("n"), func.count(_CLUSTERS.c.reviewed_at).label("reviewed"))
    .where(_CLUSTERS.c.project_id == Project.id)
    .group_by(_CLUSTERS.c.kind)
)
#: The first step comes after none, which is no pause.
_BEFORE: Final = func.lag(_STEPS.c.at, literal_column("1"), _STEPS.c.at).over(order_by=(_STEPS.c.at, _STEPS.c.seq))
_EACH: Final = (
    select(_STEPS.c.at, (_STEPS.c.at - _BEFORE).label("pause"))
    .where(_STEPS.c.project_id == Project.id, _STEPS.c.user_id == _ME)
    .correlate(Project)
    .subquery()
)
_TIME: Final = _of_project(
    select(
        func.count().label("n"),
        func.min(_EACH.c.at).label("first"),
        func.max(_EACH.c.at).label("last"),
        func.sum(func.least(_EACH.c.pause, text(f"interval '{PAUSE.seconds} seconds'"))).label("active"),
    )
)
_LATEST: Final = (
    select(_PICKS.c.at, _PICKS.c.basis, _PICKS.c.place, _PICKS.c.regret)
    .where(
        _PICKS.c.project_id == Project.id,
        _PICKS.c.user_id == _ME,
        _PICKS.c.in_force,
        # what was taken over from a client says nothing about what had been suggested
        _PICKS.c.basis != literal_column(f"'{PickBasis.CLIENT.value}'"),
    )
    .ext(distinct_on(_PICKS.c.cluster_id))
    .order_by(_PICKS.c.cluster_id, _PICKS.c.at.desc(), _PICKS.c.id.desc())
    .correlate(Project)
    .subquery()
)


def _is(basis: PickBasis) -> Any:
    return _LATEST.c.basis == literal_column(f"'{basis.value}'")


_CHOICES: Final = _of_project(
    select(
        func.date_trunc(literal_column("'week'"), _LATEST.c.at, literal_column("'UTC'")).label("week"),
        func.count().filter(_is(PickBasis.ACCEPTED)).label("accepted"),
        func.count().filter(_is(PickBasis.OVERRIDE)).label("overridden"),
        func.count(_LATEST.c.place).label("placed"),
        func.count().filter(_LATEST.c.place == literal_column("1")).label("first"),
        func.count().filter(_LATEST.c.place <= literal_column("3")).label("among_three"),
        func.count(_LATEST.c.regret).label("weighed"),
        func.coalesce(func.sum(_LATEST.c.regret), literal_column("0.0")).label("regret"),
    ).group_by(literal_column("1"))
)


@operation(Perm.CULL_READ)
async def get_cull_statistics(tx: Tx, project_id: UUID, weeks: int = WEEKS) -> CullStatistics:
    """How your cull of a project goes: counts, the time it took, and how good the suggestions were.

    ``weeks``: of how many weeks up to now the override rate is given, 1 to 520.
    """
    if not 1 <= weeks <= WEEKS_MAX:
        raise BadRequest(f"weeks is 1 to {WEEKS_MAX}.", details={"field": "weeks"})
    await tx.enter(project_id)
    whose = {"project": project_id, "me": viewer_id()}
    [photos] = await _PHOTOS.rows(tx, **whose)
    groups = {row.kind: row for row in await _GROUPS.rows(tx, project=project_id)}
    [time] = await _TIME.rows(tx, **whose)
    choices = await _CHOICES.rows(tx, **whose)
    return CullStatistics(
        photos.assets,
        photos.picked,
        photos.rejected,
        photos.starred,
        photos.rated,
        photos.assets - photos.decided,
        [_cluster_count(kind, groups.get(kind.value)) for kind in ClusterKind],
        time.n,
        time.first,
        time.last,
        (time.last - time.first).total_seconds() if time.n else 0.0,
        time.active.total_seconds() if time.active else 0.0,
        _overrides(choices),
        _override_weeks(choices, tx.now.date(), weeks),
        _share(choices, "first", "placed"),
        _share(choices, "among_three", "placed"),
        _share(choices, "regret", "weighed"),
    )


def _cluster_count(kind: ClusterKind, row: Any | None) -> ClusterCount:
    return ClusterCount(kind, row.n, row.reviewed) if row is not None else ClusterCount(kind, 0, 0)


def _overrides(choices: Iterable[Any]) -> Measured:
    overridden = sum(row.overridden for row in choices)
    return Measured.of(overridden, overridden + sum(row.accepted for row in choices))


def _override_weeks(choices: Sequence[Any], today: date, weeks: int) -> list[OverrideWeek]:
    """Each of the last weeks, the oldest first, whether there is something to tell of it or not."""
    by_monday = {row.week.date(): row for row in choices}
    this_monday = today - timedelta(days=today.weekday())
    mondays = [this_monday - timedelta(weeks=back) for back in reversed(range(weeks))]
    return [
        OverrideWeek(f"{monday:%G-W%V}", monday, _overrides([by_monday[monday]] if monday in by_monday else []))
        for monday in mondays
    ]


def _share(choices: Iterable[Any], part: str, whole: str) -> Measured:
    return Measured.of(math.fsum(getattr(row, part) for row in choices), sum(getattr(row, whole) for row in choices))
