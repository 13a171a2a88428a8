"""The purge job: bytes without a row go, everything else stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest_asyncio
from sqlalchemy import text

from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain.keeping import COPYING
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import FileKind, Queue, Upload, UploadStatus
from kilo_gql.storage import Store
from tasks import registry
from tasks.child import Children
from tasks.kit import Workshop
from tasks.runner import Runner
from tests.conftest import SilentBells
from tests.support.files import put
from tests.support.jobs import Floor
from tests.support.make import Make


@pytest_asyncio.fixture
async def runner(settings: Settings, db: Database, bells: SilentBells, store: Store) -> AsyncIterator[Runner]:
    async with Children(1) as children:
        yield Runner(Workshop(settings, db, bells, children, store), registry.handlers())


async def keys(store: Store) -> set[str]:
    return {found.key async for found in store.list("")}


async def purge(floor: Floor, runner: Runner, **arguments: Any) -> dict[str, Any]:
    [job_id] = await floor.enqueue(NewJob(JobType.ASSET_PURGE, arguments, None))
    assert await runner.run_next(Queue.IO)
    return await floor.row(job_id)


async def test_only_what_has_no_row_goes(make: Make, store: Store, floor: Floor, runner: Runner) -> None:
    owner = await make.user()
    project = await make.project(owner)
    asset = await make.asset(project)
    kept = await put(make, store, asset, FileKind.ORIGINAL)
    prefix = f"{project.id}/{asset.id}/"
    arriving, gone, elsewhere = f"{prefix}arriving.jpg", f"{prefix}gone.jpg", f"{project.id}/{asset.id}x/other.jpg"
    for key in (arriving, gone, elsewhere):
        await store.put_bytes(key, b"x", "image/jpeg")
    now = make.db.house.clock()
    await make.rows(
        Upload(
            project_id=project.id, asset_id=asset.id, user_id=owner.user_id, status=UploadStatus.STORED, filename="x",
            byte_size=1, key=arriving, received=1, expires_at=now + timedelta(days=1), updated_at=now,
        )
    )  # fmt: skip
    row = await purge(floor, runner, prefixes=[prefix])
    assert (row["status"], row["result"]) == ("done", {"deleted": 1, "kept": 2})
    assert await keys(store) == {kept.key, arriving, elsewhere}
    row = await purge(floor, runner, keys=[gone, kept.key, elsewhere])  # twice is fine
    assert row["result"] == {"deleted": 2, "kept": 1}
    assert await keys(store) == {kept.key, arriving}


async def test_it_waits_for_a_backup(store: Store, floor: Floor, runner: Runner, database_url: str) -> None:
    await store.put_bytes("a/b/c.jpg", b"x", "image/jpeg")
    copying = await asyncpg.connect(database_url)
    await copying.execute("SELECT pg_advisory_lock_shared($1)", COPYING)
    row = await purge(floor, runner, keys=["a/b/c.jpg"])
    assert (row["status"], row["error_code"], await keys(store)) == ("queued", None, {"a/b/c.jpg"})
    await copying.close()
    async with floor.write() as tx:
        await tx.unchecked(text("UPDATE jobs SET not_before = NULL"))
    assert await runner.run_next(Queue.IO)
    assert await keys(store) == set()
