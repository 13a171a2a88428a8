"""A folder to export into, and what is made there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.exporting import still
from ml.exporting.still import Still
from ml.ingest import Refusal

Render = Callable[..., list[Still]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where files go."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def render(tmp_path: Path, out: Path) -> Render:
    """``render(data, format="png", ...)``: the files that a plan makes of a photo with that content."""

    def run(data: bytes, **plan: Any) -> list[Still]:
        path = tmp_path / "original"
        path.write_bytes(data)
        answer = still.render(str(path), str(out), "made", plan)
        assert not isinstance(answer, Refusal), answer
        return answer

    return run
