"""What the detectors of ``concept-v1`` look at: a preview reduced once, in grey levels, gradients and CIE L*a*b*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml import planes
from ml.planes import Bytes, Floats

Mask = NDArray[np.bool_]

#: Cells on the long edge, nearly: colour is judged by these, not by pixels.
CELLS: Final = 96


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """``aspect``: width over height of the whole. Pixels (h, w), the long edge at most 512: ``luma`` encoded 0 to 255,
    ``across`` and ``down`` its differences over two pixels, (h - 2, w - 2). Cells (rows, columns): ``lightness`` L*,
    ``a``, ``b``, ``chroma``, ``hue`` in degrees from 0 to 360, and ``rough``, how many grey levels neighbours differ.
    """

    aspect: float
    luma: Floats
    across: Floats
    down: Floats
    lightness: Floats
    a: Floats
    b: Floats
    chroma: Floats
    hue: Floats
    rough: Floats


def of(preview: Bytes) -> View:
    """Of upright sRGB pixels (height, width, 3), any size."""
    height, width, _ = preview.shape
    small = planes.reduced(preview)
    luma = planes.luma(small)
    side = max(1, round(max(luma.shape) / CELLS))
    side = min(side, *luma.shape)
    lightness, a, b = planes.lab(planes.linear(_boxed(small, side)))
    inner = np.pad(luma, 1, mode="edge")
    across, down = inner[1:-1, 2:] - inner[1:-1, :-2], inner[2:, 1:-1] - inner[:-2, 1:-1]
    return View(
        aspect=width / height,
        luma=luma,
        across=across,
        down=down,
        lightness=lightness,
        a=a,
        b=b,
        chroma=np.hypot(a, b),
        hue=np.degrees(np.arctan2(b, a)) % 360,
        rough=_boxed((np.abs(across) + np.abs(down)) * np.float32(0.5), side),
    )


def share(mask: Mask) -> float:
    """Of what is set, 0 to 1; 0 of nothing."""
    return float(np.count_nonzero(mask)) / mask.size if mask.size else 0.0


def between(hue: Floats, first: float, last: float) -> Mask:
    """Where a hue lies in the arc from ``first`` to ``last`` degrees, which may lead over 0."""
    inside: Mask = (hue - np.float32(first)) % 360 <= (last - first) % 360
    return inside


def _boxed(values: Floats, side: int) -> Floats:
    """Means of boxes of ``side`` × ``side``; what is left over at the right and lower edge is dropped."""
    height, width = (size - size % side for size in values.shape[-2:])
    down = values[..., :height:side, :width].copy()
    for row in range(1, side):
        down += values[..., row:height:side, :width]
    means = down[..., ::side].copy()
    for column in range(1, side):
        means += down[..., column::side]
    means *= np.float32(1 / side**2)
    return means
