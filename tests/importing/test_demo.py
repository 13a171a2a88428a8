"""The demo, as ``make demo`` runs it: everything starts, a shoot comes in, it says what, and nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.ports import free_port


@pytest.mark.slow
async def test_it_says_what_came_in_and_ends(shoot: Path, tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    ours = {"KILO_HOME": str(home), "KILO_PORT": str(port), "PHOTOS": str(shoot), "ONCE": "1", "COLUMNS": "160"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KILO_")}
    command = (sys.executable, "-c", "from kilo_gql.cli import main; main()", "demo")
    process = await asyncio.create_subprocess_exec(*command, env=clean | ours, stdout=asyncio.subprocess.PIPE)
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert f"Importing {shoot} through the public API." in said
    rows = {row[0].strip(): row[1].strip() for row in re.findall(r"│ ([^│]+) │ ([^│]+) │", said)}
    assert {name: rows[name] for name in ("imported", "quarantined", "failed", "passed over", "photos")} == {
        "imported": "37",
        "quarantined": "2",
        "failed": "0",
        "passed over": "2",
        "photos": "34",
    }
    assert rows["formats"] == "30 × jpeg, 3 × dng, 1 × heic, 1 × webp, 1 × png, 1 × xmp"
    assert rows["pairs of RAW and JPEG"] == "2: KLO_0028.DNG + KLO_0028.JPG, KLO_0029.DNG + KLO_0029.JPG + KLO_0029.xmp"
    running = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    assert [command for command in running if any(str(home) in word for word in command)] == []
