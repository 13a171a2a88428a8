"""Where a photo's subject probably is, how large, how far from the middle, and whether the frame leans.

Without a model of faces or things it is a guess from three cues: the middle, what stands out, what is in focus. Faces
that are known count more than any cue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml.planes import Doubles, Floats, averaged

Real = TypeVar("Real", np.float32, np.float64)

#: Cells a side of the weight map, whatever the shape of the frame: the size that spectral residuals are meant for.
GRID: Final = 64
#: Standard deviation of the middle's weight, in sides of the frame.
_MIDDLE: Final = 0.25
_RESIDUAL_BOX, _SALIENCY_BOX = 3, 5
#: Lines lean if they are within so many degrees of level or upright.
_LEAN, _BINS_A_DEGREE = 12.0, 2
_BINS: Final = round(2 * _LEAN * _BINS_A_DEGREE) + 1
#: They agree if bins so near to the fullest hold more than this share of all: three times what chance puts there.
_AGREE_BINS, _AGREE = 2, 0.3
#: A line is where gradients of more than two grey levels over a box have one direction, nearly without exception.
_TENSOR_BOX, _EDGE, _COHERENT, _SMALLEST = 7, 2.0, 0.97, 16
#: How much more a cell that shows a face counts.
_FACE: Final = 4
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """``weight``: (64, 64), mean 1, the more the likelier a cell shows the subject. ``place``: the same without asking
    what is in focus, for asking whether the subject is.

    ``size``: 0 to 1, the share of the frame over which attention spreads. ``centre_offset``: 0 to 1, from the middle to
    a corner. ``tilt``: degrees (0 to 12) by which lines that look meant level or upright lean, nan if there are none.
    """

    weight: Floats
    place: Floats
    size: float
    centre_offset: float
    tilt: float


def find(luma: Floats, focus: Floats) -> Subject:
    """From encoded luma 0 to 255 (height, width) and the sharpness of tiles (rows, columns), nan where none shows."""
    grid = averaged(luma, GRID, GRID).astype(np.float64)
    standing_out = _mean_one(_saliency(grid))
    in_focus = _mean_one(averaged(np.nan_to_num(focus), GRID, GRID).astype(np.float64))
    attention, middle = (standing_out + in_focus) / 2, _mean_one(_MIDDLE_WEIGHT)
    weight, place = (((middle + cue) / 2).astype(np.float32) for cue in (attention, standing_out))
    size, offset = _framing(attention)
    return Subject(weight, place, size, offset, _tilt(luma))


def favouring(found: Subject, boxes: Sequence[tuple[float, float, float, float]]) -> Subject:
    """The same, with four times the weight where the faces are: boxes (x, y, width, height) in parts of the frame."""
    faces = np.zeros((GRID, GRID))
    for x, y, width, height in boxes:
        faces = np.maximum(faces, _covered(y, height)[:, None] * _covered(x, width))
    favour = 1 + (_FACE - 1) * faces
    weight, place = (_mean_one(cue * favour).astype(np.float32) for cue in (found.weight, found.place))
    return replace(found, weight=weight, place=place)


def _covered(start: float, size: float) -> Doubles:
    """The share of each cell along an axis that lies within."""
    cells = np.arange(GRID)
    shares: Doubles = np.clip(np.minimum((start + size) * GRID, cells + 1) - np.maximum(start * GRID, cells), 0, 1)
    return shares


def _saliency(grid: Doubles) -> Doubles:
    """Hou and Zhang 2007, "Saliency Detection: A Spectral Residual Approach"."""
    spectrum = np.fft.fft2(grid - grid.mean())
    amplitude = np.log(np.abs(spectrum) + 1)
    residual = amplitude - _box(np.pad(amplitude, _RESIDUAL_BOX // 2, mode="wrap"), _RESIDUAL_BOX)
    back = np.fft.ifft2(np.exp(residual) * np.exp(1j * np.angle(spectrum)))
    found = np.abs(back) ** 2
    for _ in range(2):
        found = _box(np.pad(found, _SALIENCY_BOX // 2, mode="edge"), _SALIENCY_BOX)
    return found if grid.std() > 1 else np.zeros_like(grid)


def _framing(attention: Doubles) -> tuple[float, float]:
    """What exceeds the mean is the subject: its participation ratio, and how far its centroid lies from the middle."""
    excess = np.maximum(attention - 1, 0)
    total = float(excess.sum())
    if total < _TINY:
        return 1.0, 0.0
    size = total**2 / (float((excess**2).sum()) * excess.size)
    x, y = (float((excess.sum(axis=axis) * _FROM_MIDDLE).sum()) / total for axis in (0, 1))
    return size, math.hypot(x, y) * math.sqrt(2)


def _tilt(luma: Floats) -> float:
    """The lean that most lines share, by the structure tensor where it has one direction; nan if too few agree.

    The picture is smoothed first: over a hard step, a difference across and one down do not see the same height.
    """
    if min(luma.shape) < _SMALLEST:
        return math.nan
    smooth = _box(_box(luma, 3), 3)
    across, down = smooth[1:-1, 2:] - smooth[1:-1, :-2], smooth[2:, 1:-1] - smooth[:-2, 1:-1]
    xx, yy, xy = (_box(part, _TENSOR_BOX)[::2, ::2] for part in (across**2, down**2, across * down))
    energy, along = xx + yy, np.hypot(xx - yy, 2 * xy)
    lines = (energy > _EDGE**2) & (along > _COHERENT * energy)
    lean = (np.degrees(np.arctan2(2 * xy[lines], (xx - yy)[lines])) / 2 + 45) % 90 - 45
    near = np.abs(lean) <= _LEAN
    bins = np.rint((lean[near] + _LEAN) * _BINS_A_DEGREE).astype(np.intp)
    return _agreed(np.bincount(bins, np.sqrt(energy[lines][near]), _BINS).astype(np.float64))


def _agreed(votes: Doubles) -> float:
    around = np.arange(-_AGREE_BINS, _AGREE_BINS + 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(votes, _AGREE_BINS), around.size)
    sums = windows.sum(axis=1)
    best = int(sums.argmax())
    if sums[best] <= _AGREE * votes.sum():
        return math.nan
    lean = best + float((windows[best] * around).sum()) / float(sums[best])
    return abs(lean / _BINS_A_DEGREE - _LEAN)


def _box(values: NDArray[Real], side: int) -> NDArray[Real]:
    """Means over ``side`` × ``side`` pixels, where they lie within."""
    height, width = (size - side + 1 for size in values.shape)
    down = sum((values[at : at + height] for at in range(1, side)), values[:height])
    across: NDArray[Real] = sum((down[:, at : at + width] for at in range(1, side)), down[:, :width])
    across /= side**2
    return across


def _mean_one(values: Doubles) -> Doubles:
    mean = float(values.mean())
    return values / mean if mean > _TINY else np.ones_like(values)


_FROM_MIDDLE: Final = (np.arange(GRID) + 0.5) / GRID - 0.5
_MIDDLE_WEIGHT: Final = np.exp(-(_FROM_MIDDLE[:, None] ** 2 + _FROM_MIDDLE**2) / (2 * _MIDDLE**2))
