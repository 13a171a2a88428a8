"""``kilo backup`` and ``kilo restore``: a folder with a dump of the database, the objects it refers to, and a manifest.

The database is dumped first and the objects are taken after it: what a row refers to was stored before the row, and
nothing is deleted while a backup runs, so every row of the dump has its object. The manifest is written last: a folder
without one is no backup. Restoring starts a new epoch of the event log, so that every client reads its state anew.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from kilo_gql import __version__, migrate, pg_tools
from kilo_gql.domain.keeping import COPYING
from kilo_gql.errors import BadRequest, Conflict
from kilo_gql.storage import NewObject, Store
from kilo_gql.stored_files import digest

_FORMAT: Final = 1
_MANIFEST, _DUMP, _OBJECTS = "manifest.json", "database.dump", "objects"
#: Objects that are stored at a time when restoring.
_BATCH: Final = 100

Told = Callable[[int, int], None]


class StoredObject(msgspec.Struct, frozen=True):
    """An object of a backup. ``size`` in bytes; ``sha256`` (hexadecimal) of what it must hold."""

    key: str
    size: int
    sha256: str
    content_type: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. ``missing``: keys that rows referred to whose objects were not there, or not whole."""

    format: int
    made_at: datetime
    version: str
    revision: str
    epoch: int
    dump_sha256: str
    objects: list[StoredObject]
    missing: list[str]

    @property
    def bytes(self) -> int:
        return sum(stored.size for stored in self.objects)


class Restored(msgspec.Struct, frozen=True):
    """What came back: ``damaged`` are keys whose bytes were not what the manifest says; their files are marked so."""

    objects: int
    bytes: int
    epoch: int
    damaged: list[str]


_KEYS: Final = """
    SELECT key, byte_size, sha256, content_type FROM asset_files WHERE damaged_at IS NULL
    UNION ALL
    SELECT key, byte_size, NULL, coalesce(content_type, 'application/octet-stream') FROM uploads u
    WHERE status = 'stored' AND NOT EXISTS (SELECT FROM asset_files f WHERE f.key = u.key)
    ORDER BY key
"""

# --- making one ----------------------------------------------------------------------------------------------------


async def backup(url: str, store: Store, folder: Path, told: Told = lambda done, total: None) -> Manifest:
    """Write a backup into an empty folder; ``told`` hears of objects done and all. KILO may go on working meanwhile.

    Raises Conflict ``backup_exists`` if there is something in the folder, or Unavailable if the store is not there.
    """
    await store.check()
    await asyncio.to_thread(_make, folder)
    connection = await asyncpg.connect(url)
    try:
        # of the session: it outlives the snapshot, and ends with this process, however that ends
        await connection.execute("SELECT pg_advisory_lock_shared($1)", COPYING)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            await pg_tools.dump(url, snapshot, folder / _DUMP, connection.get_server_version().major)
            epoch = await connection.fetchval("SELECT epoch FROM installation")
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
            rows = await connection.fetch(_KEYS)
        objects, missing = await _copied(store, rows, folder / _OBJECTS, told)
    finally:
        await connection.close()
    _, dump_sha256 = await asyncio.to_thread(digest, folder / _DUMP)
    made = Manifest(_FORMAT, datetime.now(UTC), __version__, revision, epoch, dump_sha256, objects, missing)
    await asyncio.to_thread(_seal, folder, made)
    return made


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Conflict(
            f"{folder} is not empty.", code="backup_exists", remediation=["Name a new folder for each backup."]
        )


async def _copied(
    store: Store, rows: Sequence[asyncpg.Record], folder: Path, told: Told
) -> tuple[list[StoredObject], list[str]]:
    objects: list[StoredObject] = []
    missing: list[str] = []
    for place, (key, size, sha256, content_type) in enumerate(rows):
        target = folder / key
        found = await store.stat(key)
        if found is None or found.size != size or not await _taken(store, key, target):
            missing.append(key)
        else:
            sha256 = sha256 or (await asyncio.to_thread(digest, target))[1]
            objects.append(StoredObject(key, size, sha256, content_type))
        told(place + 1, len(rows))
    return objects, missing


async def _taken(store: Store, key: str, target: Path) -> bool:
    """False: the disk cannot read this object; the others shall not go without a backup for that."""
    try:
        async with store.local_path(key) as path:
            await asyncio.to_thread(_link, path, target)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        await asyncio.to_thread(target.unlink, missing_ok=True)
        return False
    return True


