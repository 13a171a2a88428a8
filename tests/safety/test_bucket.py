"""Keeping what is there when it is in a bucket: the same checks, and a backup that goes back into a folder."""

from __future__ import annotations

from pathlib import Path

from kilo_gql import assembly, backup, verify
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain.keeping import Damage
from kilo_gql.models import FileKind
from kilo_gql.storage import open_store
from tests.support.files import JPEG, put
from tests.support.invariants import assert_sound
from tests.support.make import Make
from tests.support.postgres import new_database
from tests.support.s3 import s3_endpoint, s3_settings

__all__ = ["s3_endpoint", "s3_settings"]


async def test_a_bucket_is_kept_as_a_folder_is(
    make: Make, db: Database, database_url: str, s3_settings: Settings, postgres: str, tmp_path: Path
) -> None:
    store = await assembly.open_store(s3_settings, db)
    try:
        project = await make.project(await make.user())
        originals = []
        for number in range(3):
            asset = await make.asset(project)
            originals.append(await put(make, store, asset, FileKind.ORIGINAL, JPEG + number.to_bytes(1)))
            for kind in (FileKind.PREVIEW, FileKind.THUMBNAIL, FileKind.MICRO):
                await put(make, store, asset, kind)
        await assert_sound(db, store, decode=False)
        made = await backup.backup(database_url, store, tmp_path / "backup")
        assert (len(made.objects), made.missing) == (12, [])
        changed, gone, whole = originals
        await store.delete([changed.key, gone.key])
        await store.put_bytes(changed.key, bytes(changed.byte_size), "image/jpeg")
        report = await verify.verify(db, store)
        assert {one.file.id: one.damage for one in report.damaged} == {
            changed.id: Damage.CONTENT,
            gone.id: Damage.MISSING,
        }
        assert (report.files, whole.damaged_at) == (3, None)
    finally:
        await store.aclose()
    folder = await open_store(Settings(home=tmp_path / "there"), create=True)
    (tmp_path / "scratch").mkdir()
    async with new_database(postgres) as url:
        done = await backup.restore(url, folder, tmp_path / "backup", tmp_path / "scratch")
    assert (done.objects, done.damaged) == (12, [])
    assert b"".join([piece async for piece in folder.stream(gone.key)]) == JPEG + b"\x01"
