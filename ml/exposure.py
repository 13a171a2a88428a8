"""How bright a photo is where it matters, what is burnt out or black, how much contrast and colour it has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.planes import Doubles, Floats, averaged, lab, linear, luma, luminance, running_sums

Mask = NDArray[np.bool_]

#: Encoded values at which a channel is burnt out, or black.
_BURNT, _BLACK = 250.0, 4.0
#: A glint, a lamp, a pupil: clipped, but not a square of this part of the long edge. That much is allowed.
_SPECULAR: Final = 1 / 64
_MIDDLE_GREY: Final = 0.18
#: The darkest light that counts, two grey levels: log2 has no end.
_DARKEST: Final = 2 / 255 / 12.92
#: L* between which a colour cast shows, and the chroma beyond which a colour is the thing's own.
_CAST_LIGHTNESS, _CAST_CHROMA = (20.0, 90.0), 15.0


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """Of one photo, in EV around middle grey (18 %), shares of the frame (0 to 1), or CIE L*a*b* (D65).

    ``brightness``: median of the subject, EV; ``exposure_error``: how far from middle grey, EV. ``back_light``: subject
    less surround, EV, negative against the light. ``range_ev``: 2nd to 98th percentile of the frame; ``contrast``: 10th
    to 90th of encoded luma, 0 to 1. ``highlight_clip``: burnt out in any channel, ``highlight_clip_all`` in all;
    ``shadow_clip``: black in all, ``shadow_clip_any`` in any; of the first and third, ``specular`` was allowed.
    ``colour``: mean chroma. ``cast``: chroma of what should be grey, towards ``cast_angle`` degrees (0 red, 90 yellow).
    ``highlights`` and ``shadows`` (h, w) mask what the two clips count.
    """

    brightness: float
    exposure_error: float
    back_light: float
    range_ev: float
    contrast: float
    highlight_clip: float
    highlight_clip_all: float
    shadow_clip: float
    shadow_clip_any: float
    specular: float
    colour: float
    cast: float
    cast_angle: float
    highlights: Mask
    shadows: Mask


def measure(small: Floats, weight: Floats) -> Exposure:
    """Of planes (3, h, w) as ``ml.planes.reduced`` makes them; ``weight`` is the subject's, (n, n) over the frame."""
    burnt, black = small >= _BURNT, small <= _BLACK
    any_burnt, all_black = burnt[0] | burnt[1] | burnt[2], black[0] & black[1] & black[2]
    highlights, shadows = _solid(any_burnt), _solid(all_black)
    allowed = (any_burnt & ~highlights) | (all_black & ~shadows)
    light = linear(averaged(small, *weight.shape))
    brightness, back_light = _subject(light, weight)
    contrast, range_ev = _spread(luma(small))
    colour, cast, cast_angle = _colour(lab(light))
    return Exposure(
        brightness,
        abs(brightness),
        back_light,
        range_ev,
        contrast,
        _share(highlights),
        _share(burnt[0] & burnt[1] & burnt[2]),
        _share(shadows),
        _share(black[0] | black[1] | black[2]),
        _share(allowed),
        colour,
        cast,
        cast_angle,
        highlights,
        shadows,
    )


def _subject(light: Floats, weight: Floats) -> tuple[float, float]:
    """Weighted median in EV around middle grey, and how much brighter than the rest, weighted the other way."""
    stops = _stops(luminance(light).ravel())
    mine = weight.ravel().astype(np.float64)
    order = np.argsort(stops, kind="stable")
    below = np.cumsum(mine[order])
    median = float(stops[order][np.searchsorted(below, below[-1] / 2)])
    rest = mine.max() - mine
    surround = float((stops * rest).sum() / rest.sum()) if rest.any() else median
    return median, float((stops * mine).sum() / mine.sum()) - surround


def _spread(encoded: Floats) -> tuple[float, float]:
    counts = np.cumsum(np.bincount(encoded.astype(np.uint8).ravel(), minlength=256))
    low, dark, bright, high = (int(np.searchsorted(counts, share * counts[-1])) for share in (0.02, 0.1, 0.9, 0.98))
    stops = _stops(linear(np.array([low, high], np.float32)))
    return (bright - dark) / 255, float(stops[1] - stops[0])


def _colour(cells: Floats) -> tuple[float, float, float]:
    """Mean chroma; chroma and hue of what is near neutral. Grey world, with colours of their own left out."""
    lightness, a, b = (plane.ravel().astype(np.float64) for plane in cells)
    chroma = np.hypot(a, b)
    shows = (lightness > _CAST_LIGHTNESS[0]) & (lightness < _CAST_LIGHTNESS[1])
    grey = np.exp(-((chroma / _CAST_CHROMA) ** 2) / 2) * shows
    if not grey.any():
        return float(chroma.mean()), math.nan, math.nan
    red, yellow = float((a * grey).sum() / grey.sum()), float((b * grey).sum() / grey.sum())
    return float(chroma.mean()), math.hypot(red, yellow), math.degrees(math.atan2(yellow, red)) % 360


def _stops(light: Floats) -> Doubles:
    stops: Doubles = np.log2(np.maximum(light.astype(np.float64), _DARKEST) / _MIDDLE_GREY)
    return stops


def _share(mask: Mask) -> float:
    return float(np.count_nonzero(mask)) / mask.size


def _solid(mask: Mask) -> Mask:
    """The squares of a certain size that fit into the mask: a morphological opening."""
    if not mask.any():
        return mask
    side = min(max(2, round(max(mask.shape) * _SPECULAR)), *mask.shape)
    fits = _counts(mask, side) == side**2
    solid: Mask = _counts(np.pad(fits, side - 1), side) > 0
    return solid


def _counts(mask: Mask, side: int) -> Doubles:
    """How many are set in each square, (h - side + 1, w - side + 1)."""
    sums = running_sums(mask)
    down = running_sums((sums[side:] - sums[:-side]).T)
    return (down[side:] - down[:-side]).T
