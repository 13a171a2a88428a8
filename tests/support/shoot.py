"""Puts files where finished uploads put them, and ingests them as a worker would."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import PurePath
from typing import Any, Self
from uuid import UUID

from sqlalchemy import func, select, update

from kilo_gql import jobs
from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Job, JobStatus, Queue, Rating, Upload, UploadStatus
from kilo_gql.models.base import uuid7
from kilo_gql.storage import Store, open_store
from tasks import registry
from tasks.child import Children
from tasks.kit import Workshop
from tasks.runner import Runner
from tests.conftest import SilentBells


class Shoot:
    """A project's incoming files. ``async with``: it holds a store, a child and a runner."""

    def __init__(self, db: Database, settings: Settings, project_id: UUID, owner: UserActor) -> None:
        self.db, self.settings, self.project_id, self.owner = db, settings, project_id, owner
        self.stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.store: Store = await open_store(self.settings, create=True)
        self.stack.push_async_callback(self.store.aclose)
        children = await self.stack.enter_async_context(Children(1))
        workshop = Workshop(self.settings, self.db, SilentBells(), children, self.store)
        self.runner = Runner(workshop, registry.handlers())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    async def upload(self, filename: str, data: bytes, **columns: Any) -> UUID:
        """A finalized upload, whose ingest job waits; the asset's id. ``columns`` are of the upload."""
        asset_id, upload_id, now = uuid7(), uuid7(), self.db.house.clock()
        name = PurePath(filename)
        key = f"{self.project_id}/{asset_id}/{upload_id}{name.suffix.lower()}"
        await self.store.put_bytes(key, data, "application/octet-stream")
        asset = Asset(
            id=asset_id, project_id=self.project_id, status=AssetStatus.PROCESSING, filename=filename,
            stem=filename.lower().split(".", 1)[0], format="xmp" if name.suffix.lower() == ".xmp" else None,
            added_by=self.owner.user_id, ingested_at=now, updated_at=now, created_at=now,
        )  # fmt: skip
        upload = Upload(
            id=upload_id, project_id=self.project_id, asset_id=asset_id, user_id=self.owner.user_id,
            status=UploadStatus.FINALIZED, filename=filename, byte_size=len(data), key=key, received=len(data),
            expires_at=now, updated_at=now, created_at=now, **columns,
        )  # fmt: skip
        file = AssetFile(
            id=upload_id, project_id=self.project_id, asset_id=asset_id, kind=FileKind.ORIGINAL, key=key,
            content_type="application/octet-stream", byte_size=len(data), created_at=now,
        )  # fmt: skip
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            for row in (asset, upload, file):
                tx.add(row)
                await tx.flush()
            arguments = {"upload_id": str(upload_id)}
            await jobs.enqueue(tx, NewJob(JobType.ASSET_INGEST, arguments, self.project_id, asset_id))
            await tx.session.commit()
        return asset_id

    async def again(self, asset_id: UUID) -> None:
        """Let an asset be as it was before its ingest job ended, and the job wait again."""
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            upload_id = await tx.scalar(select(Upload.id).where(Upload.asset_id == asset_id))
            await tx.session.execute(update(Asset).where(Asset.id == asset_id).values(status=AssetStatus.PROCESSING))
            arguments = {"upload_id": str(upload_id)}
            await jobs.enqueue(tx, NewJob(JobType.ASSET_INGEST, arguments, self.project_id, asset_id))
            await tx.session.commit()

    async def lose(self, asset_id: UUID, times: int) -> None:
        """Let the job about an asset have been claimed, and its worker have fallen silent, so many times and again."""
        silent = {"status": JobStatus.RUNNING, "lost": times, "lease_until": func.now() - timedelta(seconds=1)}
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            await tx.session.execute(update(Job).where(Job.asset_id == asset_id).values(**silent))
            await tx.session.commit()

    async def work(self) -> int:
        """Do all jobs that wait; how many attempts that took."""
        count = 0
        for queue in (Queue.CPU, Queue.IO):
            while await self.runner.run_next(queue):
                count += 1
        return count

    async def asset(self, asset_id: UUID) -> Asset | None:
        found = await self._rows(select(Asset).where(Asset.id == asset_id))
        return found[0] if found else None

    async def ready(self, asset_id: UUID) -> Asset:
        asset = await self.asset(asset_id)
        assert asset is not None
        assert asset.status is AssetStatus.READY, (asset.filename, asset.quarantine_code, asset.quarantine_reason)
        return asset

    async def files(self, asset_id: UUID) -> dict[str, AssetFile]:
        rows = await self._rows(select(AssetFile).where(AssetFile.asset_id == asset_id).order_by(AssetFile.id))
        return {row.kind.value: row for row in rows}

    async def rating(self, asset_id: UUID) -> Rating | None:
        found = await self._rows(select(Rating).where(Rating.asset_id == asset_id))
        return found[0] if found else None

    async def jobs(self) -> list[Job]:
        return await self._rows(select(Job).where(Job.project_id == self.project_id).order_by(Job.id))

    async def keys(self) -> list[str]:
        return [found.key async for found in self.store.list(f"{self.project_id}/")]

    async def _rows(self, statement: Any) -> list[Any]:
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return list(await tx.scalars(statement))
