"""Renditions that are made when somebody asks: the full-size picture, regions of it, and developed RAW files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, delete, select

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_pins, measuring
from kilo_gql.domain.ingest import StoredFile
from kilo_gql.domain.joining import RAW_FORMATS, SIDECAR
from kilo_gql.domain.media import media_url
from kilo_gql.errors import BadRequest, Conflict, not_found
from kilo_gql.events import Change, EventName
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Job, Priority
from kilo_gql.operations import operation

#: Regions are asked for on this grid, and their size in these steps of pixels, so that caches hit.
GRID: Final = 64
PX_STEP: Final = 256
PX_MAX: Final = 8_192
PX_DEFAULT: Final = 2_048
#: How long a region is kept.
CROP_KEPT: Final = timedelta(days=1)
#: Files that one statement and one job take away at most.
BATCH: Final = 500

#: What ``render_asset`` makes. Everything else is made once, when a photo comes in.
MADE_ON_DEMAND: Final = (FileKind.FULL, FileKind.CROP)
#: In the arguments of a job beside the kinds: develop the RAW file, and show that from now on.
DEVELOP: Final = "develop"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the upright picture, in fractions of its width and height, at most ``px`` pixels along its long edge.

    The region asked for is widened to the grid of 1/64, and ``px`` rounded up to a multiple of 256.
    """

    x: float
    y: float
    width: float
    height: float
    px: int = PX_DEFAULT

    def variant(self) -> str:
        """The region on the grid, in words of ``<left>-<top>-<width>-<height>-<px>``. Raises BadRequest."""
        values = (self.x, self.y, self.width, self.height)
        inside = all(math.isfinite(value) and 0 <= value <= 1 for value in values)
        if not inside or not self.width or not self.height or self.x >= 1 or self.y >= 1:
            raise BadRequest("A region lies within 0 to 1 and is not empty.", details={"field": "region"})
        if not 1 <= self.px <= PX_MAX:
            raise BadRequest(f"px is 1 to {PX_MAX:,}.", details={"field": "px", "min": 1, "max": PX_MAX})
        left, top = math.floor(self.x * GRID), math.floor(self.y * GRID)
        right = min(GRID, math.ceil((self.x + self.width) * GRID))
        bottom = min(GRID, math.ceil((self.y + self.height) * GRID))
        return f"{left}-{top}-{right - left}-{bottom - top}-{math.ceil(self.px / PX_STEP) * PX_STEP}"


def region_of(variant: str) -> Region:
    """The region that a variant stands for."""
    left, top, width, height, px = map(int, variant.split("-"))
    return Region(left / GRID, top / GRID, width / GRID, height / GRID, px)


@stored
@dataclass(frozen=True, slots=True)
class Rendering:
    """A rendition that is there (``sha256`` of it and its stable ``media_url``), or the job that makes it."""

    asset_id: UUID
    project_id: UUID
    kind: FileKind
    sha256: str | None
    media_url: str | None
    job_id: UUID | None


@operation(Perm.ASSET_READ, write=True)
async def render_asset(
    tx: Tx, asset_id: UUID, kind: FileKind = FileKind.FULL, region: Region | None = None, within: UUID | None = None
) -> Rendering:
    """Make the full-size picture of a photo, or a region of it, unless it is there already.

    ``within`` a project, where the asker may look into no other. Raises Conflict ``asset_not_ready``, or BadRequest
    ``not_a_picture`` for a sidecar.
    """
    if kind not in MADE_ON_DEMAND or (region is not None) != (kind is FileKind.CROP):
        raise BadRequest("Ask for `full`, or for `crop` with a region.", details={"field": "kind"})
    variant = region.variant() if region is not None else ""
    asset = await _photo(tx, asset_id, within)
    sha256 = await tx.scalar(_made(asset_id, kind, variant))
    if sha256 is not None:
        url = media_url(tx.house.base_url, asset_id, kind, sha256)
        return Rendering(asset_id, asset.project_id, kind, sha256, url, None)
    job_id = await _enqueue(tx, asset, kind.value, variant)
    return Rendering(asset_id, asset.project_id, kind, None, None, job_id)


@operation(Perm.ASSET_UPDATE, write=True)
async def develop_asset(tx: Tx, asset_id: UUID) -> Job:
    """Develop a RAW file in full; the result replaces what the camera embedded as preview.

    Raises BadRequest ``not_raw`` for a photo that is none.
    """
    asset = await _photo(tx, asset_id, None)
    if asset.format not in RAW_FORMATS:
        raise BadRequest("Only RAW files are developed.", code="not_raw", details={"format": asset.format})
    return await tx.get(Job, await _enqueue(tx, asset, DEVELOP, ""))


