"""By how much the clocks of cameras at one shoot differ, read off the photos of the same scenes.

The differences of capture times between photos that look most alike pile up at the true offset. An estimate is a
proposal: what is told apart as ``accepted`` may be applied to capture times, never to the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.descriptors import DescriptorTable
from ml.grouping.looks import Looks, Singles
from ml.grouping.shots import Floats, Ints, Shots

#: Enough photos stand at the peak, and no other peak comes near it: then an estimate is accepted.
MIN_SUPPORT: Final = 6
MIN_RATIO: Final = 2.5
_FURTHEST_S: Final = 24 * 3600.0
#: Width of the kernel; how near the peak a pair supports it; from where on another peak is another one.
_KERNEL_S: Final = 12.0
_NEAR_S: Final = 30.0
_APART_S: Final = 60.0
#: Most wrong clocks are right to the minute in another time zone.
_WHOLE_HOUR: Final = 1.5
_HOUR_S: Final = 3600.0
#: Sums of products of centred descriptors stay below 2**24 in steps twice as coarse.
_COARSER: Final = np.float32(0.5)
_CHUNK: Final = 1024


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """``camera``'s clock is ``offset_s`` ahead of that of ``reference``. ``support``: pairs of photos within 30 s of
    it; ``ratio``: how much higher this peak is than the next one.
    """

    camera: int
    reference: int
    offset_s: float
    support: int
    ratio: float

    @property
    def accepted(self) -> bool:
        return self.support >= MIN_SUPPORT and self.ratio >= MIN_RATIO


def offsets(shots: Shots, table: DescriptorTable) -> list[ClockOffset]:
    """For each camera but the one with most photos, its offset from that one; none where no photos match."""
    rows = np.flatnonzero((shots.camera >= 0) & ~np.isnan(shots.time_s))
    bodies, counts = np.unique(shots.camera[rows], return_counts=True)
    if len(bodies) < 2:
        return []
    reference = int(bodies[counts.argmax()])
    looks, time_s, camera = Looks.of(table, rows), shots.time_s[rows], shots.camera[rows]
    channels = [_centred(values) for values in (looks.hog, looks.layout, looks.histogram)]
    own = np.flatnonzero(camera == reference)
    found = []
    for body in bodies[bodies != reference].tolist():
        others = np.flatnonzero(camera == body)
        apart = _differences(channels, time_s, own, others)
        if len(apart):
            found.append(ClockOffset(body, reference, *_peak(apart)))
    return found


def _centred(values: Singles) -> tuple[Singles, Floats]:
    """Descriptors without what all have in common, in whole numbers, and their lengths."""
    centred = np.rint((values - np.rint(values.mean(axis=0, dtype=np.float64)).astype(np.float32)) * _COARSER)
    return centred, np.sqrt(np.einsum("ij,ij->i", centred, centred).astype(np.float64))


def _differences(channels: list[tuple[Singles, Floats]], time_s: Floats, own: Ints, others: Ints) -> Floats:
    """Time differences of the more alike half of the photos that are each other's nearest, at most a day, sorted."""
    best_of_other = np.full(len(others), -np.inf)
    nearest_of_other = np.zeros(len(others), np.int64)
    nearest_of_own = np.zeros(len(own), np.int64)
    for start in range(0, len(own), _CHUNK):
        some = own[start : start + _CHUNK]
        alike = np.zeros((len(some), len(others)))
        for values, length in channels:
            alike += values[some] @ values[others].T / np.maximum(np.outer(length[some], length[others]), 1)
        nearest_of_own[start : start + _CHUNK] = alike.argmax(axis=1)
        better = alike.max(axis=0) > best_of_other
        nearest_of_other[better] = start + alike.argmax(axis=0)[better]
        best_of_other = np.maximum(best_of_other, alike.max(axis=0))
    mutual = np.flatnonzero(nearest_of_own[nearest_of_other] == np.arange(len(others)))
    kept = mutual[np.argsort(-best_of_other[mutual], kind="stable")][: (len(mutual) + 1) // 2]
    apart = np.sort(time_s[others[kept]] - time_s[own[nearest_of_other[kept]]])
    return apart[np.abs(apart) <= _FURTHEST_S]


def _peak(apart: Floats) -> tuple[float, int, float]:
    """Offset, support and ratio of the highest peak of the differences' density."""
    low = np.searchsorted(apart, apart - 5 * _KERNEL_S)
    high = np.searchsorted(apart, apart + 5 * _KERNEL_S)
    density = np.array(
        [np.exp(-(((apart[a:b] - at) / _KERNEL_S) ** 2) / 2).sum() for at, a, b in zip(apart, low, high, strict=True)]
    )
    hours = np.abs(apart - np.rint(apart / _HOUR_S) * _HOUR_S) <= _NEAR_S
    density = np.where(hours, density * _WHOLE_HOUR, density)
    mode = apart[density.argmax()]
    near = apart[np.abs(apart - mode) <= _NEAR_S]
    others = density[np.abs(apart - mode) > _APART_S]
    ratio = float(density.max() / others.max()) if len(others) else float("inf")
    return float(np.median(near)), len(near), ratio
