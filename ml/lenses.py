"""Lenses described by what they can do, where a camera does not write their name."""

from __future__ import annotations


def lens_range(*numbers: float | None) -> str | None:
    """``18-70mm f/3.5-4.5`` of shortest and longest focal length and the widest apertures at both; None if unknown.

    The order is that of Exif's LensSpecification. Apertures may be missing: ``17-85mm``.
    """
    shortest, longest, at_short, at_long = (*numbers, None, None, None, None)[:4]
    if not shortest or not longest or not 0 < shortest <= longest < 10_000:
        return None
    focal = f"{_between(shortest, longest)}mm"
    if not at_short or not at_long or not 0 < at_short <= at_long < 100:
        return focal
    return f"{focal} f/{_between(at_short, at_long)}"


def _between(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g}-{high:.4g}"
