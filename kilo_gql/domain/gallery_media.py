"""The pictures that guests of a gallery look at, and their addresses.

    /g/{slug}/media/{assetId}/{rendition}-{tag}

The tag names the content: the pinned look, the mark, and the guest where the mark names one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import aliased

from kilo_gql.db import Tx
from kilo_gql.domain.gallery_looks import NOBODY, Look, Viewer, look_of
from kilo_gql.domain.media_keys import MediaKey, media_key
from kilo_gql.domain.sharing import nobody
from kilo_gql.models import (
    Asset,
    AssetFile,
    AssetStatus,
    FileKind,
    Gallery,
    GalleryAsset,
    GalleryGuest,
    GalleryRendition,
    Project,
)

#: What guests see: photos that are whole, and not thrown away.
SHOWN: Final = (AssetStatus.PROCESSING, AssetStatus.READY)

#: The preview that a photo of a gallery is pinned to.
Preview: Final = aliased(AssetFile, name="preview")


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A photo as a gallery shows it. The addresses are relative to the house.

    ``width_px`` × ``height_px``: of the preview; ``thumbhash`` in Base64; ``average_color`` 0xRRGGBB.
    """

    asset_id: UUID
    thumbnail_url: str
    preview_url: str
    width_px: int | None
    height_px: int | None
    thumbhash: str | None
    average_color: int | None


def picture_url(slug: str, asset_id: UUID, rendition: GalleryRendition, tag: str) -> str:
    """The address of a picture, relative to the house."""
    return f"/g/{slug}/media/{asset_id}/{rendition.value}-{tag}"


async def pictures(tx: Tx, gallery: Gallery, asset_ids: Sequence[UUID]) -> dict[UUID, ShownPicture]:
    """These photos as the gallery shows them to whoever was let in, by id; absent: what has no picture.

    One statement. For after ``sharing.enter``, and for members.
    """
    if not asset_ids:
        return {}
    guest_id = tx.guest.guest_id if tx.guest is not None else None
    statement = (
        select(
            GalleryAsset.asset_id,
            GalleryAsset.pinned_sha256,
            func.coalesce(Preview.width_px, Asset.width_px).label("width_px"),
            func.coalesce(Preview.height_px, Asset.height_px).label("height_px"),
            Asset.thumbhash,
            Asset.average_color,
            select(Project.title).where(Project.id == gallery.project_id).scalar_subquery().label("project_title"),
            guest_name(gallery.id, guest_id).label("guest_name"),
        )
        .join(Asset, Asset.id == GalleryAsset.asset_id)
        .outerjoin(Preview, is_pinned_preview())
        .where(
            GalleryAsset.gallery_id == gallery.id,
            GalleryAsset.asset_id.in_(asset_ids),
            GalleryAsset.pinned_sha256.is_not(None),
            Asset.trashed_at.is_(None),
            Asset.status.in_(SHOWN),
        )
    )
    with tx.trust("a mark may say the project's title, which guests do not see otherwise"):
        found = await tx.rows(statement)
    if not found:
        return {}
    # how a gallery shows its photos is the same for all of them
    look = look_of(gallery, found[0].project_title, viewer_of(gallery.id, guest_id, found[0].guest_name))
    return {row.asset_id: _shown(gallery, row, look) for row in found}


def _shown(gallery: Gallery, row: Any, look: Look) -> ShownPicture:
    thumbnail, preview = (
        picture_url(gallery.share_slug, row.asset_id, rendition, look.tag(rendition, row.pinned_sha256))
        for rendition in (GalleryRendition.THUMBNAIL, GalleryRendition.PREVIEW)
    )
    return ShownPicture(row.asset_id, thumbnail, preview, row.width_px, row.height_px, row.thumbhash, row.average_color)


def is_pinned_preview() -> ColumnElement[bool]:
    """The join from a gallery's photo to the preview that it is pinned to."""
    return (
        (Preview.asset_id == GalleryAsset.asset_id)
        & (Preview.kind == FileKind.PREVIEW)
        & (Preview.sha256 == GalleryAsset.pinned_sha256)
        & Preview.damaged_at.is_(None)
    )


def guest_name(gallery_id: Any, guest_id: UUID | None) -> ScalarSelect[Any]:
    """What a mark calls a guest: the name they gave, or else their mail address."""
    named = func.coalesce(func.nullif(GalleryGuest.name, ""), GalleryGuest.email)
    return select(named).where(GalleryGuest.gallery_id == gallery_id, GalleryGuest.id == guest_id).scalar_subquery()


def viewer_of(gallery_id: UUID, guest_id: UUID | None, name: str | None) -> Viewer:
    """For whom a picture is. Whoever comes without a session is nobody in particular, and so is a member."""
    if guest_id is None or guest_id == nobody(gallery_id) or not name:
        return NOBODY
    return Viewer(guest_id, name)


# --- whole addresses -------------------------------------------------------------------------------------------------


def signer(tx: Tx, gallery: Gallery, *, preview: bool = False) -> Callable[[str], str]:
    """Makes addresses of this gallery whole, with the key of whoever calls: they need no other proof for a day.

    ``preview``: a member asks, as ``sharing.enter`` said.
    """
    if preview or tx.guest is None:
        opens = MediaKey(gallery.id, user_id=tx.user_id)
    else:
        opens = MediaKey(gallery.id, guest=tx.guest)
    base_url, key = tx.house.base_url, media_key(tx.house.key, opens, tx.now)
    return lambda path: f"{base_url}{path}{'&' if '?' in path else '?'}k={key}"


def signed(shown: ShownPicture, whole: Callable[[str], str]) -> ShownPicture:
    """The picture with whole addresses, for clients that send no cookie; ``whole`` is a ``signer``'s."""
    return replace(shown, thumbnail_url=whole(shown.thumbnail_url), preview_url=whole(shown.preview_url))
