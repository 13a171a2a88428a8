"""Colour planes that every measurement of a photo starts from: reduced by boxes, averaged, made linear, put into Lab.

Plain elementwise numpy throughout, no BLAS: the same bits whatever the number of threads.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: Long edge of what is measured as a whole: exposure, colour, layout.
REDUCED_PX: Final = 512
#: ITU-R BT.601, as JPEG has it.
_LUMA: Final = (0.299, 0.587, 0.114)
#: IEC 61966-2-1: linear sRGB to XYZ, each row divided by the white point (D65).
_XYZ_FROM_RGB: Final = (
    (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
)
#: CIE 15: where the cube root gives way to a line.
_LAB_KNEE, _LAB_SLOPE, _LAB_OFFSET = (6 / 29) ** 3, (29 / 6) ** 2 / 3, 4 / 29


def reduced(preview: Bytes, longest: int = REDUCED_PX) -> Floats:
    """Upright sRGB (height, width, 3) as planes (3, h, w) of encoded values 0 to 255, no edge above ``longest`` pixels.

    Each value is the mean of a box of n × n pixels, n whole: no filter to choose. What is left of a box at the right
    and lower edge is dropped, fewer than n pixels.
    """
    height, width, _ = preview.shape
    factor = -(-max(height, width) // longest)
    down, across = min(factor, height), min(factor, width)
    rows = preview[: height - height % down : down].astype(np.uint16)
    for row in range(1, down):
        rows += preview[row : height - height % down : down]
    planes = np.empty((3, rows.shape[0], width // across), np.float32)
    for plane, channel in zip(planes, np.moveaxis(rows, 2, 0), strict=True):
        for column in range(across):
            part = channel[:, column : width - width % across : across]
            np.add(plane, part, out=plane) if column else np.copyto(plane, part)
    planes /= np.float32(down * across)
    return planes


def luma(planes: Floats) -> Floats:
    """Encoded luma Y' (h, w) of planes (3, h, w), in their units."""
    return _weighted(_LUMA, planes)


def luma_of(pixels: Bytes) -> Floats:
    """Encoded luma Y' (h, w), 0 to 255, of sRGB pixels (h, w, 3)."""
    red, green, blue = (np.float32(weight) for weight in _LUMA)
    total: Floats = pixels[..., 0] * red
    total += pixels[..., 1] * green
    total += pixels[..., 2] * blue
    return total


def luminance(light: Floats) -> Floats:
    """CIE Y (h, w), 0 to 1, of linear light (3, h, w)."""
    return _weighted(_XYZ_FROM_RGB[1], light)


def linear(encoded: Floats) -> Floats:
    """Linear light 0 to 1 of encoded sRGB 0 to 255 (IEC 61966-2-1), any shape."""
    value = encoded / np.float32(255)
    light: Floats = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return light


def lab(light: Floats) -> Floats:
    """CIE L*a*b* (D65; L* 0 to 100) of linear light 0 to 1, both (3, ...)."""
    x, y, z = (_lab_curve(_weighted(weights, light)) for weights in _XYZ_FROM_RGB)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z))).astype(np.float32)


def averaged(planes: Floats, rows: int, columns: int) -> Floats:
    """Means over a grid of ``rows`` × ``columns`` equal parts of the last two axes, edges weighted exactly."""
    tall = np.swapaxes(_averaged_down(planes, rows), -1, -2)
    return np.swapaxes(_averaged_down(tall, columns), -1, -2).astype(np.float32)


def running_sums(values: Floats | Doubles | NDArray[np.bool_]) -> Doubles:
    """Sums of all rows above each row, and of all: (..., n + 1, m) of (..., n, m). Differences are sums of boxes."""
    *more, size, width = values.shape
    sums = np.zeros((*more, size + 1, width))
    for row in range(size):  # numpy's own cumsum down an axis takes twenty times as long
        np.add(sums[..., row, :], values[..., row, :], out=sums[..., row + 1, :])
    return sums


def _averaged_down(planes: Floats | Doubles, parts: int) -> Doubles:
    size = planes.shape[-2]
    sums = running_sums(planes)
    edges = np.arange(parts + 1) * size / parts
    whole = np.minimum(edges.astype(np.intp), size - 1)
    below, above = sums[..., whole, :], sums[..., whole + 1, :]
    at = below + (edges - whole)[:, None] * (above - below)
    means: Doubles = np.diff(at, axis=-2) * (parts / size)
    return means


def _weighted(weights: tuple[float, float, float], planes: Floats) -> Floats:
    red, green, blue = (np.float32(weight) * plane for weight, plane in zip(weights, planes, strict=True))
    total: Floats = red + green + blue
    return total


def _lab_curve(ratio: Floats) -> Floats:
    curve: Floats = np.where(ratio > _LAB_KNEE, np.cbrt(ratio), _LAB_SLOPE * ratio + _LAB_OFFSET)
    return curve
