"""Where to cut a photo so that what it is of stays in: from the faces and the sharpness that were measured in it.

All rectangles are in fractions of the upright picture, from its upper left corner. Pure functions, no pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: A picture this many times wider than a slide, and than it is high, is a panorama: frames of 3:2 and 16:9 are none.
PANORAMA: Final = 1.9
#: Slides that a panorama is cut into.
SPLITS: Final = (2, 3)
#: Of a story, what the application covers with its own: from the top and from the bottom.
SAFE_TOP, SAFE_BOTTOM = 0.14, 0.20

#: Standard deviation of the middle's weight, in sides of the frame: as ``ml.subject`` has it.
_MIDDLE: Final = 0.25
#: Room around a face, in parts of its own size: hair, chin and shoulders.
_AROUND: Final = (0.35, 0.45, 0.35, 0.75)  # left, above, right, below
#: What may be cut off a subject before anybody minds, in parts of its size: a guessed one has no sharp borders.
_MAY_LOSE_FACE, _MAY_LOSE_GUESS = 0.02, 0.35
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def lost_within(self, other: Box) -> float:
        """The larger part of this one's width or height that lies outside the other, 0 to 1."""
        across = max(0.0, other.x - self.x) + max(0.0, self.right - other.right)
        down = max(0.0, other.y - self.y) + max(0.0, self.bottom - other.bottom)
        return min(1.0, max(across / max(self.width, _ROUNDING), down / max(self.height, _ROUNDING)))


WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a photo is of. ``sure``: faces were found there; otherwise it is where the picture is sharp."""

    box: Box
    sure: bool

    def is_cut_by(self, crop: Box) -> bool:
        """Would that cut off something that shall be seen?"""
        return self.box.lost_within(crop) > (_MAY_LOSE_FACE if self.sure else _MAY_LOSE_GUESS) + _ROUNDING


MIDDLE: Final = Subject(Box(0.25, 0.25, 0.5, 0.5), sure=False)


# --- the subject ---------------------------------------------------------------------------------------------------


def subject_of(faces: Sequence[Mapping[str, Any]] | None, rows: int, columns: int, sharpness: bytes) -> Subject:
    """From stored signals: ``faces`` as ``ml.records.faces`` writes them, and the tile map of the sharpness."""
    prominent = [face["box"] for face in faces or () if face.get("prominent")]
    if prominent:
        return Subject(_around(prominent), sure=True)
    return Subject(_sharp_part(rows, columns, sharpness), sure=False)


def _around(boxes: Sequence[Sequence[float]]) -> Box:
    left, above, right, below = _AROUND
    x = max(0.0, min(x - left * w for x, _, w, _ in boxes))
    y = max(0.0, min(y - above * h for _, y, _, h in boxes))
    end_x = min(1.0, max(x + (1 + right) * w for x, _, w, _ in boxes))
    end_y = min(1.0, max(y + (1 + below) * h for _, y, _, h in boxes))
    return Box(x, y, end_x - x, end_y - y)


def _sharp_part(rows: int, columns: int, sharpness: bytes) -> Box:
    """One standard deviation to each side of the middle of all sharpness; the picture's own middle counts more."""
    total = sum_x = sum_y = square_x = square_y = 0.0
    for place, value in enumerate(sharpness[: rows * columns]):
        row, column = divmod(place, columns)
        x, y = (column + 0.5) / columns, (row + 0.5) / rows
        weight = value * math.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) / (2 * _MIDDLE**2))
        total += weight
        sum_x, sum_y = sum_x + weight * x, sum_y + weight * y
        square_x, square_y = square_x + weight * x * x, square_y + weight * y * y
    if not total:
        return MIDDLE.box
    x, y = sum_x / total, sum_y / total
    half_x = max(math.sqrt(max(0.0, square_x / total - x * x)), 0.5 / columns)
    half_y = max(math.sqrt(max(0.0, square_y / total - y * y)), 0.5 / rows)
    left, top = max(0.0, x - half_x), max(0.0, y - half_y)
    return Box(left, top, min(1.0, x + half_x) - left, min(1.0, y + half_y) - top)


# --- crops ---------------------------------------------------------------------------------------------------------


def kept_by(aspect: float, ratio: float) -> float:
    """The part of a picture of this ``aspect`` (width to height) that the largest crop of ``ratio`` keeps."""
    return min(aspect / ratio, ratio / aspect)


def crop_to(aspect: float, ratio: float, subject: Subject, aim: tuple[float, float] = (0.5, 0.5)) -> Box:
    """The largest crop of ``ratio`` from a picture of ``aspect``, with the subject's middle at ``aim`` of the crop.

    Where the picture ends, it ends: then the subject stands elsewhere.
    """
    width, height = (ratio / aspect, 1.0) if aspect > ratio else (1.0, aspect / ratio)
    x, y = subject.box.middle
    return Box(_clamped(x - aim[0] * width, 1 - width), _clamped(y - aim[1] * height, 1 - height), width, height)


def _clamped(start: float, most: float) -> float:
    return min(max(0.0, start), max(0.0, most))


def is_panorama(aspect: float, ratio: float) -> bool:
    """Is a picture of this aspect so wide that it is better cut into several slides of ``ratio``?"""
    return aspect >= PANORAMA * max(ratio, 1.0)


def slides_of(aspect: float, ratio: float, subject: Subject) -> list[Box]:
    """A panorama in two or three slides of ``ratio`` that join without a gap; any other picture is one crop."""
    if not is_panorama(aspect, ratio):
        return [crop_to(aspect, ratio, subject)]
    count = max(SPLITS, key=lambda number: kept_by(aspect, number * ratio))
    whole = crop_to(aspect, count * ratio, subject)
    width = whole.width / count
    return [Box(whole.x + number * width, whole.y, width, whole.height) for number in range(count)]


def common_ratio(aspects: Sequence[float], ratios: Mapping[str, float], *, split: bool) -> str:
    """The name of the ratio that cuts the least off these pictures, in the mean of squares: one picture that loses half
    is worse than two that lose a third. Among equals the first.

    ``split``: panoramas are cut into slides and say nothing.
    """

    def lost(name: str) -> float:
        ratio = ratios[name]
        ordinary = [aspect for aspect in aspects if not (split and is_panorama(aspect, ratio))]
        return sum((1 - kept_by(aspect, ratio)) ** 2 for aspect in ordinary) / max(1, len(ordinary))

    return min(ratios, key=lambda name: (round(lost(name), 6), list(ratios).index(name)))


# --- stories -------------------------------------------------------------------------------------------------------

STORY: Final = 9 / 16
#: The part of a story's height in whose middle the subject belongs.
_AIM: Final = (0.5, SAFE_TOP + (1 - SAFE_TOP - SAFE_BOTTOM) / 2)
#: A crop by guess has to leave so much of the picture.
_LEAVES: Final = 0.75


def story_crop(aspect: float, subject: Subject) -> tuple[Box, bool]:
    """The crop of 9:16 that puts the subject between what the application covers; and whether that came out well.

    It did if the subject is whole between the covers, or, where it is guessed, if nearly all of the picture is there.
    """
    crop = crop_to(aspect, STORY, subject, _AIM)
    safe = Box(crop.x, crop.y + SAFE_TOP * crop.height, crop.width, (1 - SAFE_TOP - SAFE_BOTTOM) * crop.height)
    if subject.sure:
        return crop, not subject.is_cut_by(safe)
    return crop, kept_by(aspect, STORY) >= _LEAVES
