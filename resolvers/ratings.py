"""What can be said about photos."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from kilo_gql.domain import ratings
from resolvers.arguments import IdempotencyKey, ProjectId
from resolvers.assets import AssetId, AssetIds
from resolvers.binding import change
from schema.assets import AssetCountPayload
from schema.base import Info
from schema.ratings import RatingInput, RatingPayload

Said = Annotated[RatingInput, strawberry.argument(description="What you think of it.")]


@strawberry.type
class RatingMutation:
    """Root fields that rate."""

    @change(ratings.rate_asset, RatingPayload)
    async def rate_asset(
        self, info: Info, asset_id: AssetId, input: Said, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(ratings.rate_asset, asset_id, input.change(), idempotency_key=idempotency_key)

    @change(ratings.rate_assets, AssetCountPayload)
    async def rate_assets(
        self,
        info: Info,
        project_id: ProjectId,
        ids: AssetIds,
        input: Said,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            ratings.rate_assets, project_id, ids, input.change(), idempotency_key=idempotency_key
        )
