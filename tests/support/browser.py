"""Programs for Node that drive Chromium, run where their packages are installed."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Where a program is; the test is skipped where it is not installed, but not on the machine of record."""
    found = shutil.which(name)
    if found is None and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    assert found is not None, f"{name} is missing"
    return found


async def run(*command: str, cwd: Path) -> str:
    """What a command says; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return output.decode()


async def installed(source: Path, target: Path) -> Path:
    """A copy of a program with the packages that its lock file names."""
    copy = shutil.copytree(source, target, ignore=shutil.ignore_patterns("node_modules"))
    await run(program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=copy)
    return copy
