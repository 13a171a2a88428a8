from __future__ import annotations

import math

import numpy as np
import pytest

from ml import exposure, planes
from ml.exposure import Exposure
from ml.planes import Floats
from tests.ml_signals.drawn import Pixels, pixels, scene

EVEN: Floats = np.ones((64, 64), np.float32)
#: 18 % of linear light in sRGB.
GREY = 117.6


def _measured(picture: Pixels, weight: Floats = EVEN) -> Exposure:
    return exposure.measure(planes.reduced(picture), weight)


def _flat(*rgb: int, height: int = 200, width: int = 300) -> Pixels:
    return np.full((height, width, 3), rgb, np.uint8)


def test_middle_grey_is_right() -> None:
    found = _measured(_flat(118, 118, 118))
    assert found.brightness == pytest.approx(0, abs=0.02)
    assert found.exposure_error == abs(found.brightness)
    assert [found.highlight_clip, found.shadow_clip, found.contrast, found.range_ev] == [0, 0, 0, 0]
    assert found.cast == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("stops", [-2, -1, 1, 2])
def test_a_stop_is_a_stop(stops: int) -> None:
    light = np.full((200, 300, 3), 0.18 * 2.0**stops, np.float32)
    assert _measured(pixels(light)).brightness == pytest.approx(stops, abs=0.05)


def test_brightness_is_the_subjects() -> None:
    picture = _flat(20, 20, 20)
    picture[:, 150:] = 118
    weight = EVEN * 0
    weight[:, 32:] = 2
    found = _measured(picture, weight)
    assert found.brightness == pytest.approx(0, abs=0.02)
    assert found.back_light == pytest.approx(math.log2(0.18 / 0.006995), abs=0.02)


def test_burnt_out_and_black_areas_are_shares_of_the_frame() -> None:
    picture = _flat(118, 118, 118)
    picture[:50] = 255
    picture[50:100, :, 0] = 255
    picture[180:, :150] = 0
    found = _measured(picture)
    assert [found.highlight_clip, found.highlight_clip_all, found.shadow_clip, found.specular] == [0.5, 0.25, 0.05, 0]
    assert found.highlights[:100].all()
    assert not found.highlights[100:].any()
    assert found.shadows.sum() == 20 * 150


def test_a_glint_is_allowed() -> None:
    picture = _flat(118, 118, 118)
    picture[20:23, 20:23] = 255
    picture[100, :] = 255
    found = _measured(picture)
    assert found.highlight_clip == 0
    assert found.specular == (9 + 300) / 60_000
    assert not found.highlights.any()


def test_a_saturated_colour_is_black_in_some_channel_only() -> None:
    found = _measured(_flat(200, 0, 0))
    assert (found.shadow_clip, found.shadow_clip_any) == (0, 1)


def test_contrast_and_range() -> None:
    picture = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    found = _measured(picture)
    assert found.contrast == pytest.approx(0.8, abs=0.01)
    assert found.range_ev == pytest.approx(9.2, abs=0.3)


@pytest.mark.parametrize(("rgb", "angle"), [((128, 118, 112), 60), ((112, 118, 128), 269), ((118, 128, 118), 144)])
def test_a_cast_has_a_direction(rgb: tuple[int, int, int], angle: float) -> None:
    found = _measured(_flat(*rgb))
    assert found.cast == pytest.approx(found.colour, abs=1e-6)
    assert found.cast_angle == pytest.approx(angle, abs=1)


def test_a_red_coat_is_no_cast() -> None:
    picture = _flat(118, 118, 118)
    picture[:, :120] = (200, 30, 30)
    found = _measured(picture)
    assert found.cast < 2
    assert found.colour > 25


def test_a_black_frame_has_no_cast_to_tell() -> None:
    found = _measured(_flat(0, 0, 0))
    assert math.isnan(found.cast)
    assert found.shadow_clip == 1
    assert found.brightness == pytest.approx(math.log2(2 / 255 / 12.92 / 0.18))


def test_less_light_of_one_scene_is_darker() -> None:
    light = scene(1, 600, 400)
    full, half = (_measured(pixels(part)) for part in (light, light / 2))
    assert full.brightness - half.brightness == pytest.approx(1, abs=0.1)
    assert full.highlight_clip >= half.highlight_clip
