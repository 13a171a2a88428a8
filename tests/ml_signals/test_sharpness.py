"""Which of two frames of a scene is the sharp one, whatever their noise."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from ml import sharpness
from tests.ml_signals.drawn import Light, Pixels, defocused, jpeg, moved, pebbles, pixels, scaled, scene
from tests.support import pictures

SCENES = range(4)
BLURS = {
    "defocus 1.5": functools.partial(defocused, radius=1.5),
    "defocus 2.5": functools.partial(defocused, radius=2.5),
    "motion 5": functools.partial(moved, pixels=5),
    "motion 9": functools.partial(moved, pixels=9, upright=True),
}
#: Noise of the sharp frame and of the blurred one.
NOISES = {"little": (0.01, 0.01), "much": (0.03, 0.03), "blurred is noisier": (0.01, 0.04)}


@functools.cache
def _light(seed: int, blur: str = "") -> Light:
    return BLURS[blur](_light(seed)) if blur else scene(seed)


def _sharpness(picture: Pixels) -> float:
    return sharpness.measure(picture).sharpness


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("blur", BLURS)
def test_the_sharp_frame_is_chosen(blur: str, noise: str) -> None:
    sharp, blurred = NOISES[noise]
    chosen = [
        _sharpness(pixels(_light(seed), noise=sharp, seed=1))
        > _sharpness(pixels(_light(seed, blur), noise=blurred, seed=2))
        for seed in SCENES
    ]
    assert chosen == [True] * len(SCENES)


def test_the_sharp_frame_is_chosen_after_jpeg() -> None:
    for seed in SCENES:
        sharp = jpeg(pixels(_light(seed), noise=0.01, seed=1), 85)
        blurred = jpeg(pixels(_light(seed, "defocus 1.5"), noise=0.04, seed=2), 85)
        assert _sharpness(sharp) > _sharpness(blurred)


def test_noise_alone_decides_nothing() -> None:
    """Between frames that differ in noise only, neither wins by much: a tenth of what the slightest blur costs."""
    for seed in SCENES:
        quiet, noisy = (_sharpness(pixels(_light(seed), noise=noise, seed=3)) for noise in (0.005, 0.02))
        blurred = _sharpness(pixels(_light(seed, "defocus 1.5"), noise=0.005, seed=3))
        assert abs(quiet - noisy) < 0.35 * (quiet - blurred)


def test_scaling_changes_little() -> None:
    for seed in SCENES:
        picture = pixels(_light(seed), noise=0.005)
        assert abs(math.log(_sharpness(scaled(picture, 0.75)) / _sharpness(picture))) < 0.25


@pytest.mark.parametrize("sigma", [0.01, 0.02, 0.04])
def test_noise_is_measured_where_the_picture_is_flat(sigma: float) -> None:
    """Luma of three channels with independent noise has 0.668 of it: the root of the squares of BT.601."""
    flat = np.full((400, 600, 3), 0.2, np.float32)
    flat[:, 300:] = 0.5
    assert sharpness.measure(pixels(flat, noise=sigma)).noise == pytest.approx(0.668 * sigma, rel=0.05)


@pytest.mark.parametrize(("upright", "angle"), [(False, 0.0), (True, 90.0)])
def test_motion_is_told_from_defocus_and_has_a_direction(upright: bool, angle: float) -> None:
    for seed in range(3):
        light = pebbles(seed)
        smeared = sharpness.measure(pixels(moved(light, 9, upright=upright), noise=0.005))
        assert smeared.motion > 0.2
        assert smeared.motion_angle == angle
        for other in (light, defocused(light, 2.5)):
            assert sharpness.measure(pixels(other, noise=0.005)).motion < 0.15


def test_tiles_show_what_is_in_focus() -> None:
    light = _light(0).copy()
    light[:, 384:] = defocused(_light(0), 3)[:, 384:]
    tiles = sharpness.measure(pixels(light, noise=0.005)).tiles
    assert tiles.shape == (15, 23)
    assert np.nanmedian(tiles[:, :11]) > 1.5 * np.nanmedian(tiles[:, 13:])


@pytest.mark.parametrize("value", [0, 130, 255])
def test_a_flat_picture_gives_no_answer(value: int) -> None:
    found = sharpness.measure(np.full((100, 150, 3), value, np.uint8))
    assert math.isnan(found.sharpness)
    assert math.isnan(found.motion)
    assert np.isnan(found.tiles).all()
    assert math.isnan(found.noise) == (value != 130)


def test_a_picture_below_48_pixels_gives_no_answer() -> None:
    assert sharpness.measure(pictures.noise(500, 47)) is sharpness.NOTHING
