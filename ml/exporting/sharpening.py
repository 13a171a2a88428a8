"""Sharpening for the medium, after the picture has its final size: an unsharp mask on luma alone.

On paper, halos of 1/100 to 1/50 inch are seen as sharpness and not as halos (Fraser, "Real World Image Sharpening with
Adobe Photoshop CS2", 2006): 3 to 6 pixels at 300 dpi, a Gaussian of 1.5. On a screen they must not be wider than the
pixels beside an edge; how much of them was chosen by eye. Luma alone, so that edges get no coloured fringes. The mask
passes through a curve: what is as weak as noise stays, and a halo is bounded, the light one, which shows more, first.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pyvips
from numpy.typing import NDArray

#: ITU-R BT.601, as JPEG has it.
_LUMA: Final = [[0.299, 0.587, 0.114]]
#: Of 255: differences up to here are taken for noise; and how far a halo may go above and below its surroundings.
_NOISE, _LIGHT_MAX, _DARK_MAX = 0.5, 24.0, 36.0
#: No difference at all, of 65,536 steps of the mask; where a Gaussian is cut off.
_MIDDLE, _TAIL = 32_768, 0.02


class Sharpening(StrEnum):
    """For where the picture is looked at, and how strongly."""

    NONE = "none"
    SCREEN_LOW = "screen_low"
    SCREEN = "screen"
    SCREEN_HIGH = "screen_high"
    PRINT = "print"


@dataclass(frozen=True, slots=True)
class _Mask:
    """``sigma`` of the Gaussian in pixels; ``amount``: how much of the mask is added."""

    sigma: float
    amount: float


_MASKS: Final = {
    Sharpening.SCREEN_LOW: _Mask(0.8, 0.4),
    Sharpening.SCREEN: _Mask(0.8, 0.8),
    Sharpening.SCREEN_HIGH: _Mask(0.8, 1.4),
    Sharpening.PRINT: _Mask(1.5, 1.0),
}


def sharpened(image: pyvips.Image, sharpening: Sharpening) -> pyvips.Image:
    """The RGB image (8 or 16 bits a sample) sharpened in its own encoding; the same one for ``NONE``."""
    if sharpening is Sharpening.NONE:
        return image
    mask = _MASKS[sharpening]
    white = 65_535 if image.format == "ushort" else 255
    luma = image.recomb(_LUMA)
    detail = luma - luma.convsep(pyvips.Image.gaussmat(mask.sigma, _TAIL, separable=True, precision="float"))
    steps = (detail * (_MIDDLE / white) + (_MIDDLE + 0.5)).cast("ushort")
    return (
        (image + steps.maplut(_curve(mask.amount, white))).cast(image.format).copy(interpretation=image.interpretation)
    )


@functools.cache
def _curve(amount: float, white: int) -> pyvips.Image:
    """What is added for each of 65,536 steps of the mask from -white to white.

    Nothing within noise, and never more than the halos may have.
    """
    difference = (np.arange(2 * _MIDDLE) / _MIDDLE - 1) * 255
    beyond: NDArray[np.float64] = np.sign(difference) * np.maximum(np.abs(difference) - _NOISE, 0)
    added = np.clip(beyond * amount, -_DARK_MAX, _LIGHT_MAX) * (white / 255)
    kind = np.int16 if white == 255 else np.int32
    return pyvips.Image.new_from_array(np.round(added).astype(kind).reshape(1, -1))
