"""The corpus of ``gallery_corpus``, a few photos of it, on every run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.safety.gallery_corpus import FORMATS, run
from tests.support.running import running

pytestmark = pytest.mark.exiftool


async def test_guests_learn_nothing_from_files_and_answers(postgres: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with running(postgres, home) as api:
        report, carried = await run(api, tmp_path, len(FORMATS))
    assert carried == {"GPS": 7, "serial": 7, "owner": 7, "note": 7, "XMP": 7, "IPTC": 4, "thumbnail": 5}
    looked_at = {name: number for name, number in report.searched.items() if name != "answer"}
    each = ("thumbnail", "preview", "web", "full", "original", "marked_thumbnail", "marked_preview", "marked_web")
    once = ("card", "marked_card", "archive_web", "marked_archive_web")
    assert looked_at == {**dict.fromkeys((*each, "marked_full"), 7), **dict.fromkeys(once, 1)}
    assert report.substitutes["original"] == 1  # the DNG
    assert dict(report.found) == {}
