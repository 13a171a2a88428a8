"""What can be done while culling, undone, and redone."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import cluster_edits, cull_undo, culling
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, change
from resolvers.clusters import ClusterId
from schema.base import Info
from schema.culling import (
    ClusterPayload,
    ClustersPayload,
    CullActionInput,
    CullAppliedPayload,
    CullStepConnection,
    CullTurnPayload,
    UpdateClusterInput,
)

Actions = Annotated[
    list[CullActionInput],
    strawberry.argument(description="What to say of which photos. Group them: a request holds 100,000 ids in 8 MiB."),
]
ChangeInput = Annotated[UpdateClusterInput, strawberry.argument(description="What is to change.")]
Winner = Annotated[UUID | None, strawberry.argument(description="The best photo; null: none of them.")]
Pick = Annotated[bool, strawberry.argument(description="Pick it as well?")]
Reviewed = Annotated[bool, strawberry.argument(description="Mark the cluster reviewed as well?")]
Chosen = Annotated[list[UUID], strawberry.argument(description="Photos of the cluster.")]
Merged = Annotated[
    list[UUID], strawberry.argument(description="2 to 500 clusters of one kind; the first one's id and title stay.")
]
Target = Annotated[UUID | None, strawberry.argument(description="The cluster they join; null: a new one.")]


@strawberry.type
class CullingQuery:
    """Root fields that read one's log."""

    @ask(cull_undo.list_cull_actions, CullStepConnection)
    async def cull_actions(self, info: Info, project_id: ProjectId, first: First = 50, after: After = None) -> Any:
        return await info.context.read(cull_undo.list_cull_actions, project_id, page(first, after))


@strawberry.type
class CullingMutation:
    """Root fields that cull."""

    @change(culling.apply_cull_action, CullAppliedPayload, bulk=True)
    async def apply_cull_action(
        self, info: Info, project_id: ProjectId, actions: Actions, idempotency_key: IdempotencyKey = None
    ) -> Any:
        wanted = [action.action() for action in actions]
        return await info.context.run(culling.apply_cull_action, project_id, wanted, idempotency_key=idempotency_key)

    @change(cluster_edits.update_cluster, ClusterPayload)
    async def update_cluster(
        self, info: Info, id: ClusterId, input: ChangeInput, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(cluster_edits.update_cluster, id, input.change(), idempotency_key=idempotency_key)

    @change(cluster_edits.set_winner, ClusterPayload)
    async def set_winner(
        self,
        info: Info,
        cluster_id: ClusterId,
        winner_asset_id: Winner,
        pick: Pick = True,
        reviewed: Reviewed = True,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            cluster_edits.set_winner, cluster_id, winner_asset_id, pick, reviewed, idempotency_key=idempotency_key
        )

    @change(cluster_edits.reject_cluster, ClusterPayload)
    async def reject_cluster(self, info: Info, cluster_id: ClusterId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(cluster_edits.reject_cluster, cluster_id, idempotency_key=idempotency_key)

    @change(cluster_edits.lock_cluster, ClusterPayload)
    async def lock_cluster(self, info: Info, cluster_id: ClusterId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(cluster_edits.lock_cluster, cluster_id, idempotency_key=idempotency_key)

    @change(cluster_edits.unlock_cluster, ClusterPayload)
    async def unlock_cluster(self, info: Info, cluster_id: ClusterId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(cluster_edits.unlock_cluster, cluster_id, idempotency_key=idempotency_key)

    @change(cluster_edits.split_cluster, ClustersPayload)
    async def split_cluster(
        self, info: Info, cluster_id: ClusterId, asset_ids: Chosen, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            cluster_edits.split_cluster, cluster_id, asset_ids, idempotency_key=idempotency_key
        )

    @change(cluster_edits.merge_clusters, ClusterPayload)
    async def merge_clusters(self, info: Info, cluster_ids: Merged, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(cluster_edits.merge_clusters, cluster_ids, idempotency_key=idempotency_key)

    @change(cluster_edits.move_assets, ClustersPayload)
    async def move_assets(
        self,
        info: Info,
        cluster_id: ClusterId,
        asset_ids: Chosen,
        target_cluster_id: Target = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            cluster_edits.move_assets, cluster_id, asset_ids, target_cluster_id, idempotency_key=idempotency_key
        )

    @change(cull_undo.undo_cull, CullTurnPayload)
    async def undo_cull(self, info: Info, project_id: ProjectId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(cull_undo.undo_cull, project_id, idempotency_key=idempotency_key)

    @change(cull_undo.redo_cull, CullTurnPayload)
    async def redo_cull(self, info: Info, project_id: ProjectId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(cull_undo.redo_cull, project_id, idempotency_key=idempotency_key)
