"""What grouping knows of a project: its photos, its clusters as they stand, and what people decided. System functions.

They run one after another, not in one snapshot: ``facts`` reads the revision first, and what changes after that is
noticed when the result is written (``kilo_gql.domain.grouping_results``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Double, and_, cast, func, select

from kilo_gql.db import Tx
from kilo_gql.domain.candidates import among
from kilo_gql.domain.clocks import Entry, entries_of
from kilo_gql.domain.cluster_reads import shown
from kilo_gql.models import (
    Asset,
    AssetFile,
    AssetSignals,
    Cluster,
    ClusterMember,
    CullAction,
    CullState,
    FileKind,
    Grouping,
)

#: What a project that was never grouped stands at.
_NEVER: Final = -1

_EPOCH: Final = cast(func.extract("epoch", Asset.captured_at), Double)
#: Of each photo: its columns as grouping compares them.
_PHOTO: Final = (
    Asset.id,
    _EPOCH.label("time_s"),
    Asset.ingested_at,
    Asset.sub_seconds,
    Asset.camera_make,
    Asset.camera_model,
    Asset.camera_serial,
    Asset.drive_mode,
    Asset.exposure_bias_ev,
    Asset.exposure_time_s,
    Asset.aperture,
    Asset.iso,
    Asset.focal_length_mm,
    Asset.flash_fired,
    Asset.stem,
    Asset.format,
    AssetFile.sha256,
    AssetSignals.measured_at,
    AssetSignals.descriptors_version,
)
_MEMBER: Final = (
    ClusterMember.asset_id,
    ClusterMember.kind,
    ClusterMember.cluster_id,
    ClusterMember.place,
    ClusterMember.link_asset_id,
    ClusterMember.link_gap_s,
    ClusterMember.link_look,
    ClusterMember.link_score,
    ClusterMember.link_reasons,
)
_CLUSTER: Final = (
    Cluster.id,
    Cluster.kind,
    Cluster.parent_id,
    Cluster.start_time,
    Cluster.end_time,
    Cluster.sort_at,
    Cluster.size,
    Cluster.kept_set,
    Cluster.set_evidence,
    Cluster.winner_asset_id,
    Cluster.winner_by,
    (Cluster.reviewed_at.is_not(None) | Cluster.locked_at.is_not(None)).label("closed"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """A project as grouping finds it; rows are light tuples with attribute names.

    ``photos``: those that are ready and shown, in the order of their ids. ``clusters`` in the order of theirs, with
    ``closed``: reviewed or locked. ``decisions`` in the order they were made, without those that were undone.
    """

    project_id: UUID
    revision: int
    photos: Sequence[Any]
    members: Sequence[Any]
    clusters: Sequence[Any]
    decisions: Sequence[Mapping[str, Any]]
    clocks: Mapping[str, Entry]


async def facts(tx: Tx, project_id: UUID) -> Facts:
    """All of it but for the descriptors; five statements."""
    standing = await tx.rows(select(Grouping.revision, Grouping.clock_offsets).where(Grouping.project_id == project_id))
    original = and_(AssetFile.asset_id == Asset.id, AssetFile.kind == FileKind.ORIGINAL)
    photos = (
        select(*_PHOTO)
        .outerjoin(AssetFile, original)
        .outerjoin(AssetSignals, AssetSignals.asset_id == Asset.id)
        .where(Asset.project_id == project_id, shown(Asset.__table__))
        .order_by(Asset.id)
    )
    decided = select(CullAction.decision).where(
        CullAction.project_id == project_id, CullAction.state == CullState.DONE, CullAction.decision.is_not(None)
    )
    return Facts(
        project_id,
        standing[0].revision if standing else _NEVER,
        await tx.rows(photos),
        await tx.rows(select(*_MEMBER).where(ClusterMember.project_id == project_id)),
        await tx.rows(select(*_CLUSTER).where(Cluster.project_id == project_id).order_by(Cluster.id)),
        await tx.scalars(decided.order_by(CullAction.seq)),
        entries_of(standing[0].clock_offsets) if standing else {},
    )


async def heads(tx: Tx, asset_ids: Sequence[UUID], size: int) -> Sequence[Any]:
    """The first ``size`` bytes (``head``) of these photos' descriptors, their maps of sharpness (``tile_rows`` times
    ``tile_columns`` bytes), and when they were measured.
    """
    area = AssetSignals.tile_rows * AssetSignals.tile_columns
    columns = (
        AssetSignals.asset_id,
        AssetSignals.measured_at,
        func.substring(AssetSignals.descriptors, 1, size).label("head"),
        AssetSignals.tile_rows,
        AssetSignals.tile_columns,
        func.substring(AssetSignals.tiles, 1, area).label("sharpness"),
    )
    return await tx.rows(select(*columns).where(among(AssetSignals.asset_id, asset_ids)))


async def descriptors(tx: Tx, asset_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """These photos' descriptors, whole."""
    columns = AssetSignals.asset_id, AssetSignals.descriptors
    found = await tx.rows(select(*columns).where(among(AssetSignals.asset_id, asset_ids)))
    return {row.asset_id: row.descriptors for row in found}
