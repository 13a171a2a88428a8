"""ThumbHash: a blurred placeholder of some 25 bytes (Evan Wallace, https://evanw.github.io/thumbhash/)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: The longest side the method is meant for.
MAX_PX: Final = 100
#: Less is rounding of a flat colour, which differs from machine to machine.
_FLAT: Final = 1e-9

Floats = NDArray[np.float64]


def encode(rgb: NDArray[np.uint8]) -> bytes:
    """The hash of opaque pixels (height, width, 3), at most ``MAX_PX`` a side.

    Luminance and two colour differences (L, P, Q) are kept as the lowest terms of their cosine transforms, 4 bits
    each behind a header of 5 bytes.
    """
    height, width, _ = rgb.shape
    red, green, blue = np.moveaxis(rgb.astype(np.float64) / 255, 2, 0)
    long_edge = max(width, height)
    lx, ly = (max(1, _round(7 * side / long_edge)) for side in (width, height))
    l_dc, l_ac, l_scale = _channel((red + green + blue) / 3, max(3, lx), max(3, ly))
    p_dc, p_ac, p_scale = _channel((red + green) / 2 - blue, 3, 3)
    q_dc, q_ac, q_scale = _channel(red - green, 3, 3)
    landscape = bool(width > height)
    header = _round(63 * l_dc) | _round(31.5 + 31.5 * p_dc) << 6 | _round(31.5 + 31.5 * q_dc) << 12
    header |= _round(31 * l_scale) << 18
    shape = (ly if landscape else lx) | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9 | landscape << 15
    return header.to_bytes(3, "little") + shape.to_bytes(2, "little") + _nibbles([*l_ac, *p_ac, *q_ac])


def _channel(values: Floats, nx: int, ny: int) -> tuple[float, list[float], float]:
    """The mean, the other terms below the diagonal scaled to 0..1, and the scale."""
    height, width = values.shape
    terms = _cosines(height, ny) @ values @ _cosines(width, nx).T / (width * height)
    kept = [float(terms[cy, cx]) for cy in range(ny) for cx in range(nx) if (cx or cy) and cx * ny < nx * (ny - cy)]
    scale = max(map(abs, kept), default=0.0)
    scale = scale if scale > _FLAT else 0.0
    return float(terms[0, 0]), [0.5 + 0.5 / scale * term if scale else 0.0 for term in kept], scale


def _cosines(size: int, terms: int) -> Floats:
    return np.cos(np.pi / size * np.outer(np.arange(terms), np.arange(size) + 0.5))


def _nibbles(fractions: list[float]) -> bytes:
    steps = [_round(15 * fraction) for fraction in fractions]
    steps += [0] * (len(steps) % 2)
    return bytes(low | high << 4 for low, high in zip(steps[::2], steps[1::2], strict=True))


def _round(value: float) -> int:
    """Half up, as the reference implementation does."""
    return int(value + 0.5)
