"""Client galleries as GraphQL shows them to their owners."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import gallery_photos, gallery_rows, watermarks
from kilo_gql.domain.galleries import NewGallery
from kilo_gql.domain.gallery_choice import Choice
from kilo_gql.domain.gallery_photos import AddedPhotos
from kilo_gql.domain.gallery_sections import SECTIONS_MAX
from kilo_gql.domain.gallery_settings import GalleryChange
from schema.assets import AssetFilterInput
from schema.base import Connection, Info, Node, bounded, receipt, shows, text, value

if TYPE_CHECKING:
    from schema.assets import Asset

strawberry.enum(models.DownloadPolicy, description="The most a guest may take home; each step holds the ones before.")
DownloadPolicy = models.DownloadPolicy
strawberry.enum(gallery_photos.GalleryOrder, description="What a gallery can be put in order by.")
GalleryOrder = gallery_photos.GalleryOrder
strawberry.enum(watermarks.MarkKind, description="What a mark is.")
MarkKind = watermarks.MarkKind
strawberry.enum(watermarks.MarkPosition, description="Where a mark stands; tiled repeats it over the whole picture.")
MarkPosition = watermarks.MarkPosition

_PLAIN = watermarks.Watermark()


@shows(watermarks.Watermark)
@strawberry.type(description="The mark that a gallery puts onto its pictures.")
class Watermark:
    """A mark."""

    kind: MarkKind = text("Words, or a picture.")
    position: MarkPosition = text("Where it stands.")
    opacity: float = text("0.05 to 1.")
    size: float = text("Its width as a part of the picture's, 0.02 to 1.")
    margin: float = text("Its distance from the edge as a part of the picture's width, 0 to 0.25.")
    angle: float = text("Degrees counter-clockwise, -90 to 90.")
    # last: from here on the name means the field
    text: str = text("The words; {guest}, {gallery}, {project} and {year} stand for what they say.")


@shows(gallery_rows.SectionRow)
@strawberry.type(description="A heading in a gallery.")
class GallerySection:
    """A section."""

    id: UUID = text("The section's id.")
    title: str = text("What it says.")
    asset_count: int = text("Photos under it that guests see.")


@shows(gallery_rows.GalleryRow)
@strawberry.type(description="Photos of a project behind one address, for guests.")
class Gallery(Node):
    """A gallery, without its password."""

    project_id: UUID = text("The project it belongs to.")
    created_by: UUID = text("Who made it.")
    title: str = text("What it is called.")
    message: str | None = text("What guests read above the photos.")
    share_slug: str = text("The part of its address that nobody guesses.")
    share_url: str = text("The address for guests.")
    published: bool = text("Do guests get in?")
    published_at: datetime | None = text("Since when they do.")
    expires_at: datetime | None = text("From then on they do not any more.")
    requires_password: bool = text("Is a password asked for?")
    watermark: bool = text("Are its pictures marked?")
    watermark_settings: Watermark = text("The mark.")
    has_watermark_image: bool = text("Has it a picture for a mark?")
    allow_downloads: bool = text("May guests take anything home?")
    downloads: DownloadPolicy = text("The most that they may.")
    comments_allowed: bool = text("May guests comment?")
    favorites_allowed: bool = text("May guests favour photos?")
    filenames_shown: bool = text("Do guests see file names?")
    cover_asset_id: UUID | None = text("The photo that stands for it; null: the first.")
    asset_count: int = text("Photos that guests see.")
    changed_count: int = text("Photos among them that look different since they were approved.")
    sections: list[GallerySection] = bounded("Its headings, in their order.", SECTIONS_MAX)
    created_at: datetime = text("When it was made.")
    updated_at: datetime = text("When it last changed.")


@shows(gallery_rows.GalleryPhoto)
@strawberry.type(description="A photo in a gallery, pinned to the look that was approved for it.")
class GalleryAsset:
    """A place in a gallery."""

    gallery_id: UUID = text("The gallery.")
    asset_id: UUID = text("The photo.")
    section_id: UUID | None = text("The section that it stands under.")
    position: int = text("Its place: they rise, with gaps.")
    shown: bool = text("Do guests see it? Not while it is in the trash.")
    added_at: datetime = text("When it was put in.")
    pinned_at: datetime = text("When its look was approved.")
    changed_at: datetime | None = text("Since when it looks different in the project.")
    pinned_url: str | None = text("The approved look: a 2048 px preview, for members.")
    present_url: str | None = text("The present look: a 2048 px preview, for members.")

    @strawberry.field(
        description="The photo itself.",
        graphql_type=Annotated["Asset", strawberry.lazy("schema.assets")] | None,
    )
    async def asset(parent: strawberry.Parent[gallery_rows.GalleryPhoto], info: Info) -> Any:
        return await info.context.load.assets_by_id.load(parent.asset_id)


@strawberry.input(description="A mark as a whole; what is left out is as in a plain one.")
class WatermarkInput:
    """Settings of a mark."""

    kind: MarkKind = strawberry.field(default=_PLAIN.kind, description="Words, or the picture that was sent.")
    text: str = strawberry.field(
        default=_PLAIN.text, description="1 to 120 characters; {guest}, {gallery}, {project} and {year} are filled in."
    )
    position: MarkPosition = strawberry.field(default=_PLAIN.position, description="Where it stands.")
    opacity: float = strawberry.field(default=_PLAIN.opacity, description="0.05 to 1.")
    size: float = strawberry.field(default=_PLAIN.size, description="Part of the picture's width, 0.02 to 1.")
    margin: float = strawberry.field(default=_PLAIN.margin, description="Part of the picture's width, 0 to 0.25.")
    angle: float = strawberry.field(default=_PLAIN.angle, description="Degrees counter-clockwise, -90 to 90.")

    def mark(self) -> watermarks.Watermark:
        return watermarks.Watermark(**vars(self))


@strawberry.input(description="What is to change of a gallery; fields left out stay as they are.")
class UpdateGalleryInput:
    """Input of ``updateGallery``: absent and null are different."""

    title: strawberry.Maybe[str] = strawberry.field(default=None, description="1 to 200 characters.")
    message: strawberry.Maybe[str | None] = strawberry.field(default=None, description="At most 5,000 characters.")
    password: strawberry.Maybe[str | None] = strawberry.field(
        default=None, description="4 to 200 characters; null takes it away. Either ends the sessions of all guests."
    )
    expires_at: strawberry.Maybe[datetime | None] = strawberry.field(default=None, description="Null: never.")
    watermark: strawberry.Maybe[bool] = strawberry.field(default=None, description="Mark its pictures?")
    watermark_settings: strawberry.Maybe[WatermarkInput] = strawberry.field(default=None, description="The mark.")
    allow_downloads: strawberry.Maybe[bool] = strawberry.field(
        default=None, description="The short word for downloads: true is web where nothing was allowed."
    )
    downloads: strawberry.Maybe[DownloadPolicy] = strawberry.field(
        default=None, description="The most a guest may take home; a marked gallery gives no originals."
    )
    comments_allowed: strawberry.Maybe[bool] = strawberry.field(default=None, description="May guests comment?")
    favorites_allowed: strawberry.Maybe[bool] = strawberry.field(default=None, description="May guests favour photos?")
    filenames_shown: strawberry.Maybe[bool] = strawberry.field(default=None, description="Show file names?")
    cover_asset_id: strawberry.Maybe[UUID | None] = strawberry.field(
        default=None, description="A photo of the gallery; null: the first."
    )

    def change(self) -> GalleryChange:
        given = {name: said.value for name, said in self._said().items() if said is not None}
        mark = given.get("watermark_settings")
        return GalleryChange(**given if mark is None else {**given, "watermark_settings": mark.mark()})

    def _said(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in GalleryChange.__dataclass_fields__}


@strawberry.input(description="Photos for a gallery: ids, or a filter; and its settings.")
class CreateGalleryInput(UpdateGalleryInput):
    """Input of ``createGallery``."""

    title: str = strawberry.field(description="1 to 200 characters.")  # type: ignore[assignment]
    asset_ids: list[UUID] | None = strawberry.field(default=None, description="1 to 5,000 photos, in their order.")
    from_: AssetFilterInput | None = strawberry.field(
        default=None, name="from", description="Or those that this filter shows, by capture: what you picked, say."
    )
    published: bool = strawberry.field(default=True, description="Do guests get in at once?")

    def new(self) -> NewGallery:
        return NewGallery(_choice(self.asset_ids, self.from_), self.change(), self.published)

    def _said(self) -> dict[str, Any]:
        return {**super()._said(), "title": strawberry.Some(self.title)}


@strawberry.input(description="Photos that go into a gallery: ids, or a filter.")
class AddGalleryAssetsInput:
    """Input of ``addGalleryAssets``."""

    asset_ids: list[UUID] | None = strawberry.field(default=None, description="1 to 5,000 photos, in their order.")
    from_: AssetFilterInput | None = strawberry.field(
        default=None, name="from", description="Or those that this filter shows, by capture."
    )
    section_id: UUID | None = strawberry.field(default=None, description="The section that they stand under.")

    def added(self) -> AddedPhotos:
        return AddedPhotos(_choice(self.asset_ids, self.from_), self.section_id)


def _choice(asset_ids: list[UUID] | None, filter: AssetFilterInput | None) -> Choice:
    return Choice(asset_ids, None if filter is None else filter.wanted())


@strawberry.type(description="A gallery after a mutation.")
class GalleryPayload:
    """What mutations of galleries answer."""

    gallery: Gallery = value("The gallery as it is now.", Gallery)
    receipt: None = receipt()


GalleryConnection = Connection[Gallery]
GalleryAssetConnection = Connection[GalleryAsset]
