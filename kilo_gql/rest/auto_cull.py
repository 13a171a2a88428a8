"""Automatic culls over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kilo_gql.domain.auto_cull import AutoCullWish
from kilo_gql.domain.cull_plans import LeftReason
from kilo_gql.rest.bodies import Body
from kilo_gql.rest.views import View


class AutoCullBody(Body):
    """``keepPerMoment``, ``budget``, or both."""

    keep_per_moment: int | None = None
    budget: int | None = None
    include_reviewed: bool = False
    respect_picks: bool = True

    def arguments(self) -> dict[str, Any]:
        wish = AutoCullWish(self.keep_per_moment, self.budget, self.include_reviewed, self.respect_picks)
        return {"wish": wish}


class ApplyAutoCullBody(AutoCullBody):
    """The same as the plan was asked for, and its hash."""

    plan_hash: str

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "plan_hash": self.plan_hash}


class UntouchedView(View):
    reason: LeftReason
    count: int
    asset_ids: list[UUID]


class CloseCallView(View):
    cluster_id: UUID
    kept_id: UUID
    rejected_id: UUID
    probability: float


class AutoCullPlanView(View):
    """``keptIds``: of each of the ``momentIds``, in their order."""

    plan_hash: str
    keep_count: int
    reject_count: int
    untouched_count: int
    moment_ids: list[UUID]
    kept_ids: list[list[UUID]]
    rejected_ids: list[UUID]
    untouched: list[UntouchedView]
    uncertain: list[CloseCallView]
    choice_count: int
    expected_regret: float


class AutoCulledView(View):
    plan_hash: str
    title: str
    picked_count: int
    rejected_count: int
