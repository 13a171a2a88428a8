"""The event log at work: a bell, a hub and a relay on a database of the test's own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.hub import Hub
from kilo_gql.relay import Relay
from tests.support.wait import until

_INSERT = "INSERT INTO outbox (project_id, name, ids, changed, op_id) VALUES ($1, $2, $3, $4, $5)"


class Log:
    """The log from outside: what is written into it, and what stands in it."""

    def __init__(self, url: str, bell: Bell) -> None:
        self.url = url
        self.bell = bell

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            await connection.close()

    async def insert(self, connection: Any, project_id: UUID, *numbers: int, op_id: UUID | None = None) -> None:
        rows = [(project_id, "asset.updated", [uuid4()], json.dumps({"n": number}), op_id) for number in numbers]
        await connection.executemany(_INSERT, rows)

    async def write(self, project_id: UUID, *numbers: int, op_id: UUID | None = None) -> None:
        """One transaction with an event for each number, and the nudge."""
        async with self.connection() as connection, connection.transaction():
            await self.insert(connection, project_id, *numbers, op_id=op_id)
        self.bell.ring_events()

    async def all(self, sql: str, *values: Any) -> list[Any]:
        async with self.connection() as connection:
            return [tuple(row) if len(row) > 1 else row[0] for row in await connection.fetch(sql, *values)]

    async def numbered(self, project_id: UUID) -> list[tuple[int, int]]:
        """(seq, n) of a project's events, in order."""
        return await self.all(
            "SELECT seq, (changed->>'n')::int FROM events WHERE project_id = $1 ORDER BY seq", project_id
        )

    async def drained(self, seconds: float = 10.0) -> None:
        """Return when the outbox is empty."""
        end = time.monotonic() + seconds
        async with self.connection() as connection:
            while left := await connection.fetchval("SELECT count(*) FROM outbox"):
                assert time.monotonic() < end, f"{left} events were not numbered"
                await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def bell(database_url: str) -> AsyncIterator[Bell]:
    made = await Bell.open(database_url)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def hub(db: Database, bell: Bell, settings: Settings) -> AsyncIterator[Hub]:
    made = Hub(db, bell, settings)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def relay(database_url: str, bell: Bell, hub: Hub, settings: Settings) -> AsyncIterator[Relay]:
    """The leading relay of this process."""
    made = Relay(database_url, bell, hub, settings)
    await until(lambda: made.leads)
    yield made
    await made.close()


@pytest.fixture
def log(database_url: str, bell: Bell) -> Log:
    return Log(database_url, bell)
