"""How alike two photos look: dot products of descriptors that come out exactly, whatever stands beside them.

Float32 carries whole numbers up to 2**24. Descriptors are rounded to whole steps small enough that no sum of products
exceeds that, so matrix products are exact in every order of summation: a photo scores the same alone, in any batch and
on any number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ml.descriptors import DescriptorTable
from ml.grouping.shots import Ints

Singles: TypeAlias = NDArray[np.float32]

#: Steps of a unit vector: the square, rounding included, is below 2**24.
_UNIT: Final = np.float32(4000)
#: Steps of one unit of CIE L*a*b*: 36 cells of at most 100 and ±128.
_LAB: Final = np.float32(2)
#: Rows of one product; each meets itself and the rows of the window before it.
_BLOCK: Final = 32
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Looks:
    """Whole numbers in float32: ``hog`` (n, 576) and ``histogram`` (n, 100) in 4000ths, ``layout`` (n, 108) in
    halves.
    """

    hog: Singles
    histogram: Singles
    layout: Singles

    @classmethod
    def of(cls, table: DescriptorTable, rows: Ints) -> Looks:
        """The looks of these rows of the table, in this order."""
        return cls(
            _whole(table.hog[rows], _UNIT), _whole(table.histogram[rows], _UNIT), _whole(table.layout[rows], _LAB)
        )

    def __len__(self) -> int:
        return len(self.hog)

    def light(self) -> Singles:
        """Mean L* of each photo, in halves, summed over 36 cells."""
        lightness: Singles = self.layout[:, ::3].sum(axis=1, dtype=np.float32)
        return lightness


@dataclass(frozen=True, slots=True)
class Alike:
    """Of pairs: ``edges`` and ``colours``, cosines from 0 to 1; ``layout``, root mean square distance in L*a*b*."""

    edges: Singles
    colours: Singles
    layout: Singles


def windowed(looks: Looks, window: int) -> Alike:
    """Each row with the rows before it: arrays of shape (window, n); [k, i] is row i with row i - k - 1, if there is
    one.
    """
    norms = np.einsum("ij,ij->i", looks.layout, looks.layout)
    before = np.zeros((window, len(looks)), np.float32)
    for offset in range(1, window + 1):
        before[offset - 1, offset:] = norms[:-offset] if offset < len(looks) else norms[:0]
    return _alike(
        _band(looks.hog, window), _band(looks.histogram, window), norms + before - 2 * _band(looks.layout, window)
    )


def paired(looks: Looks, first: Ints, second: Ints) -> Alike:
    """Row ``first[i]`` with row ``second[i]``: arrays of shape (len(first),)."""
    apart = looks.layout[first] - looks.layout[second]
    return _alike(
        np.einsum("ij,ij->i", looks.hog[first], looks.hog[second]),
        np.einsum("ij,ij->i", looks.histogram[first], looks.histogram[second]),
        np.einsum("ij,ij->i", apart, apart),
    )


def _alike(edges: Singles, colours: Singles, apart: Singles) -> Alike:
    scale = np.float32(1 / (float(_UNIT) * float(_UNIT)))
    return Alike(edges * scale, colours * scale, np.sqrt(np.maximum(apart, 0) / np.float32(108 * 4)))


def _whole(values: Singles, steps: np.float32) -> Singles:
    """In place."""
    np.multiply(values, steps, out=values)
    return np.rint(values, out=values)


def _band(values: Singles, window: int) -> Singles:
    """Products of each row with those before it, (window, n), by matrix products of overlapping blocks."""
    n = len(values)
    band = np.empty((window, n), np.float32)
    # so many rows at a time stay in the cache
    for start in range(0, n, _CHUNK):
        end = min(start + _CHUNK, n)
        padded = np.zeros((window + -(-(end - start) // _BLOCK) * _BLOCK, values.shape[1]), np.float32)
        before = min(start, window)
        padded[window - before : window + end - start] = values[start - before : end]
        band[:, start:end] = _diagonals(padded, window)[: end - start, ::-1].T
    return band


def _diagonals(padded: Singles, window: int) -> Singles:
    """Products of each row from ``window`` on with the ``window`` rows before it, the furthest first."""
    blocks, width = (len(padded) - window) // _BLOCK, padded.shape[1]
    row, column = padded.strides
    rows = as_strided(padded[window:], (blocks, _BLOCK, width), (_BLOCK * row, row, column))
    wider = as_strided(padded, (blocks, _BLOCK + window, width), (_BLOCK * row, row, column))
    products = np.matmul(rows, wider.transpose(0, 2, 1))
    # row r of a block is row r + window of the wider one: those before it lie on a diagonal band
    block, line, item = products.strides
    band = as_strided(products, (blocks, _BLOCK, window), (block, line + item, item))
    return band.reshape(blocks * _BLOCK, window)
