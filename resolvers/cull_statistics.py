"""How a cull goes."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from kilo_gql.domain import cull_statistics
from resolvers.arguments import ProjectId
from resolvers.binding import ask
from schema.base import Info
from schema.cull_statistics import CullStatistics

Weeks = Annotated[int, strawberry.argument(description="Of how many weeks up to now: 1 to 520.")]


@strawberry.type
class CullStatisticsQuery:
    """Root fields that count."""

    @ask(cull_statistics.get_cull_statistics, CullStatistics)
    async def cull_statistics(self, info: Info, project_id: ProjectId, weeks: Weeks = cull_statistics.WEEKS) -> Any:
        return await info.context.read(cull_statistics.get_cull_statistics, project_id, weeks)
