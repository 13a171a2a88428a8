"""The sections of a gallery: headings under which its photos stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.gallery_changes import answer, changed
from kilo_gql.domain.gallery_choice import room_for
from kilo_gql.domain.gallery_photos import all_there, the_section
from kilo_gql.domain.gallery_rows import GalleryRow
from kilo_gql.errors import Conflict, not_found
from kilo_gql.models import Gallery, GalleryAsset, GallerySection
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import one_line

TITLE_MAX: Final = 200
#: Sections a gallery has at most.
SECTIONS_MAX: Final = 100


@operation(Perm.GALLERY_MANAGE, write=True)
async def create_gallery_section(tx: Tx, gallery_id: UUID, title: str) -> GalleryRow:
    """Add a section at the end of a gallery. Raises Conflict ``too_many_sections``."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    present = await _sections(tx, gallery)
    if len(present) >= SECTIONS_MAX:
        raise Conflict(
            f"A gallery has at most {SECTIONS_MAX} sections.",
            code="too_many_sections",
            details={"max": SECTIONS_MAX},
            remediation=["Put several together, or make another gallery."],
        )
    position = max((one.position for one in present), default=-1) + 1
    tx.add(
        GallerySection(
            id=uuid7(), project_id=gallery.project_id, gallery_id=gallery_id, title=_title(title), position=position
        )
    )
    return await _answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def rename_gallery_section(tx: Tx, gallery_id: UUID, section_id: UUID, title: str) -> GalleryRow:
    """Give a section another title."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    (await the_section(tx, gallery, section_id)).title = _title(title)
    return await _answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def delete_gallery_section(tx: Tx, gallery_id: UUID, section_id: UUID) -> GalleryRow:
    """Take a section away; its photos stay in the gallery, under no heading."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    await tx.delete(await the_section(tx, gallery, section_id))
    return await _answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def arrange_gallery_sections(tx: Tx, gallery_id: UUID, section_ids: list[UUID]) -> GalleryRow:
    """Put a gallery's sections in this order; those that are not named follow, in the order they had."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    present = {one.id: one for one in await _sections(tx, gallery)}
    first = dict.fromkeys(section_ids)
    if first.keys() - present.keys():
        raise not_found("section")
    for position, id_ in enumerate([*first, *(id_ for id_ in present if id_ not in first)]):
        present[id_].position = position
    return await _answer(tx, gallery)


@operation(Perm.GALLERY_MANAGE, write=True)
async def place_gallery_assets(
    tx: Tx, gallery_id: UUID, asset_ids: list[UUID], section_id: UUID | None = None
) -> GalleryRow:
    """Put photos of a gallery under a section, or under none; their order stays as it is.

    Raises NotFound ``asset_not_found`` for one that is not in the gallery.
    """
    room_for(len(asset_ids))
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    if section_id is not None:
        await the_section(tx, gallery, section_id)
    named = GalleryAsset.gallery_id == gallery_id, GalleryAsset.asset_id.in_(asset_ids)
    all_there(asset_ids, await tx.scalars(select(GalleryAsset.asset_id).where(*named)))
    await tx.session.execute(
        update(GalleryAsset).where(*named).values(section_id=section_id).execution_options(synchronize_session=False)
    )
    return await _answer(tx, gallery)


async def _sections(tx: Tx, gallery: Gallery) -> Sequence[Any]:
    """The sections of a locked gallery, in their order."""
    its = select(GallerySection).where(GallerySection.gallery_id == gallery.id)
    return await tx.scalars(its.order_by(GallerySection.position, GallerySection.id))


async def _answer(tx: Tx, gallery: Gallery) -> GalleryRow:
    await changed(tx, gallery, {"sections": True})
    return await answer(tx, gallery)


def _title(value: str) -> str:
    return one_line(value, field="title", limit=TITLE_MAX)
