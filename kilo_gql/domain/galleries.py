"""Client galleries: make one, set it, open it and close it, end it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_pins, gallery_rows
from kilo_gql.domain.gallery_changes import answer, changed
from kilo_gql.domain.gallery_choice import Choice, photos_of
from kilo_gql.domain.gallery_photos import append, cover_of
from kilo_gql.domain.gallery_rows import GalleryRow
from kilo_gql.domain.gallery_settings import DRAWN, GalleryChange, check_together, columns_of, mark_version, told
from kilo_gql.domain.renders import discard
from kilo_gql.domain.watermarks import Watermark, as_settings
from kilo_gql.events import Change, EventName
from kilo_gql.models import DownloadPolicy, Gallery, GalleryAsset, GalleryFile
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of
from kilo_gql.patch import given

#: Random bytes in an address: nobody guesses 144 bits.
SLUG_BYTES: Final = 18


@dataclass(frozen=True, slots=True)
class NewGallery:
    """What a gallery starts with: its photos, its settings (a title among them), and whether guests get in at once."""

    choice: Choice
    settings: GalleryChange
    published: bool = True


@operation(Perm.GALLERY_MANAGE, write=True)
async def create_gallery(tx: Tx, project_id: UUID, new: NewGallery) -> GalleryRow:
    """Make a client gallery of chosen photos, each pinned to its present look; guests get in unless told otherwise.

    Raises as ``photos_of`` and ``update_gallery`` do.
    """
    await tx.enter(project_id)
    gallery = Gallery(
        id=uuid7(),
        project_id=project_id,
        created_by=tx.user_id,
        share_slug=secrets.token_urlsafe(SLUG_BYTES),
        published_at=tx.now if new.published else None,
        version=1,
        watermark=False,
        watermark_settings=as_settings(Watermark()),
        downloads=DownloadPolicy.NONE,
        created_at=tx.now,
        updated_at=tx.now,
    )
    wanted = given(new.settings)
    cover = wanted.pop("cover_asset_id", None)
    await _set(gallery, wanted)
    tx.add(gallery)
    await tx.flush()
    await append(tx, gallery, await photos_of(tx, project_id, new.choice))
    if cover is not None:
        gallery.cover_asset_id = await cover_of(tx, gallery, cover)
    await changed(tx, gallery, {"title": gallery.title, "published": new.published}, pictures=True)
    return await answer(tx, gallery)


@operation(Perm.GALLERY_READ)
async def get_gallery(tx: Tx, gallery_id: UUID) -> GalleryRow:
    """One gallery, as the members of its project see it."""
    return await gallery_rows.the(tx, gallery_id)


@operation(Perm.GALLERY_READ)
async def list_galleries(tx: Tx, project_id: UUID, slice_: Slice) -> Page[GalleryRow]:
    """A project's galleries, newest first."""
    after = slice_.after(UUID)
    found = await gallery_rows.newest(tx, project_id, after[0] if after else None, slice_.limit + 1)
    if not found:
        await tx.enter(project_id)  # a row would have told that the project is there and may be read
    return page_of(found, slice_, by_id)


@operation(Perm.GALLERY_MANAGE, write=True)
async def update_gallery(tx: Tx, gallery_id: UUID, change: GalleryChange) -> GalleryRow:
    """Change a gallery's title, message, password, end, mark, cover, or what guests may do.

    Another password, or none, ends the sessions of its guests. Raises BadRequest ``bad_watermark`` or
    ``watermark_forbids_original``, or NotFound ``asset_not_found`` for a cover that is not in the gallery.
    """
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    wanted = given(change)
    if "cover_asset_id" in wanted:
        wanted["cover_asset_id"] = await cover_of(tx, gallery, wanted["cover_asset_id"])
    if columns := await _set(gallery, wanted):
        await changed(tx, gallery, told(columns), pictures=not DRAWN.isdisjoint(columns))
    return await answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def publish_gallery(tx: Tx, gallery_id: UUID) -> GalleryRow:
    """Let guests in. Publishing a published gallery changes nothing."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    if gallery.published_at is None:
        gallery.published_at = tx.now
        await changed(tx, gallery, {"published": True}, pictures=True)
    return await answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def unpublish_gallery(tx: Tx, gallery_id: UUID) -> GalleryRow:
    """Close a gallery: its address and all addresses of its pictures are dead at once. What guests chose stays."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    if gallery.published_at is not None:
        gallery.published_at = None
        gallery.version += 1
        await changed(tx, gallery, {"published": False})
    return await answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def end_gallery_sessions(tx: Tx, gallery_id: UUID) -> GalleryRow:
    """Send every guest out: whoever comes back enters the password again, and is who they were."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    gallery.version += 1
    await changed(tx, gallery, {"sessionsEnded": True})
    return await answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def delete_gallery(tx: Tx, gallery_id: UUID) -> None:
    """Delete a gallery for good, with all its guests said and chose in it. The photos stay in the project."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    named = select(GalleryAsset.asset_id).where(GalleryAsset.gallery_id == gallery_id)
    asset_ids = await gallery_pins.hold(tx, await tx.scalars(named))
    files = delete(GalleryFile).where(GalleryFile.gallery_id == gallery_id).returning(GalleryFile.key)
    keys = [*(await tx.scalars(files)), *filter(None, [gallery.watermark_key])]  # type: ignore[arg-type]
    await tx.delete(gallery)
    await tx.flush()
    await gallery_pins.release(tx, gallery.project_id, asset_ids)
    await discard(tx, keys, gallery.project_id)
    tx.emit(Change(EventName.GALLERY_UPDATED, gallery.project_id, (gallery_id,), {"deleted": True}))


async def _set(gallery: Gallery, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Set the columns for what is wanted; returns those that changed."""
    values = await columns_of(gallery, wanted)
    columns = {name: value for name, value in values.items() if getattr(gallery, name) != value}
    for name, value in columns.items():
        setattr(gallery, name, value)
    if "password_hash" in columns:
        gallery.version += 1
    check_together(gallery)
    gallery.watermark_version = mark_version(gallery)
    return columns
