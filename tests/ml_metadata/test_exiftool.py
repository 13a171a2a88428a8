"""What exiftool says of the files that we write, and of those that we read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ml.formats import Format
from tests.ml_metadata import test_makernotes, test_read, test_sidecar, test_words
from tests.support import exif_bytes as eb

pytestmark = pytest.mark.exiftool

ROOT = Path(__file__).parents[2]


def asked(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["exiftool", "-j", "-G1", "-struct", "-all", "-validate", str(path)], capture_output=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)[0]
    return {key: value for key, value in answer.items() if key.startswith(("XMP", "ExifTool:Val", "ExifTool:War"))}


def test_it_reads_our_sidecars(tmp_path: Path) -> None:
    words = {
        "rating": -1,
        "label": "Rød",
        "keywords": ["a", "b|c", "é"],
        "title": "T & <U>",
        "description": "two\nlines",
    }
    path = tmp_path / "new.xmp"
    path.write_bytes(test_sidecar.written(None, **words))
    assert asked(path) == {
        "ExifTool:Validate": "OK",
        "XMP-x:XMPToolkit": "KILO",
        "XMP-xmp:Rating": -1,
        "XMP-xmp:Label": "Rød",
        "XMP-photoshop:SidecarForExtension": "NEF",
        "XMP-dc:Title": "T & <U>",
        "XMP-dc:Description": "two\nlines",
        "XMP-dc:Subject": ["a", "b|c", "é"],
    }


def test_it_finds_what_others_wrote_unchanged(tmp_path: Path) -> None:
    before, after = tmp_path / "before.xmp", tmp_path / "after.xmp"
    before.write_bytes(test_sidecar.LIGHTROOM)
    after.write_bytes(test_sidecar.written(test_sidecar.LIGHTROOM, rating=5, keywords=["lake"], label="Blue"))
    then, now = asked(before), asked(after)
    changed = {key for key in then | now if then.get(key) != now.get(key)}
    assert changed == {
        "XMP-xmp:Rating",
        "XMP-dc:Subject",
        "XMP-dc:Title",
        "XMP-dc:Title-de",
        "XMP-lr:HierarchicalSubject",
    }
    assert now["XMP-xmp:Rating"] == 5


def test_it_reads_photos_as_we_do(tmp_path: Path) -> None:
    """Every kind of file that the tests can make, through the command that compares."""
    suffixes = {"jpeg": "jpg", "tiff": "tif"}
    files = {name: (format, make()) for name, (format, make) in test_read.FILES.items() if format != Format.AVIF}
    files["canon"] = "jpeg", test_makernotes.photo("Canon", test_makernotes.canon(test_makernotes.BODY, {9: 3}))
    files["words"] = "jpeg", eb.jpeg(test_words.EXIF, test_words.XMP, test_words.IPTC)
    files["sidecar"] = "xmp", test_sidecar.LIGHTROOM
    for number, (make, note, _) in enumerate(test_makernotes.WORDS):
        if make == "SAMSUNG":  # exiftool knows these blocks by fields that ours does not have
            continue
        files[f"maker {number}"] = "jpeg", test_makernotes.photo(make, note)
    for name, (format, data) in files.items():
        (tmp_path / f"{name}.{suffixes.get(format, format)}").write_bytes(data)
    command = [sys.executable, str(ROOT / "tools/compare_metadata.py"), str(tmp_path), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (found["files"], found["differing"]) == (len(files), [])