def _made(asset_id: UUID, kind: FileKind, variant: str) -> Select[str | None]:
    """The SHA-256 of a rendition, if it was made."""
    return select(AssetFile.sha256).where(
        AssetFile.asset_id == asset_id,
        AssetFile.kind == kind,
        AssetFile.variant == variant,
        AssetFile.damaged_at.is_(None),
    )


async def _photo(tx: Tx, asset_id: UUID, within: UUID | None) -> Asset:
    asset = await tx.get(Asset, asset_id)
    if within not in (None, asset.project_id):
        raise not_found("asset")
    if asset.status is not AssetStatus.READY or asset.trashed_at is not None:
        raise Conflict(
            "This photo is not ready to be shown.",
            code="asset_not_ready",
            details={"status": asset.status.value, "trashed": asset.trashed_at is not None},
            remediation=["Wait until it is processed, retry it, or restore it from the trash."],
        )
    if asset.format == SIDECAR:
        raise BadRequest("A sidecar is no picture.", code="not_a_picture")
    return asset


async def _enqueue(tx: Tx, asset: Asset, make: str, variant: str) -> UUID:
    render = NewJob(
        JobType.ASSET_RENDER,
        {"make": make, "variant": variant},
        asset.project_id,
        asset.id,
        priority=Priority.INTERACTIVE,
        once=f"render:{asset.id}:{make}:{variant}",
    )
    (job_id,) = await jobs.enqueue(tx, render)
    return job_id


# --- for the render job: system functions --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Negative:
    """The original that a rendition is made from. ``made``: somebody else was faster, and this is its SHA-256."""

    asset_id: UUID
    project_id: UUID
    key: str
    filename: str
    made: str | None


async def find_negative(tx: Tx, asset_id: UUID, make: str, variant: str) -> Negative | None:
    """What the render job works on; None if the photo is gone, or not to be shown any more."""
    original = select(Asset.project_id, AssetFile.key, Asset.filename).join(AssetFile, AssetFile.asset_id == Asset.id)
    found = await tx.rows(
        original.where(
            Asset.id == asset_id,
            Asset.status == AssetStatus.READY,
            AssetFile.kind == FileKind.ORIGINAL,
            AssetFile.damaged_at.is_(None),
        )
    )
    if not found:
        return None
    made = None if make == DEVELOP else await tx.scalar(_made(asset_id, FileKind(make), variant))
    return Negative(asset_id, **found[0]._mapping, made=made)


async def finish_render(tx: Tx, negative: Negative, variant: str, files: Sequence[StoredFile]) -> None:
    """Write the rows of what was made. What was there under the same name gives way to it, and its bytes go."""
    still_there = await tx.session.get(Asset, negative.asset_id, with_for_update=True)
    if still_there is None:
        await discard(tx, [file.key for file in files], negative.project_id)
        return
    await gallery_pins.keep(tx, negative.asset_id)
    replaced = await tx.scalars(
        delete(AssetFile)  # type: ignore[arg-type]
        .where(
            AssetFile.asset_id == negative.asset_id,
            AssetFile.kind.in_([file.kind for file in files]),
            AssetFile.variant == variant,
        )
        .returning(AssetFile.key)
    )
    await discard(tx, replaced, negative.project_id)
    await tx.insert(AssetFile, [_row(tx, negative, variant, file) for file in files])
    if any(file.kind is FileKind.PREVIEW for file in files):
        await measuring.forget(tx, negative.project_id, negative.asset_id)
        await gallery_pins.note_looks(tx, negative.project_id, [negative.asset_id])
    changed = {"files": [file.kind.value for file in files]}
    tx.emit(Change(EventName.ASSET_UPDATED, negative.project_id, (negative.asset_id,), changed))


async def sweep_crops(tx: Tx) -> int:
    """Take away a batch of regions that are a day old; returns how many. Their bytes follow."""
    old = select(AssetFile.id).where(AssetFile.kind == FileKind.CROP, AssetFile.created_at < tx.now - CROP_KEPT)
    keys = await tx.scalars(
        delete(AssetFile).where(AssetFile.id.in_(old.limit(BATCH))).returning(AssetFile.key)  # type: ignore[arg-type]
    )
    await discard(tx, keys, None)
    return len(keys)


async def discard(tx: Tx, keys: Sequence[str], project_id: UUID | None) -> None:
    """Have objects deleted that no row refers to any more."""
    if keys:
        await jobs.enqueue(tx, NewJob(JobType.ASSET_PURGE, {"keys": list(keys)}, project_id))


def _row(tx: Tx, negative: Negative, variant: str, file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "project_id": negative.project_id,
        "asset_id": negative.asset_id,
        "kind": file.kind,
        "variant": variant,
        "key": file.key,
        "content_type": file.content_type,
        "byte_size": file.byte_size,
        "sha256": file.sha256,
        "width_px": file.width_px,
        "height_px": file.height_px,
        "created_at": tx.now,
    }
