"""What the ranker sees of a frame: a table of features, and a frame's values relative to its cluster.

Each value counts as its distance from the median of the cluster, over a scale that is the same for all clusters: with
two to four frames a spread taken from the cluster itself would be noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml import faces
from ml.signals import Signals

#: Raised when a scale, a column or its meaning changes: picks stored under another version are measured anew.
FEATURES_VERSION: Final = 1
#: Beyond this many scales from the median, more makes no difference.
CLIP: Final = 2.5
#: Principal components of an embedding, where there is one.
LOOKS: Final = 8
#: Up to so many EV from middle grey a subject's brightness is a matter of taste; only beyond is it an error.
TOLERATED_EV: Final = 1.0
#: Clipping counts in doublings: of a frame that is white already, a little more is no matter.
CLIP_SHARE: Final = 0.02

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Kind(StrEnum):
    """TECHNIQUE: nearly everyone agrees on the better side. TASTE: each photographer has their own."""

    TECHNIQUE = "technique"
    TASTE = "taste"


@dataclass(frozen=True, slots=True)
class Feature:
    """A column. ``scale`` is in the feature's own unit; ``sign`` says what most people find better: 1 more of it, -1
    less, 0 neither.

    ``more`` and ``less`` are the keys of a chip's text when the winner has more or less of it than the others;
    ``tiles`` names the tile map that shows where, if there is one.
    """

    name: str
    kind: Kind
    sign: int
    scale: float
    more: str
    less: str
    tiles: str | None = None


def _technique(
    name: str, sign: int, scale: float, words: tuple[str, str] = ("more", "less"), tiles: str | None = None
) -> Feature:
    return Feature(name, Kind.TECHNIQUE, sign, scale, f"{name}.{words[0]}", f"{name}.{words[1]}", tiles)


def _taste(name: str, scale: float, sign: int = 0) -> Feature:
    return Feature(name, Kind.TASTE, sign, scale, f"{name}.more", f"{name}.less")


FEATURES: Final[tuple[Feature, ...]] = (
    _technique("sharpness", 1, 0.08, tiles="sharpness"),
    _technique("subject_sharpness", 1, 0.08, tiles="sharpness"),
    _technique("motion", -1, 0.15, tiles="sharpness"),
    _technique("noise", -1, 0.008),
    _technique("highlight_clip", -1, 1.0, tiles="highlights"),
    _technique("shadow_clip", -1, 1.0, tiles="shadows"),
    _technique("exposure_error", -1, 0.5),
    _taste("brightness", 0.5),
    _taste("contrast", 0.08, sign=1),
    _taste("colour", 4.0),
    _taste("subject_size", 0.04),
    _taste("centre_offset", 0.06),
    _technique("tilt", -1, 2.0),
    _taste("burst_position", 0.35),
    _technique("face_sharpness", 1, 0.08),
    _technique("eyes_open", 1, 0.25),
    *(_taste(f"look_{number}", 1.0) for number in range(1, LOOKS + 1)),
)
NAMES: Final = tuple(feature.name for feature in FEATURES)
DIMENSIONS: Final = len(FEATURES)
_AS_MEASURED: Final = NAMES[: NAMES.index("burst_position")]
SCALES: Final[Floats] = np.array([feature.scale for feature in FEATURES])


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a cluster: ``values`` (n, d) as measured, nan where unknown; ``x`` (n, d) relative, 0 there."""

    values: Floats
    x: Floats

    @property
    def known(self) -> Mask:
        return np.isfinite(self.values)

    def __len__(self) -> int:
        return len(self.x)


def table(columns: Mapping[str, Sequence[float] | NDArray[np.floating]]) -> Floats:
    """Columns of n values by feature name, as (n, d) in the order of ``FEATURES``; nan stands for "can't tell".

    A feature that is not given is unknown throughout. Raises KeyError for a name that is no feature.
    """
    if unknown := set(columns) - set(NAMES):
        raise KeyError(f"No such feature: {', '.join(sorted(unknown))}.")
    values = np.full((max(map(len, columns.values()), default=0), DIMENSIONS), np.nan)
    for name, column in columns.items():
        values[:, NAMES.index(name)] = column
    return values


def measured(signals: Sequence[Signals]) -> Floats:
    """(n, d) values of the frames of a cluster, in the order in which they were taken.

    As the signals have them, but for these: ``exposure_error`` counts from ``TOLERATED_EV``, and the clipped shares of
    the frame become log2(1 + share / ``CLIP_SHARE``). Where no faces are known, nothing is said of them; looks are left
    unknown.
    """
    columns = {name: np.array([getattr(each, name) for each in signals], np.float64) for name in _AS_MEASURED}
    columns["exposure_error"] = np.maximum(columns["exposure_error"] - TOLERATED_EV, 0.0)
    for name in ("highlight_clip", "shadow_clip"):
        columns[name] = np.log2(1 + columns[name] / CLIP_SHARE)
    columns["face_sharpness"] = np.array([faces.sharpness(each.faces or ()) for each in signals], np.float64)
    columns["eyes_open"] = np.array([faces.eyes_open(each.faces or ()) for each in signals], np.float64)
    return table(columns | {"burst_position": burst_positions(len(signals))})


def frames(values: Floats) -> Frames:
    """(n, d) values of one cluster, relative to its medians: in scales, within ``CLIP``.

    An unknown value is 0, as a frame at the median is: it speaks neither for its frame nor against it.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    with np.errstate(invalid="ignore"):
        x = np.clip((values - medians(values)) / SCALES, -CLIP, CLIP)
    return Frames(values, np.where(np.isnan(x), 0.0, x))


def medians(values: Floats) -> Floats:
    """(d,) medians of the known values of each column; nan where none is known."""
    count = np.sum(~np.isnan(values), axis=0)
    ordered = np.sort(values, axis=0)  # nan comes last
    columns = np.arange(values.shape[1])
    lower, upper = ordered[np.maximum(count - 1, 0) // 2, columns], ordered[count // 2, columns]
    return np.asarray((lower + upper) / 2)


def burst_positions(size: int) -> Floats:
    """Where each of ``size`` frames stands in its burst: from 0, the first, to 1, the last; nan for a frame alone."""
    return np.linspace(0.0, 1.0, size) if size > 1 else np.full(size, math.nan)
