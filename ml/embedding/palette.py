"""Which colours a photo has: the eleven that languages name first, how warm, how vivid, and what they suggest."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.embedding.view import View, between, share
from ml.planes import Floats

#: Berlin and Kay 1969: the basic colour terms.
COLOURS: Final = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
_BLACK, _WHITE, _GREY, _RED, _ORANGE, _YELLOW, _GREEN, _BLUE, _PURPLE, _PINK, _BROWN = range(len(COLOURS))
#: L* below and above which a colour is black or white; chroma up to which it is none, less in the light.
_DARKEST, _LIGHTEST, _COLOURLESS, _TINTED = 18.0, 85.0, 12.0, 8.0
#: Where the eleven meet on the circle of hues, in degrees.
_PINK_RED, _RED_ORANGE, _ORANGE_YELLOW, _YELLOW_GREEN, _GREEN_BLUE, _BLUE_PURPLE, _PURPLE_PINK = (
    15.0, 45.0, 85.0, 112.0, 190.0, 309.0, 340.0,
)  # fmt: skip
#: A dark or dull orange is brown; a light red is pink, and so is a light purple.
_BROWNEST_RED, _BROWN_LIGHTNESS, _BROWN_CHROMA, _PINK_LIGHTNESS, _LIGHT_PURPLE = 28.0, 58.0, 60.0, 58.0, 78.0
_ODD_CELLS: Final = 99
_TINY: Final = 1e-6


def measure(view: View) -> dict[str, float]:
    """By dimension, in the units that ``ml.embedding.dimensions`` says."""
    found = np.bincount(named(view.lightness, view.chroma, view.hue).ravel(), minlength=len(COLOURS))
    shares = {colour: float(count) / view.hue.size for colour, count in zip(COLOURS, found, strict=True)}
    warmth = _warmth(view)
    colour = float(view.chroma.mean())
    odd = float(np.percentile(view.chroma, _ODD_CELLS))
    return {
        **shares,
        "warm": warmth,
        "cool": -warmth,
        "vivid": colour,
        "muted": colour,
        "black_and_white": odd,
        "toned": _toned(view, colour),
        "skin": share(
            between(view.hue, 25, 75) & (view.chroma > 12) & (view.chroma < 42)
            & (view.lightness > 35) & (view.lightness < 88)
        ),
        "foliage": share(
            between(view.hue, 98, 165) & (view.chroma > 12) & (view.lightness > 8) & (view.lightness < 82)
            & (view.rough > 1.5)
        ),
    }  # fmt: skip


def named(lightness: Floats, chroma: Floats, hue: Floats) -> NDArray[np.uint8]:
    """The place in ``COLOURS`` of each colour, given by L*, chroma and hue (degrees) of CIE L*a*b* (D65)."""
    brown = between(hue, _BROWNEST_RED, _ORANGE_YELLOW) & (lightness < _BROWN_LIGHTNESS) & (chroma < _BROWN_CHROMA)
    # lines of one blue bend towards purple in L*a*b* as they darken
    blue = (hue > _GREEN_BLUE) & (hue < _BLUE_PURPLE - 0.2 * np.maximum(lightness - 35, 0))
    names = np.select(
        [
            lightness < _DARKEST - 0.1 * np.minimum(chroma, 80),
            (lightness > _LIGHTEST) & (chroma < _TINTED),
            chroma < np.where(lightness > _LIGHTEST, _TINTED, _COLOURLESS),
            brown,
            between(hue, _PURPLE_PINK, _RED_ORANGE) & (lightness > _PINK_LIGHTNESS) & (chroma < 72),
            between(hue, _PURPLE_PINK, _PINK_RED) & (lightness > 50),
            between(hue, _BLUE_PURPLE, _PURPLE_PINK) & (lightness > _LIGHT_PURPLE),
            between(hue, _PURPLE_PINK, _RED_ORANGE),
            between(hue, _RED_ORANGE, _ORANGE_YELLOW),
            between(hue, _ORANGE_YELLOW, _YELLOW_GREEN),
            between(hue, _YELLOW_GREEN, _GREEN_BLUE),
            blue,
        ],
        [_BLACK, _WHITE, _GREY, _BROWN, _PINK, _PINK, _PINK, _RED, _ORANGE, _YELLOW, _GREEN, _BLUE],
        _PURPLE,
    )
    return names.astype(np.uint8)


def _warmth(view: View) -> float:
    """From -1, all cool, to 1, all warm; near 0 where there is little colour."""
    warm, cool = between(view.hue, 315, 110), between(view.hue, 170, 305)
    balance = float((view.chroma * warm).sum()) - float((view.chroma * cool).sum())
    return balance / (float(view.chroma.sum()) + 5 * view.chroma.size)


def _toned(view: View, colour: float) -> float:
    """Margins: one hue throughout, coloured at all, and nowhere strongly."""
    total = float(view.chroma.sum())
    one_hue = float(np.hypot(float(view.a.sum()), float(view.b.sum()))) / (total + _TINY)
    return min((one_hue - 0.975) / 0.006, (colour - 4) / 1, (45 - float(np.percentile(view.chroma, 95))) / 4)
