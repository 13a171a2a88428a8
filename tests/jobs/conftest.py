from __future__ import annotations

import pytest

from kilo_gql.db import Database
from tests.support.jobs import Floor
from tests.support.redis import redis_server

__all__ = ["redis_server"]


@pytest.fixture
def floor(db: Database) -> Floor:
    return Floor(db)
