"""The invariant checker: each rule is broken once, and is the only one that is said to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from kilo_gql import invariants
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.models import Asset, AssetFile, FileKind, Project, Upload, UploadStatus
from kilo_gql.row_rules import Rule
from kilo_gql.storage import Store
from tests.support import pictures
from tests.support.files import put, spoil
from tests.support.galleries import gallery_asset_row, gallery_row
from tests.support.invariants import assert_sound
from tests.support.jobs import Floor
from tests.support.make import Make


@dataclass
class Sound:
    """An installation in which everything is as it must be."""

    db: Database
    store: Store
    floor: Floor
    root: Path
    asset: Asset
    files: dict[FileKind, AssetFile]

    async def run(self, statement: str) -> None:
        async with self.floor.write() as tx:
            await tx.unchecked(text(statement))

    def spoil(self, kind: FileKind, change: bytes | None) -> None:
        spoil(self.root / self.files[kind].key, change)

    def data(self, kind: FileKind) -> bytes:
        return (self.root / self.files[kind].key).read_bytes()


@pytest_asyncio.fixture
async def sound(make: Make, store: Store, floor: Floor, settings: Settings) -> Sound:
    project = await make.project(await make.user())
    asset = await make.asset(project)
    jpeg, webp = pictures.jpeg(), pictures.image(pictures.pixels()).webpsave_buffer(keep="none")
    kinds = {FileKind.ORIGINAL: jpeg, FileKind.PREVIEW: jpeg, FileKind.THUMBNAIL: webp, FileKind.MICRO: webp}
    files = {kind: await put(make, store, asset, kind, data) for kind, data in kinds.items()}
    await floor.drills(project.id)
    return Sound(make.db, store, floor, settings.object_root, asset, files)


async def broken(sound: Sound, *, decode: bool = False, grace: timedelta = timedelta(0)) -> list[tuple[Rule, str]]:
    await sound.run("DELETE FROM outbox")
    found = await invariants.check(sound.db, sound.store, decode=decode, grace=grace)
    return [(one.rule, one.subject) for one in found]


async def test_nothing_is_broken(sound: Sound) -> None:
    await assert_sound(sound.db, sound.store)
    await assert_sound(sound.db, sound.store, decode=False)


Break = Callable[[Sound], Awaitable[tuple[Rule, str]]]


async def lose_original(sound: Sound) -> tuple[Rule, str]:
    await sound.run("DELETE FROM asset_files WHERE kind = 'original'")
    await sound.store.delete([sound.files[FileKind.ORIGINAL].key])
    return Rule.ORIGINAL, str(sound.asset.id)


async def lose_preview(sound: Sound) -> tuple[Rule, str]:
    await sound.run("DELETE FROM asset_files WHERE kind = 'preview'")
    await sound.store.delete([sound.files[FileKind.PREVIEW].key])
    return Rule.READINESS, str(sound.asset.id)


async def lose_object(sound: Sound) -> tuple[Rule, str]:
    sound.spoil(FileKind.MICRO, None)
    return Rule.FILE_OBJECT, sound.files[FileKind.MICRO].key


async def cut_object(sound: Sound) -> tuple[Rule, str]:
    sound.spoil(FileKind.ORIGINAL, sound.data(FileKind.ORIGINAL)[:-1])
    return Rule.FILE_OBJECT, sound.files[FileKind.ORIGINAL].key


async def overwrite_end(sound: Sound) -> tuple[Rule, str]:
    sound.spoil(FileKind.PREVIEW, sound.data(FileKind.PREVIEW)[:-1] + b"?")
    return Rule.RENDITION, sound.files[FileKind.PREVIEW].key


async def overwrite_header(sound: Sound) -> tuple[Rule, str]:
    sound.spoil(FileKind.THUMBNAIL, b"JUNK" + sound.data(FileKind.THUMBNAIL)[4:])
    return Rule.RENDITION, sound.files[FileKind.THUMBNAIL].key


async def leave_object(sound: Sound) -> tuple[Rule, str]:
    await sound.store.put_bytes("a/b/c.jpg", b"x", "image/jpeg")
    return Rule.STRAY_OBJECT, "a/b/c.jpg"


async def silence_job(sound: Sound) -> tuple[Rule, str]:
    await sound.run(
        "UPDATE jobs SET status = 'running', attempts = 1, lease_until = now() - interval '31 s', started_at = now()"
    )
    return Rule.JOB, await _one(sound, "SELECT id::text FROM jobs")


async def half_end_job(sound: Sound) -> tuple[Rule, str]:
    await sound.run("UPDATE jobs SET status = 'done'")
    return Rule.JOB, await _one(sound, "SELECT id::text FROM jobs")


async def forget_asset(sound: Sound) -> tuple[Rule, str]:
    await sound.run("UPDATE assets SET status = 'processing'")
    return Rule.STUCK, str(sound.asset.id)


async def promise_signals(sound: Sound) -> tuple[Rule, str]:
    await sound.run("UPDATE assets SET signals_ready = true")
    return Rule.READINESS, str(sound.asset.id)


async def promise_vector(sound: Sound) -> tuple[Rule, str]:
    await sound.run("UPDATE assets SET embedding_ready = true")
    return Rule.READINESS, str(sound.asset.id)


async def call_burst_moment(sound: Sound) -> tuple[Rule, str]:
    await _cluster(sound, "moment")
    await sound.run("UPDATE cluster_members SET kind = 'burst'")
    return Rule.CLUSTER, str(sound.asset.id)


async def put_burst_elsewhere(sound: Sound) -> tuple[Rule, str]:
    await _cluster(sound, "burst")
    return Rule.CLUSTER, str(sound.asset.id)


async def leave_out_of_moments(sound: Sound) -> tuple[Rule, str]:
    await sound.run(
        "INSERT INTO groupings (project_id, revision, grouped_revision, asset_count, clock_offsets)"
        " SELECT id, 1, 1, 0, '{}' FROM projects"
    )
    return Rule.CLUSTER, str(sound.asset.id)


async def _cluster(sound: Sound, kind: str) -> None:
    """The photo in a cluster of this kind, which lies in none."""
    statement = f"""
        WITH made AS (
            INSERT INTO clusters (id, project_id, kind, sort_at, size, set_evidence, updated_at)
            VALUES (uuidv7(), '{sound.asset.project_id}', '{kind}', now(), 1, '{{}}', now()) RETURNING *
        )
        INSERT INTO cluster_members (project_id, asset_id, kind, cluster_id, place, link_reasons)
        SELECT project_id, '{sound.asset.id}', kind, id, 0, 0 FROM made
        """  # noqa: S608
    await sound.run(statement)


async def lose_pinned_look(sound: Sound) -> tuple[Rule, str]:
    await _gallery(sound, pinned_sha256="0" * 64, changed_at=sound.db.house.clock())
    return Rule.PIN, str(sound.asset.id)


async def keep_look_nobody_shows(sound: Sound) -> tuple[Rule, str]:
    file = await put(
        Make(sound.db), sound.store, sound.asset, FileKind.PREVIEW, pictures.jpeg(), variant="pin-0123456789abcdef"
    )
    return Rule.PIN, file.key


async def overlook_change(sound: Sound) -> tuple[Rule, str]:
    await _gallery(
        sound, pinned_sha256=sound.files[FileKind.PREVIEW].sha256, changed_at=sound.db.house.clock()
    )  # fmt: skip
    return Rule.PIN, str(sound.asset.id)


async def _gallery(sound: Sound, **pin: Any) -> None:
    """The photo in a gallery, pinned like this."""
    async with sound.floor.write() as tx:
        project = await tx.get(Project, sound.asset.project_id)
        gallery = tx.add(gallery_row(project, tx.now))
        await tx.flush()
        tx.add(gallery_asset_row(gallery, sound.asset, 0, **pin))


async def skip_event(sound: Sound) -> tuple[Rule, str]:
    await sound.run(
        """
        INSERT INTO events (project_id, seq, name, ids, changed, created_at)
        SELECT id, seq, 'x', '{}', '{}', now() FROM projects, (VALUES (1), (3)) AS numbered(seq)
        """
    )
    await sound.run("INSERT INTO event_streams (project_id, first_seq, last_seq) SELECT id, 1, 3 FROM projects")
    return Rule.EVENTS, str(sound.asset.project_id)


async def count_what_is_not_there(sound: Sound) -> tuple[Rule, str]:
    await _upload(sound, UploadStatus.RECEIVING, 5, 5)
    return Rule.UPLOAD, await _one(sound, "SELECT id::text FROM uploads")


async def count_wrongly(sound: Sound) -> tuple[Rule, str]:
    await _upload(sound, UploadStatus.RECEIVING, 0, 5)
    return Rule.UPLOAD, await _one(sound, "SELECT id::text FROM uploads")


async def lose_stored(sound: Sound) -> tuple[Rule, str]:
    await _upload(sound, UploadStatus.STORED, 9, 9)
    return Rule.UPLOAD, await _one(sound, "SELECT id::text FROM uploads")


async def abandon_bytes(sound: Sound) -> tuple[Rule, str]:
    (sound.root / "incoming").mkdir(exist_ok=True)
    name = "0190f5c0-0000-7000-8000-000000000000.1"
    (sound.root / "incoming" / name).write_bytes(b"12345")
    [left] = [one async for one in sound.store.leftovers()]
    return Rule.LEFTOVER, left.name


async def _upload(sound: Sound, status: UploadStatus, received: int, counted: int) -> None:
    now = sound.db.house.clock()
    async with sound.floor.write() as tx:
        tx.add(
            Upload(
                project_id=sound.asset.project_id, asset_id=sound.asset.id, user_id=sound.asset.added_by, status=status,
                filename="x", byte_size=9, key="a/b/c.jpg", received=received, parts=[{"size": counted}],
                expires_at=now + timedelta(days=1), updated_at=now,
            )
        )  # fmt: skip


async def _one(sound: Sound, statement: str) -> str:
    async with sound.floor.write() as tx:
        return str((await tx.unchecked(text(statement))).scalar_one())


BREAKS: tuple[Break, ...] = (
    lose_original, lose_preview, lose_object, cut_object, overwrite_end, overwrite_header, leave_object, silence_job,
    lose_pinned_look, keep_look_nobody_shows, overlook_change,
    promise_signals, promise_vector, call_burst_moment, put_burst_elsewhere, leave_out_of_moments,
    half_end_job, forget_asset, skip_event, count_what_is_not_there, count_wrongly, lose_stored, abandon_bytes,
)  # fmt: skip


@pytest.mark.parametrize("break_", BREAKS, ids=lambda break_: break_.__name__)
async def test_what_is_broken_is_found(sound: Sound, break_: Break) -> None:
    said = await break_(sound)
    assert await broken(sound) == [said]


async def test_young_things_may_wait_for_their_row(sound: Sound) -> None:
    await leave_object(sound)
    await abandon_bytes(sound)
    assert await broken(sound, grace=timedelta(minutes=1)) == []


async def test_late_events_are_noticed(sound: Sound) -> None:
    assert await invariants.check(sound.db, sound.store, grace=timedelta(0)) == []
    await sound.run("UPDATE outbox SET created_at = now() - interval '6 s'")
    found = await invariants.check(sound.db, sound.store, grace=timedelta(0))
    assert {one.rule for one in found} == {Rule.OUTBOX}


async def test_only_decoding_finds_a_flipped_bit(sound: Sound) -> None:
    data = bytearray(sound.data(FileKind.ORIGINAL))
    data[len(data) // 2] ^= 1
    sound.spoil(FileKind.ORIGINAL, bytes(data))
    assert await broken(sound) == []
    assert await broken(sound, decode=True) == [(Rule.FILE_OBJECT, sound.files[FileKind.ORIGINAL].key)]


async def test_damage_that_is_known_is_no_violation(sound: Sound) -> None:
    sound.spoil(FileKind.ORIGINAL, None)
    await sound.run("UPDATE asset_files SET damaged_at = now() WHERE kind = 'original'")
    assert await broken(sound, decode=True) == []
