"""What can be asked of the files of a photo."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import media, renders
from resolvers.arguments import IdempotencyKey, ProjectId
from resolvers.binding import ask, ask_list, change
from schema.asset_files import AssetFileLink, FileKind, MediaGrant, RegionInput, RenderingPayload
from schema.base import Info
from schema.jobs import JobPayload

AssetId = Annotated[UUID, strawberry.argument(description="The asset's id.")]
OfKind = Annotated[FileKind, strawberry.argument(description="`full`, or `crop` with a region.")]
Where = Annotated[RegionInput | None, strawberry.argument(description="Which part of the picture; for `crop` only.")]


@strawberry.type
class AssetFileQuery:
    """Root fields that say where files are found."""

    @ask_list(media.list_asset_files, AssetFileLink, bound=media.LISTED_MAX)
    async def asset_files(self, info: Info, asset_id: AssetId) -> Any:
        return await info.context.read(media.list_asset_files, asset_id)

    @ask(media.media_grant, MediaGrant)
    async def media_grant(self, info: Info, project_id: ProjectId) -> Any:
        return await info.context.read(media.media_grant, project_id)


@strawberry.type
class AssetFileMutation:
    """Root fields that have renditions made."""

    @change(renders.render_asset, RenderingPayload)
    async def render_asset(
        self,
        info: Info,
        asset_id: AssetId,
        kind: OfKind = models.FileKind.FULL,
        region: Where = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            renders.render_asset,
            asset_id,
            kind=kind,
            region=region.region() if region is not None else None,
            idempotency_key=idempotency_key,
        )

    @change(renders.develop_asset, JobPayload)
    async def develop_asset(self, info: Info, asset_id: AssetId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(renders.develop_asset, asset_id, idempotency_key=idempotency_key)
