"""Nonsense is left out, and no file makes the reader raise, loop or swell."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ml import metadata
from ml.metadata import Metadata, shutter_speed
from ml.text import json_size
from tests.ml_metadata import test_makernotes, test_read, test_sidecar, test_words
from tests.support import exif_bytes as eb

Read = Callable[..., Metadata]


def test_nonsense_is_none(read: Read) -> None:
    image = {0x0112: eb.short(9), 0x010F: eb.ascii_("  \0"), 0x0110: eb.ascii_("---")}
    photo = {
        0x829A: eb.rational((1, 0)),
        0x829D: eb.rational((0, 1)),
        0x8827: eb.short(65535),
        0x9004: eb.ascii_("1904:01:01 00:00:00"),
        0x9003: eb.ascii_("0000:00:00 00:00:00"),
        0x9011: eb.ascii_("   :  "),
        0x9204: eb.signed((5, 0)),
        0x920A: eb.rational((0, 0)),
        0x9291: eb.ascii_("  "),
        0xA405: eb.short(0),
        0xA432: eb.rational((0, 0), (0, 0), (0, 0), (0, 0)),
        0xA434: eb.ascii_("----"),
        0xA002: eb.long(0),
    }
    north, east = {1: eb.ascii_("N"), 2: eb.rational((999, 1), (0, 1), (0, 1))}, {3: eb.ascii_("E"), 4: eb.long(10)}
    gps = {**north, **east, 6: eb.rational((1, 0))}
    found = read(eb.jpeg(eb.tiff(image, photo, gps), size=(0, 0)))
    shown = found.exif
    assert found == Metadata(exif=shown)
    assert (shown["ExposureTime"], shown["LensSpecification"]) == (None, [None] * 4)


def test_a_float_that_is_no_number(read: Read) -> None:
    nan = eb.Field(12, 1, lambda order, at: struct.pack(f"{order}d", float("nan")))
    huge = eb.Field(12, 1, lambda order, at: struct.pack(f"{order}d", 1e308))
    found = read(eb.jpeg(eb.tiff({}, {0x829D: nan, 0x920A: huge})))
    assert (found.aperture, found.focal_length_mm) == (None, None)
    assert json.dumps(found.exif, allow_nan=False) == '{"FNumber": null, "FocalLength": null}'


@pytest.mark.parametrize(
    ("fields", "iso"),
    [
        ({0x8827: eb.short(65535), 0x8832: eb.long(102400)}, 102400),
        ({0x8827: eb.short(0), 0x8831: eb.long(80)}, 80),
        ({0x8827: eb.short(200, 0)}, 200),
        ({0x8827: eb.short(0)}, None),
    ],
)
def test_sensitivities(read: Read, fields: eb.Fields, iso: int | None) -> None:
    assert read(eb.jpeg(eb.tiff({}, fields))).iso == iso


def test_apex_where_there_is_nothing_else(read: Read) -> None:
    found = read(eb.jpeg(eb.tiff({}, {0x9201: eb.signed((8, 1)), 0x9202: eb.rational((4, 1))})))
    assert (found.shutter_speed, found.exposure_time_s, found.aperture) == ("1/256", 1 / 256, 4.0)


@pytest.mark.parametrize(
    ("time", "text"),
    [(1 / 8000, "1/8000"), (0.0166667, "1/60"), (0.25, "1/4"), (0.3, "0.3"), (1, "1"), (2.5, "2.5"), (30, "30")],
)
def test_shutter_speeds(time: float, text: str) -> None:
    assert shutter_speed(time) == text


def test_directories_that_point_at_each_other(read: Read) -> None:
    data = bytearray(eb.tiff({0x010F: eb.ascii_("Maker"), 0x8769: eb.long(8), 0x8825: eb.long(8)}))
    found = read(eb.jpeg(bytes(data)))
    assert (found.camera_make, found.notes) == ("Maker", ["directories that point at each other"])


def test_values_and_directories_outside_the_file(read: Read) -> None:
    far = eb.Field(2, 500_000, lambda order, at: b"")
    found = read(eb.jpeg(eb.tiff({0x010F: far, 0x0110: eb.ascii_("Camera"), 0x8769: eb.long(1 << 31)})))
    assert found.camera_model == "Camera"
    assert found.notes == ["the value of tag 0x010f lies outside the file", "a directory outside the file"]
    assert read(eb.jpeg(b"nothing")).notes == ["an Exif block that does not begin as one"]


def test_values_that_all_point_at_the_same_place(read: Read) -> None:
    """Two thousand texts of 60 KiB in a file of 84 KiB: no more than a megabyte of them is read."""
    text = b"x" * 60_000
    rows = b"".join(struct.pack("<HHII", 0x9000 + n, 2, len(text), 2 + 2_000 * 12 + 4 + 8) for n in range(2_000))
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 2_000) + rows + b"\0\0\0\0" + text
    found = read(data, "tiff")
    assert "more values than are read" in found.notes
    assert json_size(found.exif) <= 64 * 1024


def test_what_is_shown_is_bounded(read: Read) -> None:
    image = {0x010E: eb.ascii_("é" * 5_000), 0xC000: eb.undefined(b"\1" * 500), 0xC001: eb.short(*range(1_000))}
    image |= {0xC002: eb.undefined(b"\1" * 9_000)} | {0xC100 + n: eb.ascii_("ü" * 400) for n in range(200)}
    found = read(eb.tiff(image), "tiff")
    assert found.description == "é" * 5_000
    assert found.exif["ImageDescription"] == "é" * 1_024
    assert found.exif["0xC001"] == list(range(128))
    assert (found.exif["0xC000"], found.exif["0xC002"]) == ({"bytes": 500}, {"bytes": 9_000})
    assert 63 * 1024 < json_size(found.exif) <= 64 * 1024


def test_what_is_shown_of_xmp_is_bounded(read: Read) -> None:
    many = "".join(f"<crs:P{n}>{'ü' * 500}</crs:P{n}>" for n in range(200)) + f"<crs:A>{'y' * 9_000}</crs:A>"
    assert 63 * 1024 < json_size(read(eb.packet(">" + many), "xmp").xmp) <= 64 * 1024
    assert read(eb.packet(f"><crs:A>{'y' * 9_000}</crs:A>"), "xmp").xmp == {"crs:A": {"bytes": 9_002}}


def test_a_note_in_a_note_in_a_note(read: Read) -> None:
    """Blocks that hold themselves are opened once."""
    head = b"Adobe\0MakN" + b"\0" * 10
    data = eb.tiff({0x010F: eb.ascii_("Canon"), 0xC634: eb.undefined(head * 50_000)})
    assert read(data, "dng").camera_make == "Canon"
    nested = eb.tiff({0x002E: eb.undefined(eb.jpeg())})
    for _ in range(50):
        nested = eb.tiff({0x002E: eb.undefined(eb.jpeg(nested))})
    assert read(b"IIU\0" + nested[4:], "rw2").camera_make is None


def samples() -> dict[str, tuple[str, bytes]]:
    """A file of every kind the tests know."""
    files = {name: (format, make()) for name, (format, make) in test_read.FILES.items()}
    for number, (make, note, _) in enumerate(test_makernotes.WORDS):
        files[f"{make} {number}"] = "jpeg", test_makernotes.photo(make, note)
    files["canon"] = "jpeg", test_makernotes.photo("Canon", test_makernotes.canon({5: 1}, {16: 1}))
    files["olympus"] = "jpeg", test_makernotes.photo("OLYMPUS", test_makernotes.olympus((1, 2)))
    files["words"] = "jpeg", eb.jpeg(test_words.EXIF, test_words.XMP, test_words.IPTC)
    files["sidecar"] = "xmp", test_sidecar.LIGHTROOM
    files["raf"] = "raf", eb.raf(eb.jpeg(test_read.EXIF), (6000, 4000))
    files["crw"] = "raw", test_makernotes.crw([68] + [40] * 33)
    files["cr3"] = "cr3", eb.cr3(*[test_read.EXIF] * 4, created=3_850_000_000)
    return files


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with some changed, cut out, doubled, or their end cut off."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 3, 10, 40))):
        at = chance.randrange(len(out)) if out else 0
        match chance.randrange(6):
            case 0 | 1:
                out[at : at + 1] = bytes((chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))),))
            case 2:
                out[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"))
            case 3:
                del out[at : at + chance.randrange(1, 40)]
            case 4:
                out[at:at] = out[at : at + chance.randrange(1, 200)]
            case _:
                del out[max(at, len(out) // 2) :]
    return bytes(out)


@pytest.mark.parametrize("seed", [random.randrange(1 << 32)])
def test_broken_files_are_read_as_far_as_they_go(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "photo"
    files = list(samples().values())
    for _ in range(3_000):
        format, data = chance.choice(files)
        path.write_bytes(mutated(data, chance))
        found = metadata.read(path, format if chance.random() < 0.95 else chance.choice(files)[0])
        assert 1 <= found.orientation <= 8
        for shown in (found.exif, found.iptc, found.xmp):
            assert json_size(shown) <= 64 * 1024
            json.dumps(shown, allow_nan=False)
