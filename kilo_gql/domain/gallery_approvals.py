"""What looks different in the project since it was approved for a gallery, and approving it anew."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_pins
from kilo_gql.domain.gallery_changes import answer
from kilo_gql.domain.gallery_choice import room_for
from kilo_gql.domain.gallery_renders import request_renders
from kilo_gql.domain.gallery_rows import GalleryPhoto, GalleryRow, photos
from kilo_gql.models import AssetFile, Gallery, GalleryAsset
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice


@operation(Perm.GALLERY_READ)
async def changed_since_approved(tx: Tx, gallery_id: UUID, slice_: Slice) -> Page[GalleryPhoto]:
    """The photos of a gallery that look different in the project since they were approved for it, in its order."""
    await tx.get(Gallery, gallery_id)
    return await photos(tx, gallery_id, slice_, changed=True)


@operation(Perm.GALLERY_MANAGE, write=True)
async def repin_gallery_assets(tx: Tx, gallery_id: UUID, asset_ids: list[UUID] | None = None) -> GalleryRow:
    """Approve the present look of a gallery's changed photos, or of those named: guests see it from now on.

    Ids that are not in the gallery, or look as they were approved, are passed over.
    """
    room_for(len(asset_ids or ()))
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    changed = select(GalleryAsset.asset_id).where(
        GalleryAsset.gallery_id == gallery_id, GalleryAsset.changed_at.is_not(None)
    )
    if asset_ids is not None:
        changed = changed.where(GalleryAsset.asset_id.in_(asset_ids))
    held = await gallery_pins.hold(tx, await tx.scalars(changed))
    if approved := await _repin(tx, gallery, held):
        await gallery_pins.release(tx, gallery.project_id, approved)
        gallery_pins.tell(tx, gallery.project_id, gallery_id, "approvedAssets", approved)
        gallery.updated_at = tx.now
        if gallery.published_at is not None:
            await request_renders(tx, gallery)
    return await answer(tx, gallery)


async def _repin(tx: Tx, gallery: Gallery, asset_ids: Sequence[UUID]) -> Sequence[UUID]:
    return await tx.scalars(
        update(GalleryAsset)  # type: ignore[arg-type]
        .where(gallery_pins.PRESENT, GalleryAsset.gallery_id == gallery.id, GalleryAsset.asset_id.in_(asset_ids))
        .values(pinned_sha256=AssetFile.sha256, pinned_at=tx.now, changed_at=None)
        .returning(GalleryAsset.asset_id)
        .execution_options(synchronize_session=False)
    )
