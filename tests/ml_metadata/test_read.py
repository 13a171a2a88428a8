"""The same photo, told by each kind of file."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest

from ml import metadata
from ml.capture_time import CaptureTime, Source
from ml.makernotes import DriveMode
from ml.metadata import Metadata
from tests.support import exif_bytes as eb

IMAGE = {
    0x010E: eb.ascii_("A lake"),
    0x010F: eb.ascii_("Maker  "),
    0x0110: eb.ascii_("Camera 5"),
    0x0112: eb.short(6),
    0x0132: eb.ascii_("2026:01:01 00:00:00"),
    0x013B: eb.ascii_("Ada"),
    0x8298: eb.ascii_("© Ada"),
    0x4746: eb.short(4),
}
PHOTO = {
    0x829A: eb.rational((1, 250)),
    0x829D: eb.rational((28, 10)),
    0x8827: eb.short(400),
    0x9003: eb.ascii_("2025:07:04 16:30:05"),
    0x9011: eb.ascii_("+02:00"),
    0x9204: eb.signed((-1, 3)),
    0x9209: eb.short(0x19),
    0x920A: eb.rational((85, 1)),
    0x9291: eb.ascii_("25"),
    0xA405: eb.short(127),
    0xA431: eb.ascii_("0042"),
    0xA402: eb.short(2),
    0xA433: eb.ascii_("Glass & Co"),
    0xA434: eb.ascii_("85mm F1.4"),
    0x9286: eb.undefined(b"UNICODE\0" + "hëllo".encode("utf-16-le")),
}
GPS = {
    0x01: eb.ascii_("S"),
    0x02: eb.rational((33, 1), (30, 1), (36, 1)),
    0x03: eb.ascii_("W"),
    0x04: eb.rational((70, 1), (15, 1), (0, 1)),
    0x05: eb.byte(1),
    0x06: eb.rational((12, 1)),
    0x07: eb.rational((14, 1), (30, 1), (4, 1)),
    0x1D: eb.ascii_("2025:07:04"),
}
EXIF = eb.tiff(IMAGE, PHOTO, GPS)
XMP = eb.packet(' xmp:Label="Red" crs:Exposure2012="+0.35">')


def check(found: Metadata, *, label: str | None = "Red", size: tuple[int, int] | None = (6, 4)) -> None:
    assert found.orientation == 6
    assert found.captured == CaptureTime(
        "2025-07-04T16:30:05.250000", Source.EXIF_ORIGINAL, 120, None, "2025-07-04T14:30:04+00:00"
    )
    assert (found.sub_seconds, found.offset_time) == ("25", "+02:00")
    assert (found.camera_make, found.camera_model, found.camera_serial) == ("Maker", "Camera 5", "0042")
    assert (found.lens_make, found.lens_model) == ("Glass & Co", "85mm F1.4")
    assert (found.focal_length_mm, found.focal_length_35mm) == (85.0, 127.0)
    assert (found.shutter_speed, found.exposure_time_s, found.aperture, found.iso) == ("1/250", 0.004, 2.8, 400)
    assert found.exposure_bias_ev == pytest.approx(-1 / 3)
    assert (found.flash_fired, found.drive_mode) == (True, DriveMode.BRACKET)
    assert (found.gps_latitude, found.gps_longitude, found.gps_altitude_m) == (-33.51, -70.25, -12.0)
    assert (found.title, found.description, found.creator, found.copyright) == (None, "A lake", "Ada", "© Ada")
    assert (found.keywords, found.rating, found.label) == ([], 4, label)
    assert (found.width, found.height) == (size or (None, None))
    assert found.notes == []


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": ("jpeg", lambda: eb.jpeg(EXIF, XMP)),
    "big-endian jpeg": ("jpeg", lambda: eb.jpeg(eb.tiff({**IMAGE}, {**PHOTO, 0x9286: eb.short(1)}, GPS, ">"), XMP)),
    "png": ("png", lambda: eb.png(eb.chunk(b"eXIf", EXIF), xmp_chunk(XMP, packed=False))),
    "png, packed": ("png", lambda: eb.png(raw_profile(b"Exif\0\0" + EXIF), xmp_chunk(XMP, packed=True))),
    "webp": ("webp", lambda: eb.webp((b"EXIF", EXIF), (b"XMP ", XMP))),
    "heic": ("heic", lambda: eb.heif(EXIF, XMP)),
    "avif": ("avif", lambda: eb.heif(EXIF, XMP)),
}


def xmp_chunk(xmp: bytes, *, packed: bool) -> bytes:
    flag, body = (b"\1", zlib.compress(xmp)) if packed else (b"\0", xmp)
    return eb.chunk(b"iTXt", b"XML:com.adobe.xmp\0" + flag + b"\0\0\0" + body)


def raw_profile(raw: bytes) -> bytes:
    text = f"\nexif\n{len(raw):8}\n{raw.hex()}\n"
    return eb.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode()))


@pytest.mark.parametrize("name", FILES)
def test_every_container_tells_the_same(read: Callable[..., Metadata], name: str) -> None:
    format, make = FILES[name]
    found = read(make(), format)
    check(found)
    assert found.xmp == {"xmp:Label": "Red", "crs:Exposure2012": "+0.35"}


def test_raw_files_that_are_tiff(read: Callable[..., Metadata]) -> None:
    """The main directory is the preview, the raw picture stands below it; XMP and IPTC are fields."""
    raw = {0x00FE: eb.long(0), 0x0100: eb.long(6000), 0x0101: eb.long(4000)}
    small = {0x00FE: eb.long(1), 0x0100: eb.long(160), 0x0101: eb.long(120), 0x02BC: eb.undefined(XMP)}
    iptc = {0x83BB: eb.undefined(eb.records((5, b"Lake")))}
    at = len(eb.tiff({**IMAGE, **small, **iptc, 0x014A: eb.long(0)}, PHOTO, GPS))
    data = eb.tiff({**IMAGE, **small, **iptc, 0x014A: eb.long(at)}, PHOTO, GPS) + eb.directory(raw, "<", at)
    for format in ("dng", "nef", "arw", "cr2", "tiff"):
        found = read(data, format)
        assert (found.title, found.iptc) == ("Lake", {"ObjectName": "Lake"})
        check(replace(found, title=None), size=(6000, 4000))


def test_canon_keeps_each_directory_by_itself(read: Callable[..., Metadata]) -> None:
    settings = [0] * 26
    settings[0], settings[2], settings[5] = 52, 0, 1
    maker = {0x0001: eb.short(*settings), 0x0095: eb.ascii_("RF85mm F1.2 L USM"), 0x000C: eb.long(42)}
    photo = {tag: field for tag, field in PHOTO.items() if tag not in (0xA431, 0xA434)}
    # 3,850,000,000 s after 1904
    found = read(eb.cr3(eb.tiff(IMAGE), eb.tiff(photo), eb.tiff(maker), eb.tiff(GPS), 3_850_000_000), "cr3")
    assert (found.lens_model, found.camera_serial, found.drive_mode) == (
        "RF85mm F1.2 L USM",
        "42",
        DriveMode.CONTINUOUS,
    )
    assert found.captured.container == "2025-12-31T04:26:40+00:00"
    again = replace(
        found,
        lens_model="85mm F1.4",
        camera_serial="0042",
        drive_mode=DriveMode.BRACKET,
        captured=replace(found.captured, container=None),
    )
    check(again, label=None, size=None)


def test_fujifilm_keeps_it_in_the_preview(read: Callable[..., Metadata]) -> None:
    sized = {**PHOTO, 0xA002: eb.long(1920), 0xA003: eb.long(1280)}
    check(read(eb.raf(eb.jpeg(eb.tiff(IMAGE, sized, GPS), XMP), (6000, 4000)), "raf"), size=(6000, 4000))


def test_panasonic_keeps_the_rest_in_the_preview(read: Callable[..., Metadata]) -> None:
    borders = {0x0004: eb.short(10), 0x0005: eb.short(20), 0x0006: eb.short(4010), 0x0007: eb.short(6020)}
    preview = eb.jpeg(EXIF, XMP)
    data = eb.tiff({**borders, 0x002E: eb.undefined(preview)})
    check(read(b"IIU\0" + data[4:], "rw2"), size=(6000, 4000))


def test_a_gif_has_a_size(read: Callable[..., Metadata]) -> None:
    found = read(b"GIF89a" + (6).to_bytes(2, "little") + (4).to_bytes(2, "little"), "gif")
    assert found == Metadata(width=6, height=4)


def test_the_preview_of_a_jpeg_is_not_the_photo(read: Callable[..., Metadata]) -> None:
    """Another directory may follow the first one: the thumbnail's, whose tags say nothing of the photo."""
    thumbnail = eb.directory({0x0112: eb.short(8), 0x0100: eb.long(160)}, "<", 0)
    assert read(eb.jpeg(EXIF + thumbnail)).orientation == 6


def test_a_wire_takes_it(read: Callable[..., Metadata]) -> None:
    found = read(eb.jpeg(EXIF, XMP))
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(found))
    assert set(packed) == {field.name for field in fields(Metadata)}
    assert (packed["drive_mode"], packed["captured"]["source"]) == ("bracket", "exif_original")
    assert msgspec.convert(packed, Metadata) == found


def test_everything_is_shown_by_its_standard_name(read: Callable[..., Metadata]) -> None:
    exif = read(eb.jpeg(EXIF)).exif
    assert (exif["ExposureTime"], exif["ISOSpeedRatings"], exif["UserComment"]) == (0.004, 400, "hëllo")
    assert (exif["GPSLatitude"], exif["GPSLatitudeRef"], exif["OffsetTimeOriginal"]) == (
        [33.0, 30.0, 36.0],
        "S",
        "+02:00",
    )


def test_an_empty_file_says_nothing(read: Callable[..., Metadata]) -> None:
    assert read(b"") == Metadata(notes=["the file is empty"])


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        metadata.read(tmp_path / "none.jpg", "jpeg")
