"""A small dose of ``tests.chaos.events``, always of the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.event_writers import Plan
from tests.chaos.events import Chaos
from tests.support.redis import available


@pytest.mark.chaos
@pytest.mark.parametrize("mode", ["embedded", pytest.param("redis", marks=pytest.mark.scale)])
async def test_every_reader_is_told_everything_once_and_in_order(database_url: str, tmp_path: Path, mode: str) -> None:
    if mode == "redis" and not available():
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    plan = Plan(writers=4, transactions=150, clients=10, kills=2, cursors=20, mode=mode, seed=20261121)
    figures = await Chaos(plan, database_url, tmp_path).run()
    figures.check()
    assert figures.killed == 2
