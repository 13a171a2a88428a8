"""Small doses of ``tests.chaos.uploads``, always of the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.uploads import Chaos, Plan

MB = 1_000_000


@pytest.mark.chaos
@pytest.mark.parametrize(
    "plan",
    [
        Plan(files=12, cuts=3, largest=12 * MB, stall=2, patience=1, seed=20261121),
        Plan(kills=2, clients=2, largest=12 * MB, seed=20261121),
        Plan(writers=12, largest=30 * MB, seed=20261121),
    ],
    ids=["cuts", "kills", "two writers"],
)
async def test_every_file_comes_in_whole(database_url: str, tmp_path: Path, plan: Plan) -> None:
    figures = await Chaos(plan, database_url, tmp_path).run()
    figures.check()
    assert figures.files >= plan.files + plan.writers + bool(plan.kills)
