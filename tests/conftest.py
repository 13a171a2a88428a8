"""Fixtures every test may ask for. Nothing here is a mock: the embedded parts are the product's own."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from kilo_gql.db import Database, House
from kilo_gql.operations import Throat
from tests.support.clock import Clock
from tests.support.make import Make
from tests.support.postgres import database_url, postgres

__all__ = ["database_url", "postgres"]


class SilentBells:
    """Notes who would have been nudged."""

    def __init__(self) -> None:
        self.events = 0
        self.jobs: list[tuple[str, UUID]] = []

    def ring_events(self) -> None:
        self.events += 1

    def ring_jobs(self, jobs: list[tuple[str, UUID]]) -> None:
        self.jobs.extend(jobs)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(clock: Clock) -> House:
    return House(
        base_url="http://127.0.0.1:8400",
        signup_open=True,
        key=lambda purpose: hashlib.sha256(b"test " + purpose.encode()).digest(),
        clock=clock,
    )


@pytest_asyncio.fixture
async def db(database_url: str, house: House) -> AsyncIterator[Database]:
    database = Database(database_url, house)
    yield database
    await database.close()


@pytest.fixture
def bells() -> SilentBells:
    return SilentBells()


@pytest.fixture
def throat(db: Database, bells: SilentBells) -> Throat:
    return Throat(db, bells)


@pytest.fixture
def make(db: Database) -> Make:
    return Make(db)
