"""Segments of a shoot, and the odds that two photos near in time belong to one moment."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from ml.grouping.looks import Alike, Looks, paired, windowed
from ml.grouping.shots import Bools, Floats, Ints, Shots

#: Frames before each that it is compared with, of any camera and of each other one.
WINDOW: Final = 8
OTHER_CAMERA: Final = 2
#: Nobody's moment outlasts a pause like this, unless the whole shoot goes at that pace.
PAUSE_S: Final = 30 * 60.0
#: PhotoTOC (Platt 2003): a gap so many times the geometric mean of those around it begins something new.
_PACE: Final = 17.0
_AROUND: Final = 10
_SHORTEST_S: Final = 0.05
#: Scores are whole numbers of so many parts: their sums are exact in every order.
_STEPS: Final = 1024.0
#: What an unknown gap counts as: it speaks neither way.
_UNKNOWN_GAP_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic model of "same moment". ``gap`` weighs the natural logarithm of seconds, ``edges`` and ``colours``
    cosines, ``layout`` a distance in L*a*b*. ``threshold``: log odds that a link must exceed to join."""

    bias: float
    gap: float
    edges: float
    colours: float
    layout: float
    threshold: float = 0.0


#: Fitted on synthetic shoots; cards/grouping.md says how.
DEFAULT: Final = Weights(bias=-3.38, gap=-1.06, edges=4.84, colours=5.15, layout=-0.098, threshold=0.75)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows of photos sorted by time, ``first`` before ``second``, and what is seen of each pair."""

    first: Ints
    second: Ints
    gap_s: Floats
    alike: Alike

    def features(self) -> Floats:
        """Natural logarithm of the gap in seconds, edges, colours, layout: (m, 4), a contiguous column each."""
        felt = np.log(np.maximum(np.where(np.isnan(self.gap_s), _UNKNOWN_GAP_S, self.gap_s), _SHORTEST_S))
        seen = (self.alike.edges, self.alike.colours, self.alike.layout)
        return np.stack((felt, *(column.astype(np.float64) for column in seen))).T


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs of rows of photos sorted by time, ``first`` before ``second``. ``score``: log odds above the threshold."""

    first: Ints
    second: Ints
    gap_s: Floats
    look: Floats
    score: Floats

    def where(self, chosen: Bools) -> Edges:
        """Some of them."""
        return Edges(*(getattr(self, column.name)[chosen] for column in fields(self)))


def segments(time_s: Floats) -> Ints:
    """Codes that count up at each long pause of sorted times. Photos without a time are a segment of their own, the
    last.
    """
    n = len(time_s)
    dated = int(np.count_nonzero(~np.isnan(time_s)))
    gaps = np.maximum(np.diff(time_s[:dated]), _SHORTEST_S)
    sums = np.concatenate(([0.0], np.cumsum(np.log(gaps))))
    at = np.arange(len(gaps))
    low, high = np.maximum(at - _AROUND, 0), np.minimum(at + _AROUND + 1, len(gaps))
    usual = np.exp((sums[high] - sums[low]) / np.maximum(high - low, 1))
    starts = np.zeros(n, np.int64)
    starts[1:dated] = gaps > np.maximum(PAUSE_S, _PACE * usual)
    if 0 < dated < n:
        starts[dated] = 1
    return np.cumsum(starts)


def pairs(shots: Shots, looks: Looks, segment: Ints, alike: Alike | None = None) -> Pairs:
    """The pairs worth a look: each photo and those just before it, within its segment.

    ``shots``, ``looks`` and ``segment`` sorted by time; ``alike``: the looks windowed by ``WINDOW``, if at hand.
    """
    alike = windowed(looks, WINDOW) if alike is None else alike
    offset, second = np.nonzero(np.arange(len(shots)) > np.arange(WINDOW)[:, None])
    first = second - offset - 1
    near = segment[first] == segment[second]
    offset, first, second = offset[near], first[near], second[near]
    far_first, far_second = _of_other_cameras(shots.camera, segment)
    far = paired(looks, far_first, far_second)
    first, second = np.concatenate((first, far_first)), np.concatenate((second, far_second))
    return Pairs(
        first,
        second,
        shots.time_s[second] - shots.time_s[first],
        Alike(
            np.concatenate((alike.edges[offset, second[: len(offset)]], far.edges)),
            np.concatenate((alike.colours[offset, second[: len(offset)]], far.colours)),
            np.concatenate((alike.layout[offset, second[: len(offset)]], far.layout)),
        ),
    )


def scored(found: Pairs, weights: Weights) -> Edges:
    """The pairs as links."""
    gap, look, colours, layout = found.features().T
    score = weights.bias - weights.threshold + weights.gap * gap + weights.edges * look
    score += weights.colours * colours + weights.layout * layout
    return Edges(found.first, found.second, found.gap_s, look, np.rint(score * _STEPS) / _STEPS)


def _of_other_cameras(camera: Ints, segment: Ints) -> tuple[Ints, Ints]:
    """The last frames of each other camera that lie before the window."""
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    bodies = np.unique(camera)
    for body in bodies if len(bodies) > 1 else bodies[:0]:
        own, others = np.flatnonzero(camera == body), np.flatnonzero(camera != body)
        before = np.searchsorted(own, others)
        for back in range(1, OTHER_CAMERA + 1):
            there = before >= back
            first, second = own[before[there] - back], others[there]
            outside = (second - first > WINDOW) & (segment[first] == segment[second])
            firsts.append(first[outside])
            seconds.append(second[outside])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.lexsort((first, second))
    return first[order], second[order]
