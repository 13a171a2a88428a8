"""``kilo backup`` and ``kilo restore``: what was there comes back, whole, into another place and another epoch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import delete, select, text, update

from kilo_gql import assembly, backup
from kilo_gql.access import Perm, System
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import renders
from kilo_gql.errors import BadRequest, Conflict
from kilo_gql.models import (
    Asset,
    AssetFile,
    AssetStatus,
    FileKind,
    Installation,
    JobStatus,
    OutboxEvent,
    Project,
    Queue,
    Upload,
    UploadStatus,
    User,
)
from kilo_gql.storage import Store
from tasks import registry
from tasks.child import Children
from tasks.kit import Workshop
from tasks.runner import Runner
from tests.conftest import SilentBells
from tests.support.files import put, spoil, unreadable
from tests.support.invariants import assert_sound
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.postgres import new_database
from tests.support.sending import change


@dataclass
class Place:
    """An installation: a database and a store."""

    url: str
    db: Database
    store: Store
    settings: Settings


@asynccontextmanager
async def installation(url: str, home: Path) -> AsyncIterator[Place]:
    settings = Settings(
        home=home, database_url=SecretStr(url), secret_key=SecretStr("a test secret of 32 characters!!")
    )
    db = assembly.open_database(settings)
    store = await assembly.open_store(settings, db)
    try:
        yield Place(url, db, store, settings)
    finally:
        await store.aclose()
        await db.close()


@pytest_asyncio.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with installation(database_url, tmp_path / "here") as place:
        yield place


@pytest_asyncio.fixture
async def there(postgres: str, tmp_path: Path) -> AsyncIterator[Place]:
    """A new, empty installation that is not running."""
    async with new_database(postgres) as url, installation(url, tmp_path / "there") as place:
        await place.db.engine.dispose()
        yield place


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    made = tmp_path / "there" / "scratch"
    made.mkdir(parents=True)
    return made


async def shoot(place: Place, photos: int = 5) -> Project:
    """A project whose photos have all their files."""
    make = Make(place.db)
    project = await make.project(await make.user())
    for number in range(photos):
        asset = await make.asset(project)
        await put(make, place.store, asset, FileKind.ORIGINAL, b"\xff\xd8\xff" + number.to_bytes(2) + b"\xff\xd9")
        for kind in (FileKind.PREVIEW, FileKind.THUMBNAIL, FileKind.MICRO):
            await put(make, place.store, asset, kind)
    return project


async def dumped(place: Place) -> dict[str, Any]:
    """Every row of everything that belongs to people, and the installation's epoch."""
    tables = ("users", "projects", "members", "assets", "asset_files", "events", "event_streams", "jobs")
    async with place.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        rows = {}
        for table in tables:
            found = await tx.unchecked(text(f"SELECT t::text FROM {table} t ORDER BY 1"))  # noqa: S608
            rows[table] = list(found.scalars())
        rows["epoch"] = [await tx.scalar(select(Installation.epoch))]
        return rows


async def contents(place: Place) -> dict[str, bytes]:
    return {
        found.key: b"".join([piece async for piece in place.store.stream(found.key)])
        async for found in place.store.list("")
    }


async def test_everything_comes_back(here: Place, there: Place, tmp_path: Path, scratch: Path) -> None:
    await shoot(here)
    before, objects = await dumped(here), await contents(here)
    heard: list[tuple[int, int]] = []
    made = await backup.backup(here.url, here.store, tmp_path / "backup", lambda *told: heard.append(told))
    assert (len(made.objects), made.missing, heard) == (20, [], [(n, 20) for n in range(1, 21)])
    assert backup.read_manifest(tmp_path / "backup") == made
    done = await backup.restore(there.url, there.store, tmp_path / "backup", scratch)
    assert (done.objects, done.bytes, done.damaged) == (20, made.bytes, [])
    after = await dumped(there)
    assert after.pop("epoch") == [before["epoch"][0] + 1] == [done.epoch]
    assert after == {name: rows for name, rows in before.items() if name != "epoch"}
    assert await contents(there) == objects
    await assert_sound(there.db, there.store, decode=False)
    again = await assembly.open_store(there.settings, there.db)  # the database knows this store as its own
    await again.check()


