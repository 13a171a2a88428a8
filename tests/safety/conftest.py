from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kilo_gql import assembly
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.local_store import LocalStore
from kilo_gql.storage import Store
from tests.support.jobs import Floor


@pytest_asyncio.fixture
async def store(settings: Settings, db: Database) -> AsyncIterator[Store]:
    """The installation's store: a folder in its home."""
    opened = await assembly.open_store(settings, db)
    assert isinstance(opened, LocalStore)
    yield opened
    await opened.aclose()


@pytest.fixture
def floor(db: Database) -> Floor:
    return Floor(db)
