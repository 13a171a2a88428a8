"""Folders for files on their way between a child and the store."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from kilo_gql.config import Settings

#: A folder this old belongs to nobody any more: no attempt runs so long. Seconds.
_ABANDONED: Final = 3_600.0


@asynccontextmanager
async def scratch(settings: Settings) -> AsyncIterator[Path]:
    """An empty folder, gone at the end of the block.

    Below KILO_HOME and not in /tmp: beside a local store its files can be linked into it instead of copied.
    """
    root = settings.home / "scratch"
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def sweep_scratch(settings: Settings) -> int:
    """Remove what killed workers left; returns how many folders."""
    return await asyncio.to_thread(_sweep, settings.home / "scratch")


def _sweep(root: Path) -> int:
    old = [path for path in root.glob("*") if _age(path) > _ABANDONED]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # its owner was faster
        return 0.0