def _link(path: Path, target: Path) -> None:
    """Objects are never changed, so a second name is as good as a copy where the file system allows one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _seal(folder: Path, manifest: Manifest) -> None:
    """The manifest says that everything is there, so everything has to be on the disk before it."""
    os.sync()
    draft = folder / f"{_MANIFEST}.new"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    draft.rename(folder / _MANIFEST)
    os.sync()


# --- bringing one back ---------------------------------------------------------------------------------------------


def read_manifest(folder: Path) -> Manifest:
    """What a backup says it holds. Raises BadRequest ``not_a_backup``."""
    try:
        found = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        found = None
    if found is None or found.format != _FORMAT:
        raise BadRequest(
            f"{folder} is not a complete backup.",
            code="not_a_backup",
            remediation=["Name the folder that `kilo backup` filled: it ends with its manifest.json."],
        )
    return found


async def restore(
    url: str, store: Store, folder: Path, scratch: Path, *, replace: bool = False, told: Told = lambda done, total: None
) -> Restored:
    """Bring a backup back into an empty installation. The objects come first: a row never refers to nothing.

    ``replace``: the database may hold something, which is lost; objects that are there stay. ``scratch`` is a folder
    on the store's file system. Raises Conflict ``restore_target_not_empty``, ``installation_running`` or BadRequest
    ``not_a_backup``, ``backup_damaged``; then nothing was changed.
    """
    manifest = read_manifest(folder)
    if (await asyncio.to_thread(digest, folder / _DUMP))[1] != manifest.dump_sha256:
        raise BadRequest(
            "The dump in this backup is damaged.", code="backup_damaged", remediation=["Use another backup."]
        )
    await migrate.ensure_database(url)
    async with _alone(url) as connection:
        if not replace and not await _empty(connection, store):
            raise Conflict(
                "There is something in this installation already.",
                code="restore_target_not_empty",
                remediation=["Restore into a new KILO_HOME, or say --replace: the present database is then lost."],
            )
        major = connection.get_server_version().major
    damaged = await _put(store, manifest.objects, folder / _OBJECTS, scratch, told)
    await pg_tools.load(url, folder / _DUMP, major, scratch, after=_aftercare(await store.identify(), damaged))
    await migrate.migrate(url)
    return Restored(len(manifest.objects) - len(damaged), manifest.bytes, manifest.epoch + 1, damaged)


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        others = await connection.fetchval(
            """
            SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """
        )
        if others:
            raise Conflict(
                f"The database is in use by {others} other connections.",
                code="installation_running",
                remediation=["Stop KILO, and whatever else uses its database."],
            )
        yield connection
    finally:
        await connection.close()


async def _empty(connection: asyncpg.Connection, store: Store) -> bool:
    async for _ in store.list(""):
        return False
    if await connection.fetchval("SELECT to_regclass('public.users')") is None:
        return True
    return not await connection.fetchval("SELECT EXISTS (SELECT FROM users)")


async def _put(store: Store, objects: Sequence[StoredObject], folder: Path, scratch: Path, told: Told) -> list[str]:
    """Store what the backup holds; returns the keys of what it does not hold any more as it was."""
    damaged: list[str] = []
    for start in range(0, len(objects), _BATCH):
        batch = objects[start : start + _BATCH]
        sound = []
        for place, stored in enumerate(batch):
            copy = scratch / str(place)
            if await asyncio.to_thread(_copy, folder / stored.key, copy) == (stored.size, stored.sha256):
                sound.append(NewObject(stored.key, copy, stored.content_type))
            else:
                damaged.append(stored.key)
        await store.put_files(sound)
        told(start + len(batch), len(objects))
    return damaged


def _copy(path: Path, target: Path) -> tuple[int, str] | None:
    """What was copied, as it is read back; a copy, so that the backup shares no bytes with what it brought back."""
    try:
        target.unlink(missing_ok=True)
        shutil.copyfile(path, target)
    except FileNotFoundError:
        return None
    return digest(target)


def _aftercare(store_id: str, damaged: Sequence[str]) -> Sequence[str]:
    """What a database has to be told when it wakes up in another time and place.

    Unfinished uploads begin again: their bytes are in no backup. Transaction ids of the outbox mean nothing here.
    """
    keys = ", ".join(map(_quoted, damaged))
    return [
        f"UPDATE public.installation SET epoch = epoch + 1, store_id = {_quoted(store_id)}, verifying_since = NULL",  # noqa: S608
        """
        UPDATE public.uploads SET received = 0, parts = '[]', next_part = 1, token = '', released = true
        WHERE status = 'receiving'
        """,
        "UPDATE public.outbox SET xid = pg_current_xact_id()",
        *([f"UPDATE public.asset_files SET damaged_at = now() WHERE key IN ({keys})"] if damaged else []),  # noqa: S608
    ]


def _quoted(value: str) -> str:
    """A literal of SQL, which psql reads from a file and takes no parameters for."""
    return "'" + value.replace("'", "''") + "'"
