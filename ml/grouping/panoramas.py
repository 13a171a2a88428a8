"""How far the view moved from one frame to the next: where the one's fine detail lies in the other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ml.descriptors import STRUCTURE_SIDE as SIDE
from ml.descriptors import STRUCTURE_ZERO
from ml.grouping.looks import Looks, Singles
from ml.grouping.reels import Reels
from ml.grouping.shots import Bools, Floats, Ints

#: Structures of rows of photos sorted by time, (m, 9216).
Detail: TypeAlias = Callable[[Ints], NDArray[np.uint8]]

FRAMES: Final = 3
#: Nobody turns a camera by a part of a frame sooner, or goes on after longer; and then not all edges are in place.
_HASTE_S, _PAUSE_S = 0.4, 15.0
_ALIKE: Final = 0.985
_CELLS, _ANGLES = 8, 9
#: Edges that fit better unmoved, by more than this, show a camera that stood still.
_STILL: Final = 0.0
#: A step along the panorama and across it, in fractions of a frame; how well the overlap must agree, and by how much
#: better than the frames do unmoved.
_LEAST, _MOST = 0.2, 0.8
_ASTRAY: Final = 0.15
_AGREES: Final = 0.45
_BETTER: Final = 0.2
#: Steps of one panorama differ by less.
_UNEVEN: Final = 0.2
#: The true step is among so many highest peaks.
_PEAKS: Final = 8
_CHUNK: Final = 64


def steps(reels: Reels, looks: Looks, detail: Detail, same_exposure: Bools) -> tuple[Bools, Floats]:
    """Which frames continue a panorama, and by how many fractions of a frame each is moved from the one before."""
    soon = same_exposure & (reels.gap_s >= _HASTE_S) & (reels.gap_s <= _PAUSE_S) & (reels.edges < _ALIKE)
    pairs = np.flatnonzero(soon)
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        soon[some] = _may_move(looks, reels.rows[some - 1], reels.rows[some])
    steps = np.zeros((len(soon), 2))
    # a single step is a reframing
    _look_at(steps, reels, detail, np.flatnonzero(soon & _beside(soon)), SIDE)
    # where one step is certain, its neighbours are worth a closer look
    moved: Bools = np.any(steps, axis=1)
    _look_at(steps, reels, detail, np.flatnonzero(soon & ~moved & _beside(moved)), 2 * SIDE)
    down, across = steps.T
    along = np.where(np.abs(across) >= np.abs(down), across, down)
    upright = np.abs(down) > np.abs(across)
    alike = (along[:-1] * along[1:] > 0) & (upright[:-1] == upright[1:])
    alike &= np.abs(along[:-1] - along[1:]) < _UNEVEN
    continues = np.zeros(len(soon), np.bool_)
    continues[1:] |= alike
    continues[:-1] |= alike
    return continues, along


def _beside(marked: Bools) -> Bools:
    """Rows whose next or previous one is marked."""
    return np.append(marked[1:], False) | np.concatenate(([False], marked[:-1]))


def _look_at(steps: Floats, reels: Reels, detail: Detail, pairs: Ints, size: int) -> None:
    """Fill in the steps to these frames from those before them."""
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        steps[some] = _moved(detail(reels.rows[some - 1]), detail(reels.rows[some]), size)


def _may_move(looks: Looks, first: Ints, second: Ints) -> Bools:
    """Whether edges fit about as well between other columns, or rows, as in place: cheap, and certain only of no."""
    shape = (-1, _CELLS, _CELLS, _ANGLES)
    one, other = looks.hog[first].reshape(shape), looks.hog[second].reshape(shape)
    return _fits(one, other) | _fits(one.transpose(0, 2, 1, 3), other.transpose(0, 2, 1, 3))


def _fits(one: Singles, other: Singles) -> Bools:
    """The same along the rows of cells (m, 8, 8, 9)."""
    one, other = (np.ascontiguousarray(cells).reshape(-1, _CELLS, _CELLS * _ANGLES) for cells in (one, other))
    products = np.matmul(one, other.transpose(0, 2, 1)).astype(np.float64)
    mine, yours = (np.einsum("pca,pca->pc", cells, cells).astype(np.float64) for cells in (one, other))
    fits = np.zeros((len(one), 2 * _CELLS - 3))
    for shift in range(2 - _CELLS, _CELLS - 1):
        here, there = slice(max(shift, 0), _CELLS + min(shift, 0)), slice(max(-shift, 0), _CELLS - max(shift, 0))
        size = np.sqrt(mine[:, here].sum(axis=1) * yours[:, there].sum(axis=1))
        fits[:, shift + _CELLS - 2] = np.trace(products, -shift, 1, 2) / np.maximum(size, 1)
    still = fits[:, _CELLS - 2].copy()
    fits[:, _CELLS - 2] = 0
    found: Bools = fits.max(axis=1) >= still - _STILL
    return found


def _moved(one: NDArray[np.uint8], other: NDArray[np.uint8], size: int) -> Floats:
    """Steps down and across (m, 2) in fractions of a frame; both 0 where no step fits.

    The place comes from phase correlation (Kuglin and Hines 1975), the decision from the correlation of the overlap
    there. Fourier transforms wrap: a peak is a step forwards or a longer one backwards; ``size`` of twice the side
    keeps them apart, and sees small overlaps better, at four times the cost.
    """
    first, second = (detail.reshape(-1, SIDE, SIDE).astype(np.float32) - STRUCTURE_ZERO for detail in (one, other))
    spectrum = np.fft.rfft2(first, (size, size)) * np.fft.rfft2(second, (size, size)).conj()
    spectrum /= np.maximum(np.abs(spectrum), 1)
    heights = np.where(_POSSIBLE[size], np.fft.irfft2(spectrum, (size, size)), -np.inf)
    peaks = np.argpartition(-heights.reshape(len(one), -1), _PEAKS, axis=1)[:, :_PEAKS]
    return np.array([_step(*pair, size) for pair in zip(first, second, peaks, strict=True)]) / SIDE


def _step(one: Singles, other: Singles, peaks: Ints, size: int) -> tuple[int, int]:
    """The step at one of the peaks, in pixels; none if the frames do not agree on what both show."""
    possible = [step for peak in peaks.tolist() for step in _wrapped(peak // size, peak % size, size)]
    agrees, step = max(((_agreement(one, other, step), step) for step in possible), default=(0.0, (0, 0)))
    return step if agrees >= max(_AGREES, _agreement(one, other, (0, 0)) + _BETTER) else (0, 0)


def _wrapped(down: int, across: int, size: int) -> list[tuple[int, int]]:
    """The steps that a peak may stand for."""
    return [step for step in product((down, down - size), (across, across - size)) if _is_possible(*step)]


def _is_possible(down: int, across: int) -> bool:
    short, long = sorted((abs(down), abs(across)))
    return _LEAST * SIDE <= long <= _MOST * SIDE and short <= _ASTRAY * SIDE


def _agreement(one: Singles, other: Singles, step: tuple[int, int]) -> float:
    """Normalised correlation of what both frames show."""
    mine = one[tuple(slice(max(at, 0), SIDE + min(at, 0)) for at in step)]
    yours = other[tuple(slice(max(-at, 0), SIDE - max(at, 0)) for at in step)]
    size = float(np.sqrt((mine**2).sum(dtype=np.float64) * (yours**2).sum(dtype=np.float64)))
    return float((mine * yours).sum(dtype=np.float64)) / size if size else 0.0


def _possible(size: int) -> Bools:
    """Which peaks, down and across, may stand for a step: (size, size)."""
    far = np.stack((np.arange(size), size - np.arange(size)))
    long = np.maximum(far[:, None, :, None], far[None, :, None, :])
    short = np.minimum(far[:, None, :, None], far[None, :, None, :])
    steps = (long >= _LEAST * SIDE) & (long <= _MOST * SIDE) & (short <= _ASTRAY * SIDE)
    return np.asarray(np.any(steps, axis=(0, 1)))


#: By the size of the transform.
_POSSIBLE: Final = {size: _possible(size) for size in (SIDE, 2 * SIDE)}
