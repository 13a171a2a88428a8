"""A square of a picture, at any angle and any size, as a network wants it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.planes import Bytes, Doubles, Floats


@dataclass(frozen=True, slots=True)
class Square:
    """In pixels of the picture: its middle, its side, and by how many radians it is turned, clockwise."""

    x: float
    y: float
    side: float
    angle: float

    def to_picture(self, points: Doubles) -> Doubles:
        """Points (n, 2), in parts of the square, as x, y of the picture."""
        cosine, sine = math.cos(self.angle) * self.side, math.sin(self.angle) * self.side
        x, y = points.T - 0.5
        return np.stack((x * cosine - y * sine + self.x, x * sine + y * cosine + self.y), axis=1)


def framing(points: Doubles, angle: float, share: float) -> Square:
    """The square at this angle whose side is ``share`` times what the points (n, 2) span, with them in its middle."""
    cosine, sine = math.cos(angle), math.sin(angle)
    along, across = points @ (cosine, sine), points @ (-sine, cosine)
    middle = (along.max() + along.min()) / 2, (across.max() + across.min()) / 2
    side = share * max(float(np.ptp(along)), float(np.ptp(across)))
    x, y = middle[0] * cosine - middle[1] * sine, middle[0] * sine + middle[1] * cosine
    return Square(float(x), float(y), side, angle)


def sampled(picture: Bytes, square: Square, size: int) -> Floats:
    """The square of the picture (height, width, 3) as (size, size, 3), 0 to 1. Beyond its edges the picture goes on as
    it ends there; a square of several times ``size`` pixels is reduced by whole boxes first, so that nothing aliases.
    """
    factor = max(1, int(square.side / size))
    boxes, left, top = _reduced(picture, square, factor)
    steps = (np.arange(size) + 0.5) / size
    grid = np.stack((np.tile(steps, size), np.repeat(steps, size)), axis=1)
    at = (square.to_picture(grid) - (left, top)) / factor - 0.5
    values = _between(boxes, at)
    values *= np.float32(1 / 255)
    return values.reshape(size, size, 3)


def _reduced(picture: Bytes, square: Square, factor: int) -> tuple[Bytes | Floats, int, int]:
    """What of the picture the square may need, in boxes of ``factor`` × ``factor`` pixels, and where it begins."""
    height, width, _ = picture.shape
    reach = square.side / 2 * (abs(math.cos(square.angle)) + abs(math.sin(square.angle))) + factor + 1
    left, right = (_nearest(square.x + sign * reach, width) for sign in (-1, 1))
    top, bottom = (_nearest(square.y + sign * reach, height) for sign in (-1, 1))
    part = picture[top : bottom + 1, left : right + 1]
    return (part if factor == 1 else _boxes(part, factor)), left, top


def _boxes(part: Bytes, factor: int) -> Floats:
    """Means of boxes; the last ones repeat the edge to be full."""
    rows, columns = (-(-size // factor) for size in part.shape[:2])
    missing = (0, rows * factor - part.shape[0]), (0, columns * factor - part.shape[1]), (0, 0)
    whole = np.pad(part, missing, mode="edge")
    down = whole[::factor].astype(np.uint32)
    for row in range(1, factor):
        down += whole[row::factor]
    means = down[:, ::factor].astype(np.float32)
    for column in range(1, factor):
        means += down[:, column::factor]
    means /= np.float32(factor**2)
    return means


def _nearest(at: float, size: int) -> int:
    return min(max(0, round(at)), size - 1)


def _between(picture: Bytes | Floats, at: Doubles) -> Floats:
    """Bilinear, at x, y (n, 2) counted from the middle of the first pixel."""
    rows, columns, _ = picture.shape
    flat = picture.reshape(-1, 3)
    (x, across, right), (y, down, below) = _split(at[:, 0], columns), _split(at[:, 1], rows)
    here = y * columns + x
    upper, lower = (
        _blend(flat.take(line, axis=0), flat.take(line + right, axis=0), across)
        for line in (here, here + below * columns)
    )
    return _blend(upper, lower, down)


def _split(values: Doubles, size: int) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """The pixel before each value, its distance from there (n, 1), and how many pixels on the next one is."""
    within = np.clip(values, 0, size - 1)
    whole = within.astype(np.intp)
    return whole, (within - whole).astype(np.float32)[:, None], (whole < size - 1).astype(np.intp)


def _blend(first: Bytes | Floats, second: Bytes | Floats, share: Floats) -> Floats:
    blended, change = first.astype(np.float32), second.astype(np.float32)
    change -= blended
    change *= share
    blended += change
    return blended
