"""A face of a photo, and what all its faces say together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

#: A face counts if it covers at least this part of what the largest one covers.
PROMINENT: Final = 0.25


class Box(NamedTuple):
    """Upper left corner and size, in parts of the upright frame."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height


class Point(NamedTuple):
    """In parts of the upright frame; a little beyond 0 to 1 where a face is cut off."""

    x: float
    y: float


class Landmarks(NamedTuple):
    """Right and left are the person's own."""

    right_eye: Point
    left_eye: Point
    nose: Point
    right_mouth: Point
    left_mouth: Point


class Eyes(NamedTuple):
    """How far each eye is open, 0 to 1, the person's own right and left; None: can't tell."""

    right: float | None
    left: float | None


CANNOT_TELL: Final = Eyes(None, None)


@dataclass(frozen=True, slots=True)
class Face:
    """``score``: 0 to 1, how surely it is one. ``sharpness``: that of the eyes' half, as ``ml.sharpness`` has it, nan
    where the face is too small. ``prominent``: it is one of those that the photo is of."""

    box: Box
    score: float
    landmarks: Landmarks
    sharpness: float
    eyes_open: Eyes
    prominent: bool


def eyes_open(faces: Sequence[Face]) -> float:
    """Of the worst eye of the prominent faces: one who blinks spoils the photo of all. nan if none can be told."""
    eyes = [eye for face in faces if face.prominent for eye in face.eyes_open if eye is not None]
    return min(eyes, default=math.nan)


def sharpness(faces: Sequence[Face]) -> float:
    """The mean of the prominent faces, each by its area; nan if none is large enough to tell.

    Not the worst: behind a face in focus another may well be soft. Not the largest alone: of two that are about equal,
    one is the largest in this frame and the other in the next, and neither frame got sharper by that.
    """
    known = [(face.sharpness, face.box.area) for face in faces if face.prominent and math.isfinite(face.sharpness)]
    total = sum(area for _, area in known)
    return sum(value * area for value, area in known) / total if total else math.nan


def prominent(areas: Sequence[float]) -> list[bool]:
    largest = max(areas, default=0.0)
    return [area >= PROMINENT * largest for area in areas]