async def test_a_backup_during_changes_has_no_dangling_row(
    here: Place, there: Place, tmp_path: Path, scratch: Path
) -> None:
    project = await shoot(here, 10)
    make, floor, stop = Make(here.db), Floor(here.db), asyncio.Event()
    purging = Runner(Workshop(here.settings, here.db, SilentBells(), Children(1), here.store), registry.handlers())

    async def change() -> int:
        rounds = 0
        while not stop.is_set():
            asset = await make.asset(project, status=AssetStatus.UPLOADING)
            await put(make, here.store, asset, FileKind.ORIGINAL, asset.id.bytes)
            for kind in (FileKind.PREVIEW, FileKind.THUMBNAIL, FileKind.MICRO):
                await put(make, here.store, asset, kind)
            async with floor.write() as tx:
                ready = update(Asset).where(Asset.id == asset.id).values(status=AssetStatus.READY)
                await tx.session.execute(ready)
                oldest = select(Asset.id).order_by(Asset.id).limit(1)
                asset_id = await tx.scalar(oldest)
                keys = await tx.scalars(select(AssetFile.key).where(AssetFile.asset_id == asset_id))
                await tx.session.execute(delete(Asset).where(Asset.id == asset_id))
                await renders.discard(tx, keys, project.id)
            await purging.run_next(Queue.IO)
            rounds += 1
        return rounds

    changing = asyncio.create_task(change())
    try:
        await asyncio.sleep(0.1)
        made = await backup.backup(here.url, here.store, tmp_path / "backup")
    finally:
        stop.set()
        rounds = await changing
    assert (made.missing, rounds > 0) == ([], True)
    await backup.restore(there.url, there.store, tmp_path / "backup", scratch)
    await assert_sound(there.db, there.store, decode=False)


async def test_what_rotted_in_the_backup_is_marked(here: Place, there: Place, tmp_path: Path, scratch: Path) -> None:
    await shoot(here)
    made = await backup.backup(here.url, here.store, tmp_path / "backup")
    rotten, gone = made.objects[3], made.objects[7]
    path = tmp_path / "backup" / "objects" / rotten.key
    data = path.read_bytes()
    spoil(path, data[:-1] + b"?")
    spoil(tmp_path / "backup" / "objects" / gone.key, None)
    done = await backup.restore(there.url, there.store, tmp_path / "backup", scratch)
    assert (done.objects, done.damaged) == (18, [rotten.key, gone.key])
    async with there.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        marked = await tx.scalars(select(AssetFile.key).where(AssetFile.damaged_at.is_not(None)))
    assert set(marked) == {rotten.key, gone.key}


async def test_what_is_missing_is_named(here: Place, tmp_path: Path) -> None:
    await shoot(here, 2)
    [key, *_] = [found.key async for found in here.store.list("")]
    await here.store.delete([key])
    made = await backup.backup(here.url, here.store, tmp_path / "backup")
    assert (made.missing, len(made.objects)) == ([key], 7)


async def test_what_the_disk_cannot_read_is_named_and_the_rest_is_kept(here: Place, tmp_path: Path) -> None:
    await shoot(here, 2)
    [key, *_] = [found.key async for found in here.store.list("")]
    await change(here.db, "UPDATE asset_files SET byte_size = 0 WHERE key = :key", key=key)
    async with here.store.local_path(key) as path:
        with unreadable(path):
            made = await backup.backup(here.url, here.store, tmp_path / "backup")
    assert (made.missing, len(made.objects)) == ([key], 7)
    assert not (tmp_path / "backup" / "objects" / key).exists()


