"""Where a face is looked at, and what is told of its eyes; without a runtime."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ml.faces import Eyes, Landmarker, Unusable
from ml.faces import landmarker as module
from ml.faces.face import CANNOT_TELL
from ml.faces.patches import Square, framing, sampled


@pytest.mark.parametrize(
    ("turned", "expected"),
    [
        (0, Eyes(0.9, 0.2)),
        (30, Eyes(0.9, 0.2)),
        (31, Eyes(0.9, None)),
        (-31, Eyes(None, 0.2)),
        (55, Eyes(0.9, None)),
        (56, CANNOT_TELL),
        (-56, CANNOT_TELL),
    ],
)
def test_an_eye_turned_away_is_not_told(turned: float, expected: Eyes) -> None:
    assert module.told(0.9, 0.2, turned) == expected


def test_eyes_are_within_0_and_1() -> None:
    assert module.told(1.02, -0.01, 0) == Eyes(1.0, 0.0)


def corners(right: tuple[float, float, float], left: tuple[float, float, float]) -> np.ndarray:
    points = np.zeros((478, 3))
    points[33], points[263] = right, left
    return points


def test_a_face_is_turned_by_how_much_further_back_one_corner_lies() -> None:
    assert module.yaw(corners((100, 50, 0), (200, 50, 0))) == 0
    assert module.yaw(corners((100, 50, 0), (200, 50, 100))) == pytest.approx(45)
    assert module.yaw(corners((100, 50, 10), (160, 130, -90))) == pytest.approx(-45)  # and leans, which is no turn


def test_a_square_is_cut_out_as_it_is() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    cut = sampled(picture, Square(26, 18, 16, 0), 16)
    assert np.abs(cut * 255 - picture[10:26, 18:34]).max() < 1e-4


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_a_turned_square_is_turned_back(degrees: int, turns: int) -> None:
    picture = np.random.default_rng(4).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    cut = sampled(picture, Square(26, 18, 16, math.radians(degrees)), 16)
    assert np.abs(cut * 255 - np.rot90(picture[10:26, 18:34], turns)).max() < 1e-3


def test_a_large_square_is_averaged_not_sampled() -> None:
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[:, ::2] = 200
    cut = sampled(picture, Square(64, 64, 128, 0), 32)
    assert np.abs(cut * 255 - 100).max() < 1e-3


@pytest.mark.parametrize(
    "square", [Square(-3, 5, 20, 0.3), Square(300, 300, 10, 0), Square(20, 10, 900, 1), Square(5, 5, 0, 0)]
)
def test_beyond_the_edge_the_picture_goes_on(square: Square) -> None:
    cut = sampled(np.full((20, 40, 3), 77, np.uint8), square, 8)
    assert cut.shape == (8, 8, 3)
    assert np.abs(cut * 255 - 77).max() < 1e-3


def test_points_come_back_to_where_they_are_in_the_picture() -> None:
    square = Square(100, 50, 40, math.radians(90))
    assert square.to_picture(np.array([[0.5, 0.5], [1.0, 0.5], [0.5, 0.0]])) == pytest.approx(
        np.array([[100, 50], [100, 70], [120, 50]])
    )


def test_points_are_framed_at_their_own_angle() -> None:
    tilted = Square(300, 200, 100, 0.4)
    inner = tilted.to_picture(np.array([[0.25, 0.3], [0.75, 0.3], [0.5, 0.7], [0.4, 0.5]]))
    square = framing(inner, 0.4, 1.5)
    assert (square.x, square.y, square.side, square.angle) == pytest.approx((300, 200, 75, 0.4))


class Networks:
    """Both networks in one: always the same points and blinks; notes what it was shown."""

    def __init__(self, points: np.ndarray, presence: float = 9.0) -> None:
        self.points, self.presence = points.astype(np.float32), presence
        self.shown: list[np.ndarray] = []

    def run(self, values: np.ndarray) -> dict[int, np.ndarray]:
        self.shown.append(values)
        blinks = np.zeros(52, np.float32)
        blinks[[9, 10]] = 0.75, 0.25  # the left eye, the right one
        return {1434: self.points.ravel(), 1: np.array([self.presence]), 52: blinks}


def looked_at(networks: Networks, height: float = 120.0) -> Eyes:
    box = np.array([100.0, 60.0, 90.0, height])
    landmarker = Landmarker(networks, networks)  # type: ignore[arg-type]
    return landmarker.eyes(np.full((400, 600, 3), 128, np.uint8), box, np.array([120.0, 100]), np.array([160.0, 100]))


def test_the_persons_right_eye_is_the_right_one() -> None:
    networks = Networks(corners((80, 100, 0), (176, 100, 0)))
    assert looked_at(networks) == Eyes(0.75, 0.25)
    assert [shown.shape for shown in networks.shown] == [(1, 256, 256, 3)] * 2 + [(1, 146, 2)]
    read = networks.shown[2][0]
    assert len(np.unique(module._READ)) == 146
    assert read[module._READ.index(33)].tolist() != read[0].tolist()


def test_no_face_no_answer() -> None:
    networks = Networks(corners((80, 100, 0), (176, 100, 0)), presence=-0.1)
    assert looked_at(networks) == CANNOT_TELL
    assert len(networks.shown) == 2


def test_a_small_face_is_not_looked_at() -> None:
    networks = Networks(corners((80, 100, 0), (176, 100, 0)))
    assert looked_at(networks, height=63.9) == CANNOT_TELL
    assert networks.shown == []


@pytest.mark.parametrize("members", [None, {}, {"face_landmarks_detector.tflite": b"x"}])
def test_what_is_no_landmarker_says_so(tmp_path: Path, members: dict[str, bytes] | None) -> None:
    path = tmp_path / "eyes.task"
    path.write_bytes(b"PK no bundle")
    if members is not None:
        with zipfile.ZipFile(path, "w") as bundle:
            for name, content in members.items():
                bundle.writestr(name, content)
    with pytest.raises(Unusable, match=r"eyes\.task"):
        Landmarker.open(path)
    with pytest.raises(Unusable, match=r"gone\.task"):
        Landmarker.open(tmp_path / "gone.task")
