"""RAW and JPEG of one exposure: taking a pair apart, and making one by hand."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import clustering
from kilo_gql.domain.asset_reads import details
from kilo_gql.domain.asset_rows import AssetDetail
from kilo_gql.domain.assets import announce
from kilo_gql.domain.joining import RAW_FORMATS, SIDECAR, join
from kilo_gql.errors import Conflict
from kilo_gql.models import Asset
from kilo_gql.operations import operation


@operation(Perm.ASSET_UPDATE, write=True)
async def unpair_asset(tx: Tx, asset_id: UUID) -> AssetDetail:
    """Take a RAW+JPEG pair apart, by the id of either half; nothing will pair the two again by itself.

    Sidecars stay with the RAW. Raises Conflict ``not_paired``.
    """
    asset = await tx.get(Asset, asset_id, lock=True)
    whole = await tx.get(Asset, asset.parent_id, lock=True) if asset.parent_id is not None else asset
    halves = await tx.scalars(
        select(Asset).where(Asset.parent_id == whole.id, Asset.format != SIDECAR).order_by(Asset.id).with_for_update()
    )
    if not halves or asset.format == SIDECAR:
        raise Conflict("This photo is not one of a pair.", code="not_paired")
    await clustering.decided(tx, asset.project_id)
    for half in (whole, *halves):
        half.unpaired, half.updated_at = True, tx.now
    for half in halves:
        half.parent_id = None
    ids = [half.id for half in halves]
    announce(tx, asset.project_id, ids, {"parentId": None})
    announce(tx, asset.project_id, [whole.id], {"companions": {"removed": [str(id_) for id_ in ids]}})
    await tx.flush()
    return (await details(tx, [asset_id]))[asset_id]


@operation(Perm.ASSET_UPDATE, write=True)
async def pair_assets(tx: Tx, raw_id: UUID, jpeg_id: UUID) -> AssetDetail:
    """Make one photo of a RAW file and the picture that was taken with it; answers with the RAW, which stands for both.

    Ratings of the picture are kept with it, unseen until the pair is undone. Raises Conflict ``not_a_pair``.
    """
    raw = await tx.get(Asset, raw_id, lock=True)
    jpeg = await tx.get(Asset, jpeg_id, lock=True)
    others = select(Asset.id).where(Asset.parent_id.in_((raw_id, jpeg_id)), Asset.format != SIDECAR).limit(1)
    free = raw.parent_id is None and jpeg.parent_id is None and not await tx.scalars(others)
    kinds = raw.format in RAW_FORMATS and jpeg.format not in (None, SIDECAR, *RAW_FORMATS)
    if not (free and kinds and raw.project_id == jpeg.project_id and raw.trashed_at is jpeg.trashed_at is None):
        raise Conflict(
            "A pair is a RAW file and a picture of the same project, neither of them in a pair or in the trash.",
            code="not_a_pair",
            remediation=["Take the pairs apart first that they are in."],
        )
    await clustering.decided(tx, raw.project_id)
    raw.unpaired = jpeg.unpaired = False
    await join(tx, raw, jpeg)
    return (await details(tx, [raw_id]))[raw_id]
