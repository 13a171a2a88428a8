"""What can be asked of assets."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import asset_index, asset_pages, assets, pairs, trash
from kilo_gql.domain.asset_pages import IDS_MAX, AssetFilter
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, ask_list, change
from schema.assets import (
    Asset,
    AssetConnection,
    AssetCountPayload,
    AssetFilterInput,
    AssetIndex,
    AssetIndexColumn,
    AssetPayload,
    AssetSort,
    UpdateAssetInput,
)
from schema.base import Info

AssetId = Annotated[UUID, strawberry.argument(description="The asset's id.")]
RawId = Annotated[UUID, strawberry.argument(description="The RAW file's id.")]
JpegId = Annotated[UUID, strawberry.argument(description="The id of the picture taken with it.")]
AssetIds = Annotated[list[UUID], strawberry.argument(description="Ids of assets: at most 500.")]
Narrowed = Annotated[AssetFilterInput | None, strawberry.argument(description="Only assets of which this is true.")]
Sorted = Annotated[AssetSort, strawberry.argument(description="What they are ordered by.")]
Descending = Annotated[bool, strawberry.argument(description="The greatest first.")]
Columns = Annotated[
    list[AssetIndexColumn] | None,
    strawberry.argument(description="Which columns; none: all but thumbnails and previews."),
]
ChangeInput = Annotated[UpdateAssetInput, strawberry.argument(description="What is to change.")]


@strawberry.type
class AssetQuery:
    """Root fields that read assets."""

    @ask(asset_index.asset_index, AssetIndex)
    async def asset_index(self, info: Info, project_id: ProjectId, columns: Columns = None) -> Any:
        wanted = asset_index.USUAL if columns is None else columns
        return await info.context.read(asset_index.asset_index, project_id, wanted)

    @ask(assets.get_asset, Asset)
    async def asset(self, info: Info, id: AssetId) -> Any:
        return await info.context.read(assets.get_asset, id)

    @ask_list(asset_pages.get_assets, Asset, bound=IDS_MAX)
    async def assets_by_ids(self, info: Info, ids: AssetIds) -> Any:
        return await info.context.read(asset_pages.get_assets, ids)

    @ask(asset_pages.list_assets, AssetConnection)
    async def assets(
        self,
        info: Info,
        project_id: ProjectId,
        first: First = 50,
        after: After = None,
        filter: Narrowed = None,
        sort: Sorted = AssetSort.CAPTURED_AT,
        descending: Descending = False,
    ) -> Any:
        wanted = filter.wanted() if filter is not None else AssetFilter()
        return await info.context.read(
            asset_pages.list_assets, project_id, page(first, after), wanted, sort, descending
        )


@strawberry.type
class AssetMutation:
    """Root fields that change assets."""

    @change(assets.update_asset, AssetPayload)
    async def update_asset(
        self, info: Info, id: AssetId, input: ChangeInput, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(assets.update_asset, id, input.change(), idempotency_key=idempotency_key)

    @change(trash.trash_assets, AssetCountPayload)
    async def trash_assets(
        self, info: Info, project_id: ProjectId, ids: AssetIds, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(trash.trash_assets, project_id, ids, idempotency_key=idempotency_key)

    @change(trash.restore_assets, AssetCountPayload)
    async def restore_assets(
        self, info: Info, project_id: ProjectId, ids: AssetIds, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(trash.restore_assets, project_id, ids, idempotency_key=idempotency_key)

    @change(trash.purge_assets, AssetCountPayload)
    async def purge_assets(
        self, info: Info, project_id: ProjectId, ids: AssetIds, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(trash.purge_assets, project_id, ids, idempotency_key=idempotency_key)

    @change(trash.retry_assets, AssetCountPayload)
    async def retry_assets(
        self, info: Info, project_id: ProjectId, ids: AssetIds, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(trash.retry_assets, project_id, ids, idempotency_key=idempotency_key)

    @change(pairs.pair_assets, AssetPayload)
    async def pair_assets(
        self, info: Info, raw_id: RawId, jpeg_id: JpegId, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(pairs.pair_assets, raw_id, jpeg_id, idempotency_key=idempotency_key)

    @change(pairs.unpair_asset, AssetPayload)
    async def unpair_asset(self, info: Info, id: AssetId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(pairs.unpair_asset, id, idempotency_key=idempotency_key)
