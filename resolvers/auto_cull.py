"""Culling by the suggestions."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from kilo_gql.domain import auto_cull
from resolvers.arguments import IdempotencyKey, ProjectId
from resolvers.binding import ask, change
from schema.auto_cull import AutoCulledPayload, AutoCullInput, AutoCullPlan
from schema.base import Info

Wish = Annotated[AutoCullInput, strawberry.argument(description="How to cull.")]
PlanHash = Annotated[str, strawberry.argument(description="The `planHash` of the plan for the same input.")]


@strawberry.type
class AutoCullQuery:
    """Root fields that plan a cull."""

    @ask(auto_cull.plan_auto_cull, AutoCullPlan)
    async def auto_cull_plan(self, info: Info, project_id: ProjectId, input: Wish) -> Any:
        return await info.context.read(auto_cull.plan_auto_cull, project_id, input.wish())


@strawberry.type
class AutoCullMutation:
    """Root fields that cull."""

    @change(auto_cull.apply_auto_cull, AutoCulledPayload)
    async def apply_auto_cull(
        self,
        info: Info,
        project_id: ProjectId,
        input: Wish,
        plan_hash: PlanHash,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            auto_cull.apply_auto_cull, project_id, input.wish(), plan_hash, idempotency_key=idempotency_key
        )
