"""Pins: guests see a photo as it was approved for their gallery, whatever becomes of it in the project.

A pin is the SHA-256 of the photo's preview. A preview that gives way to another one while a gallery is pinned to it
stays in the store, under a variant of its own (``pin-`` and 16 digits), until no gallery is. Whoever pins or lets go
holds the photo first (``hold``), and whoever changes its preview locks it: so no look goes while it is being pinned.

Functions for other operations and for jobs; ``gallery_approvals`` has those that people call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, case, delete, exists, func, or_, select, update

from kilo_gql import jobs
from kilo_gql.db import Tx
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetFile, FileKind, GalleryAsset

#: How the variant of a preview begins that is there for its pins alone.
PIN: Final = "pin-"
_DIGITS: Final = 16

#: The preview that a photo has now.
PRESENT: Final = and_(
    AssetFile.asset_id == GalleryAsset.asset_id,
    AssetFile.kind == FileKind.PREVIEW,
    AssetFile.variant == "",
    AssetFile.damaged_at.is_(None),
)
_PINNED: Final = exists().where(
    GalleryAsset.asset_id == AssetFile.asset_id, GalleryAsset.pinned_sha256 == AssetFile.sha256
)


async def hold(tx: Tx, asset_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Keep the previews of these photos from being replaced until the transaction ends. Returns who is there."""
    held = select(Asset.id).where(Asset.id.in_(asset_ids)).order_by(Asset.id)
    return await tx.scalars(held.with_for_update(key_share=True, read=True))


async def present_looks(tx: Tx, asset_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What photos that are held look like now, by asset: the SHA-256 of the preview. Without one, nothing to pin."""
    previews = select(AssetFile.asset_id, AssetFile.sha256).where(
        AssetFile.asset_id.in_(asset_ids),
        AssetFile.kind == FileKind.PREVIEW,
        AssetFile.variant == "",
        AssetFile.damaged_at.is_(None),
    )
    return {row.asset_id: row.sha256 for row in await tx.rows(previews)}


async def keep(tx: Tx, asset_id: UUID) -> None:
    """Before the preview of a locked photo is replaced: if a gallery is pinned to it, it stays, under its own name."""
    name = func.concat(PIN, func.left(AssetFile.sha256, _DIGITS))
    await tx.session.execute(
        update(AssetFile)
        .where(
            AssetFile.asset_id == asset_id,
            AssetFile.kind == FileKind.PREVIEW,
            AssetFile.variant == "",
            _PINNED.correlate(AssetFile),
        )
        .values(variant=name)
        .execution_options(synchronize_session=False)
    )


async def note_looks(tx: Tx, project_id: UUID, asset_ids: Sequence[UUID]) -> None:
    """Compare the pins of photos whose preview was replaced with what they look like now, and tell where that differs.

    A photo that looks as it was approved after all is changed no more. One that had no look when it was put into a
    gallery is pinned to its first.
    """
    same = or_(GalleryAsset.pinned_sha256.is_(None), GalleryAsset.pinned_sha256 == AssetFile.sha256)
    noted = GalleryAsset.changed_at.is_not(None)
    rows = await tx.session.execute(
        update(GalleryAsset)
        .where(PRESENT, GalleryAsset.asset_id.in_(asset_ids), or_(GalleryAsset.pinned_sha256.is_(None), same == noted))
        .values(
            changed_at=case((same, None), else_=tx.now),
            pinned_sha256=func.coalesce(GalleryAsset.pinned_sha256, AssetFile.sha256),
        )
        .returning(GalleryAsset.gallery_id, GalleryAsset.asset_id)
        .execution_options(synchronize_session=False)
    )
    for gallery_id, found in groupby(sorted(rows), key=lambda row: row.gallery_id):
        tell(tx, project_id, gallery_id, "changedAssets", [row.asset_id for row in found])
    await release(tx, project_id, asset_ids)


async def release(tx: Tx, project_id: UUID, asset_ids: Sequence[UUID]) -> None:
    """Let go of the kept previews of photos that are held: those that no gallery is pinned to, or that are back."""
    present = AssetFile.__table__.alias("present").c
    back = exists().where(
        present.asset_id == AssetFile.asset_id,
        present.kind == FileKind.PREVIEW,
        present.variant == "",
        present.sha256 == AssetFile.sha256,
        present.damaged_at.is_(None),
    )
    unneeded = delete(AssetFile).where(
        AssetFile.asset_id.in_(asset_ids),
        AssetFile.kind == FileKind.PREVIEW,
        AssetFile.variant.startswith(PIN),
        or_(~_PINNED.correlate(AssetFile), back.correlate(AssetFile)),
    )
    if keys := await tx.scalars(unneeded.returning(AssetFile.key)):  # type: ignore[arg-type]
        await jobs.enqueue(tx, NewJob(JobType.ASSET_PURGE, {"keys": keys}, project_id))


def tell(tx: Tx, project_id: UUID, gallery_id: UUID, what: str, asset_ids: Sequence[UUID]) -> None:
    """Tell what happened to the looks of photos in a gallery."""
    for start in range(0, len(asset_ids), MAX_IDS):
        changed: dict[str, Any] = {what: [str(id_) for id_ in asset_ids[start : start + MAX_IDS]]}
        tx.emit(Change(EventName.GALLERY_UPDATED, project_id, (gallery_id,), changed))
