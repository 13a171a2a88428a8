"""Small doses of ``tests.chaos.ingest``, always of the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.ingest import Chaos, Plan


@pytest.mark.chaos
async def test_every_photo_is_ready_once_whatever_was_killed(database_url: str, tmp_path: Path) -> None:
    plan = Plan(photos=12, kills=4, width=1500, height=1000, seed=20261121)
    figures = await Chaos(plan, database_url, tmp_path).run()
    figures.check()
    assert sum(figures.killed.values()) == 4


@pytest.mark.chaos
async def test_poison_is_quarantined_and_kills_no_worker(database_url: str, tmp_path: Path) -> None:
    plan = Plan(good=6, poison=10, width=2400, height=1600, seed=20261121)
    figures = await Chaos(plan, database_url, tmp_path).run()
    figures.check()
    assert figures.deaths == {"SIGSEGV": 3, "SIGABRT": 3, "SIGBUS": 3}
    assert figures.most_attempts == 3
