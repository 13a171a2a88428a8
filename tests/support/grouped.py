"""Projects whose photos are measured already, and the job that groups them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import clustering
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import (
    Asset,
    AssetFile,
    AssetSignals,
    Cluster,
    ClusterKind,
    ClusterMember,
    CullAction,
    CullKind,
    CullState,
    FileKind,
    Grouping,
    Job,
    JobStatus,
    Priority,
    Project,
    Queue,
)
from kilo_gql.models.base import uuid7
from ml.descriptors import DESCRIPTORS_VERSION
from ml.grouping.shots import Drive, Floats, Shots
from ml.signals import SIGNALS_VERSION
from tasks.runner import Runner
from tests.support.jobs import Floor
from tests.support.make import asset_row


@dataclass(frozen=True)
class Snap:
    """A photo as ingest would have left it. ``name``: unique in its shoot, and what it is called here."""

    name: str
    packed: bytes | None
    #: A map of sharpness, square.
    sharpness: bytes = bytes(1)
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


def snaps(shots: Shots, packed: Sequence[bytes], tiles: Floats | None = None) -> list[Snap]:
    """Photos with what grouping is to know of each. ``tiles`` (n, 64): energy of detail, in any unit."""
    energy = np.ones((len(shots), 1)) if tiles is None else tiles / tiles.max()
    sharpness = np.sqrt(energy) * 255
    return [_snap(shots, row, packed[row], np.rint(one).astype(np.uint8)) for row, one in enumerate(sharpness)]


def _snap(shots: Shots, row: int, packed: bytes, sharpness: NDArray[np.uint8]) -> Snap:
    number = int(shots.counter[row])
    name = f"IMG_{number:04}.JPG" if number >= 0 else f"copy of {row}.jpg"
    columns: dict[str, Any] = {
        "exposure_bias_ev": shots.exposure_bias[row],
        "exposure_time_s": shots.exposure_time_s[row],
        "aperture": shots.aperture[row],
        "iso": shots.iso[row],
        "focal_length_mm": shots.focal_length[row],
    }
    known: dict[str, Any] = {key: float(value) for key, value in columns.items() if not math.isnan(value)}
    if "iso" in known:
        known["iso"] = int(known["iso"])
    if not math.isnan(shots.time_s[row]):
        at = datetime.fromtimestamp(float(shots.time_s[row]), UTC)
        known |= {"captured_at": at, "sub_seconds": f"{at.microsecond:06}" if shots.has_subsec[row] else None}
    if shots.camera[row] >= 0:
        body = int(shots.camera[row])
        known |= {"camera_make": "Canon", "camera_model": "Canon EOS R5", "camera_serial": f"0123{body:04}"}
    if shots.drive[row] >= 0:
        known["drive_mode"] = Drive(int(shots.drive[row])).name.lower()
    return Snap(name, packed, sharpness.tobytes(), known)


class Darkroom:
    """Puts photos into projects and groups them, as a worker would."""

    def __init__(self, db: Database, runner: Runner) -> None:
        self.db, self.runner, self.floor = db, runner, Floor(db)

    async def put(self, project: Project, photos: Iterable[Snap]) -> dict[str, UUID]:
        """Have these come in, in this order; the id of each by its name."""
        now, ids = self.db.house.clock(), dict[str, UUID]()
        assets, files, signals = list[Any](), list[Any](), list[Any]()
        for snap in photos:
            row = asset_row(project, snap.name, now, signals_ready=snap.packed is not None, **snap.columns)
            ids[snap.name] = row.id
            assets.append({c.key: getattr(row, c.key) for c in Asset.__table__.c if c.key in row.__dict__})
            files.append(_file(row, snap, now))
            if snap.packed is not None:
                signals.append(signals_row(row, snap.packed, now, snap.sharpness))
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            for model, rows in ((Asset, assets), (AssetFile, files), (AssetSignals, signals)):
                for _, alike in groupby(sorted(rows, key=_keys), key=_keys):
                    await tx.insert(model, alike)
            await tx.session.commit()
        return ids

    async def decide(self, project: Project, decision: dict[str, Any], **columns: Any) -> UUID:
        """Have the project's owner decide this about its clusters; the id of the step."""
        step = {
            "id": uuid7(), "project_id": project.id, "user_id": project.owner_user_id, "at": self.db.house.clock(),
            "kind": CullKind.SPLIT, "state": CullState.DONE, "title": "Split", "asset_ids": [], "asset_count": 0,
            "cluster_ids": [], "before": {}, "after": {}, "decision": decision, **columns,
        }  # fmt: skip
        async with self.floor.write() as tx:
            await tx.insert(CullAction, [step])
            await clustering.decided(tx, project.id)
        return step["id"]  # type: ignore[no-any-return]

    async def change(self, statement: Any, project_id: UUID | None = None) -> None:
        """Change rows, and say that something was decided about this project."""
        async with self.floor.write() as tx:
            await tx.session.execute(statement)
            if project_id is not None:
                await clustering.decided(tx, project_id)

    async def group(self, project_id: UUID) -> Job:
        """Run the job that groups a project, and nothing that follows it; the job as it ended."""
        first = NewJob(JobType.PROJECT_CLUSTER, {}, project_id, priority=Priority.INTERACTIVE)
        [job_id] = await self.floor.enqueue(first)
        assert await self.runner.run_next(Queue.CPU)
        found: list[Job] = await self._rows(select(Job).where(Job.id == job_id))
        [job] = found
        assert job.status is JobStatus.DONE, (job.error_code, job.error)
        return job

    async def partition(self, project_id: UUID, kind: ClusterKind = ClusterKind.MOMENT) -> dict[UUID, list[UUID]]:
        """The photos of each cluster of a kind, in their places."""
        statement = select(ClusterMember).where(ClusterMember.project_id == project_id, ClusterMember.kind == kind)
        found: dict[UUID, list[UUID]] = {}
        for member in await self._rows(statement.order_by(ClusterMember.cluster_id, ClusterMember.place)):
            found.setdefault(member.cluster_id, []).append(member.asset_id)
        return found

    async def clusters(self, project_id: UUID) -> list[Cluster]:
        return await self._rows(select(Cluster).where(Cluster.project_id == project_id).order_by(Cluster.id))

    async def members(self, project_id: UUID) -> list[ClusterMember]:
        return await self._rows(select(ClusterMember).where(ClusterMember.project_id == project_id))

    async def grouping(self, project_id: UUID) -> Grouping:
        [found] = await self._rows(select(Grouping).where(Grouping.project_id == project_id))
        return found  # type: ignore[no-any-return]

    async def _rows(self, statement: Any) -> list[Any]:
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return list(await tx.scalars(statement))


def _keys(row: dict[str, Any]) -> list[str]:
    return sorted(row)


def _file(asset: Asset, snap: Snap, now: datetime) -> dict[str, Any]:
    return {
        "id": uuid7(), "project_id": asset.project_id, "asset_id": asset.id, "kind": FileKind.ORIGINAL, "variant": "",
        "key": f"{asset.project_id}/{asset.id}/original", "content_type": "image/jpeg", "byte_size": 1000,
        "sha256": snap.sha256, "created_at": now,
    }  # fmt: skip


def signals_row(asset: Asset, packed: bytes, now: datetime, sharpness: bytes = bytes(1)) -> dict[str, Any]:
    side = math.isqrt(len(sharpness))
    return {
        "project_id": asset.project_id, "asset_id": asset.id, "signals_version": SIGNALS_VERSION,
        "descriptors_version": DESCRIPTORS_VERSION, "signals": {}, "tile_rows": side, "tile_columns": side,
        "tiles": sharpness + bytes(2 * side * side), "descriptors": packed, "faces": None, "face_models": None,
        "measured_at": now,
    }  # fmt: skip
