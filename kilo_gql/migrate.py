"""Bring a database to the newest schema. Safe to run twice, and from several processes at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrations import HEAD

_SCRIPTS: Final = Path(__file__).parent.parent / "migrations"
#: Advisory lock under which one process migrates while others wait.
_LOCK: Final = 0x4B494C4F


def config() -> Config:
    """Alembic's configuration without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(_SCRIPTS))
    made.set_main_option("file_template", "%%(year)d-%%(month).2d-%%(day).2d-%%(hour).2d%%(minute).2d_%%(slug)s")
    made.set_main_option("path_separator", "os")
    return made


async def ensure_database(url: str) -> None:
    """Create the database that ``url`` names if the server does not have it."""
    try:
        await (await asyncpg.connect(url)).close()
    except asyncpg.InvalidCatalogNameError:
        target = make_url(url)
        name = str(target.database).replace('"', '""')
        admin = await asyncpg.connect(target.set(database="postgres").render_as_string(hide_password=False))
        try:
            await admin.execute(f'CREATE DATABASE "{name}"')
        except asyncpg.DuplicateDatabaseError:
            pass
        finally:
            await admin.close()


async def migrate(url: str, revision: str = "head") -> tuple[str | None, str | None]:
    """Run the chain up to ``revision``; returns the revisions before and after."""
    await ensure_database(url)
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_run, revision)
    finally:
        await engine.dispose()


def _run(connection: Connection, revision: str) -> tuple[str | None, str | None]:
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    connection.commit()
    try:
        context = MigrationContext.configure(connection)
        before = context.get_current_revision()
        connection.rollback()
        made = config()
        made.attributes["connection"] = connection
        if revision == "base":
            command.downgrade(made, revision)
        elif before != HEAD or revision != "head":
            command.upgrade(made, revision)
        connection.commit()
        return before, MigrationContext.configure(connection).get_current_revision()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        connection.commit()


def migrate_sync(url: str, revision: str = "head") -> tuple[str | None, str | None]:
    """``migrate`` for callers without an event loop."""
    return asyncio.run(migrate(url, revision))
