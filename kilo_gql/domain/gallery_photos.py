"""The photos of a gallery: put them in, take them out, and say in which order they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, cast, column, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_pins, gallery_proposals
from kilo_gql.domain.gallery_changes import answer, changed
from kilo_gql.domain.gallery_choice import Choice, photos_of, room_for
from kilo_gql.domain.gallery_rows import GalleryPhoto, GalleryRow, photos
from kilo_gql.domain.renders import discard
from kilo_gql.errors import NotFound, not_found
from kilo_gql.models import Asset, Gallery, GalleryAsset, GalleryFile, GallerySection
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice


class GalleryOrder(StrEnum):
    """What a gallery can be put in order by; photos that compare equal come by their ids."""

    CAPTURED_AT = "captured_at"
    NAME = "name"


_ORDERS: Final[dict[GalleryOrder, Any]] = {
    GalleryOrder.CAPTURED_AT: Asset.sort_at,
    GalleryOrder.NAME: Asset.name_key,
}


@dataclass(frozen=True, slots=True)
class AddedPhotos:
    """What is put into a gallery, and under which section (None: under none)."""

    choice: Choice
    section_id: UUID | None = None


@operation(Perm.GALLERY_READ)
async def list_gallery_assets(tx: Tx, gallery_id: UUID, slice_: Slice) -> Page[GalleryPhoto]:
    """A gallery's photos in its order, those in the trash included; each with its approved and its present look."""
    await tx.get(Gallery, gallery_id)
    return await photos(tx, gallery_id, slice_, changed=False)


@operation(Perm.GALLERY_MANAGE, write=True)
async def add_gallery_assets(tx: Tx, gallery_id: UUID, added: AddedPhotos) -> GalleryRow:
    """Put photos at the end of a gallery, each pinned to its present look. What is in it already stays as it is.

    Raises NotFound ``asset_not_found``, Conflict ``gallery_full``, or BadRequest ``no_photos``.
    """
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    if added.section_id is not None:
        await the_section(tx, gallery, added.section_id)
    chosen = await photos_of(tx, gallery.project_id, added.choice)
    if count := await append(tx, gallery, chosen, added.section_id):
        await changed(tx, gallery, {"assetsAdded": count}, pictures=True)
    return await answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def remove_gallery_assets(tx: Tx, gallery_id: UUID, asset_ids: list[UUID]) -> GalleryRow:
    """Take photos out of a gallery; ids that are not in it are passed over. What guests said about them is kept.

    Their addresses in the gallery are dead at once. A photo that comes back finds its favourites and comments again.
    """
    room_for(len(asset_ids))
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    await gallery_pins.hold(tx, asset_ids)
    gone = await tx.scalars(
        delete(GalleryAsset)  # type: ignore[arg-type]
        .where(GalleryAsset.gallery_id == gallery_id, GalleryAsset.asset_id.in_(asset_ids))
        .returning(GalleryAsset.asset_id)
    )
    if gone:
        await _forget(tx, gallery, gone)
        await changed(tx, gallery, {"assetsRemoved": len(gone)})
    return await answer(tx, gallery)


async def _forget(tx: Tx, gallery: Gallery, gone: Sequence[UUID]) -> None:
    """The files that were made of photos for this gallery, and looks that were kept for it alone, are not needed."""
    files = delete(GalleryFile).where(GalleryFile.gallery_id == gallery.id, GalleryFile.asset_id.in_(gone))
    await discard(tx, await tx.scalars(files.returning(GalleryFile.key)), gallery.project_id)  # type: ignore[arg-type]
    await gallery_pins.release(tx, gallery.project_id, gone)
    await gallery_proposals.note(tx, gallery, gone)
    if gallery.cover_asset_id in gone:
        gallery.cover_asset_id = None


