from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from ml import signals
from ml.signals import MAP_TILES, Signals
from tests.ml_signals.drawn import defocused, moved, pebbles, pixels, scene
from tests.support import pictures

_PROGRAM = """
import sys
import numpy as np
from ml import descriptors, signals
y, x = np.mgrid[:700, :1100]
picture = np.stack(((x * y // 97) % 256, (x + 2 * y) % 256, (x * x // 61 + y) % 256), axis=-1).astype(np.uint8)
found = signals.measure(picture)
sys.stdout.write(repr(found) + descriptors.describe(picture).pack().hex())
heavy = {"pyvips", "PIL", "torch", "scipy"} & set(sys.modules)
sys.stdout.write(repr(heavy))
"""


def _floats(found: Signals) -> dict[str, float]:
    return {field.name: getattr(found, field.name) for field in dataclasses.fields(Signals) if field.type == "float"}


def test_everything_is_told_of_a_scene() -> None:
    found = signals.measure(pixels(scene(0), noise=0.01))
    assert {name for name, value in _floats(found).items() if math.isnan(value)} <= {"tilt"}
    assert found.faces is None
    assert (found.tiles.rows, found.tiles.columns) == (15, 23)
    assert {len(found.tiles.sharpness), len(found.tiles.highlights), len(found.tiles.shadows)} == {15 * 23}


def test_the_map_has_at_most_32_tiles_on_its_long_edge() -> None:
    tiles = signals.measure(np.full((600, 2048, 3), 255, np.uint8)).tiles
    assert (tiles.rows, tiles.columns) == (9, 32)
    assert tiles.columns == MAP_TILES
    assert set(tiles.highlights) == {255}
    assert set(tiles.shadows) == set(tiles.sharpness) == {0}


def test_the_map_shows_where_the_frame_is_burnt_out() -> None:
    picture = pixels(scene(0))
    picture[:128, :192] = 255
    tiles = signals.measure(picture).tiles
    burnt = np.frombuffer(tiles.highlights, np.uint8).reshape(tiles.rows, tiles.columns)
    assert burnt[0, 0] == 255
    assert burnt[-1].max() == 0


def test_the_subjects_sharpness_is_not_the_grounds() -> None:
    """The middle out of focus before a sharp ground, and the other way round."""
    middle = np.zeros((512, 768, 1), bool)
    middle[130:380, 190:580] = True
    light = np.where(middle, pebbles(3), 0.3 + 0.2 * pebbles(4))
    blurred = defocused(light, 3)
    subject_blurred = signals.measure(pixels(np.where(middle, blurred, light), noise=0.003))
    ground_blurred = signals.measure(pixels(np.where(middle, light, blurred), noise=0.003))
    assert ground_blurred.subject_sharpness > 1.2 * subject_blurred.subject_sharpness


def test_each_flaw_moves_its_own_signal() -> None:
    light = pebbles(1)
    good = signals.measure(pixels(light, noise=0.003))
    soft = signals.measure(pixels(defocused(light, 2), noise=0.003))
    smeared = signals.measure(pixels(moved(light, 9), noise=0.003))
    noisy = signals.measure(pixels(light, noise=0.03))
    dark = signals.measure(pixels(light / 4, noise=0.003))
    assert soft.sharpness < 0.8 * good.sharpness
    assert smeared.motion > good.motion + 0.15
    assert noisy.noise > 4 * good.noise
    assert good.brightness - dark.brightness == pytest.approx(2, abs=0.25)
    assert dark.sharpness == pytest.approx(good.sharpness, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (47, 47), (48, 48), (50, 700)])
@pytest.mark.parametrize("value", [0, 99, 255, None])
def test_any_picture_is_measured(shape: tuple[int, int], value: int | None) -> None:
    height, width = shape
    picture = pictures.noise(width, height) if value is None else np.full((*shape, 3), value, np.uint8)
    found = signals.measure(picture)
    assert not [name for name, number in _floats(found).items() if math.isinf(number)]
    assert len(found.tiles.sharpness) == found.tiles.rows * found.tiles.columns


def test_pixels_are_not_changed() -> None:
    picture = pictures.noise(130, 90)
    before = picture.copy()
    picture.flags.writeable = False
    signals.measure(picture)
    assert np.array_equal(picture, before)


def test_the_same_bits_whatever_the_threads_and_nothing_heavy_is_imported() -> None:
    answers = []
    for threads in ("1", "2", "4"):
        env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", _PROGRAM], env=env, capture_output=True, text=True, check=True)
        answers.append(hashlib.sha256(done.stdout.encode()).hexdigest())
        assert done.stdout.endswith("set()")
    assert len(set(answers)) == 1
