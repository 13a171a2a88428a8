"""What owners can ask of client galleries."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import (
    galleries,
    gallery_approvals,
    gallery_marks,
    gallery_photos,
    gallery_sections,
)
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, change
from schema.auth import DonePayload
from schema.base import Info
from schema.galleries import (
    AddGalleryAssetsInput,
    CreateGalleryInput,
    Gallery,
    GalleryAssetConnection,
    GalleryConnection,
    GalleryOrder,
    GalleryPayload,
    UpdateGalleryInput,
)

GalleryId = Annotated[UUID, strawberry.argument(description="The gallery's id.")]
SectionId = Annotated[UUID, strawberry.argument(description="The section's id.")]
SectionTitle = Annotated[str, strawberry.argument(description="1 to 200 characters.")]
SectionIds = Annotated[list[UUID], strawberry.argument(description="Its sections in their new order.")]
Under = Annotated[UUID | None, strawberry.argument(description="The section; null: none.")]
Photos = Annotated[list[UUID], strawberry.argument(description="Photos of the gallery: at most 5,000.")]
Approved = Annotated[
    list[UUID] | None, strawberry.argument(description="Photos of the gallery; null: all that look different.")
]
Order = Annotated[GalleryOrder, strawberry.argument(description="What they are ordered by.")]
Descending = Annotated[bool, strawberry.argument(description="The greatest first.")]
Png = Annotated[str | None, strawberry.argument(description="A PNG in Base64; null takes the picture away.")]
NewInput = Annotated[CreateGalleryInput, strawberry.argument(description="What the gallery starts with.")]
ChangeInput = Annotated[UpdateGalleryInput, strawberry.argument(description="What is to change.")]
AddInput = Annotated[AddGalleryAssetsInput, strawberry.argument(description="What is put in.")]


@strawberry.type
class GalleryQuery:
    """Root fields that read galleries."""

    @ask(galleries.get_gallery, Gallery)
    async def gallery(self, info: Info, id: GalleryId) -> Any:
        return await info.context.read(galleries.get_gallery, id)

    @ask(galleries.list_galleries, GalleryConnection)
    async def galleries(self, info: Info, project_id: ProjectId, first: First = 50, after: After = None) -> Any:
        return await info.context.read(galleries.list_galleries, project_id, page(first, after))

    @ask(gallery_photos.list_gallery_assets, GalleryAssetConnection)
    async def gallery_assets(self, info: Info, gallery_id: GalleryId, first: First = 50, after: After = None) -> Any:
        return await info.context.read(gallery_photos.list_gallery_assets, gallery_id, page(first, after))

    @ask(gallery_approvals.changed_since_approved, GalleryAssetConnection)
    async def changed_since_approved(
        self, info: Info, gallery_id: GalleryId, first: First = 50, after: After = None
    ) -> Any:
        return await info.context.read(gallery_approvals.changed_since_approved, gallery_id, page(first, after))


@strawberry.type
class GalleryMutation:
    """Root fields that change galleries."""

    @change(galleries.create_gallery, GalleryPayload)
    async def create_gallery(
        self, info: Info, project_id: ProjectId, input: NewInput, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            galleries.create_gallery, project_id, input.new(), idempotency_key=idempotency_key
        )

    @change(galleries.update_gallery, GalleryPayload)
    async def update_gallery(
        self, info: Info, id: GalleryId, input: ChangeInput, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(galleries.update_gallery, id, input.change(), idempotency_key=idempotency_key)

    @change(galleries.publish_gallery, GalleryPayload)
    async def publish_gallery(self, info: Info, id: GalleryId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(galleries.publish_gallery, id, idempotency_key=idempotency_key)

    @change(galleries.unpublish_gallery, GalleryPayload)
    async def unpublish_gallery(self, info: Info, id: GalleryId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(galleries.unpublish_gallery, id, idempotency_key=idempotency_key)

    @change(galleries.end_gallery_sessions, GalleryPayload)
    async def end_gallery_sessions(self, info: Info, id: GalleryId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(galleries.end_gallery_sessions, id, idempotency_key=idempotency_key)

    @change(galleries.delete_gallery, DonePayload)
    async def delete_gallery(self, info: Info, id: GalleryId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(galleries.delete_gallery, id, idempotency_key=idempotency_key)

    @change(gallery_marks.set_gallery_watermark_image, GalleryPayload, bulk=True)
    async def set_gallery_watermark_image(
        self, info: Info, gallery_id: GalleryId, png_base64: Png = None, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_marks.set_gallery_watermark_image, gallery_id, png_base64, idempotency_key=idempotency_key
        )


@strawberry.type
class GalleryPhotoMutation:
    """Root fields that change what is in a gallery, and how it is laid out."""

    @change(gallery_photos.add_gallery_assets, GalleryPayload)
    async def add_gallery_assets(
        self, info: Info, gallery_id: GalleryId, input: AddInput, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_photos.add_gallery_assets, gallery_id, input.added(), idempotency_key=idempotency_key
        )

    @change(gallery_photos.remove_gallery_assets, GalleryPayload)
    async def remove_gallery_assets(
        self, info: Info, gallery_id: GalleryId, asset_ids: Photos, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_photos.remove_gallery_assets, gallery_id, asset_ids, idempotency_key=idempotency_key
        )

    @change(gallery_photos.arrange_gallery, GalleryPayload)
    async def arrange_gallery(
        self, info: Info, gallery_id: GalleryId, asset_ids: Photos, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_photos.arrange_gallery, gallery_id, asset_ids, idempotency_key=idempotency_key
        )

    @change(gallery_photos.sort_gallery, GalleryPayload)
    async def sort_gallery(
        self,
        info: Info,
        gallery_id: GalleryId,
        by: Order,
        descending: Descending = False,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            gallery_photos.sort_gallery, gallery_id, by, descending, idempotency_key=idempotency_key
        )

    @change(gallery_approvals.repin_gallery_assets, GalleryPayload)
    async def repin_gallery_assets(
        self, info: Info, gallery_id: GalleryId, asset_ids: Approved = None, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_approvals.repin_gallery_assets, gallery_id, asset_ids, idempotency_key=idempotency_key
        )

    @change(gallery_sections.create_gallery_section, GalleryPayload)
    async def create_gallery_section(
        self, info: Info, gallery_id: GalleryId, title: SectionTitle, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_sections.create_gallery_section, gallery_id, title, idempotency_key=idempotency_key
        )

    @change(gallery_sections.rename_gallery_section, GalleryPayload)
    async def rename_gallery_section(
        self,
        info: Info,
        gallery_id: GalleryId,
        section_id: SectionId,
        title: SectionTitle,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            gallery_sections.rename_gallery_section, gallery_id, section_id, title, idempotency_key=idempotency_key
        )

    @change(gallery_sections.delete_gallery_section, GalleryPayload)
    async def delete_gallery_section(
        self, info: Info, gallery_id: GalleryId, section_id: SectionId, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_sections.delete_gallery_section, gallery_id, section_id, idempotency_key=idempotency_key
        )

    @change(gallery_sections.arrange_gallery_sections, GalleryPayload)
    async def arrange_gallery_sections(
        self, info: Info, gallery_id: GalleryId, section_ids: SectionIds, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_sections.arrange_gallery_sections, gallery_id, section_ids, idempotency_key=idempotency_key
        )

    @change(gallery_sections.place_gallery_assets, GalleryPayload)
    async def place_gallery_assets(
        self,
        info: Info,
        gallery_id: GalleryId,
        asset_ids: Photos,
        section_id: Under = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            gallery_sections.place_gallery_assets, gallery_id, asset_ids, section_id, idempotency_key=idempotency_key
        )
