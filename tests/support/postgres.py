"""One embedded PostgreSQL a test run, one freshly migrated database a test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from kilo_gql import embedded, migrate

_TEMPLATE = "kilo_template"
_names = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server's maintenance database; the server holds a migrated template."""
    home = Path(tempfile.mkdtemp(prefix="kilo-test-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    server = embedded.start(home)
    try:
        # a test database does not outlive the run: durability would only cost time
        server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off;")
        server.psql("SELECT pg_reload_conf();")
        migrate.migrate_sync(embedded.url(server, _TEMPLATE))
        yield embedded.url(server, "postgres")
    finally:
        embedded.stop(server)


@asynccontextmanager
async def new_database(postgres: str) -> AsyncIterator[str]:
    """The URL of an empty, migrated database, there for the length of a block."""
    name = f"kilo_{next(_names)}"
    admin = await asyncpg.connect(postgres)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
        yield postgres.replace("/postgres?", f"/{name}?")
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest_asyncio.fixture
async def database_url(postgres: str) -> AsyncIterator[str]:
    """The URL of an empty, migrated database that is this test's alone."""
    async with new_database(postgres) as url:
        yield url
