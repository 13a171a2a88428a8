"""Clusters and logs of picks for the tests of the ranker, drawn from a seed."""

from __future__ import annotations

import numpy as np

from ml.ranking.features import DIMENSIONS, NAMES, SCALES, Floats, Frames, frames
from ml.ranking.log import Basis, Pick


def values(random: np.random.Generator, size: int, *, unknown: float = 0.1) -> Floats:
    """Measured values of ``size`` frames; a share ``unknown`` of them can't be told."""
    drawn = random.normal(0, 1.2, (size, DIMENSIONS)) * SCALES
    drawn[random.random(drawn.shape) < unknown] = np.nan
    return drawn


def cluster(random: np.random.Generator, size: int, *, unknown: float = 0.1) -> Frames:
    return frames(values(random, size, unknown=unknown))


def row(**scales: float) -> Floats:
    """(d,) values in scales of their features; those not named are unknown."""
    made = np.full(DIMENSIONS, np.nan)
    for name, value in scales.items():
        made[NAMES.index(name)] = value * SCALES[NAMES.index(name)]
    return made


def picks(random: np.random.Generator, count: int) -> list[Pick]:
    """Picks of every sort: one or more frames, none, with and without rejects, accepted and overridden."""
    return [_pick(random, f"{at:04d}", float(at // 3)) for at in range(count)]


def _pick(random: np.random.Generator, id: str, at: float) -> Pick:
    frames_ = cluster(random, int(random.integers(1, 9)))
    rows = random.permutation(len(frames_))
    marked = int(random.integers(0, len(rows) + 1))
    picked = tuple(int(each) for each in rows[: random.integers(0, marked + 1)])
    rejected = tuple(int(each) for each in rows[len(picked) : marked])
    return Pick(id, at, frames_.x, picked, rejected, list(Basis)[int(random.integers(3))])
