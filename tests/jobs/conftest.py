from __future__ import annotations

import pytest

from kilo_gql.db import Database
from tests.support.jobs import Floor


@pytest.fixture
def floor(db: Database) -> Floor:
    return Floor(db)