async def test_unfinished_things_begin_again(here: Place, there: Place, tmp_path: Path, scratch: Path) -> None:
    project = await shoot(here, 1)
    make = Make(here.db)
    asset, now = await make.asset(project), here.db.house.clock()
    await make.rows(
        Upload(
            project_id=project.id, asset_id=asset.id, user_id=project.owner_user_id, status=UploadStatus.RECEIVING,
            filename="a.jpg", byte_size=100, key="a/b/c.jpg", received=10, next_part=7,
            parts=[{"number": 1, "size": 10, "etag": ""}],
            token="t", fence=3, released=False, expires_at=now + timedelta(days=1), updated_at=now,
        ),
        OutboxEvent(project_id=project.id, name="asset.updated", ids=[asset.id], changed={}),
        await make.job(project.id, JobStatus.QUEUED),
    )  # fmt: skip
    await backup.backup(here.url, here.store, tmp_path / "backup")
    await backup.restore(there.url, there.store, tmp_path / "backup", scratch)
    async with there.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        [upload] = await tx.scalars(select(Upload))
        numbered = "SELECT count(*) FROM outbox WHERE xid < pg_snapshot_xmin(pg_current_snapshot())"
        assert await tx.scalar(text(numbered)) == 1  # the relay can number it
    assert (upload.received, upload.parts, upload.next_part, upload.released, upload.fence) == (0, [], 1, True, 3)


async def test_a_folder_with_something_in_it(here: Place, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "notes.txt").write_text("mine")
    with pytest.raises(Conflict) as refused:
        await backup.backup(here.url, here.store, tmp_path / "backup")
    assert refused.value.code == "backup_exists"
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["notes.txt"]


async def test_refusals_change_nothing(here: Place, there: Place, tmp_path: Path, scratch: Path) -> None:
    await shoot(here, 1)
    folder = tmp_path / "backup"
    made = await backup.backup(here.url, here.store, folder)

    async def code(**options: Any) -> str:
        before, objects = await dumped(there), await contents(there)
        await there.db.engine.dispose()
        with pytest.raises((BadRequest, Conflict)) as refused:
            await backup.restore(there.url, there.store, folder, scratch, **options)
        assert (await dumped(there), await contents(there)) == (before, objects)
        await there.db.engine.dispose()
        return refused.value.code

    manifest = (folder / "manifest.json").read_bytes()
    for text_ in (None, b"{}", manifest[:-5], manifest.replace(b'"format": 1', b'"format": 9')):
        (folder / "manifest.json").unlink(missing_ok=True)
        if text_ is not None:
            (folder / "manifest.json").write_bytes(text_)
        assert await code() == "not_a_backup"
    (folder / "manifest.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(made, dump_sha256="0" * 64)))
    assert await code() == "backup_damaged"
    (folder / "manifest.json").write_bytes(manifest)
    await there.store.put_bytes("a/b/c.jpg", b"x", "image/jpeg")
    assert await code() == "restore_target_not_empty"
    await there.store.delete(["a/b/c.jpg"])
    await Make(there.db).user()
    assert await code() == "restore_target_not_empty"
    async with there.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        await tx.scalar(select(User.id))
        with pytest.raises(Conflict) as refused:
            await backup.restore(there.url, there.store, folder, scratch, replace=True)
    assert refused.value.code == "installation_running"
    await there.db.engine.dispose()
    done = await backup.restore(there.url, there.store, folder, scratch, replace=True)
    assert (done.objects, (await dumped(there))["users"]) == (4, (await dumped(here))["users"])


async def test_what_was_restored_can_be_backed_up(here: Place, there: Place, tmp_path: Path, scratch: Path) -> None:
    await shoot(here, 1)
    await backup.backup(here.url, here.store, tmp_path / "first")
    await backup.restore(there.url, there.store, tmp_path / "first", scratch)
    await backup.backup(there.url, there.store, tmp_path / "second")
    await there.db.engine.dispose()
    done = await backup.restore(there.url, there.store, tmp_path / "second", scratch, replace=True)
    assert (done.epoch, done.objects) == (3, 4)
