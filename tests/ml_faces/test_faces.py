"""What the faces of a photo say together, and what a photo says of its faces."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from ml import faces, sharpness, signals, subject
from ml.faces import Box, Eyes, Face, Landmarks, Point
from ml.faces.face import CANNOT_TELL, prominent
from ml.ranking import features
from ml.sharpness import Detail
from tests.ml_signals.drawn import defocused, pebbles, pixels

POINT = Point(0.5, 0.5)
PICTURE = pixels(pebbles(7), noise=0.004)


def face(
    width: float = 0.2, eyes: Eyes = CANNOT_TELL, sharp: float = math.nan, *, counts: bool = True, at: float = 0.4
) -> Face:
    return Face(Box(at, at, width, width), 0.9, Landmarks(*[POINT] * 5), sharp, eyes, counts)


def test_eyes_are_as_open_as_the_worst_of_a_prominent_face() -> None:
    group = [face(eyes=Eyes(0.9, 0.95)), face(eyes=Eyes(0.8, 0.1)), face(eyes=Eyes(0.0, 0.0), counts=False)]
    assert faces.eyes_open(group) == 0.1
    assert faces.eyes_open(group[::-1]) == 0.1
    assert faces.eyes_open(group[:1]) == 0.9


def test_cannot_tell_is_not_shut() -> None:
    assert math.isnan(faces.eyes_open([]))
    assert math.isnan(faces.eyes_open([face(), face()]))
    assert math.isnan(faces.eyes_open([face(), face(eyes=Eyes(0.0, 0.0), counts=False)]))
    assert faces.eyes_open([face(), face(eyes=Eyes(None, 0.7))]) == 0.7
    assert faces.eyes_open([face(eyes=Eyes(0.0, None))]) == 0.0


def test_faces_are_as_sharp_as_the_prominent_ones_by_area() -> None:
    group = [face(0.2, sharp=1.0), face(0.1, sharp=0.5), face(0.3, sharp=0.0, counts=False), face(0.4)]
    assert faces.sharpness(group) == pytest.approx((4 * 1.0 + 1 * 0.5) / 5)
    assert math.isnan(faces.sharpness([face(), face(sharp=1.0, counts=False)]))
    assert math.isnan(faces.sharpness([]))


def test_a_quarter_of_the_largest_is_prominent() -> None:
    assert prominent([100.0, 25.0, 24.9]) == [True, True, False]
    assert prominent([]) == []


def test_the_ranker_is_told_of_faces_and_of_nothing_where_none_are_known() -> None:
    blink = (face(sharp=0.8, eyes=Eyes(0.9, 0.2)),)
    taken = [signals.measure(PICTURE, found) for found in (blink, (), None, (face(),))]
    values = features.measured(taken)
    columns = values[:, [features.NAMES.index(name) for name in ("face_sharpness", "eyes_open")]]
    assert columns[0].tolist() == [0.8, 0.2]
    assert np.isnan(columns[1:]).all()
    assert features.frames(values).x[1:, features.NAMES.index("eyes_open")].tolist() == [0, 0, 0]


def test_faces_are_told_and_without_them_every_bit_is_the_same() -> None:
    found = (face(0.3, sharp=0.7, counts=True), face(0.1, sharp=0.5, counts=False))
    plain, none = signals.measure(PICTURE), signals.measure(PICTURE, ())
    with_faces, with_detail = (
        signals.measure(PICTURE, found),
        signals.measure(PICTURE, found, sharpness.measure(PICTURE)),
    )
    assert (plain.faces, none.faces, with_faces.faces) == (None, (), found)
    assert repr(plain).replace("faces=None", "") == repr(none).replace("faces=()", "")
    assert repr(with_faces) == repr(with_detail)
    assert pickle.loads(pickle.dumps(with_faces)).faces == found  # noqa: S301
    assert signals.SIGNALS_VERSION == 1


def test_a_face_is_the_subject() -> None:
    """Sharp in the upper left, where a face is, and blurred elsewhere: with the face known, the subject is sharper."""
    light = pebbles(5)
    corner = np.zeros((*light.shape[:2], 1), bool)
    corner[:200, :200] = True
    picture = pixels(np.where(corner, light, defocused(light, 3)), noise=0.003)
    known = Face(Box(0.02, 0.02, 0.2, 0.3), 0.9, Landmarks(*[POINT] * 5), 1.0, CANNOT_TELL, True)
    passer_by = Face(Box(0.02, 0.02, 0.2, 0.3), 0.9, Landmarks(*[POINT] * 5), 1.0, CANNOT_TELL, False)
    without, with_face = signals.measure(picture), signals.measure(picture, [known])
    assert with_face.subject_sharpness > without.subject_sharpness + 0.02
    assert signals.measure(picture, [passer_by]).subject_sharpness == without.subject_sharpness
    assert (with_face.sharpness, with_face.subject_size) == (without.sharpness, without.subject_size)


def test_cells_of_a_face_weigh_four_times_as_much() -> None:
    even = subject.Subject(np.ones((64, 64), np.float32), np.ones((64, 64), np.float32), 0.5, 0.1, math.nan)
    found = subject.favouring(even, [(0.25, 0.5, 0.25, 0.125), (0.25, 0.5, 0.125, 0.125)])
    inside, outside = found.weight[32:40, 16:32], found.weight[:32]
    assert inside.max() == inside.min() == pytest.approx(4 * outside.max(), rel=1e-6)
    assert found.weight.mean() == pytest.approx(1, rel=1e-6)
    assert np.array_equal(found.weight, found.place)
    assert (found.size, found.centre_offset) == (0.5, 0.1)


def detail(tiles: list[list[float]], structure: list[list[float]]) -> Detail:
    return Detail(1.0, 0.0, 0.0, 0.0, np.array(tiles, np.float32), np.array(structure, np.float32))


def test_the_sharpness_of_a_box_is_that_of_its_tiles_by_structure_and_cover() -> None:
    # 80 × 112 pixels: 2 × 3 tiles, the first one beginning at (8, 8)
    known = detail([[1.0, 0.5, math.nan], [0.2, 0.4, 0.6]], [[3, 1, 9], [1, 1, 1]])
    assert sharpness.of_box(known, 80, 112, (8, 8, 64, 32)) == pytest.approx((3 * 1.0 + 1 * 0.5) / 4)
    assert sharpness.of_box(known, 80, 112, (8, 24, 64, 48)) == pytest.approx(
        (0.5 * 3 * 1.0 + 0.5 * 1 * 0.5 + 0.2 + 0.4) / (1.5 + 0.5 + 2)
    )
    assert sharpness.of_box(known, 80, 112, (-50, -50, 500, 500)) == pytest.approx((3 + 0.5 + 1.2) / 7)


@pytest.mark.parametrize("box", [(8, 8, 63, 32), (40, 8, 64, 32), (200, 200, 64, 64), (8, 8, 64, 0)])
def test_less_than_two_tiles_with_structure_tell_nothing(box: tuple[float, float, float, float]) -> None:
    known = detail([[1.0, 0.5, math.nan], [0.2, 0.4, 0.6]], [[3, 1, 9], [1, 1, 1]])
    assert math.isnan(sharpness.of_box(known, 80, 112, box))


def test_the_tiles_of_a_real_frame_lie_where_the_picture_is_sharp() -> None:
    light = pebbles(6)
    half = np.zeros((*light.shape[:2], 1), bool)
    half[:, :384] = True
    known = sharpness.measure(pixels(np.where(half, light, defocused(light, 2.5)), noise=0.003))
    left, right = (sharpness.of_box(known, 512, 768, (x, 100, 250, 200)) for x in (60, 460))
    assert left > 1.5 * right
