"""What guests of a gallery can ask to take home."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import gallery_downloads
from resolvers.binding import change
from resolvers.shared_galleries import Slug
from schema.base import Info
from schema.gallery_downloads import DownloadOf, DownloadPayload, GalleryRendition

Of = Annotated[DownloadOf, strawberry.argument(description="Which photos.")]
Size = Annotated[GalleryRendition, strawberry.argument(description="`web`, `full` or `original`.")]
ListId = Annotated[UUID | None, strawberry.argument(description="The list, for `list` and nothing else.")]
PhotoId = Annotated[UUID | None, strawberry.argument(description="The photo, for `photo` and nothing else.")]


@strawberry.type
class GalleryDownloadMutation:
    """Root fields that prepare downloads."""

    @change(gallery_downloads.request_download, DownloadPayload)
    async def request_download(
        self,
        info: Info,
        share_slug: Slug,
        of: Of,
        rendition: Size,
        list_id: ListId = None,
        asset_id: PhotoId = None,
    ) -> Any:
        return await info.context.run(
            gallery_downloads.request_download,
            share_slug,
            of,
            rendition,
            list_id=list_id,
            asset_id=asset_id,
        )
