"""One application for all tests of a module: they keep apart by making people and projects of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kilo_gql.config import Settings
from tests.support.api import Api, open_api
from tests.support.postgres import new_database

#: Nothing is limited by rate unless a test is about that.
UNHURRIED = {"requests_per_minute": 10_000_000, "graphql_points_per_minute": 1_000_000_000}


@asynccontextmanager
async def running(postgres: str, home: Path, **settings: Any) -> AsyncIterator[Api]:
    """An application on a database of its own, for the length of a block."""
    async with new_database(postgres) as url:
        chosen = {
            "home": home,
            "database_url": SecretStr(url),
            "secret_key": SecretStr("a test secret of 32 characters!!"),
            **UNHURRIED,
            **settings,
        }
        async with open_api(Settings(**chosen)) as api:
            yield api
