from __future__ import annotations

import math

import numpy as np
import pytest

from ml import planes, sharpness, subject
from ml.subject import Subject
from tests.ml_signals.drawn import Pixels, pixels, scene, turned
from tests.support.pictures import noise


def _found(picture: Pixels) -> Subject:
    return subject.find(planes.luma(planes.reduced(picture)), sharpness.measure(picture).tiles)


def _patch(x: int, y: int, side: int) -> Pixels:
    """A textured square on a plain ground of 600 × 400."""
    picture = np.full((400, 600, 3), 120, np.uint8)
    texture = noise(side // 4, side // 4)[..., :1]
    picture[y : y + side, x : x + side] = texture.repeat(4, 0).repeat(4, 1)
    return picture


def test_the_weight_is_on_what_stands_out() -> None:
    weight = _found(_patch(400, 60, 120)).weight
    assert float(weight.mean()) == pytest.approx(1, abs=1e-3)
    row, column = np.unravel_index(int(weight.argmax()), weight.shape)
    assert 60 / 400 * 64 - 3 <= row <= 180 / 400 * 64 + 3
    assert 400 / 600 * 64 - 3 <= column <= 520 / 600 * 64 + 3


def test_framing_follows_the_subject() -> None:
    middle, aside = _found(_patch(240, 140, 120)), _found(_patch(460, 20, 120))
    assert middle.centre_offset < 0.1
    assert aside.centre_offset > 0.4
    assert _found(_patch(150, 60, 280)).size > middle.size


def test_a_flat_picture_has_no_subject() -> None:
    found = _found(np.full((400, 600, 3), 120, np.uint8))
    assert (found.size, found.centre_offset) == (1.0, 0.0)
    assert math.isnan(found.tilt)
    assert found.weight[32, 32] > found.weight[0, 0]


@pytest.mark.parametrize("degrees", [0, 1.5, -3, 5])
def test_tilt_of_a_building(degrees: float) -> None:
    facade = np.full((400, 600, 3), 170, np.uint8)
    for top in range(20, 400, 60):
        for left in range(30, 600, 70):
            facade[top : top + 35, left : left + 30] = 60
    assert _found(turned(facade, degrees)).tilt == pytest.approx(abs(degrees), abs=0.4)


def test_what_has_no_lines_does_not_lean() -> None:
    leaves = noise(600, 400)[..., :1].repeat(3, axis=2)
    assert math.isnan(_found(leaves).tilt)


def test_the_weight_does_not_depend_on_how_bright_the_frame_is() -> None:
    light = scene(2, 600, 400)
    full, dark = (_found(pixels(part)).weight for part in (light, light * 0.6))
    assert np.corrcoef(full.ravel(), dark.ravel())[0, 1] > 0.95
