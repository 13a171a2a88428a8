"""Gives a worker process photos to ingest, as finished uploads leave them, and takes the time until they are ready."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final
from uuid import UUID

import asyncpg
import psutil

from bench.seeds import seed
from kilo_gql import assembly, jobs
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Upload, UploadStatus
from kilo_gql.models.base import uuid7
from tasks.broker import HouseBells
from tasks.child import Children
from tasks.kit import Workshop
from tests.support.make import Make
from tests.support.processes import Workers, environment
from tests.support.wait import until_seen

_TYPE: Final = "application/octet-stream"
_OPEN: Final = """
SELECT EXISTS (SELECT FROM jobs WHERE project_id = $1 AND type = 'asset.ingest' AND status IN ('queued', 'running'))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one photo: seconds that passed, and seconds of CPU of the worker's processes and of the database's."""

    wall: float
    cpu: float
    database: float


@dataclass(frozen=True, slots=True)
class File:
    """A file to ingest."""

    filename: str
    data: bytes


class Stage:
    """One worker process with one slot, on a database and an object store of its own."""

    def __init__(self, workshop: Workshop, workers: Workers, database: asyncpg.Connection, postmaster: int) -> None:
        self.workshop, self.workers = workshop, workers
        self._database = database
        self._postmaster = psutil.Process(postmaster)
        self._make = Make(workshop.db)

    async def project(self, photos: int = 0) -> UUID:
        """A project that holds so many photos already."""
        owner = await self._make.user()
        project = await self._make.project(owner)
        if photos:
            await seed(self._database, self._make, project, owner, photos)
        return project.id

    async def ingest(self, project: UUID, files: Sequence[File]) -> Cost:
        """The cost of each of these files, from the moment their jobs are committed to the moment all are ready."""
        owner: UUID = await self._database.fetchval("SELECT owner_user_id FROM projects WHERE id = $1", project)
        work = [await self._arrived(project, owner, file) for file in files]
        begun, cpu, database = time.perf_counter(), self.worker_cpu(), await self._database_cpu()
        async with self.workshop.write() as tx:
            await jobs.enqueue(tx, *work)
        await until_seen(lambda: self._all_done(project), 600)
        wall = time.perf_counter() - begun
        spent = self.worker_cpu() - cpu, await self._database_cpu() - database
        ready = await self._database.fetchval(
            "SELECT count(*) FROM assets WHERE status = 'ready' AND preview_ready AND metadata_ready AND id = ANY($1)",
            [new.asset_id for new in work],
        )
        assert ready == len(files), f"{ready} of {len(files)} are ready"
        return Cost(wall / len(files), spent[0] / len(files), spent[1] / len(files))

    async def _arrived(self, project: UUID, owner: UUID, file: File) -> NewJob:
        """The bytes are stored, and the rows are as finalizeUpload leaves them; its job is not queued yet."""
        asset_id, upload_id, now = uuid7(), uuid7(), self.workshop.db.house.clock()
        name = PurePath(file.filename)
        key = f"{project}/{asset_id}/{upload_id}{name.suffix.lower()}"
        await self.workshop.store.put_bytes(key, file.data, _TYPE)
        own = {"project_id": project, "created_at": now}
        await self._make.rows(
            Asset(
                id=asset_id, status=AssetStatus.PROCESSING, filename=file.filename, stem=name.stem.lower(),
                added_by=owner, ingested_at=now, updated_at=now, **own,
            ),
            Upload(
                id=upload_id, asset_id=asset_id, user_id=owner, status=UploadStatus.FINALIZED, filename=file.filename,
                byte_size=len(file.data), key=key, received=len(file.data), expires_at=now, updated_at=now, **own,
            ),
            AssetFile(
                id=upload_id, asset_id=asset_id, kind=FileKind.ORIGINAL, key=key, content_type=_TYPE,
                byte_size=len(file.data), **own,
            ),
        )  # fmt: skip
        return NewJob(JobType.ASSET_INGEST, {"upload_id": str(upload_id)}, project, asset_id=asset_id)

    async def _all_done(self, project: UUID) -> bool:
        return not await self._database.fetchval(_OPEN, project)

    def worker_cpu(self) -> float:
        """Seconds that the worker and its children, the ended ones too, have used so far."""
        return sum(_used(psutil.Process(pid)) for pid in [*self.workers.workers(), *self.workers.decoders()])

    async def _database_cpu(self) -> float:
        """Of all backends but the one that asks."""
        own = self._database.get_server_pid()
        backends = [process for process in self._postmaster.children() if process.pid != own]
        return _used(self._postmaster) + sum(_used(process) for process in backends)

    def resident(self) -> tuple[float, float]:
        """Megabytes in memory: of the worker process, and of its isolated child."""
        worker, child = self.workers.workers(), self.workers.decoders()
        return _resident(worker), _resident(child)


def used(process: psutil.Process) -> float:
    """CPU seconds of a process and all that it has started, ended or not."""
    return _used(process) + sum(_used(child) for child in process.children(recursive=True))


def _used(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        return sum(process.cpu_times()[:4])  # user and system, its own and of children that ended
    return 0.0


def _resident(pids: Sequence[int]) -> float:
    return sum(float(psutil.Process(pid).memory_info().rss) for pid in pids) / 1e6


@asynccontextmanager
async def stage(url: str, home: Path) -> AsyncIterator[Stage]:
    """A fresh worker in ``home``, that has ingested nothing yet."""
    async with AsyncExitStack() as stack:
        settings = Settings(home=home, database_url=url, secret_key="s" * 32)  # type: ignore[arg-type]
        db = assembly.open_database(settings)
        stack.push_async_callback(db.close)
        store = await assembly.open_store(settings, db)
        stack.push_async_callback(store.aclose)
        bell = await Bell.open(url)
        stack.push_async_callback(bell.close)
        bells = HouseBells(bell, None)
        stack.callback(bells.close)
        connection = await asyncpg.connect(url)
        stack.push_async_callback(connection.close)
        workers = Workers(environment(url, home=home, worker_slots=1), "cpu")
        stack.callback(workers.close)
        postmaster = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        yield Stage(Workshop(settings, db, bells, Children(1), store), workers, connection, postmaster)
