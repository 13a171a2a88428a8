"""A gallery, and a photo in it, as the project's members see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import and_, case, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain.media import media_url
from kilo_gql.domain.watermarks import Watermark, watermark_of
from kilo_gql.errors import not_found
from kilo_gql.models import (
    Asset,
    AssetFile,
    DownloadPolicy,
    FileKind,
    Gallery,
    GalleryAsset,
    GallerySection,
)
from kilo_gql.models.assets import SHOWN
from kilo_gql.paging import Page, Slice, page_of


@stored
class SectionRow(msgspec.Struct, frozen=True):
    """A heading. ``asset_count``: the photos under it that guests see."""

    id: UUID
    title: str
    asset_count: int


@stored
class GalleryRow(msgspec.Struct, frozen=True):
    """All that its owner sees of a gallery; the password is not in it.

    ``asset_count``: the photos that guests see. ``changed_count``: of how many the look is another than the approved
    one. ``sections`` in their order.
    """

    id: UUID
    project_id: UUID
    created_by: UUID
    title: str
    message: str | None
    share_slug: str
    published_at: datetime | None
    expires_at: datetime | None
    requires_password: bool
    watermark: bool
    watermark_settings: Watermark
    has_watermark_image: bool
    downloads: DownloadPolicy
    comments_allowed: bool
    favorites_allowed: bool
    filenames_shown: bool
    cover_asset_id: UUID | None
    asset_count: int
    changed_count: int
    sections: list[SectionRow]
    created_at: datetime
    updated_at: datetime
    base_url: str

    @property
    def published(self) -> bool:
        return self.published_at is not None

    @property
    def allow_downloads(self) -> bool:
        return self.downloads is not DownloadPolicy.NONE

    @property
    def share_url(self) -> str:
        return f"{self.base_url}/g/{self.share_slug}"


@stored
class GalleryPhoto(msgspec.Struct, frozen=True):
    """A photo in a gallery. ``shown``: do guests see it? Not while it is in the trash.

    ``pinned_hash`` and ``present_hash`` are the SHA-256 of the preview that was approved, and of the present one.
    ``changed_at``: when it began to look different.
    """

    gallery_id: UUID
    asset_id: UUID
    section_id: UUID | None
    position: int
    shown: bool
    pinned_hash: str | None
    present_hash: str | None
    pinned_at: datetime
    changed_at: datetime | None
    added_at: datetime
    base_url: str

    @property
    def pinned_url(self) -> str | None:
        """Where members see the approved look."""
        return self._url(self.pinned_hash)

    @property
    def present_url(self) -> str | None:
        """Where members see the present look."""
        return self._url(self.present_hash)

    def _url(self, sha256: str | None) -> str | None:
        return None if sha256 is None else media_url(self.base_url, self.asset_id, FileKind.PREVIEW, sha256)


# Plain tables: they join to a gallery by its id, so whoever may see the gallery may see these rows of it.
_PHOTO: Final[Any] = GalleryAsset.__table__
_ASSET: Final[Any] = Asset.__table__
_SECTION: Final[Any] = GallerySection.__table__
_FILE: Final[Any] = AssetFile.__table__


def _count(*conditions: Any) -> Any:
    """How many photos of the gallery guests see, of which this is true."""
    photos = _PHOTO.join(_ASSET, _ASSET.c.id == _PHOTO.c.asset_id)
    return select(func.count()).select_from(photos).where(_PHOTO.c.gallery_id == Gallery.id, text(SHOWN), *conditions)


_UNDER: Final = _count(_PHOTO.c.section_id == _SECTION.c.id).correlate(Gallery, _SECTION).scalar_subquery()
_HEADING: Final = func.jsonb_build_array(_SECTION.c.id, _SECTION.c.title, _UNDER)
_SECTIONS: Final = (
    select(func.jsonb_agg(aggregate_order_by(_HEADING, _SECTION.c.position, _SECTION.c.id), type_=JSONB()))
    .where(_SECTION.c.gallery_id == Gallery.id)
    .correlate(Gallery)
)
#: Columns that a ``GalleryRow`` takes as they are.
_PLAIN: Final = (
    "id", "project_id", "created_by", "title", "message", "share_slug", "published_at", "expires_at", "watermark",
    "downloads", "comments_allowed", "favorites_allowed", "filenames_shown", "cover_asset_id", "created_at",
    "updated_at",
)  # fmt: skip
_GALLERIES: Final = select(
    *(getattr(Gallery, name) for name in _PLAIN),
    Gallery.watermark_settings,
    Gallery.password_hash.is_not(None).label("requires_password"),
    Gallery.watermark_key.is_not(None).label("has_watermark_image"),
    _count().correlate(Gallery).scalar_subquery().label("asset_count"),
    _count(_PHOTO.c.changed_at.is_not(None)).correlate(Gallery).scalar_subquery().label("changed_count"),
    _SECTIONS.scalar_subquery().label("sections"),
)


async def newest(tx: Tx, project_id: UUID, before: UUID | None, most: int) -> list[GalleryRow]:
    """A project's galleries from the newest, or from the one after ``before``."""
    statement = _GALLERIES.where(Gallery.project_id == project_id).order_by(Gallery.id.desc()).limit(most)
    if before is not None:
        statement = statement.where(Gallery.id < before)
    return [_row(tx, found) for found in await tx.rows(statement)]


