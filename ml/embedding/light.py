"""How bright a photo is and how its tones lie; the light of an hour, the sky, and what only shows in such light."""

from __future__ import annotations

from typing import Final

import numpy as np

from ml.embedding.facts import Facts
from ml.embedding.view import View, between, share

#: The part of the frame from its upper edge where sky is looked for; from its lower edge, snow.
_SKY, _GROUND = 0.6, 2 / 3
#: An hour in which the sun is often low, where nobody knows the place.
_LOW_SUN_HOURS: Final = ((5.0, 8.5), (16.5, 21.0))


def measure(view: View, facts: Facts) -> dict[str, float]:
    """By dimension, in the units that ``ml.embedding.dimensions`` says; margins are positive where it holds."""
    p5, p80, p95, median = (float(np.percentile(view.lightness, at)) for at in (5, 80, 95, 50))
    colour, rough = float(view.chroma.mean()), float(view.rough.mean())
    sunset, blue_sky = _sunset_sky(view), _blue_sky(view)
    cold = _cold(view)
    return {
        "dark": median,
        "mid_tone": abs(median - 50),
        "bright": median,
        "high_key": min(p5 - 40, median - 75),
        "low_key": min(22 - median, 50 - p80),
        "high_contrast": p95 - p5,
        "low_contrast": p95 - p5,
        "silhouette": _silhouette(view),
        "night": _night(median, facts),
        "lights": _lights(view, median),
        "golden_hour": _golden_hour(view, facts, median),
        "blue_hour": _blue_hour(facts, cold, median),
        "sunset_sky": sunset,
        "blue_sky": blue_sky,
        "snow": _snow(view),
        "water": _water(view),
        "fog": min((40 - p95 + p5) / 4, (12 - colour) / 2, (median - 40) / 5, (3 - rough) / 0.5),
    }


def _silhouette(view: View) -> float:
    """Margin: much that is black, much that is bright, and little between them."""
    dark, bright = share((view.lightness < 14) & (view.rough < 6)), share(view.lightness > 58)
    between_them = share((view.lightness > 22) & (view.lightness < 48))
    return min((dark - 0.15) / 0.04, (bright - 0.3) / 0.06, (0.18 - between_them) / 0.05)


def _night(median: float, facts: Facts) -> float:
    """Margin: a dark picture, taken in little light where the exposure is known."""
    dark = (26 - median) / 4
    return dark - 1 if facts.ev100 is None else min(dark, 4 - facts.ev100)


def _lights(view: View, median: float) -> float:
    """Margin: a dark picture, of which little is bright, but that very much so."""
    lamps = share(view.luma > 200)
    return min((lamps - 0.002) / 0.001, (0.08 - lamps) / 0.02, (28 - median) / 4)


def _golden_hour(view: View, facts: Facts, median: float) -> float:
    """Margin: warm light on what is bright, at a low sun; by the sun's height, else by the clock, else by colour."""
    bright = view.lightness >= max(median, 40)
    golden = between(view.hue, 40, 92) & (view.chroma > 16)
    warm = (share(golden[bright]) - 0.5) / 0.1
    if facts.sun_elevation_deg is not None:
        return min(warm + 1, 4 - abs(facts.sun_elevation_deg - 2))
    if facts.local_hour is not None:
        low = any(first <= facts.local_hour <= last for first, last in _LOW_SUN_HOURS)
        return warm if low else min(warm, -3.0)
    return min(warm, (median - 20) / 5) - 1


def _blue_hour(facts: Facts, cold: float, median: float) -> float:
    """Margin: a cold, rather dark picture after the sun has gone."""
    looks = min((cold - 8) / 3, (45 - median) / 5)
    if facts.sun_elevation_deg is None:
        return looks - 1
    return min(looks + 1, 3 - abs(facts.sun_elevation_deg + 5))


def _cold(view: View) -> float:
    """How far the brighter half leans to blue, in units of b*."""
    bright = view.lightness >= np.median(view.lightness)
    return -float(view.b[bright].mean())


def _sunset_sky(view: View) -> float:
    """Share of the upper part that is smooth and red, orange, yellow or pink."""
    sky = slice(0, max(1, round(_SKY * len(view.hue))))
    glows = between(view.hue[sky], 330, 95) & (view.chroma[sky] > 20) & (view.lightness[sky] > 42)
    return share(glows & (view.rough[sky] < 3.5))


def _blue_sky(view: View) -> float:
    """Share of the upper part that is smooth, blue and bright."""
    sky = slice(0, max(1, round(_SKY * len(view.hue))))
    blue = between(view.hue[sky], 215, 300) & (view.chroma[sky] > 8) & (view.lightness[sky] > 38)
    return share(blue & (view.rough[sky] < 5))


def _snow(view: View) -> float:
    """Share of the lower part that is nearly white but not burnt out, or blue as snow in the shade."""
    ground = slice(-max(1, round(_GROUND * len(view.hue))), None)
    light, chroma = view.lightness[ground], view.chroma[ground]
    shaded = between(view.hue[ground], 210, 290) & (chroma < 20) & (light > 62)
    lit = (chroma < 9) & (light > 78) & (light < 99)
    return share((shaded | lit) & (view.rough[ground] > 0.4))


def _water(view: View) -> float:
    """Share of the lower half that is blue or blue-green."""
    low = slice(len(view.hue) // 2, None)
    blue = between(view.hue[low], 170, 295) & (view.chroma[low] > 7)
    return share(blue & (view.lightness[low] > 10) & (view.lightness[low] < 66))
