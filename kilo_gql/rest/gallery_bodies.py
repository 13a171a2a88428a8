"""What REST requests of gallery owners carry."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from kilo_gql.domain.galleries import NewGallery
from kilo_gql.domain.gallery_choice import ASSETS_MAX, Choice
from kilo_gql.domain.gallery_photos import AddedPhotos, GalleryOrder
from kilo_gql.domain.gallery_settings import GalleryChange
from kilo_gql.domain.watermarks import MarkKind, MarkPosition, Watermark
from kilo_gql.models import DownloadPolicy
from kilo_gql.rest.asset_bodies import AssetFilterBody
from kilo_gql.rest.bodies import Body

_PLAIN = Watermark()


class WatermarkBody(Body):
    """A mark as a whole; what is left out is as in a plain one."""

    kind: MarkKind = _PLAIN.kind
    text: str = _PLAIN.text
    position: MarkPosition = _PLAIN.position
    opacity: float = _PLAIN.opacity
    size: float = _PLAIN.size
    margin: float = _PLAIN.margin
    angle: float = _PLAIN.angle

    def mark(self) -> Watermark:
        return Watermark(**self.arguments())


class UpdateGalleryBody(Body):
    """Only what is in the request counts, so the defaults are never read: absent is not null, and some have no null."""

    title: str = ""
    message: str | None = None
    password: str | None = None
    expires_at: datetime | None = None
    watermark: bool = False
    watermark_settings: WatermarkBody = WatermarkBody()
    allow_downloads: bool = False
    downloads: DownloadPolicy = DownloadPolicy.NONE
    comments_allowed: bool = True
    favorites_allowed: bool = True
    filenames_shown: bool = False
    cover_asset_id: UUID | None = None

    def arguments(self) -> dict[str, Any]:
        return {"change": self.change()}

    def change(self) -> GalleryChange:
        given = {name: value for name, value in self._given().items() if name in GalleryChange.__dataclass_fields__}
        if "watermark_settings" in given:
            given["watermark_settings"] = self.watermark_settings.mark()
        return GalleryChange(**given)


class CreateGalleryBody(UpdateGalleryBody):
    """The contract's body names its photos; ``from`` chooses them by a filter instead."""

    title: str
    asset_ids: list[UUID] | None = Field(default=None, json_schema_extra={"maxItems": ASSETS_MAX})
    from_: AssetFilterBody | None = Field(default=None, alias="from")
    published: bool = True

    def arguments(self) -> dict[str, Any]:
        return {"new": NewGallery(_choice(self.asset_ids, self.from_), self.change(), self.published)}


class AddGalleryAssetsBody(Body):
    asset_ids: list[UUID] | None = Field(default=None, json_schema_extra={"maxItems": ASSETS_MAX})
    from_: AssetFilterBody | None = Field(default=None, alias="from")
    section_id: UUID | None = None

    def arguments(self) -> dict[str, Any]:
        return {"added": AddedPhotos(_choice(self.asset_ids, self.from_), self.section_id)}


def _choice(asset_ids: list[UUID] | None, filter: AssetFilterBody | None) -> Choice:
    return Choice(asset_ids, None if filter is None else filter.filter())


class GalleryAssetsBody(Body):
    """The bound is documented here and held by the operation, with one refusal for both doors."""

    asset_ids: list[UUID] = Field(json_schema_extra={"maxItems": ASSETS_MAX})


class PlaceGalleryAssetsBody(GalleryAssetsBody):
    section_id: UUID | None = None


class RepinGalleryAssetsBody(Body):
    asset_ids: list[UUID] | None = Field(default=None, json_schema_extra={"maxItems": ASSETS_MAX})


class SortGalleryBody(Body):
    by: GalleryOrder
    descending: bool = False


class GallerySectionBody(Body):
    title: str


class GallerySectionsBody(Body):
    section_ids: list[UUID]


class WatermarkImageBody(Body):
    """A PNG in Base64; null takes the picture away."""

    png_base64: str | None = None
