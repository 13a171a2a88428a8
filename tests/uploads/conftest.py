"""One application for the tests of a module; each has a sender with a project of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.api import Api
from tests.support.make import Make
from tests.support.running import running
from tests.support.s3 import s3_endpoint, s3_settings
from tests.support.sending import Sender

__all__ = ["s3_endpoint", "s3_settings"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with running(postgres, tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture
def make(api: Api) -> Make:
    return Make(api.services.db)


@pytest_asyncio.fixture(loop_scope="module")
async def ada(api: Api, make: Make) -> Sender:
    owner = await make.user()
    return Sender(api, owner, (await make.project(owner)).id)
