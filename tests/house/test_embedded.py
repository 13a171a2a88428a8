"""The embedded PostgreSQL, as other processes find it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilo_gql import embedded


@pytest.mark.parametrize(
    "lines",
    [
        [],
        # what the single-user server writes that makes a new database
        ["-20640", "/data", "1795268697", "5432", "", "", "  2444477    819206"],
        ["4000000", "/data", "1795268697", "5432", "/data", "", "1 2", "starting"],
        ["4000000", "/data", "1795268697", "5432", "/data", "", "1 2", "ready   "],
        ["no number", "/data", "1795268697", "5432", "/data", "", "1 2", "ready"],
    ],
)
def test_a_server_that_is_not_there_yet_is_not_there(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(lines))
    assert embedded.running_url(tmp_path) is None


def test_nothing_was_ever_started(tmp_path: Path) -> None:
    assert embedded.running_url(tmp_path) is None
