"""A small dose of ``tests.chaos.guesses``, always of the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilo_gql.domain import guesses
from tests.chaos.guesses import Guessing, Plan


@pytest.mark.chaos
async def test_guessing_comes_to_an_end(database_url: str, tmp_path: Path) -> None:
    figures = await Guessing(Plan(guesses=120, rate=60, addresses=12), database_url, tmp_path).run()
    figures.check()
    assert figures.one_address.evaluated + figures.many_addresses.evaluated == guesses.TOGETHER
    assert figures.counted_together == guesses.TOGETHER