async def the(tx: Tx, gallery_id: UUID) -> GalleryRow:
    """A gallery that is there, as it is now. Raises NotFound if the actor cannot see it."""
    found = await tx.rows(_GALLERIES.where(Gallery.id == gallery_id))
    if not found:
        raise not_found("gallery")
    return _row(tx, found[0])


def _row(tx: Tx, found: Any) -> GalleryRow:
    values = dict(found._mapping)
    values["watermark_settings"] = watermark_of(values["watermark_settings"])
    values["sections"] = [SectionRow(UUID(id_), title, count) for id_, title, count in values["sections"] or ()]
    return GalleryRow(**values, base_url=tx.house.base_url)


_SHOWN: Final = case((text(SHOWN), True), else_=False).label("shown")
_IN_ORDER: Final = (
    select(
        *(getattr(GalleryAsset, name) for name in ("gallery_id", "asset_id", "section_id", "position")),
        _SHOWN,
        GalleryAsset.pinned_sha256.label("pinned_hash"),
        _FILE.c.sha256.label("present_hash"),
        *(getattr(GalleryAsset, name) for name in ("pinned_at", "changed_at", "added_at")),
    )
    .join(_ASSET, _ASSET.c.id == GalleryAsset.asset_id)
    .outerjoin(
        _FILE,
        and_(
            _FILE.c.asset_id == GalleryAsset.asset_id,
            _FILE.c.kind == FileKind.PREVIEW,
            _FILE.c.variant == "",
            _FILE.c.damaged_at.is_(None),
        ),
    )
    .order_by(GalleryAsset.position, GalleryAsset.asset_id)
)


async def photos(tx: Tx, gallery_id: UUID, slice_: Slice, *, changed: bool) -> Page[GalleryPhoto]:
    """A gallery's photos in its order; ``changed``: those that look different since they were approved."""
    statement = _IN_ORDER.where(GalleryAsset.gallery_id == gallery_id).limit(slice_.limit + 1)
    if changed:
        statement = statement.where(GalleryAsset.changed_at.is_not(None))
    if (after := slice_.after(int, UUID)) is not None:
        here = tuple_(GalleryAsset.position, GalleryAsset.asset_id)
        statement = statement.where(here > tuple_(*after))
    found = [GalleryPhoto(**row._mapping, base_url=tx.house.base_url) for row in await tx.rows(statement)]
    return page_of(found, slice_, lambda row: (row.position, row.asset_id))
