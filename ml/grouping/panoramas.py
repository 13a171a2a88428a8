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
#: Steps of one panorama differ by less, along it and across.
_UNEVEN: Final = 0.2
_WOBBLE: Final = 0.08
#: The true step is among so many highest peaks.
_PEAKS: Final = 8
_CHUNK: Final = 64


def steps(reels: Reels, looks: Looks, detail: Detail, same_exposure: Bools) -> tuple[Bools, Floats]:
    """Which frames continue a panorama, and by how many fractions of a frame each is moved from the one before."""
    soon = same_exposure & (reels.gap_s >= _HASTE_S) & (reels.gap_s <= _PAUSE_S) & (reels.edges < _ALIKE)
    pairs, moves = np.flatnonzero(soon), soon.copy()
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        moves[some] = _may_move(looks, reels.rows[some - 1], reels.rows[some])
    steps = np.zeros((len(soon), 2))
    # a single step is a reframing
    _look_at(steps, reels, detail, np.flatnonzero(moves & _beside(moves)))
    _look_beside(steps, reels, detail, soon)
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


def _look_at(steps: Floats, reels: Reels, detail: Detail, pairs: Ints) -> None:
    """Fill in the steps to these frames from those before them."""
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        steps[some] = _moved(detail(reels.rows[some - 1]), detail(reels.rows[some]))


def _look_beside(steps: Floats, reels: Reels, detail: Detail, soon: Bools) -> None:
    """Fill in the steps next to a certain one: where that one leads, small overlaps are found that no peak shows."""
    moved: Bools = np.any(steps, axis=1)
    for at in np.flatnonzero(soon & ~moved & _beside(moved)).tolist():
        beside = at - 1 if moved[at - 1] else at + 1
        one, other = pixels(detail(reels.rows[[at - 1, at]]))
        steps[at] = np.array(_step(one, other, _around(np.rint(steps[beside] * SIDE)))) / SIDE


def _around(step: Floats) -> list[tuple[int, int]]:
    """Steps of the same panorama."""
    upright = bool(abs(step[0]) > abs(step[1]))
    reach = [round(part * SIDE) for part in ((_UNEVEN, _WOBBLE) if upright else (_WOBBLE, _UNEVEN))]
    downs, acrosses = (range(int(at) - by, int(at) + by + 1) for at, by in zip(step, reach, strict=True))
    return [one for one in product(downs, acrosses) if _is_possible(*one)]


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


def pixels(structures: NDArray[np.uint8]) -> Singles:
    """Structures (m, 9216) as pictures of fine detail around 0: (m, SIDE, SIDE)."""
    found: Singles = structures.reshape(-1, SIDE, SIDE).astype(np.float32) - np.float32(STRUCTURE_ZERO)
    return found


def _moved(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Floats:
    """Steps down and across (m, 2) in fractions of a frame; both 0 where no step fits.

    The place comes from phase correlation (Kuglin and Hines 1975), the decision from the correlation of the overlap
    there. Fourier transforms wrap: a peak is a step forwards or a longer one backwards.
    """
    first, second = pixels(one), pixels(other)
    spectrum = np.fft.rfft2(first) * np.fft.rfft2(second).conj()
    spectrum /= np.maximum(np.abs(spectrum), 1)
    heights = np.where(_POSSIBLE, np.fft.irfft2(spectrum), -np.inf)
    peaks = np.argpartition(-heights.reshape(len(one), -1), _PEAKS, axis=1)[:, :_PEAKS]
    steps = [_step(mine, yours, _wrapped(at)) for mine, yours, at in zip(first, second, peaks, strict=True)]
    return np.array(steps) / SIDE


def _step(one: Singles, other: Singles, possible: list[tuple[int, int]]) -> tuple[int, int]:
    """The best of the possible steps, in pixels; none if the frames do not agree on what both show."""
    agrees, step = max(((agreement(one, other, step), step) for step in possible), default=(0.0, (0, 0)))
    return step if agrees >= max(_AGREES, agreement(one, other, (0, 0)) + _BETTER) else (0, 0)


def _wrapped(peaks: Ints) -> list[tuple[int, int]]:
    """The steps that peaks may stand for."""
    places = (divmod(peak, SIDE) for peak in peaks.tolist())
    steps = [step for down, across in places for step in product((down, down - SIDE), (across, across - SIDE))]
    return [step for step in steps if _is_possible(*step)]


def _is_possible(down: int, across: int) -> bool:
    short, long = sorted((abs(down), abs(across)))
    return _LEAST * SIDE <= long <= _MOST * SIDE and short <= _ASTRAY * SIDE


def agreement(one: Singles, other: Singles, step: tuple[int, int]) -> float:
    """Normalised correlation of what both frames show, -1 to 1, if the view moved by ``step``: pixels down, across."""
    mine = one[tuple(slice(max(at, 0), SIDE + min(at, 0)) for at in step)]
    yours = other[tuple(slice(max(-at, 0), SIDE - max(at, 0)) for at in step)]
    size = float(np.sqrt((mine**2).sum(dtype=np.float64) * (yours**2).sum(dtype=np.float64)))
    return float((mine * yours).sum(dtype=np.float64)) / size if size else 0.0


def _possible() -> Bools:
    """Which peaks, down and across, may stand for a step: (SIDE, SIDE)."""
    far = np.stack((np.arange(SIDE), SIDE - np.arange(SIDE)))
    long = np.maximum(far[:, None, :, None], far[None, :, None, :])
    short = np.minimum(far[:, None, :, None], far[None, :, None, :])
    steps = (long >= _LEAST * SIDE) & (long <= _MOST * SIDE) & (short <= _ASTRAY * SIDE)
    return np.asarray(np.any(steps, axis=(0, 1)))


_POSSIBLE: Final = _possible()
