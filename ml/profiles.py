"""ICC profiles of the RGB spaces that pictures are read in and delivered in, made here from their primaries.

Sources: IEC 61966-2-1 (sRGB), SMPTE EG 432-1 with the D65 white and the curve of sRGB (Display P3), Adobe RGB (1998)
color image encoding 2005-05, ISO 22028-2 (ROMM RGB, sold as ProPhoto RGB), ICC.1:2010 (profile version 4.3).
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: x and y of red, green, blue.
_Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
_D65, _D50 = (0.3127, 0.3290), (0.3457, 0.3585)
#: The white of the profile connection space, as ICC.1 rounds it.
_PCS_WHITE: Final = (0.9642, 1.0, 0.8249)
#: Bradford cone responses (Lam 1985), as ICC.1 annex E adapts whites.
_BRADFORD: Final = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_COLORANTS: Final = (b"rXYZ", b"gXYZ", b"bXYZ")
#: g, a, b, c, d of ICC's parametric curve 3: what sRGB and Display P3 are encoded with.
_SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


class Space(StrEnum):
    """An RGB space. ``DEVELOPED``: what RAW is developed to first, with ProPhoto's colours and sRGB's curve."""

    SRGB = "srgb"
    DISPLAY_P3 = "display_p3"
    ADOBE_RGB = "adobe_rgb"
    PROPHOTO_RGB = "prophoto_rgb"
    DEVELOPED = "developed"


@dataclass(frozen=True, slots=True)
class _Definition:
    name: str
    primaries: _Primaries
    white: tuple[float, float]
    curve: tuple[float, ...]


_ROMM: Final[_Primaries] = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))
_DEFINITIONS: Final = {
    Space.SRGB: _Definition("sRGB IEC61966-2.1", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), _D65, _SRGB_CURVE),
    Space.DISPLAY_P3: _Definition("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65, _SRGB_CURVE),
    Space.ADOBE_RGB: _Definition("Adobe RGB (1998)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, (563 / 256,)),
    Space.PROPHOTO_RGB: _Definition("ProPhoto RGB", _ROMM, _D50, (1.8,)),
    Space.DEVELOPED: _Definition("ProPhoto RGB primaries, sRGB curve", _ROMM, _D50, _SRGB_CURVE),
}


@functools.cache
def icc(space: Space) -> bytes:
    """A matrix profile of the space (ICC version 4, about 500 bytes), the same bytes each time."""
    definition = _DEFINITIONS[space]
    adapted = _adaptation(definition.white)
    colorants = adapted @ _to_xyz(definition.primaries, definition.white)
    curve = struct.pack(">4s4xH2x", b"para", 3 if len(definition.curve) > 1 else 0) + _fixed(*definition.curve)
    tags = {
        b"desc": _text(definition.name),
        b"cprt": _text("No rights reserved"),
        b"wtpt": b"XYZ " + bytes(4) + _fixed(*_PCS_WHITE),
        b"chad": b"sf32" + bytes(4) + _fixed(*adapted.ravel()),
        **{name: b"XYZ " + bytes(4) + _fixed(*colorants[:, band]) for band, name in enumerate(_COLORANTS)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _assembled(tags)


def _to_xyz(primaries: _Primaries, white: tuple[float, float]) -> NDArray[np.float64]:
    """Linear RGB to XYZ, relative to its own white: each primary as strong as their sum needs to be the white."""
    columns = np.array([_xyz(*primary) for primary in primaries]).T
    return columns * np.linalg.solve(columns, _xyz(*white))


def _adaptation(white: tuple[float, float]) -> NDArray[np.float64]:
    """XYZ relative to ``white`` into XYZ relative to D50."""
    cones = np.array(_BRADFORD)
    gains = (cones @ np.array(_PCS_WHITE)) / (cones @ _xyz(*white))
    adapted: NDArray[np.float64] = np.linalg.inv(cones) @ np.diag(gains) @ cones
    return adapted


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array((x / y, 1.0, (1 - x - y) / y))


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _text(text: str) -> bytes:
    """A ``multiLocalizedUnicodeType`` in American English alone."""
    encoded = text.encode("utf-16-be")
    return struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(encoded), 28) + encoded


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    """The profile of these tags; tags of the same content share it."""
    at = 132 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for name, block in tags.items():
        if block not in places:
            places[block] = at + len(body)
            body += block + bytes(-len(block) % 4)
        table += struct.pack(">4sII", name, places[block], len(block))
    size = 128 + len(table) + len(body)
    version, made = 0x04300000, struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    first = struct.pack(">I4xI4s4s4s", size, version, b"mntr", b"RGB ", b"XYZ ") + made + b"acsp"
    return first + bytes(28) + _fixed(*_PCS_WHITE) + bytes(48) + table + body
