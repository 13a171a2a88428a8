"""Which clock is believed, and in which zone it ran: the rules of docs/capture-time.md, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfoNotFoundError

import pytest

from ml.capture_time import Captured, CaptureTime, Source, ZoneSource, moment, offset_minutes, resolve, satellite
from ml.metadata import Metadata
from tests.support import exif_bytes as eb

HINT = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))
NOON = CaptureTime("2025-07-04T12:00:00", Source.EXIF_ORIGINAL)


def resolved(
    said: CaptureTime, zone: str | None = None, hint: datetime | None = HINT
) -> tuple[str | None, int | None, str, str]:
    found = resolve(Metadata(captured=said), zone, hint)
    assert found.local is None or found.local == said.local or said.local is None
    return found.at and found.at.isoformat(), found.offset_minutes, found.source, found.zone_source


@pytest.mark.parametrize(
    ("said", "zone", "expected"),
    [
        # the offset written beside the time is the camera's own word
        (replace(NOON, offset_minutes=-210), "Europe/Oslo", ("2025-07-04T15:30:00+00:00", -210, "written")),
        (replace(NOON, offset_minutes=0), "Europe/Oslo", ("2025-07-04T12:00:00+00:00", 0, "written")),
        # satellites know UTC: the difference is the zone, if it is a whole quarter hour
        (replace(NOON, gps="2025-07-04T10:00:03+00:00"), "Asia/Tokyo", ("2025-07-04T10:00:00+00:00", 120, "gps")),
        (replace(NOON, gps="2025-07-04T06:15:00+00:00"), None, ("2025-07-04T06:15:00+00:00", 345, "gps")),
        (replace(NOON, gps="2025-07-03T22:00:00+00:00"), None, ("2025-07-03T22:00:00+00:00", 840, "gps")),
        # ... but not if the clock was off by minutes, or by more than any zone
        (replace(NOON, gps="2025-07-04T10:07:00+00:00"), "Asia/Tokyo", ("2025-07-04T03:00:00+00:00", 540, "project")),
        (replace(NOON, gps="2025-07-03T21:30:00+00:00"), None, ("2025-07-04T12:00:00+00:00", None, "assumed_utc")),
        # the project says where the shoot was
        (NOON, "Europe/Oslo", ("2025-07-04T10:00:00+00:00", 120, "project")),
        (replace(NOON, local="2025-01-04T12:00:00"), "Europe/Oslo", ("2025-01-04T11:00:00+00:00", 60, "project")),
        # nobody knows: kept as if it were UTC
        (NOON, None, ("2025-07-04T12:00:00+00:00", None, "assumed_utc")),
    ],
)
def test_zones(said: CaptureTime, zone: str | None, expected: tuple[str, int | None, str]) -> None:
    at, offset, zone_source = expected
    assert resolved(said, zone) == (at, offset, "exif_original", zone_source)


@pytest.mark.parametrize("hint", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)])
def test_a_hint_that_cannot_be_is_none(hint: datetime) -> None:
    for zone in (None, "America/New_York", "Pacific/Auckland"):
        assert resolved(CaptureTime(), zone, hint) == (None, None, "none", "none")


def test_the_end_of_time() -> None:
    assert moment("9999:12:31 23:59:59") is None
    found = moment("9998:12:31 23:59:59")
    assert found is not None
    said = CaptureTime(found[0].isoformat(), Source.EXIF_ORIGINAL, -840)
    assert resolved(said)[0] == "9999-01-01T13:59:59+00:00"


@pytest.mark.parametrize(
    ("local", "offset", "at"),
    [
        ("2025-10-26T02:30:00", 120, "2025-10-26T00:30:00+00:00"),  # twice that night: the first one
        ("2025-03-30T02:30:00", 60, "2025-03-30T01:30:00+00:00"),  # never that night: the clock had not been set yet
    ],
)
def test_nights_when_the_clocks_change(local: str, offset: int, at: str) -> None:
    assert resolved(replace(NOON, local=local), "Europe/Oslo") == (at, offset, "exif_original", "project")


def test_without_a_camera_clock() -> None:
    both = CaptureTime(container="2025-07-04T09:00:00+00:00", gps="2025-07-04T10:00:00+00:00")
    assert resolved(both, "Europe/Oslo") == ("2025-07-04T09:00:00+00:00", 120, "container", "project")
    assert resolved(replace(both, container=None)) == ("2025-07-04T10:00:00+00:00", 0, "gps", "utc")
    assert resolve(Metadata(), "Asia/Tokyo", HINT) == Captured(
        datetime(2026, 3, 1, 11, tzinfo=UTC), "2026-03-01T20:00:00", 540, Source.HINT, ZoneSource.PROJECT
    )
    assert resolve(Metadata(), None, None) == Captured(None, None, None, Source.NONE, ZoneSource.NONE)


def test_no_such_zone() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        resolve(Metadata(captured=NOON), "Europe/Atlantis", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025:07:04 16:30:05", ("2025-07-04T16:30:05", None)),
        ("2025-07-04T16:30:05.123456789+05:45", ("2025-07-04T16:30:05.123456", 345)),
        ("2025-07-04T16:30Z", ("2025-07-04T16:30:00", 0)),
        ("2025-07-04", ("2025-07-04T00:00:00", None)),
        ("20250704 163005-0330", ("2025-07-04T16:30:05", -210)),
        ("2025/07/04 16:30:05", ("2025-07-04T16:30:05", None)),
        ("2025: 7: 4  6: 3: 5", ("2025-07-04T06:03:05", None)),
        ("2016:12:31 23:59:60", ("2016-12-31T23:59:59", None)),
        ("1970:01:01 00:00:01", ("1970-01-01T00:00:01", None)),
        *((nonsense, None) for nonsense in (
            "0000:00:00 00:00:00", "    :  :     :  :  ", "1904:01:01 00:00:00", "1970:01:01 00:00:00", "0001-01-01",
            "2025:13:01 00:00:00", "2025:02:29 10:00:00", "2025:07:04 24:00:00", "2025:07:04 10:60:00",
            "2025:07:04 10:00:61", "yesterday", "2025:07:04 soon", "", None, 20250704, b"2025:07:04 16:30:05",
        )),
    ],
)  # fmt: skip
def test_moments(text: object, expected: tuple[str, int | None] | None) -> None:
    found = moment(text)
    assert (found and (found[0].isoformat(), found[1])) == expected


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("+02:00", 120), ("-0330", -210), ("+14:00", 840), ("Z", 0), ("+5", 300), ("+14:15", None), ("+02:60", None),
        ("   :  ", None), ("02:00", None), ("", None), (None, None), (2, None),
    ],
)  # fmt: skip
def test_offsets(text: object, minutes: int | None) -> None:
    assert offset_minutes(text) == minutes


def test_satellites() -> None:
    assert satellite("2025:07:04", (14.0, 30.0, 4.9)) == "2025-07-04T14:30:04+00:00"
    assert [
        satellite("2025:07:04", (14.0, None, 4.0)),
        satellite("2025:07:04", (14.0,)),
        satellite(None, (1, 2, 3)),
    ] == [None] * 3
    assert satellite("2025:07:04", (25.0, 0.0, 0.0)) is None


DATED = {0x9003: eb.ascii_("2025:01:01 10:00:00"), 0x9291: eb.ascii_("5"), 0x9010: eb.ascii_("+01:00")}
DIGITIZED = {0x9004: eb.ascii_("2025:01:02 10:00:00"), 0x9292: eb.ascii_("75"), 0x9012: eb.ascii_("+02:00")}
MODIFIED = {0x0132: eb.ascii_("2025:01:06 10:00:00"), 0x0131: eb.ascii_("Editor")}
XMP = ' photoshop:DateCreated="2025-01-04T10:00:00" xmp:CreateDate="2025-01-05">'
IPTC = eb.records((55, b"20250106"), (60, b"100000+0100"))


XMP_ORIGINAL = ' exif:DateTimeOriginal="2025-01-03T10:00:00+03:00"' + XMP
BOTH = eb.tiff(MODIFIED, {**DATED, **DIGITIZED})
UNSET = eb.tiff(MODIFIED, {**DATED, **DIGITIZED, 0x9003: eb.ascii_("0000:00:00 00:00:00")})
LAST = eb.tiff(MODIFIED)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (eb.jpeg(BOTH, eb.packet(XMP), IPTC), ("2025-01-01T10:00:00.500000", "exif_original", 60)),
        (eb.jpeg(UNSET, eb.packet(XMP), IPTC), ("2025-01-02T10:00:00.750000", "exif_digitized", 120)),
        (eb.jpeg(LAST, eb.packet(XMP_ORIGINAL), IPTC), ("2025-01-03T10:00:00", "xmp", 180)),
        (eb.jpeg(LAST, eb.packet(XMP), IPTC), ("2025-01-04T10:00:00", "xmp", None)),
        (eb.jpeg(LAST, None, IPTC), ("2025-01-06T10:00:00", "iptc", 60)),
        (eb.jpeg(LAST), ("2025-01-06T10:00:00", "exif_modified", None)),
        (eb.jpeg(), (None, "none", None)),
    ],
)
def test_which_clock(read: Callable[..., Metadata], file: bytes, expected: tuple[object, ...]) -> None:
    said = read(file).captured
    assert (said.local, said.source, said.offset_minutes) == expected
