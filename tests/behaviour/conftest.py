"""What a user can do, asked through both doors: one application a module, people and projects of its own each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.doors import DOORS, Door
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.running import running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with running(postgres, tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, api: Api) -> Door:
    return DOORS[request.param](api)


@pytest.fixture
def make(api: Api) -> Make:
    return Make(api.services.db)


@pytest.fixture
def floor(api: Api) -> Floor:
    return Floor(api.services.db)


@pytest.fixture
def clock(api: Api) -> Iterator[Clock]:
    """The application's clock, for one test in our hands."""
    db, before, clock = api.services.db, api.services.db.house, Clock()
    db.house = replace(before, clock=clock)
    yield clock
    db.house = before
