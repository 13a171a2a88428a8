"""How a photo was taken: what its signals say of sharpness and noise, and what its metadata says of the exposure."""

from __future__ import annotations

import math

import numpy as np

from ml.embedding.facts import Facts
from ml.signals import MAP_FULL_SHARPNESS, Signals

#: Sharpness of a tile from which it is in focus, and up to which it is not.
_IN_FOCUS, _OUT_OF_FOCUS = 0.75, 0.45


def of_signals(signals: Signals | None) -> dict[str, float]:
    """By dimension, in the units that ``ml.embedding.dimensions`` says; nothing where nothing was measured."""
    if signals is None:
        return {}
    return {
        "back_light": signals.back_light,
        "sharp": signals.sharpness,
        "soft": signals.sharpness,
        "motion_blur": min((signals.motion - 0.3) / 0.06, (0.72 - signals.sharpness) / 0.06),
        "noisy": signals.noise,
        "shallow_depth": _shallow(signals),
    }


def of_facts(facts: Facts) -> dict[str, float]:
    """By dimension; nothing of what nobody knows."""
    known: dict[str, float | None] = {
        "long_exposure": _log2(facts.exposure_time_s),
        "flash": _signed(facts.flash),
        "wide_angle": _log2(facts.focal_length_35mm),
        "telephoto": _log2(facts.focal_length_35mm),
        "macro": _signed(facts.macro_lens),
        "burst": _log2(facts.burst_frames),
    }
    if facts.faces is not None:
        names = ("no_faces", "one_face", "two_faces", "many_faces")
        known |= {name: _signed(min(facts.faces, 3) == count) for count, name in enumerate(names)}
    return {name: value for name, value in known.items() if value is not None}


def place(seen: dict[str, float], facts: Facts) -> dict[str, float]:
    """``indoor`` and ``outdoor``: margins, from sky, plants and snow that were ``seen``, and from the light's strength.

    Little is certain here: 10 EV and less is lamplight or dusk, flash is mostly used indoors.
    """
    nature = 6 * seen["blue_sky"] + 4 * seen["foliage"] + 4 * seen["sunset_sky"] + 2 * seen["snow"]
    light = 0.0 if facts.ev100 is None else max(-3.0, min(3.0, (facts.ev100 - 10) / 1.5))
    flash = -1.0 if facts.flash else 0.0
    outdoor = nature + light + flash - 1
    return {"outdoor": outdoor, "indoor": -outdoor - 1 - max(0.0, seen["night"]) / 2}


def _shallow(signals: Signals) -> float:
    """Margin: a part of the frame is in focus, and most of the rest is not, or has nothing that could be."""
    tiles = np.frombuffer(signals.tiles.sharpness, np.uint8).astype(np.float64) * (MAP_FULL_SHARPNESS / 255)
    focus, rest = (tiles > _IN_FOCUS).mean(), (tiles < _OUT_OF_FOCUS).mean()
    return float(min((focus - 0.03) / 0.015, (0.5 - focus) / 0.08, (rest - 0.5) / 0.08))


def _signed(value: bool | None) -> float | None:
    return None if value is None else 1.0 if value else -1.0


def _log2(value: float | None) -> float | None:
    return math.log2(value) if value else None
