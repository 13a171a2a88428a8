"""A small dose of ``tests.chaos.jobs``, always of the same kills."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.jobs import Chaos, Plan
from tests.support.redis import available


@pytest.mark.chaos
@pytest.mark.parametrize("mode", ["embedded", pytest.param("redis", marks=pytest.mark.scale)])
async def test_everything_is_done_exactly_once(database_url: str, tmp_path: Path, mode: str) -> None:
    if mode == "redis" and not available():
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    plan = Plan(kills=8, jobs=40, mode=mode, seed=20261121, flushes=4 if mode == "redis" else 0)
    figures = await Chaos(plan, database_url, tmp_path / "workers.log").run()
    figures.check()
    assert sum(figures.killed.values()) == 8
