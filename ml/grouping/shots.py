"""What grouping knows of a shoot beside its looks: one array a column, one row a photo."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


class Drive(IntEnum):
    """How the shutter was driven, as the maker's block says it."""

    UNKNOWN = -1
    SINGLE = 0
    CONTINUOUS = 1
    BRACKET = 2
    SELF_TIMER = 3
    INTERVAL = 4
    PANORAMA = 5


@dataclass(frozen=True, slots=True)
class Shots:
    """Arrays of shape (n,). Floats that are not known are NaN, codes that are not known are -1.

    ``ids``: unique in the project; they break ties and name photos to constraints. ``time_s``: capture time in UTC
    seconds, the camera's clock corrected; ``has_subsec``: whether it is finer than a second. ``camera``: one code a
    body; ``counter``: the number in the file name; ``stem``: one code a file name without its ending; ``content``:
    one code a SHA-256; ``raw``: whether the file is a raw one. Exposure bias in EV, time in s, focal length in mm;
    ``flash``: 0 or 1.
    """

    ids: Ints
    time_s: Floats
    has_subsec: Bools
    camera: Ints
    drive: Ints
    exposure_bias: Floats
    exposure_time_s: Floats
    aperture: Floats
    iso: Floats
    focal_length: Floats
    flash: Ints
    counter: Ints
    stem: Ints
    content: Ints
    raw: Bools

    @classmethod
    def of(cls, time_s: NDArray[Any], **columns: NDArray[Any]) -> Shots:
        """Shots of which only some columns are known. Raises ValueError for lengths that differ or ids twice."""
        n = len(time_s)
        defaults: dict[str, Any] = {"ids": np.arange(n), "content": np.arange(n), "time_s": time_s}
        given = {**defaults, **columns}
        made: dict[str, Any] = {}
        for column in fields(cls):
            kind = _KINDS[str(column.type)]
            made[column.name] = np.asarray(given.get(column.name, np.full(n, _UNKNOWN[kind])), kind)
        if any(len(values) != n for values in made.values()):
            raise ValueError("every column needs one value a photo")
        if len(np.unique(made["ids"])) != n:
            raise ValueError("ids must be unique")
        return cls(**made)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Ints) -> Shots:
        """The photos of these rows, in this order."""
        return Shots(*(getattr(self, column.name)[rows] for column in fields(self)))

    def order(self) -> Ints:
        """The rows by capture time, then camera, counter and id; what is not known comes last."""
        undated = np.isnan(self.time_s)
        camera, counter = (np.where(codes < 0, np.iinfo(np.int64).max, codes) for codes in (self.camera, self.counter))
        keys = (self.ids, counter, camera, np.where(undated, 0.0, self.time_s), undated)
        return np.lexsort(keys).astype(np.int64)

    def exposure_ev(self) -> Floats:
        """How much light the exposure let in, in EV: log2(t · ISO / 100 / N²). The larger, the brighter."""
        with np.errstate(divide="ignore", invalid="ignore"):
            light = np.log2(self.exposure_time_s * self.iso / 100 / self.aperture**2)
        return np.where(np.isfinite(light), light, np.nan)


_KINDS: dict[str, type[np.int64] | type[np.float64] | type[np.bool_]] = {
    "Ints": np.int64,
    "Floats": np.float64,
    "Bools": np.bool_,
}
_UNKNOWN: dict[Any, int | float | bool] = {np.int64: -1, np.float64: np.nan, np.bool_: False}
