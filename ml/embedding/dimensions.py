"""The 64 dimensions of ``concept-v1``, as data: what each means, what it needs, how a number becomes 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from ml.planes import Doubles, Floats


class Source(StrEnum):
    """What a dimension needs. Where that is missing, the vector has 0 there: it speaks neither for nor against."""

    PIXELS = "pixels"
    SIGNALS = "signals"
    FACTS = "facts"
    PIXELS_AND_FACTS = "pixels and facts"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A detector's number x becomes 1 / (1 + exp((half - x) / width)), less ``mean``.

    ``half`` is where it is 0.5, in the ``unit`` of the detector; ``width`` is how far from there it is 0.73, negative
    where less means more. ``mean`` is frozen: what typical photos have (cards/concept-v1.md says how it was taken).
    A *margin* counts in widths: 0 at the border, 1 clearly inside.
    """

    name: str
    meaning: str
    source: Source
    unit: str
    half: float
    width: float
    mean: float


_P, _S, _F, _PF = Source.PIXELS, Source.SIGNALS, Source.FACTS, Source.PIXELS_AND_FACTS

#: In the order of the vector. What a stored vector means never changes: another table is another space.
DIMENSIONS: Final[tuple[Dimension, ...]] = (
    Dimension("black", "black areas", _P, "share", 0.30, 0.08, 0.219),
    Dimension("white", "white areas", _P, "share", 0.25, 0.07, 0.089),
    Dimension("grey", "grey areas", _P, "share", 0.45, 0.10, 0.355),
    Dimension("red", "red areas", _P, "share", 0.12, 0.04, 0.081),
    Dimension("orange", "orange areas", _P, "share", 0.15, 0.05, 0.138),
    Dimension("yellow", "yellow areas", _P, "share", 0.12, 0.04, 0.213),
    Dimension("green", "green areas", _P, "share", 0.20, 0.06, 0.132),
    Dimension("blue", "blue areas", _P, "share", 0.20, 0.06, 0.360),
    Dimension("purple", "purple areas", _P, "share", 0.10, 0.035, 0.070),
    Dimension("pink", "pink areas", _P, "share", 0.12, 0.04, 0.075),
    Dimension("brown", "brown areas", _P, "share", 0.25, 0.07, 0.132),
    Dimension("warm", "warm colours prevail", _P, "-1 to 1", 0.30, 0.10, 0.331),
    Dimension("cool", "cool colours prevail", _P, "-1 to 1", 0.25, 0.10, 0.329),
    Dimension("dark", "dark", _P, "median L*", 26.0, -4.0, 0.149),
    Dimension("mid_tone", "of medium brightness", _P, "median L*, from 50", 13.0, -3.0, 0.560),
    Dimension("bright", "bright", _P, "median L*", 70.0, 4.0, 0.083),
    Dimension("high_key", "bright all over, without blacks", _P, "L*", 0.0, 4.0, 0.012),
    Dimension("low_key", "dark all over, with little light", _P, "L*", 0.0, 3.0, 0.088),
    Dimension("high_contrast", "from deep black to bright", _P, "L*, 5th to 95th percentile", 82.0, 4.0, 0.179),
    Dimension("low_contrast", "flat tones", _P, "L*, 5th to 95th percentile", 42.0, -4.0, 0.101),
    Dimension("silhouette", "black shapes before a bright ground", _P, "margin", 0.0, 1.0, 0.063),
    Dimension("back_light", "the subject darker than what is around it", _S, "EV", -1.2, -0.3, 0.044),
    Dimension("black_and_white", "without colour", _P, "chroma, 99th percentile", 3.0, -0.6, 0.049),
    Dimension("toned", "one weak colour throughout, as sepia", _P, "margin", 0.0, 1.0, 0.062),
    Dimension("vivid", "strong colours", _P, "mean chroma", 32.0, 4.0, 0.116),
    Dimension("muted", "weak colours", _P, "mean chroma", 10.0, -2.0, 0.323),
    Dimension("night", "taken at night", _PF, "margin", 0.0, 1.0, 0.101),
    Dimension("lights", "lamps, fireworks, a lit city in the dark", _P, "margin", 0.0, 1.0, 0.103),
    Dimension("golden_hour", "warm light of a low sun", _PF, "margin", 0.0, 1.0, 0.055),
    Dimension("blue_hour", "cold light after sunset or before sunrise", _PF, "margin", 0.0, 1.0, 0.073),
    Dimension("sunset_sky", "a glowing sky", _P, "share of the upper part", 0.35, 0.08, 0.022),
    Dimension("blue_sky", "a blue sky", _P, "share of the upper part", 0.30, 0.07, 0.194),
    Dimension("snow", "snow, ice", _P, "share of the lower part", 0.35, 0.08, 0.086),
    Dimension("foliage", "plants, trees, grass", _P, "share", 0.25, 0.06, 0.132),
    Dimension("water", "water below", _P, "share of the lower half", 0.40, 0.08, 0.145),
    Dimension("fog", "fog, haze, mist", _P, "margin", 0.0, 1.0, 0.014),
    Dimension("skin", "colours as of skin", _P, "share", 0.20, 0.05, 0.104),
    Dimension("no_faces", "no face was found", _F, "1 or -1", 0.0, 0.25, 0.450),
    Dimension("one_face", "one face was found", _F, "1 or -1", 0.0, 0.25, 0.250),
    Dimension("two_faces", "two faces were found", _F, "1 or -1", 0.0, 0.25, 0.120),
    Dimension("many_faces", "three faces or more were found", _F, "1 or -1", 0.0, 0.25, 0.180),
    Dimension("portrait", "upright frame", _P, "log2 of height over width", 0.15, 0.03, 0.300),
    Dimension("landscape", "level frame", _P, "log2 of width over height", 0.15, 0.03, 0.650),
    Dimension("square", "square frame", _P, "log2 of the sides' ratio", 0.10, -0.025, 0.030),
    Dimension("panorama", "frame of 2:1 or longer", _P, "log2 of the sides' ratio", 0.93, 0.05, 0.020),
    Dimension("sharp", "crisp where it has structure", _S, "sharpness", 0.78, 0.05, 0.718),
    Dimension("soft", "without crisp detail", _S, "sharpness", 0.60, -0.04, 0.041),
    Dimension("motion_blur", "smeared one way", _S, "margin", 0.0, 1.0, 0.035),
    Dimension("shallow_depth", "a part in focus before a soft ground", _S, "margin", 0.0, 1.0, 0.201),
    Dimension("noisy", "noise, grain", _S, "sigma of luma, 0 to 1", 0.012, 0.003, 0.037),
    Dimension("minimal", "little in the frame", _P, "share of edges", 0.05, -0.012, 0.087),
    Dimension("busy", "much in the frame", _P, "share of edges", 0.35, 0.05, 0.109),
    Dimension("symmetric", "left mirrors right", _P, "correlation", 0.60, 0.08, 0.066),
    Dimension("horizon", "a level line across", _P, "share of the width", 0.85, 0.05, 0.169),
    Dimension("straight_lines", "level and upright lines, as of buildings", _P, "share of edges", 0.28, 0.04, 0.104),
    Dimension("text", "writing, signs, pages", _P, "share of blocks", 0.05, 0.012, 0.032),
    Dimension("long_exposure", "exposed for a second or more", _F, "log2 of seconds", -0.5, 0.25, 0.020),
    Dimension("flash", "with flash", _F, "1 or -1", 0.0, 0.25, 0.150),
    Dimension("wide_angle", "28 mm or shorter", _F, "log2 of mm", 4.9, -0.1, 0.300),
    Dimension("telephoto", "85 mm or longer", _F, "log2 of mm", 6.3, 0.1, 0.250),
    Dimension("macro", "with a macro lens", _F, "1 or -1", 0.0, 0.25, 0.040),
    Dimension("burst", "one of several frames in a row", _F, "log2 of frames", 1.3, 0.2, 0.350),
    Dimension("indoor", "in a room", _PF, "margin", 0.0, 1.0, 0.267),
    Dimension("outdoor", "under the sky", _PF, "margin", 0.0, 1.0, 0.536),
)  # fmt: skip
NAMES: Final = tuple(dimension.name for dimension in DIMENSIONS)
DIM: Final = len(DIMENSIONS)
PLACES: Final = {name: place for place, name in enumerate(NAMES)}
HALVES, WIDTHS, MEANS = (
    np.array([getattr(dimension, column) for dimension in DIMENSIONS], np.float64)
    for column in ("half", "width", "mean")
)


def vector(measured: dict[str, float]) -> Floats:
    """(64,) float32 of the detectors' numbers by name; 0 where there is none, or nan. Raises KeyError if unknown."""
    found = levels(numbers(measured))
    return np.where(np.isnan(found), 0.0, found - MEANS).astype(np.float32)


def numbers(measured: dict[str, float]) -> Doubles:
    """(64,) in the order of ``DIMENSIONS``, nan where there is none. Raises KeyError for a name that is none."""
    found = np.full(DIM, np.nan)
    for name, value in measured.items():
        found[PLACES[name]] = value
    return found


def levels(numbers: Doubles) -> Doubles:
    """(64,) from 0 to 1 for the detectors' numbers, nan where they are."""
    with np.errstate(over="ignore"):
        found: Doubles = 1 / (1 + np.exp((HALVES - numbers) / WIDTHS))
    return found
