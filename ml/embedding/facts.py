"""What is known of a photo beside its pixels, as far as concepts need it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ml.capture_time import CaptureTime
    from ml.metadata import Metadata

#: The epoch from which the sun's place is reckoned.
_J2000: Final = datetime(2000, 1, 1, 12, tzinfo=UTC)
_MACRO_NAMES: Final = ("macro", "micro", "makro")


@dataclass(frozen=True, slots=True)
class Facts:
    """Each None where nobody knows.

    ``focal_length_35mm`` in mm as on 24 × 36 mm; ``aperture`` the f-number; ``exposure_time_s`` seconds; ``iso``;
    ``local_hour`` 0 to 24 on the clock of the place; ``sun_elevation_deg`` of the sun above the horizon; ``macro_lens``
    whether the lens calls itself one; ``faces`` how many were found, None where nobody looked; ``burst_frames`` how
    many frames the photo's burst has.
    """

    focal_length_35mm: float | None = None
    aperture: float | None = None
    exposure_time_s: float | None = None
    iso: float | None = None
    flash: bool | None = None
    local_hour: float | None = None
    sun_elevation_deg: float | None = None
    macro_lens: bool | None = None
    faces: int | None = None
    burst_frames: int | None = None

    @property
    def ev100(self) -> float | None:
        """How much light the exposure was set for: log2(N² / t) at ISO 100; some 15 in the sun, 3 at night."""
        if not self.aperture or not self.exposure_time_s or not self.iso:
            return None
        return math.log2(self.aperture**2 / self.exposure_time_s) - math.log2(self.iso / 100)


def of(metadata: Metadata, faces: int | None = None, burst_frames: int | None = None) -> Facts:
    """As a file tells them; what a file cannot know is passed beside."""
    wall = _wall(metadata.captured)
    at = _instant(metadata.captured, wall)
    north, east = metadata.gps_latitude, metadata.gps_longitude
    return Facts(
        focal_length_35mm=metadata.focal_length_35mm,
        aperture=metadata.aperture,
        exposure_time_s=metadata.exposure_time_s,
        iso=metadata.iso,
        flash=metadata.flash_fired,
        local_hour=None if wall is None else wall.hour + wall.minute / 60,
        sun_elevation_deg=None if at is None or north is None or east is None else sun_elevation(at, north, east),
        macro_lens=None if metadata.lens_model is None else _is_macro(metadata.lens_model),
        faces=faces,
        burst_frames=burst_frames,
    )


def sun_elevation(at: datetime, latitude: float, longitude: float) -> float:
    """Degrees of the sun's centre above the horizon, without refraction; ``at`` has a zone, degrees are WGS 84.

    The Astronomical Almanac's low-precision formulas: within about 0.01° from 1950 to 2050.
    """
    days = (at - _J2000) / timedelta(days=1)
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360)
    mean_longitude = 280.460 + 0.9856474 * days
    ecliptic = math.radians(mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    obliquity = math.radians(23.439 - 0.0000004 * days)
    right_ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    sidereal = (18.697374558 + 24.06570982441908 * days) * 15 + longitude
    hour_angle = math.radians(sidereal) - right_ascension
    up = math.radians(latitude)
    height = math.sin(up) * math.sin(declination) + math.cos(up) * math.cos(declination) * math.cos(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, height))))


def _wall(captured: CaptureTime) -> datetime | None:
    return None if captured.local is None else datetime.fromisoformat(captured.local).replace(tzinfo=None)


def _instant(captured: CaptureTime, wall: datetime | None) -> datetime | None:
    """The satellites' time, or the wall clock with the offset written beside it."""
    if captured.gps is not None:
        at = datetime.fromisoformat(captured.gps)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    if wall is None or captured.offset_minutes is None:
        return None
    return wall.replace(tzinfo=timezone(timedelta(minutes=captured.offset_minutes)))


def _is_macro(lens: str) -> bool:
    return any(name in lens.lower() for name in _MACRO_NAMES)
