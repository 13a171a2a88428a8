"""What is found on a card, and what is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilo_gql.errors import NotFound
from kilo_gql.importing.scan import EXTENSIONS, Reason, digest, scan
from ml.formats import Format

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"


def write(folder: Path, *names: str, data: bytes = JPEG) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_a_card_is_walked(tmp_path: Path) -> None:
    write(
        tmp_path, "DCIM/100A/b.JPG", "DCIM/100A/a.cr3", "DCIM/100A/a.xmp", "DCIM/101A/c.dng", "no extension", "d.data"
    )
    write(tmp_path, "._b.JPG", ".DS_Store", ".thumbnails/b.jpg", "@eaDir/b.JPG/thumb.jpg")
    write(tmp_path, "Thumbs.db", "x.lrcat", "x Previews.lrdata/1/2.jpg", "DCIM/100A/b.THM", "DCIM/100A/clip.MOV")
    write(tmp_path, "notes.txt", "README", data=b"words")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    result = scan([tmp_path])
    assert [str(each.path.relative_to(tmp_path)) for each in result.found] == [
        *("d.data", "no extension", "DCIM/100A/a.cr3", "DCIM/100A/a.xmp", "DCIM/100A/b.JPG", "DCIM/101A/c.dng")
    ]
    assert {(str(path.relative_to(tmp_path)), reason) for path, reason in result.skipped} == {
        ("._b.JPG", Reason.HIDDEN),
        (".DS_Store", Reason.HIDDEN),
        (".thumbnails/b.jpg", Reason.HIDDEN),
        ("@eaDir/b.JPG/thumb.jpg", Reason.CATALOG),
        ("Thumbs.db", Reason.CATALOG),
        ("x.lrcat", Reason.CATALOG),
        ("x Previews.lrdata/1/2.jpg", Reason.CATALOG),
        ("DCIM/100A/b.THM", Reason.CATALOG),
        ("DCIM/100A/clip.MOV", Reason.VIDEO),
        ("notes.txt", Reason.NO_PHOTO),
        ("README", Reason.NO_PHOTO),
        ("gone.jpg", Reason.UNREADABLE),
    }
    assert result.size == 6 * len(JPEG)


def test_what_is_named_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "strange.bin")
    result = scan([tmp_path / "strange.bin", tmp_path / "a.jpg", tmp_path])
    assert [each.path.name for each in result.found] == ["strange.bin", "a.jpg"]
    assert result.skipped == []


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        scan([tmp_path, tmp_path / "card"])
    assert refused.value.code == "path_not_found"
    assert refused.value.details == {"path": str(tmp_path / "card")}


def test_a_file_that_changes_is_not_what_was_found(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    [found] = scan([tmp_path]).found
    assert found.untouched()
    (tmp_path / "a.jpg").write_bytes(JPEG + b"more")
    assert not found.untouched()


def test_digest_is_the_files_sha_256(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", data=b"abc")
    assert digest(tmp_path / "a.jpg") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_every_format_is_known_by_its_extension() -> None:
    assert {format.extension for format in Format} <= EXTENSIONS
