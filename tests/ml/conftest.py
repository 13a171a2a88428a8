"""A folder to develop into, and what to do there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml import ingest
from ml.ingest import Developed, Refusal

Develop = Callable[..., Developed]
Refuse = Callable[..., Refusal]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where renditions go."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def develop(tmp_path: Path, out: Path) -> Develop:
    """``develop(data, "name.jpg")``: what becomes of a file with that content and name."""

    def run(data: bytes, name: str, **options: Any) -> Developed:
        path = tmp_path / "original"
        path.write_bytes(data)
        answer = ingest.develop(str(path), str(out), name, **{"full": False, **options})
        assert isinstance(answer, Developed), answer
        return answer

    return run


@pytest.fixture
def refuse(tmp_path: Path, out: Path) -> Refuse:
    """``refuse(data, "name.jpg")``: why nothing becomes of it; that nothing was written is asserted."""

    def run(data: bytes, name: str, **options: Any) -> Refusal:
        path = tmp_path / "original"
        path.write_bytes(data)
        answer = ingest.develop(str(path), str(out), name, **{"full": False, **options})
        assert isinstance(answer, Refusal), answer
        assert list(out.iterdir()) == []
        return answer

    return run
