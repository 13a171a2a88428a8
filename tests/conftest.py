"""Fixtures every test may ask for. Nothing here is a mock: the embedded parts are the product's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic import SecretStr

from kilo_gql import assembly
from kilo_gql.config import Settings
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
        self.ended: list[UUID] = []

    def ring_events(self) -> None:
        self.events += 1

    def ring_jobs(self, jobs: list[tuple[str, UUID]]) -> None:
        self.jobs.extend(jobs)

    def ring_ended(self, sessions: list[UUID]) -> None:
        self.ended.extend(sessions)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """One machine, its own database."""
    return Settings(
        home=tmp_path, database_url=SecretStr(database_url), secret_key=SecretStr("a test secret of 32 characters!!")
    )


@pytest.fixture
def house(clock: Clock, settings: Settings) -> House:
    return replace(assembly.house_of(settings), clock=clock)


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
