"""A small dose of ``tests.chaos.disk``, always of the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.disk import CannotMount, Chaos, Plan, small_disk


@pytest.mark.chaos
async def test_an_upload_survives_a_full_disk(database_url: str, tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk") as disk:
            figures = await Chaos(Plan(rounds=3, seed=20261121), database_url, tmp_path, disk).run()
    except CannotMount:
        pytest.skip("mounting a small file system needs root")
    figures.check()
