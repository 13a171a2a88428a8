"""What ``kilo doctor``, ``/readyz`` and a worried person want to know: one check a part, each with what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import asyncpg
import redis.asyncio
from redis.exceptions import RedisError

from kilo_gql import floors
from kilo_gql.backing import database_url, redis_url, revision
from kilo_gql.config import Settings
from kilo_gql.errors import KiloError
from kilo_gql.model_store import ModelStore
from kilo_gql.storage import open_store
from migrations import HEAD

#: Bytes free below which uploads would soon fail.
_DISK_FLOOR: Final = 2 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """``ok`` None: not there, and not needed for what is installed."""

    part: str
    ok: bool | None
    says: str
    remedy: str = ""


async def database(settings: Settings) -> Finding:
    """Does it answer, how old is it, is the schema the newest?"""
    try:
        connection = await asyncpg.connect(database_url(settings), timeout=5)
    except (KiloError, OSError, asyncpg.PostgresError) as error:
        return Finding("database", False, str(error), "start it with `kilo up`, or set KILO_DATABASE_URL")
    try:
        server = connection.get_server_version()
        vector = await connection.fetchval("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
    finally:
        await connection.close()
    found = await revision(database_url(settings))
    says = f"PostgreSQL {server.major}.{server.minor}, pgvector {vector or 'missing'}, schema {found}"
    if found != HEAD:
        return Finding("database", False, says, "run `kilo migrate`")
    return Finding("database", vector is not None and server.major >= 16, says, "use PostgreSQL 16+ with pgvector")


async def queue(settings: Settings) -> Finding:
    """Where nudges travel."""
    url = redis_url(settings)
    if url is None:
        return Finding("queue", True, "embedded: PostgreSQL LISTEN/NOTIFY and an in-process broker")
    client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        info = await client.info("server")
    except (RedisError, OSError) as error:
        return Finding("queue", False, f"Redis: {error}", "check KILO_REDIS_URL and that Redis runs")
    finally:
        await client.aclose()
    return Finding("queue", True, f"Redis {info['redis_version']}")


async def store(settings: Settings) -> Finding:
    """Is the object store there, and is it ours?"""
    place = f"bucket {settings.s3_bucket}" if settings.s3_bucket else str(settings.object_root)
    if settings.s3_bucket is None and not settings.object_root.exists():
        return Finding("store", None, f"{place}: made by the first start")
    opened = await open_store(settings)
    try:
        await opened.check()
    except KiloError as error:
        return Finding("store", False, error.message, error.remediation[0])
    finally:
        await opened.aclose()
    return Finding("store", True, place)


async def disk(settings: Settings) -> Finding:
    """Can files be written, and is there room?"""
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    says = f"{settings.home}: {free / 2**30:.1f} GiB free"
    if not os.access(settings.home, os.W_OK):
        return Finding("disk", False, f"{settings.home} cannot be written", "set KILO_HOME to a folder of yours")
    return Finding("disk", free >= _DISK_FLOOR, says, f"free {_DISK_FLOOR >> 30} GiB, or move KILO_HOME")


async def versions(settings: Settings) -> Finding:
    """Is any package below its security floor?"""
    old = floors.below()
    found = ", ".join(f"{floor.package} {version(floor.package)}" for floor in floors.FLOORS)
    says = "; ".join(map(str, old)) or found
    return Finding("versions", not old, says, "install with the project's constraints.txt")


async def decoders(settings: Settings) -> Finding:
    """Which libraries will open photographs? Asked of the packages, so that no pixel library is loaded here."""
    names = ("pyvips-binary", "pillow-heif", "rawpy", "pillow", "numpy")
    says = f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version(name)}" for name in names)
    return Finding("decoders", True, says)


async def gpu(settings: Settings) -> Finding:
    """Is there an accelerator? Nothing needs one."""
    tool = shutil.which("nvidia-smi")
    return Finding("gpu", True if tool else None, "NVIDIA driver found" if tool else "none: models run on the CPU")


async def weights(settings: Settings) -> Finding:
    """Which model files are installed? Nothing needs one."""
    names = [found.name for found in ModelStore(settings.home / "models").installed()]
    says = ", ".join(names) or "none: nothing needs one yet"
    return Finding("weights", True if names else None, says)


Check = Callable[[Settings], Awaitable[Finding]]

#: In the order of the table.
CHECKS: Final[tuple[Check, ...]] = (database, queue, store, disk, versions, decoders, gpu, weights)

#: What must hold before traffic is sent to a process.
READY: Final[tuple[Check, ...]] = (database, queue)


async def examine(settings: Settings, checks: tuple[Check, ...] = CHECKS) -> list[Finding]:
    """Run checks one after the other."""
    return [await check(settings) for check in checks]
