from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ml.capture_time import CaptureTime
from ml.embedding import facts
from ml.embedding.facts import Facts, sun_elevation
from ml.metadata import Metadata


@pytest.mark.parametrize(
    ("at", "latitude", "longitude", "degrees"),
    [
        # the poles see the sun at its declination
        (datetime(2024, 6, 20, 20, 51, tzinfo=UTC), 90, 0, 23.44),
        (datetime(2024, 12, 21, 9, 20, tzinfo=UTC), 90, 0, -23.44),
        (datetime(2024, 3, 20, 3, 6, tzinfo=UTC), 90, 0, 0.0),
        # the equation of time is -7.5 minutes on that day
        (datetime(2024, 3, 20, 12, 7, 30, tzinfo=UTC), 0, 0, 89.9),
        (datetime(2024, 3, 20, 0, 7, 30, tzinfo=UTC), 0, 0, -89.9),
        # sunrise and sunset in Berlin as almanacs give them: the upper limb, refracted, which is -0.83
        (datetime(2024, 6, 21, 4, 43, tzinfo=timezone(timedelta(hours=2))), 52.52, 13.405, -0.83),
        (datetime(2024, 6, 21, 21, 33, tzinfo=timezone(timedelta(hours=2))), 52.52, 13.405, -0.83),
    ],
)
def test_the_sun_stands_where_almanacs_say(at: datetime, latitude: float, longitude: float, degrees: float) -> None:
    assert sun_elevation(at, latitude, longitude) == pytest.approx(degrees, abs=0.15)


def test_a_quarter_turn_of_longitude_is_six_hours() -> None:
    at = datetime(2026, 8, 3, 9, tzinfo=UTC)
    assert sun_elevation(at, 40, 90) == pytest.approx(sun_elevation(at + timedelta(hours=6), 40, 0), abs=0.1)


def test_facts_of_a_file() -> None:
    found = facts.of(
        Metadata(
            captured=CaptureTime(local="2024-06-21T21:33:00", offset_minutes=120),
            lens_model="EF100mm f/2.8L Macro IS USM",
            focal_length_mm=100.0,
            focal_length_35mm=160.0,
            exposure_time_s=1 / 100,
            aperture=16.0,
            iso=100,
            flash_fired=False,
            gps_latitude=52.52,
            gps_longitude=13.405,
        ),
        faces=2,
        burst_frames=4,
    )
    assert found.sun_elevation_deg == pytest.approx(-0.83, abs=0.15)
    assert found.ev100 == pytest.approx(14.64, abs=0.01)
    assert (found.local_hour, found.focal_length_35mm, found.macro_lens, found.flash) == (21.55, 160.0, True, False)
    assert (found.faces, found.burst_frames) == (2, 4)


def test_a_file_that_says_nothing() -> None:
    assert facts.of(Metadata()) == Facts()
    assert Facts().ev100 is None


def test_the_satellites_time_is_believed_before_the_cameras() -> None:
    place = {"gps_latitude": 0.0, "gps_longitude": 0.0}
    gps = CaptureTime(local="2024-03-20T05:00:00", offset_minutes=0, gps="2024-03-20T12:07:30")
    assert facts.of(Metadata(captured=gps, **place)).sun_elevation_deg == pytest.approx(89.9, abs=0.15)
    no_offset = CaptureTime(local="2024-03-20T05:00:00")
    assert facts.of(Metadata(captured=no_offset, **place)) == Facts(local_hour=5.0)
