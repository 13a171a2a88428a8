"""When a photo was taken: which clock is believed, and in which time zone it ran. ``docs/capture-time.md`` says why.

Pure functions. A camera's clock shows a *wall time*; only with an offset from UTC does it become an instant. Offsets
are minutes east of UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from ml.metadata import Metadata

#: The oldest photograph is of 1826; a year before it is a dead clock battery. In 9999, datetime ends in some zones.
_YEARS: Final = range(1826, 9999)
#: Zero of the clocks of QuickTime, Unix: what stands there when nothing was set.
_ZEROS: Final = (datetime(1904, 1, 1), datetime(1970, 1, 1))
_LARGEST_OFFSET: Final = 14 * 60
#: How far a camera's clock may be off from GPS time and still tell its quarter hour.
_CLOCK_ERROR: Final = timedelta(minutes=5)

# Exif pads with blanks, IPTC leaves the separators out, and in XMP and IPTC the time may be missing.
_MOMENT: Final = re.compile(
    r"(\d{4})[:./-]?([ \d]\d)[:./-]?([ \d]\d)"
    r"(?:[ T]+([ \d]?\d):?([ \d]\d)(?::?([ \d]\d)(?:[.,](\d+))?)?\s*(Z|[+-]\d\d:?\d\d)?|$)"
)
_OFFSET: Final = re.compile(r"\s*([+-])(\d{1,2}):?(\d\d)?\s*")


class Source(StrEnum):
    """Which clock the capture time comes from."""

    EXIF_ORIGINAL = "exif_original"
    EXIF_DIGITIZED = "exif_digitized"
    XMP = "xmp"
    IPTC = "iptc"
    EXIF_MODIFIED = "exif_modified"
    CONTAINER = "container"
    GPS = "gps"
    HINT = "hint"
    NONE = "none"


class ZoneSource(StrEnum):
    """How the offset from UTC is known."""

    WRITTEN = "written"
    GPS = "gps"
    PROJECT = "project"
    UTC = "utc"
    ASSUMED_UTC = "assumed_utc"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """What a file says of its time, before any zone is applied. All moments are ISO 8601.

    ``local``: the wall time, without offset; ``offset_minutes``: the offset written beside it; ``container``: when the
    container says it was made, in UTC; ``gps``: the satellites' time, in UTC.
    """

    local: str | None = None
    source: Source = Source.NONE
    offset_minutes: int | None = None
    container: str | None = None
    gps: str | None = None


@dataclass(frozen=True, slots=True)
class Captured:
    """When a photo was taken. ``at``: the instant, in UTC; ``local``: the wall time, ISO 8601 without offset."""

    at: datetime | None
    local: str | None
    offset_minutes: int | None
    source: Source
    zone_source: ZoneSource


def moment(text: object, sub_seconds: object = None) -> tuple[datetime, int | None] | None:
    """Wall time and offset in minutes of a date as Exif, XMP or IPTC write it; None if it is none.

    ``sub_seconds``: the digits after the second's point, where they stand apart.
    """
    found = _MOMENT.match(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    *parts, fraction, offset = found.groups()
    digits = (fraction or _digits(sub_seconds)).ljust(6, "0")[:6]
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    try:
        # a leap second has no place in datetime
        at = datetime(year, month, day, hour, minute, min(second, 59) if second == 60 else second, int(digits))
    except ValueError:
        return None
    if year not in _YEARS or at in _ZEROS:
        return None
    return at, 0 if offset == "Z" else offset_minutes(offset)


def offset_minutes(text: object) -> int | None:
    """Minutes east of UTC of ``+02:00``, ``-0330`` or ``Z``; None if the text is no offset a place on Earth has."""
    if isinstance(text, str) and text.strip() == "Z":
        return 0
    found = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    offset = (int(hours) * 60 + int(minutes or 0)) * (-1 if sign == "-" else 1)
    return offset if abs(offset) <= _LARGEST_OFFSET and int(minutes or 0) < 60 else None


def first(candidates: Iterable[tuple[Source, object, object, object]]) -> CaptureTime:
    """The first candidate that is a moment. A candidate: source, date, digits after the second, offset."""
    for source, text, sub_seconds, offset in candidates:
        if (found := moment(text, sub_seconds)) is not None:
            at, written = found
            return CaptureTime(at.isoformat(), source, written if written is not None else offset_minutes(offset))
    return CaptureTime()


def satellite(date: object, time: Sequence[float | None]) -> str | None:
    """GPS date and time of day (hours, minutes, seconds) as an ISO 8601 moment in UTC; None if either is missing."""
    if len(time) < 3 or not isinstance(date, str):
        return None
    hour, minute, second = (part if part is not None and 0 <= part < 61 else -1 for part in time[:3])
    found = moment(f"{date} {int(hour):02}:{int(minute):02}:{int(second):02}")
    return None if found is None else found[0].replace(tzinfo=UTC).isoformat()


def resolve(metadata: Metadata, project_timezone: str | None, hint: datetime | None) -> Captured:
    """When the photo was taken, by the rules of ``docs/capture-time.md``.

    ``project_timezone``: the IANA zone that the shoot was in; ``hint``: an aware moment that the client knows, such as
    the file's time. Raises ZoneInfoNotFoundError for a zone that does not exist.
    """
    said = metadata.captured
    if said.local is None:
        return _without_wall_time(said, project_timezone, hint)
    local = datetime.fromisoformat(said.local)
    offset, zone_source = _offset(said, local, project_timezone)
    at = (local - timedelta(minutes=offset or 0)).replace(tzinfo=UTC)
    return Captured(at, said.local, offset, said.source, zone_source)


def _offset(said: CaptureTime, local: datetime, zone: str | None) -> tuple[int | None, ZoneSource]:
    if said.offset_minutes is not None:
        return said.offset_minutes, ZoneSource.WRITTEN
    if said.gps is not None and (offset := _quarter_hours(local, datetime.fromisoformat(said.gps))) is not None:
        return offset, ZoneSource.GPS
    if zone is not None:
        return _minutes(local.replace(tzinfo=ZoneInfo(zone))), ZoneSource.PROJECT
    return None, ZoneSource.ASSUMED_UTC


def _quarter_hours(local: datetime, gps: datetime) -> int | None:
    """The offset that lies between a wall time and GPS time: whole quarter hours, within what a place can have."""
    apart = local - gps.replace(tzinfo=None)
    quarter = timedelta(minutes=15)
    offset = round(apart / quarter) * 15
    if abs(offset) > _LARGEST_OFFSET or abs(apart - timedelta(minutes=offset)) > _CLOCK_ERROR:
        return None
    return offset


def _without_wall_time(said: CaptureTime, zone: str | None, hint: datetime | None) -> Captured:
    """No camera clock: an instant from elsewhere, shown in the project's zone."""
    for source, at in (
        (Source.CONTAINER, _instant(said.container)),
        (Source.GPS, _instant(said.gps)),
        (Source.HINT, hint if hint is not None and hint.year in _YEARS else None),
    ):
        if at is not None:
            there = at.astimezone(ZoneInfo(zone) if zone else UTC)
            local = there.replace(tzinfo=None).isoformat()
            return Captured(
                at.astimezone(UTC), local, _minutes(there), source, ZoneSource.PROJECT if zone else ZoneSource.UTC
            )
    return Captured(None, None, None, Source.NONE, ZoneSource.NONE)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _minutes(aware: datetime) -> int:
    offset = aware.utcoffset()
    assert offset is not None, "only aware moments come here"
    return round(offset.total_seconds() / 60)


def _digits(value: object) -> str:
    found = re.match(r"\d+", str(value).strip()) if value is not None else None
    return found.group() if found else ""
