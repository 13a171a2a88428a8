"""The commands themselves, as processes: what they print, and what they exit with."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.models import FileKind
from kilo_gql.row_rules import Rule
from kilo_gql.storage import Store
from tests.support import pictures
from tests.support.files import put, spoil
from tests.support.make import Make
from tests.support.postgres import new_database


async def kilo(home: Path, url: str, *words: str) -> tuple[int, str]:
    """Run a command on an installation; its exit code and all it says."""
    environment = {**os.environ, "KILO_HOME": str(home), "KILO_DATABASE_URL": url, "COLUMNS": "200", "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from kilo_gql.cli import main; main()", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_the_commands(
    make: Make, db: Database, store: Store, settings: Settings, database_url: str, postgres: str, tmp_path: Path
) -> None:
    project = await make.project(await make.user())
    asset = await make.asset(project, "IMG_7.JPG")
    original = await put(make, store, asset, FileKind.ORIGINAL, pictures.jpeg())
    for kind in (FileKind.PREVIEW, FileKind.THUMBNAIL, FileKind.MICRO):
        await put(make, store, asset, kind)
    folder, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    sound, said = await kilo(settings.home, database_url, "doctor", "--deep")
    assert (sound, f"0 violations of {len(Rule)} rules" in said) == (0, True), said
    code, said = await kilo(settings.home, database_url, "backup", str(folder))
    assert (code, "the database and 4 objects" in said) == (0, True), said
    spoil(settings.object_root / original.key, None)
    (settings.object_root / original.key).write_bytes(b"x" * original.byte_size)
    code, said = await kilo(settings.home, database_url, "verify")
    assert (code, "IMG_7.JPG" in said, "1 originals" in said, "1 damaged" in said) == (1, True, True, True), said
    async with new_database(postgres) as url:
        code, said = await kilo(elsewhere, url, "restore", str(folder))
        assert (code, "4 objects" in said, "begins epoch 2" in said) == (0, True, True), said
        code, said = await kilo(elsewhere, url, "verify", "--project", str(project.id))
        assert (code, "1 originals" in said, "0 damaged" in said) == (0, True, True), said
