"""Reading bytes as the file they would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml import metadata
from ml.metadata import Metadata

Read = Callable[..., Metadata]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read bytes as a file of a format, a JPEG if none is said."""

    def of(raw: bytes, format: str = "jpeg") -> Metadata:
        path = tmp_path / "photo"
        path.write_bytes(raw)
        return metadata.read(path, format)

    return of
