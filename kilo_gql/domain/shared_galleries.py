"""A gallery as it opens before a guest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import selections, shared_photos, sharing
from kilo_gql.domain.guest_rows import shown_assets
from kilo_gql.domain.guests import pass_for
from kilo_gql.domain.selections import SharedList
from kilo_gql.domain.shared_photos import SharedPhoto
from kilo_gql.domain.sharing import Entered
from kilo_gql.models import DownloadPolicy, GalleryAsset, GalleryGuest, GallerySection
from kilo_gql.operations import operation

#: Sections that a gallery has at most.
SECTIONS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class SharedSection:
    """A heading, and how many photos stand under it."""

    id: UUID
    title: str
    photo_count: int


@dataclass(frozen=True, slots=True)
class SharedGuest:
    """Who is looking, as they said."""

    id: UUID
    name: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class SharedGallery:
    """A gallery. Before the password, ``title`` and ``requires_auth`` are all that is told.

    ``token``: a fresh session for whoever was let in (None for members, who look at a ``preview``). ``assets``: all
    photos, where they were asked for.
    """

    title: str
    requires_auth: bool
    token: str | None = None
    gallery_id: UUID | None = None
    message: str | None = None
    cover_asset_id: UUID | None = None
    expires_at: datetime | None = None
    photo_count: int | None = None
    sections: Sequence[SharedSection] = ()
    downloads: DownloadPolicy = DownloadPolicy.NONE
    favorites_allowed: bool = False
    comments_allowed: bool = False
    guest: SharedGuest | None = None
    preview: bool = False
    lists: Sequence[SharedList] = ()
    assets: Sequence[SharedPhoto] = ()


@operation(Perm.PUBLIC)
async def open_gallery(tx: Tx, slug: str, photos: bool = False, signed: bool = False) -> SharedGallery:
    """A gallery by its address; before its password, nothing but the title.

    ``photos``: with all of them; ``signed``: at whole addresses that need no cookie.
    """
    gallery, member = await sharing.find(tx, slug)
    if gallery.password_hash is not None and not sharing.let_in(gallery, tx.actor) and not member:
        return SharedGallery(gallery.title, requires_auth=True)
    entered = sharing.step_in(tx, gallery, member)
    guest, session = pass_for(tx, gallery)
    return SharedGallery(
        title=gallery.title,
        requires_auth=False,
        token=None if entered.preview else session.token,
        gallery_id=gallery.id,
        message=gallery.message,
        cover_asset_id=await _cover(tx, entered),
        expires_at=gallery.expires_at,
        photo_count=await shared_photos.count_photos(tx, entered),
        sections=await _sections(tx, entered),
        downloads=gallery.downloads,
        favorites_allowed=gallery.favorites_allowed,
        comments_allowed=gallery.comments_allowed,
        guest=None if entered.preview else await _guest(tx, entered, guest.guest_id),
        preview=entered.preview,
        lists=await selections.lists_for(tx, entered),
        assets=await shared_photos.all_photos(tx, entered, signed=signed) if photos else (),
    )


async def _cover(tx: Tx, entered: Entered) -> UUID | None:
    """The chosen cover, while guests see it."""
    cover = shown_assets(GalleryAsset.asset_id).where(
        GalleryAsset.gallery_id == entered.gallery.id, GalleryAsset.asset_id == entered.gallery.cover_asset_id
    )
    found: UUID | None = await tx.scalar(cover)
    return found


async def _sections(tx: Tx, entered: Entered) -> list[SharedSection]:
    """The sections under which there is something, in their order."""
    there = (
        shown_assets(GallerySection.id, GallerySection.title, func.count())
        .join(GallerySection, GallerySection.id == GalleryAsset.section_id)
        .where(GalleryAsset.gallery_id == entered.gallery.id)
        .group_by(GallerySection.id)
        .order_by(GallerySection.position, GallerySection.id)
        .limit(SECTIONS_MAX)
    )
    return [SharedSection(*row) for row in await tx.rows(there)]


async def _guest(tx: Tx, entered: Entered, guest_id: UUID) -> SharedGuest:
    """Who has a session and did nothing yet has no row either."""
    if not entered.known:
        return SharedGuest(guest_id, None, None)
    found = await tx.rows(select(GalleryGuest.name, GalleryGuest.email).where(GalleryGuest.id == guest_id))
    return SharedGuest(guest_id, *found[0]) if found else SharedGuest(guest_id, None, None)
