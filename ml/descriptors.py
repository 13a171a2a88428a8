"""What grouping sees of a photo: which colours, edges and details are where. Some ten kilobytes, packed for storing.

``pdq`` and ``structure`` find copies of one exposure; ``layout``, ``histogram`` and ``hog`` tell scenes apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml import pdq, planes
from ml.planes import Bytes, Doubles, Floats

#: Goes up when a number changes for the same pixels: descriptors of two versions are not comparable.
DESCRIPTORS_VERSION: Final = 1

#: All but the hash is taken from so many by so many cells of the whole picture, which 6 and 8 divide.
STRUCTURE_SIDE: Final = 96
LAYOUT_SIDE, CHROMA_BINS, HOG_CELLS, HOG_ANGLES = 6, 10, 8, 9
#: ``structure`` holds this for the mean, and steps of a standard deviation around it.
STRUCTURE_ZERO: Final = 128
_STEPS_A_DEVIATION: Final = 32.0
#: Structure is what lies between two blurs of its cells. Finer, and a small copy would not have it any more; coarser,
#: and it would be light and vignetting, which an edit changes.
_FINEST, _COARSE = (1, 2, 1), (1,) * 9
#: a* and b* from minus to plus this, what lies outside counts as the edge.
_CHROMA: Final = 50.0
#: Grey levels from cell to cell: less is rounding, and a flat picture has no edges.
_FLAT: Final = 1e-3

_HEAD: Final = [
    ("pdq", np.uint8, 32),
    ("layout", "<f2", 3 * LAYOUT_SIDE**2),
    ("histogram", "<f2", CHROMA_BINS**2),
    ("hog", "<f2", HOG_CELLS**2 * HOG_ANGLES),
]
_HEAD_RECORD: Final = np.dtype(_HEAD)
_RECORD: Final = np.dtype([*_HEAD, ("structure", np.uint8, STRUCTURE_SIDE**2)])
#: Bytes of a packed descriptor, and of its head: all but the structure.
PACKED_BYTES: Final = _RECORD.itemsize
HEAD_BYTES: Final = _HEAD_RECORD.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class Descriptors:
    """One photo's. Floats hold values that half precision carries exactly, so that packing loses nothing.

    ``pdq``: 32 bytes (``ml.pdq``). ``layout``: (108,), CIE L*a*b* of 6 × 6 cells, row by row, L* a* b* together.
    ``histogram``: (100,), square roots of the shares of 10 × 10 bins of (a*, b*), unit length (Hellinger).
    ``hog``: (576,), edges by direction in 8 × 8 cells of 9 angles, unit length, or zeros for a flat picture.
    ``structure``: (9216,), details of the luma of 96 × 96 cells, 128 + 32 z, for normalised correlation.
    """

    pdq: bytes
    layout: Floats
    histogram: Floats
    hog: Floats
    structure: Bytes

    def pack(self) -> bytes:
        """``PACKED_BYTES`` bytes, little-endian."""
        fields = (np.frombuffer(self.pdq, np.uint8), self.layout, self.histogram, self.hog, self.structure)
        return np.array([fields], _RECORD).tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> Descriptors:
        """What was packed. Raises ValueError for a length that is not ``PACKED_BYTES``."""
        table = stack([data])
        return cls(data[:32], table.layout[0], table.histogram[0], table.hog[0], table.structure([0])[0])


@dataclass(frozen=True, slots=True, eq=False)
class DescriptorTable:
    """Many photos', a row each: ``pdq`` (n, 32) uint8, ``layout`` (n, 108), ``histogram`` (n, 100), ``hog`` (n, 576).

    The structures, nine tenths of the bytes, stay packed: few photos are ever compared by them.
    """

    pdq: Bytes
    layout: Floats
    histogram: Floats
    hog: Floats
    packed: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.packed)

    def structure(self, rows: Sequence[int] | NDArray[np.intp]) -> Bytes:
        """The structures of these rows (len(rows), 9216), uint8."""
        joined = b"".join([self.packed[row][_HEAD_RECORD.itemsize :] for row in rows])
        return np.frombuffer(joined, np.uint8).reshape(-1, STRUCTURE_SIDE**2)


def describe(preview: Bytes) -> Descriptors:
    """Of upright sRGB pixels (height, width, 3)."""
    small = planes.reduced(preview)
    cells = planes.averaged(small, STRUCTURE_SIDE, STRUCTURE_SIDE)
    light, luma = planes.linear(cells), planes.luma(cells).astype(np.float64)
    return Descriptors(
        pdq.of(planes.luma(small)).hash,
        _halved(_layout(light)),
        _halved(_histogram(light)),
        _halved(_hog(luma)),
        _structure(luma),
    )


def stack(packed: Sequence[bytes]) -> DescriptorTable:
    """Packed descriptors side by side. Raises ValueError if one has not ``PACKED_BYTES`` bytes."""
    if any(len(data) != PACKED_BYTES for data in packed):
        raise ValueError(f"a packed descriptor has {PACKED_BYTES} bytes")
    return DescriptorTable(*columns([data[:HEAD_BYTES] for data in packed]), packed)


def columns(heads: Sequence[bytes]) -> tuple[Bytes, Floats, Floats, Floats]:
    """The columns of a table but for the packed one, of ``HEAD_BYTES`` bytes a row."""
    rows = np.frombuffer(b"".join(heads), _HEAD_RECORD)
    layout, histogram, hog = (rows[name].astype(np.float32) for name in ("layout", "histogram", "hog"))
    return rows["pdq"], layout, histogram, hog


def _layout(light: Floats) -> Floats:
    means = planes.averaged(light, LAYOUT_SIDE, LAYOUT_SIDE)
    return np.moveaxis(planes.lab(means), 0, -1).ravel()


def _histogram(light: Floats) -> Doubles:
    """Each cell falls between four bins and counts in each by nearness: a slight cast moves little."""
    chroma = planes.lab(light)[1:].reshape(2, -1).astype(np.float64)
    at = np.clip((chroma + _CHROMA) * (CHROMA_BINS / (2 * _CHROMA)) - 0.5, 0, CHROMA_BINS - 1)
    low = np.minimum(at.astype(np.intp), CHROMA_BINS - 2)
    share = at - low
    counts = np.zeros(CHROMA_BINS**2)
    for a in (0, 1):
        for b in (0, 1):
            near = np.abs(1 - a - share[0]) * np.abs(1 - b - share[1])
            counts += np.bincount((low[0] + a) * CHROMA_BINS + low[1] + b, near, CHROMA_BINS**2)
    shares: Doubles = np.sqrt(counts / counts.sum())
    return shares


def _hog(luma: Doubles) -> Doubles:
    """Histograms of oriented gradients (Dalal and Triggs 2005), square-rooted so that one hard edge does not rule."""
    down, across = np.gradient(luma)
    strength = np.hypot(down, across)
    angle = np.arctan2(down, across) * (HOG_ANGLES / np.pi) % HOG_ANGLES
    low = np.floor(angle)
    share = angle - low
    row = np.arange(STRUCTURE_SIDE) * HOG_CELLS // STRUCTURE_SIDE
    cell = row[:, None] * HOG_CELLS + row
    energy = np.zeros(HOG_CELLS**2 * HOG_ANGLES)
    for angles, part in ((low, 1 - share), (low + 1, share)):
        bins = cell * HOG_ANGLES + angles.astype(np.intp) % HOG_ANGLES
        energy += np.bincount(bins.ravel(), (strength * part).ravel(), energy.size)
    total = float(energy.sum())
    return np.sqrt(energy / total) if total > _FLAT * luma.size else np.zeros(energy.size)


def _structure(luma: Doubles) -> Bytes:
    detail = _smoothed(luma, _FINEST) - _smoothed(luma, _COARSE)
    detail -= detail.mean()
    deviation = max(float(detail.std()), _FLAT)
    steps = np.rint(detail * (_STEPS_A_DEVIATION / deviation)) + STRUCTURE_ZERO
    quantised: Bytes = np.clip(steps, 0, 255).astype(np.uint8).ravel()
    return quantised


def _smoothed(luma: Doubles, weights: tuple[int, ...]) -> Doubles:
    """By these weights both ways; beyond its edge the picture goes on as it ends there."""
    reach = len(weights) // 2
    for _ in range(2):
        padded = np.pad(luma, ((reach, reach), (0, 0)), mode="edge")
        total = np.zeros(luma.shape)
        for at, weight in enumerate(weights):
            total += weight * padded[at : at + len(luma)]
        luma = (total / sum(weights)).T
    return luma


def _halved(values: Floats | Doubles) -> Floats:
    return values.astype(np.float16).astype(np.float32)