@operation(Perm.GALLERY_MANAGE, write=True)
async def arrange_gallery(tx: Tx, gallery_id: UUID, asset_ids: list[UUID]) -> GalleryRow:
    """Put a gallery's photos in this order; those that are not named follow, in the order they had.

    Raises NotFound ``asset_not_found`` for one that is not in the gallery.
    """
    room_for(len(asset_ids))
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    present = await tx.scalars(_in_order(gallery_id))
    first = list(dict.fromkeys(asset_ids))
    all_there(first, present)
    named = set(first)
    await _reorder(tx, gallery, present, [*first, *(id_ for id_ in present if id_ not in named)])
    return await answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def sort_gallery(tx: Tx, gallery_id: UUID, by: GalleryOrder, descending: bool = False) -> GalleryRow:
    """Put a gallery's photos in order by time of capture or by file name. What is added later comes at the end."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    present = await tx.scalars(_in_order(gallery_id))
    key = _ORDERS[by]
    sorted_ = select(GalleryAsset.asset_id).join(Asset, Asset.id == GalleryAsset.asset_id)
    sorted_ = sorted_.where(GalleryAsset.gallery_id == gallery_id)
    order = (key.desc(), Asset.id.desc()) if descending else (key, Asset.id)
    await _reorder(tx, gallery, present, await tx.scalars(sorted_.order_by(*order)))
    return await answer(tx, gallery)


# --- for other operations on galleries -------------------------------------------------------------------------------


async def append(tx: Tx, gallery: Gallery, asset_ids: Sequence[UUID], section_id: UUID | None = None) -> int:
    """Put photos that are held at the end of a locked gallery; returns how many were not in it. Raises Conflict."""
    present = set(await tx.scalars(select(GalleryAsset.asset_id).where(GalleryAsset.gallery_id == gallery.id)))
    new = [id_ for id_ in asset_ids if id_ not in present]
    room_for(len(present) + len(new))
    last = await tx.scalar(select(func.max(GalleryAsset.position)).where(GalleryAsset.gallery_id == gallery.id))
    looks = await gallery_pins.present_looks(tx, new)
    await tx.insert(
        GalleryAsset,
        [
            {
                "project_id": gallery.project_id,
                "gallery_id": gallery.id,
                "asset_id": id_,
                "section_id": section_id,
                "position": position,
                "pinned_sha256": looks.get(id_),
                "pinned_at": tx.now,
                "added_at": tx.now,
            }
            for position, id_ in enumerate(new, start=0 if last is None else last + 1)
        ],
    )
    return len(new)


async def cover_of(tx: Tx, gallery: Gallery, asset_id: UUID | None) -> UUID | None:
    """The cover, if it is a photo of the gallery. Raises NotFound ``asset_not_found``."""
    if asset_id is not None:
        there = GalleryAsset.gallery_id == gallery.id, GalleryAsset.asset_id == asset_id
        all_there([asset_id], await tx.scalars(select(GalleryAsset.asset_id).where(*there)))
    return asset_id


async def the_section(tx: Tx, gallery: Gallery, section_id: UUID) -> GallerySection:
    """A section of the gallery. Raises NotFound."""
    named = select(GallerySection).where(GallerySection.id == section_id, GallerySection.gallery_id == gallery.id)
    section: GallerySection | None = await tx.scalar(named)
    if section is None:
        raise not_found("section")
    return section


def all_there(asset_ids: Sequence[UUID], present: Sequence[UUID]) -> None:
    """Are these photos in the gallery? Raises NotFound ``asset_not_found``."""
    if missing := [str(id_) for id_ in asset_ids if id_ not in set(present)]:
        raise NotFound(
            "This photo is not in the gallery.",
            code="asset_not_found",
            details={"assetIds": missing[:20]},
            remediation=["Add it to the gallery first."],
        )


def _in_order(gallery_id: UUID) -> Any:
    in_gallery = select(GalleryAsset.asset_id).where(GalleryAsset.gallery_id == gallery_id)
    return in_gallery.order_by(GalleryAsset.position, GalleryAsset.asset_id)


async def _reorder(tx: Tx, gallery: Gallery, present: Sequence[UUID], wanted: Sequence[UUID]) -> None:
    """Number the photos anew, in one statement, if that changes anything."""
    if list(present) == list(wanted):
        return
    ids = cast(bindparam("wanted", list(wanted), type_=ARRAY(Uuid())), ARRAY(Uuid()))
    places = func.unnest(ids).table_valued(column("id", Uuid()), with_ordinality="place", name="places")
    place = places.render_derived()
    await tx.session.execute(
        update(GalleryAsset)
        .where(GalleryAsset.gallery_id == gallery.id, GalleryAsset.asset_id == place.c.id)
        .values(position=cast(place.c.place - 1, Integer))
        .execution_options(synchronize_session=False)
    )
    await changed(tx, gallery, {"arranged": True})
