"""``kilo verify``: whatever a disk did to an original is found, and nothing else."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import select

from kilo_gql import verify
from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import keeping
from kilo_gql.domain.keeping import Checked, Damage
from kilo_gql.errors import Unavailable
from kilo_gql.events import EventName
from kilo_gql.models import AssetFile, FileKind, Installation, OutboxEvent, Project
from kilo_gql.storage import Store
from tests.support.clock import Clock
from tests.support.files import put, spoil, unreadable
from tests.support.make import Make
from tests.support.sending import change

SEED = int(os.environ.get("KILO_SEED", random.SystemRandom().randrange(1 << 32)))


@dataclass
class Archive:
    project: Project
    owner: UserActor
    originals: list[AssetFile]
    root: Path

    def path(self, file: AssetFile) -> Path:
        return self.root / file.key


@pytest_asyncio.fixture
async def archive(make: Make, store: Store, settings: Settings) -> Archive:
    """Two dozen photos, each with its original and a thumbnail."""
    owner = await make.user()
    project = await make.project(owner)
    originals = []
    for number in range(24):
        asset = await make.asset(project)
        originals.append(await put(make, store, asset, FileKind.ORIGINAL, (number + 1).to_bytes(2) + bytes(500)))
        await put(make, store, asset, FileKind.THUMBNAIL)
    return Archive(project, owner, originals, settings.object_root)


async def every(db: Database, model: Any) -> list[Any]:
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return list(await tx.scalars(select(model).order_by(model.id)))


async def damaged(db: Database) -> set[UUID]:
    return {file.id for file in await every(db, AssetFile) if file.damaged_at is not None}


async def test_every_damage_is_found_and_nothing_else(db: Database, store: Store, archive: Archive) -> None:
    print(f"KILO_SEED={SEED}")  # noqa: T201 - shown when it fails
    chosen = random.Random(SEED).sample(archive.originals, 12)
    flipped, cut, gone = chosen[:6], chosen[6:9], chosen[9:]
    for file in flipped:
        data = bytearray(archive.path(file).read_bytes())
        data[random.Random(SEED).randrange(len(data))] ^= 1 << random.Random(SEED).randrange(8)
        spoil(archive.path(file), bytes(data))
    for file in cut:
        spoil(archive.path(file), archive.path(file).read_bytes()[:-1])
    for file in gone:
        spoil(archive.path(file), None)
    heard: list[int] = []
    report = await verify.verify(db, store, told=lambda report: heard.append(report.files))
    why = {one.file.id: one.damage for one in report.damaged}
    assert why == (
        {f.id: Damage.CONTENT for f in flipped}
        | {f.id: Damage.SIZE for f in cut}
        | {f.id: Damage.MISSING for f in gone}
    )
    assert (report.files, report.total_files, report.bytes, report.total_bytes) == (24, 24, 24 * 502, 24 * 502)
    assert heard == list(range(1, 25))
    assert await damaged(db) == {file.id for file in chosen}
    told = await every(db, OutboxEvent)
    assert {(event.name, str(event.changed)) for event in told} == {(EventName.ASSET_UPDATED, "{'damaged': True}")}
    assert {id_ for event in told for id_ in event.ids} == {file.asset_id for file in chosen}


async def test_what_is_mended_is_served_again(db: Database, store: Store, archive: Archive, clock: Clock) -> None:
    file = archive.originals[0]
    before = archive.path(file).read_bytes()
    spoil(archive.path(file), before[::-1])
    assert len((await verify.verify(db, store)).damaged) == 1
    clock.advance(1)
    assert len((await verify.verify(db, store)).damaged) == 1  # found again, told once
    clock.advance(1)
    spoil(archive.path(file), before)
    assert ((await verify.verify(db, store)).damaged, await damaged(db)) == ([], set())
    assert [event.changed for event in await every(db, OutboxEvent)] == [{"damaged": True}, {"damaged": False}]


async def test_what_got_other_bytes_while_it_was_read_is_left_alone(
    db: Database, store: Store, archive: Archive
) -> None:
    """As when the same file was sent again and mended it: what was read is not what is there."""
    file = archive.originals[0]
    spoil(archive.path(file), b"")

    async def mend() -> None:
        key = f"{archive.project.id}/{file.asset_id}/mended.jpg"
        await store.put_bytes(key, (1).to_bytes(2) + bytes(500), "image/jpeg")
        await change(db, "UPDATE asset_files SET key = :key WHERE id = :id", key=key, id=file.id)

    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        batch = await keeping.unverified(tx, tx.now, None, None, 1)
        await mend()
        assert await keeping.note_verified(tx, [Checked(batch[0], Damage.SIZE)]) == []
        await tx.session.commit()
    assert await damaged(db) == set()


async def test_a_disk_that_cannot_read_a_file_does_not_stop_the_check(
    db: Database, store: Store, archive: Archive
) -> None:
    file = archive.originals[0]
    with unreadable(archive.path(file)):
        report = await verify.verify(db, store)
    assert [(one.file.id, one.damage) for one in report.damaged] == [(file.id, Damage.UNREADABLE)]
    assert (report.files, await damaged(db)) == (24, {file.id})


async def test_one_project(db: Database, store: Store, make: Make, archive: Archive) -> None:
    other = await make.asset(await make.project(archive.owner))
    spoil(archive.path(await put(make, store, other, FileKind.ORIGINAL)), None)
    report = await verify.verify(db, store, project_id=archive.project.id)
    assert (report.files, report.damaged) == (24, [])
    report = await verify.verify(db, store, project_id=other.project_id)
    assert (report.files, len(report.damaged)) == (1, 1)


@pytest.mark.parametrize("marker", ["missing", "foreign"])
async def test_a_store_that_is_away_damages_nothing(
    db: Database, store: Store, archive: Archive, settings: Settings, marker: str
) -> None:
    place = settings.object_root
    place.rename(place.with_name("elsewhere"))
    place.mkdir()
    if marker == "foreign":
        (place / ".kilo-store").write_text("0" * 32)
    with pytest.raises(Unavailable) as refused:
        await verify.verify(db, store)
    assert refused.value.code == f"store_marker_{marker}"
    assert (await damaged(db), [f.verified_at for f in await every(db, AssetFile)]) == (set(), [None] * 48)
    with pytest.raises(Unavailable):
        await store.put_bytes("a/b/c.jpg", b"x", "image/jpeg")
    assert [path.name for path in place.iterdir()] == ([".kilo-store"] if marker == "foreign" else [])


async def test_it_goes_on_where_it_was_killed(
    db: Database, store: Store, archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "BATCH", 8)
    spoil(archive.path(archive.originals[3]), b"")

    class Killed(BaseException):
        pass

    def kill(report: verify.Report) -> None:
        if report.files == 20:
            raise Killed

    with pytest.raises(Killed):
        await verify.verify(db, store, told=kill)
    read = [file for file in await every(db, AssetFile) if file.verified_at is not None]
    assert len(read) == 16  # two whole batches; the third was not believed
    clock.advance(1)
    report = await verify.verify(db, store, resume=True)
    assert (report.files, report.damaged) == (8, [])
    assert await damaged(db) == {archive.originals[3].id}
    [installation] = await every(db, Installation)
    assert installation.verifying_since is None
    clock.advance(1)
    assert (await verify.verify(db, store, resume=True)).files == 24  # it had come to its end: this is a new one
