"""PDQ, a perceptual hash of 256 bits: tells re-encoded and resized copies of a picture from other pictures.

The algorithm is published in Facebook's "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"
(2019): filtered down to 64 × 64 luma, the lowest cosines without the constant, one bit each for above the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.planes import Doubles, Floats, running_sums

#: Two hashes at most so many bits apart may be copies of each other, by the publishers' own measurements.
SIMILAR_BITS: Final = 31

_SIDE, _COSINES = 64, 16
_MIN_PX: Final = 5
#: Gradients of the 64 × 64 picture, in hundredths of full scale, that make one point of quality.
_GRADIENTS_A_POINT: Final = 90


@dataclass(frozen=True, slots=True)
class Pdq:
    """``hash`` is 32 bytes, the highest frequency first; ``quality`` 0 to 100: below 50 it says little."""

    hash: bytes
    quality: int


def of(luma: Floats) -> Pdq:
    """The hash of encoded luma 0 to 255 (height, width); all zeros with quality 0 if a side is below 5 pixels."""
    if min(luma.shape) < _MIN_PX:
        return Pdq(bytes(32), 0)
    small = _decimated(luma)
    cosines = np.einsum("il,jl->ij", np.einsum("ik,kl->il", _DCT, small), _DCT).ravel()  # unlike @, never on threads
    median = cosines.size // 2 - 1
    bits = cosines > np.partition(cosines, median)[median]
    return Pdq(np.packbits(bits[::-1]).tobytes(), _quality(small))


def _decimated(luma: Floats) -> Doubles:
    """Filters along the two axes commute, so each axis is thinned out before the other is filtered."""
    return _thinned(_thinned(luma.astype(np.float64)).T).T


def _thinned(values: Doubles) -> Doubles:
    """Filtered down the columns, then the 64 rows nearest to the centres of 64 equal parts."""
    size = values.shape[0]
    kept = ((np.arange(_SIDE) + 0.5) * size / _SIDE).astype(np.intp)
    return _box(_box(values, np.arange(size)), kept)


def _box(values: Doubles, rows: NDArray[np.intp]) -> Doubles:
    """Running means down the columns at ``rows``; where the window overhangs the edge, of what lies within."""
    size = values.shape[0]
    window = -(-size // (2 * _SIDE))
    ends = rows + (window + 2) // 2
    starts, ends = np.maximum(ends - window, 0), np.minimum(ends, size)
    sums = running_sums(values)
    means: Doubles = (sums[ends] - sums[starts]) / (ends - starts)[:, None]
    return means


def _quality(small: Doubles) -> int:
    steps = sum(int(np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(100, steps // _GRADIENTS_A_POINT)


_DCT: Final = np.sqrt(2 / _SIDE) * np.cos(
    np.pi / (2 * _SIDE) * np.outer(np.arange(1, _COSINES + 1), 2 * np.arange(_SIDE) + 1)
)
