"""A small dose of ``tests.chaos.exports``, always of the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.exports import Chaos, Plan


@pytest.mark.chaos
async def test_an_export_is_done_once_and_whole_whatever_was_killed(database_url: str, tmp_path: Path) -> None:
    plan = Plan(photos=30, kills=4, width=1500, height=1000, every=0.7, seed=20261121)
    figures = await Chaos(plan, database_url, tmp_path).run()
    figures.check()
