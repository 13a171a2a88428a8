"""What can be asked of clusters, and of the grouping they come from."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import clocks, clusters
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, ask_list, change
from schema.base import Info
from schema.clusters import ClocksPayload, Cluster, ClusterConnection, ClusterKind, Grouping

ClusterId = Annotated[UUID, strawberry.argument(description="The cluster's id.")]
ClusterIds = Annotated[list[UUID], strawberry.argument(description="Ids of clusters: at most 500.")]
OfKind = Annotated[ClusterKind | None, strawberry.argument(description="Only clusters of this kind.")]
Within = Annotated[UUID | None, strawberry.argument(description="Only the clusters that lie in this one.")]
Reviewed = Annotated[bool | None, strawberry.argument(description="Only those that were reviewed, or were not.")]
Camera = Annotated[str, strawberry.argument(description="The camera's key, from the project's grouping.")]
Offset = Annotated[
    float | None,
    strawberry.argument(description="How many seconds its clock was ahead; null goes back to the estimate."),
]


@strawberry.type
class ClusterQuery:
    """Root fields that read clusters."""

    @ask(clusters.get_cluster, Cluster)
    async def cluster(self, info: Info, id: ClusterId) -> Any:
        return await info.context.read(clusters.get_cluster, id)

    @ask_list(clusters.get_clusters, Cluster, bound=clusters.IDS_MAX)
    async def clusters_by_ids(self, info: Info, ids: ClusterIds) -> Any:
        return await info.context.read(clusters.get_clusters, ids)

    @ask(clusters.get_grouping, Grouping)
    async def grouping(self, info: Info, project_id: ProjectId) -> Any:
        return await info.context.read(clusters.get_grouping, project_id)

    @ask(clusters.list_clusters, ClusterConnection)
    async def clusters(
        self,
        info: Info,
        project_id: ProjectId,
        first: First = 50,
        after: After = None,
        kind: OfKind = None,
        parent_id: Within = None,
        reviewed: Reviewed = None,
    ) -> Any:
        return await info.context.read(
            clusters.list_clusters, project_id, page(first, after), kind, parent_id, reviewed
        )


@strawberry.type
class ClusterMutation:
    """Root fields that set clocks right."""

    @change(clocks.set_clock_offset, ClocksPayload)
    async def set_clock_offset(
        self,
        info: Info,
        project_id: ProjectId,
        camera: Camera,
        offset_seconds: Offset = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            clocks.set_clock_offset, project_id, camera, offset_seconds, idempotency_key=idempotency_key
        )
