"""Focus stacks: frames of one view through which the plane of focus sweeps.

What tells them from a burst is where and when each part of the frame is sharpest: sharpness rises to one frame and
falls from there, and neighbouring parts, which are about as far away, are sharpest about the same time. And the camera
stands still, to half a percent of the frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, product
from typing import Final

import numpy as np

from ml.grouping.looks import Singles
from ml.grouping.panoramas import Detail, agreement, pixels
from ml.grouping.reels import Reels
from ml.grouping.shots import Bools, Floats, Ints

FRAMES: Final = 5
#: Tiles of a frame: so many rows of as many.
SIDE: Final = 8
_PAUSE_S: Final = 6.0
_EDGES: Final = 0.93
#: A tile gets sharper or softer when its energy changes by a third, and so many tiles must do either.
_CHANGE: Final = 0.3
_CHANGING: Final = 0.03
#: Tiles that are sharp at some time and soft at another; so many of them at least.
_MOVES: Final = 2 * _CHANGE
_MOVING: Final = 0.2
#: What is left of a tile's variance once it may only rise to one frame and fall from there: the median tile.
_WAVERING: Final = 0.02
#: By how many frames neighbours are apart in their sharpest one, of what any two tiles are.
_SCATTERED: Final = 0.5
#: What subjects that move take from the agreement of frames in place, against that of frames moved by a pixel.
_UNSURE: Final = 0.02
#: A pause between two stacks, in usual intervals and some slack.
_HALT, _HALT_S = 1.6, 0.3
_DARK: Final = 1e-2
#: What 255 stands for in a stored map of sharpness.
_FULL: Final = 2.0


def grids(rows: int, columns: int, sharpness: bytes) -> Floats:
    """The tiles that grouping looks at, (n, SIDE * SIDE), of maps of one size, one after another: mean squares.

    ``sharpness`` as ``ml.signals.TileMap`` keeps it.
    """
    maps = np.frombuffer(sharpness, np.uint8).reshape(-1, rows, columns).astype(np.int64)
    # squares of whole numbers add up exactly, so a map's tiles are the same in any company
    sums = np.pad((maps**2).cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    (top, bottom), (left, right) = (np.array(_ends(length)).T for length in (rows, columns))
    lower, upper = sums[:, bottom], sums[:, top]
    total = lower[:, :, right] - lower[:, :, left] - upper[:, :, right] + upper[:, :, left]
    means: Floats = total * (_FULL / 255) ** 2 / np.outer(bottom - top, right - left)
    return means.reshape(-1, SIDE * SIDE)


def _ends(length: int) -> list[tuple[int, int]]:
    starts = [length * at // SIDE for at in range(SIDE + 1)]
    return [(start, max(end, start + 1)) for start, end in pairwise(starts)]


def stacks(reels: Reels, tiles: Floats, detail: Detail, same_exposure: Bools) -> Iterable[tuple[slice, float]]:
    """Where in the reels there are stacks, and the share of tiles that change from frame to frame.

    ``tiles`` (n, SIDE * SIDE): energy of the fine detail of each row's tiles, nan for a photo of which it is not known.
    """
    energy = np.log(np.maximum(tiles[reels.rows], _DARK))
    steady = same_exposure & (reels.gap_s <= _PAUSE_S) & (reels.edges >= _EDGES)
    change = np.zeros_like(energy)
    change[1:] = np.diff(energy, axis=0)
    # at either end of the sweep all tiles may gain or all lose: a stack reaches as far as anything changes
    changing = (np.abs(change) > _CHANGE).mean(axis=1)
    for start, end in reels.runs(steady & (changing >= _CHANGING)):
        for span in _paced(reels.gap_s, slice(int(start), int(end))):
            if _sweeps(energy[span]) and _is_still(pixels(detail(reels.rows[span]))):
                yield span, float(changing[span.start + 1 : span.stop].mean())


def _paced(gap_s: Floats, span: slice) -> Iterable[slice]:
    """The span, cut where it halts, in parts of at least so many frames as a stack has."""
    gaps = gap_s[span.start + 1 : span.stop]
    if len(gaps) + 1 < FRAMES:
        return
    longest = int(gaps.argmax())
    if gaps[longest] <= _HALT * float(np.median(gaps)) + _HALT_S:
        yield span
        return
    middle = span.start + 1 + longest
    yield from _paced(gap_s, slice(span.start, middle))
    yield from _paced(gap_s, slice(middle, span.stop))


def _sweeps(energy: Floats) -> bool:
    """Whether the plane of focus passes the tiles (frames, SIDE * SIDE) once, and neighbours together."""
    moving = np.ptp(energy, axis=0) > _MOVES
    sharpest = energy.argmax(axis=0)
    if moving.mean() < _MOVING or len(np.unique(sharpest[moving])) < FRAMES - 2:
        return False
    return _wavering(energy[:, moving], sharpest[moving]) <= _WAVERING and _scattered(sharpest, moving) <= _SCATTERED


def _is_still(frames: Singles) -> bool:
    """Whether each frame's fine detail lies where it lay in the one before."""
    around = [(down, across) for down, across in product((-1, 0, 1), repeat=2) if (down, across) != (0, 0)]
    return all(
        agreement(one, other, (0, 0)) >= max(agreement(one, other, step) for step in around) - _UNSURE
        for one, other in pairwise(frames)
    )


def _wavering(energy: Floats, sharpest: Ints) -> float:
    rising = np.maximum.accumulate(energy, axis=0)
    falling = np.maximum.accumulate(energy[::-1], axis=0)[::-1]
    fitted = np.where(np.arange(len(energy))[:, None] <= sharpest, rising, falling)
    left, all_of_it = ((energy - one) ** 2 for one in (fitted, energy.mean(axis=0)))
    return float(np.median(left.sum(axis=0) / all_of_it.sum(axis=0)))


def _scattered(sharpest: Ints, moving: Bools) -> float:
    frame = np.where(moving, sharpest, np.nan).reshape(SIDE, SIDE)
    beside = np.concatenate([np.abs(np.diff(frame, axis=axis)).ravel() for axis in (0, 1)])
    known = frame[~np.isnan(frame)]
    usual = float(np.abs(known[:, None] - known).mean())
    return float(np.nanmean(beside)) / usual if usual and not np.isnan(beside).all() else np.inf
