"""Where the database and Redis are, and whether the database is ready. Light: asked first by every process."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from kilo_gql import embedded
from kilo_gql.config import Settings
from kilo_gql.errors import Unavailable
from migrations import HEAD


def database_url(settings: Settings) -> str:
    """The configured database, or the embedded one of KILO_HOME, which ``kilo up`` must have started."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    found = embedded.running_url(settings.home)
    if found is None:
        raise Unavailable(
            "The embedded PostgreSQL of this KILO_HOME is not running.",
            code="database_unavailable",
            remediation=["Start everything with `kilo up`.", "Or point KILO_DATABASE_URL at your own server."],
        )
    return found


def redis_url(settings: Settings) -> str | None:
    """Redis, where many machines share the work."""
    return settings.redis_url.get_secret_value() if settings.redis_url else None


async def revision(url: str) -> str | None:
    """The schema the database has (None: it was never migrated). Alembic is not needed for that."""
    connection = await asyncpg.connect(url)
    try:
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        found = None
    finally:
        await connection.close()
    return found


async def await_database(settings: Settings, *, seconds: float = 30.0) -> str:
    """The database's URL once it answers and its schema is the newest.

    Processes that start together need no order among them. Raises Unavailable after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            url = database_url(settings)
            if await revision(url) == HEAD:
                return url
            missing = "its schema is not migrated"
        except (Unavailable, OSError, asyncpg.PostgresError) as error:
            missing = str(error)
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The database is not ready: {missing}.",
                code="database_unavailable",
                remediation=["Run `kilo migrate`.", "Run `kilo doctor` to see what is missing."],
            )
        await asyncio.sleep(0.05)
