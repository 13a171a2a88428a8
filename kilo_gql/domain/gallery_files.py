"""What stands behind the address of a gallery's picture.

Every request is checked against the gallery as it is then, in one statement, so whatever ends a guest's sight ends it
for addresses as well. A marked gallery has no unmarked picture: what was not made yet is made first.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Label, Select, and_, false, func, or_, select
from sqlalchemy.orm import aliased

from kilo_gql.access import Guest, Perm
from kilo_gql.db import Tx
from kilo_gql.domain.gallery_looks import SEEN, TAG_DIGITS, Look, look_of
from kilo_gql.domain.gallery_media import SHOWN, Preview, guest_name, is_pinned_preview, viewer_of
from kilo_gql.domain.media_keys import MediaKey, invalid_key
from kilo_gql.domain.sharing import is_open, member_id
from kilo_gql.errors import Unauthorized, not_found
from kilo_gql.models import (
    Asset,
    AssetFile,
    FileKind,
    Gallery,
    GalleryAsset,
    GalleryFile,
    GalleryRendition,
    Project,
    ProjectStatus,
)
from kilo_gql.models.base import grants
from kilo_gql.operations import operation

_Current: Final = aliased(AssetFile, name="current_preview")
_Thumbnail: Final = aliased(AssetFile, name="thumbnail")


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture's file. ``byte_size`` in bytes, ``sha256`` in hexadecimal."""

    key: str
    content_type: str
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for bytes of a gallery: a guest, or somebody who may be a member; ``by_key``: the address says so."""

    guest: Guest | None
    user_id: UUID | None
    by_key: bool

    @classmethod
    def of(cls, tx: Tx, key: MediaKey | None) -> Asker:
        """A key in the address counts before the caller's own proof."""
        if key is not None:
            return cls(key.guest, key.user_id, by_key=True)
        return cls(tx.actor if isinstance(tx.actor, Guest) else None, member_id(tx.actor), by_key=False)

    @property
    def guest_id(self) -> UUID | None:
        return self.guest.guest_id if self.guest is not None else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture of a gallery that somebody may see: ``file``, or None where it has to be made first."""

    gallery: Gallery
    look: Look
    asset_id: UUID
    rendition: GalleryRendition
    pinned_sha256: str
    file: StoredPicture | None


@operation(Perm.PUBLIC)
async def open_gallery_picture(
    tx: Tx, slug: str, asset_id: UUID, rendition: GalleryRendition, tag: str, key: MediaKey | None = None
) -> StoredPicture | None:
    """The file behind a picture's address; None if it has to be made first.

    ``key``: the proof that the address itself carried. Raises NotFound, alike for every picture that a guest cannot
    open, Unauthorized ``gallery_locked`` or ``media_key_invalid``.
    """
    return (await find_picture(tx, slug, asset_id, rendition, tag, key)).file


async def find_picture(
    tx: Tx, slug: str, asset_id: UUID, rendition: GalleryRendition, tag: str, key: MediaKey | None
) -> Wanted:
    """The picture behind an address, in one statement. Raises as ``open_gallery_picture`` does."""
    asker = Asker.of(tx, key)
    statement = _statement(slug, asset_id, rendition, tag, asker)
    with tx.trust("a guest knows a picture by its address, which is checked against the gallery as it is now"):
        row = (await tx.session.execute(statement)).one_or_none()
    if row is None or rendition not in SEEN:
        raise not_found("picture")
    gallery: Gallery = row.Gallery
    known = check_entry(tx, gallery, slug, asker, member=row.member, deleted=row.deleted)
    viewer = viewer_of(gallery.id, asker.guest_id if known else None, row.guest_name)
    look = look_of(gallery, row.project_title, viewer)
    if row.pinned_sha256 is None or not hmac.compare_digest(look.tag(rendition, row.pinned_sha256), tag):
        raise not_found("picture")
    return Wanted(gallery, look, asset_id, rendition, row.pinned_sha256, _file(look, rendition, row))


def check_entry(tx: Tx, gallery: Gallery, slug: str, asker: Asker, *, member: bool, deleted: bool) -> bool:
    """As ``sharing.enter`` lets in, for who asks for bytes; returns whether it is a guest with a session.

    A key of another gallery, or from before its sessions were ended, opens nothing, not even an open gallery.
    """
    if not hmac.compare_digest(gallery.share_slug, slug) or deleted or not (member or is_open(gallery, tx)):
        raise not_found("picture")
    guest = asker.guest
    known = guest is not None and (guest.gallery_id, guest.version) == (gallery.id, gallery.version)
    if asker.by_key and not known and not member:
        raise invalid_key()
    if gallery.password_hash is not None and not known and not member:
        raise Unauthorized(
            "This gallery asks for a password.",
            code="gallery_locked",
            remediation=["Enter the gallery's password, and send the token you get."],
        )
    return known


def is_member(user_id: UUID | None) -> ColumnElement[bool]:
    """May this user see the project of the gallery?"""
    if user_id is None:
        return false()
    return select(grants.c.role).where(grants.c.project_id == Gallery.project_id, grants.c.user_id == user_id).exists()


def _statement(
    slug: str, asset_id: UUID, rendition: GalleryRendition, tag: str, asker: Asker
) -> Select[*tuple[Any, ...]]:
    """The gallery, what it is to the asker, and the files that a picture of it could be."""
    shown = and_(Asset.id == asset_id, Asset.trashed_at.is_(None), Asset.status.in_(SHOWN))
    made = and_(
        GalleryFile.gallery_id == Gallery.id,
        GalleryFile.asset_id == GalleryAsset.asset_id,
        GalleryFile.rendition == rendition,
        func.left(GalleryFile.basis, TAG_DIGITS) == tag,
        or_(GalleryFile.guest_id.is_(None), GalleryFile.guest_id == asker.guest_id),
    )
    return (
        select(
            Gallery,
            Project.title.label("project_title"),
            (Project.status == ProjectStatus.DELETED).label("deleted"),
            is_member(asker.user_id).label("member"),
            guest_name(Gallery.id, asker.guest_id).label("guest_name"),
            GalleryAsset.pinned_sha256,
            *_columns(Preview, "preview"),
            *_columns(_Thumbnail, "thumbnail"),
            *_columns(GalleryFile, "made"),
        )
        .join(Project, Project.id == Gallery.project_id)
        .outerjoin(Asset, shown)
        .outerjoin(GalleryAsset, and_(GalleryAsset.gallery_id == Gallery.id, GalleryAsset.asset_id == Asset.id))
        .outerjoin(Preview, is_pinned_preview())
        .outerjoin(_Thumbnail, _is_thumbnail_of_the_pin())
        .outerjoin(GalleryFile, made)
        .where(Gallery.share_slug == slug)
        .limit(1)
    )


def _is_thumbnail_of_the_pin() -> ColumnElement[bool]:
    """The photo's own thumbnail, as long as the photo looks as it is pinned: the two are made together."""
    still_so = select(_Current.id).where(
        _Current.asset_id == GalleryAsset.asset_id,
        _Current.kind == FileKind.PREVIEW,
        _Current.variant == "",
        _Current.sha256 == GalleryAsset.pinned_sha256,
    )
    return and_(
        _Thumbnail.asset_id == GalleryAsset.asset_id,
        _Thumbnail.kind == FileKind.THUMBNAIL,
        _Thumbnail.variant == "",
        _Thumbnail.damaged_at.is_(None),
        still_so.exists(),
    )


def _columns(model: Any, name: str) -> list[Label[Any]]:
    return [getattr(model, column).label(f"{name}_{column}") for column in StoredPicture.__slots__]


def _file(look: Look, rendition: GalleryRendition, row: Any) -> StoredPicture | None:
    """The file of this rendition that is there. Of a marked gallery it is always one that was made for it."""
    names = ["made"] if look.mark is not None else ["made", rendition.value]
    for name in names:
        if getattr(row, f"{name}_key") is not None:
            return StoredPicture(*(getattr(row, f"{name}_{column}") for column in StoredPicture.__slots__))
    return None
