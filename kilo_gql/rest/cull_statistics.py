"""Statistics of a cull over HTTP."""

from __future__ import annotations

from datetime import date, datetime

from kilo_gql.domain.cull_statistics import WEEKS
from kilo_gql.models import ClusterKind
from kilo_gql.rest.bodies import Body
from kilo_gql.rest.views import View


class CullStatisticsQuery(Body):
    """``weeks``: of how many weeks up to now the override rate is given."""

    weeks: int = WEEKS


class ClusterCountView(View):
    kind: ClusterKind
    count: int
    reviewed_count: int


class MeasuredView(View):
    value: float | None
    n: int


class OverrideWeekView(View):
    week: str
    starts_on: date
    rate: MeasuredView


class CullStatisticsView(View):
    asset_count: int
    picked_count: int
    rejected_count: int
    starred_count: int
    rated_count: int
    undecided_count: int
    clusters: list[ClusterCountView]
    step_count: int
    first_step_at: datetime | None
    last_step_at: datetime | None
    elapsed_seconds: float
    active_seconds: float
    override_rate: MeasuredView
    override_weeks: list[OverrideWeekView]
    top1: MeasuredView
    top3: MeasuredView
    mean_regret: MeasuredView
