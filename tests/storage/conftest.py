"""Both stores, each real: a folder, and a bucket of moto's server behind HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from kilo_gql.config import Settings
from kilo_gql.storage import Store, open_store
from tests.support.s3 import s3_endpoint, s3_settings

__all__ = ["s3_endpoint", "s3_settings"]


@pytest.fixture
def local_settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, secret_key=SecretStr("a test secret of 32 characters!!"))


@pytest.fixture(params=["local", "s3"])
def store_settings(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue(f"{request.param}_settings")
    return found


@pytest_asyncio.fixture
async def store(store_settings: Settings) -> AsyncIterator[Store]:
    opened = await open_store(store_settings, create=True)
    yield opened
    await opened.aclose()


@pytest_asyncio.fixture
async def local(local_settings: Settings) -> AsyncIterator[Store]:
    opened = await open_store(local_settings, create=True)
    yield opened
    await opened.aclose()
