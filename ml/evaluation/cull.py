"""Culling judged as a whole: grouping and ranking on a folder's photos, and on real series where there are any."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from ml.evaluation import groupings, pictures, series, winners
from ml.evaluation.degradations import HELD_OUT, TUNING

Progress = Callable[[str], None]

#: Fewer photos make shoots that are all alike.
LEAST_PHOTOS: Final = 8


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made of the photos."""

    shoots: groupings.Size
    clusters: winners.Size


FULL: Final = Size(groupings.Size(30, 10, 12, 15), winners.Size(25, 40, 12))
QUICK: Final = Size(groupings.Size(2, 1, 1, 2), winners.Size(20, 4, 1))


@dataclass(frozen=True, slots=True)
class Report:
    """``photos`` that were used and ``left_out``; ``families`` of defects, the tuning ones and those held out.

    ``series`` is None where none were given.
    """

    photos: int
    left_out: int
    seed: int
    families: Mapping[str, Sequence[str]]
    grouping: groupings.Report
    ranking: winners.Report
    series: series.Report | None


class TooFewPhotos(ValueError):
    """The folder has not enough photos that can be read and are large enough."""


def judged(folder: Path, seed: int, size: Size, progress: Progress, table: series.Table | None = None) -> Report:
    """The report on one seed (0 and up). Raises TooFewPhotos, and NoSeries for a table of nothing that can be read."""
    progress("reading the photos")
    found = pictures.read(folder)
    if len(found.paths) < LEAST_PHOTOS:
        raise TooFewPhotos(
            f"{folder} has {len(found.paths)} photos that can be read and have a short edge of {pictures.MIN_PX} px or "
            f"more; {LEAST_PHOTOS} are needed."
        )
    return Report(
        photos=len(found.paths),
        left_out=len(found.left_out),
        seed=seed,
        families={"tuning": [one.name for one in TUNING], "held_out": [one.name for one in HELD_OUT]},
        series=series.judged(table, progress) if table else None,
        grouping=groupings.judged(found.places, seed, size.shoots, progress),
        ranking=winners.judged(found.paths, seed, size.clusters, progress),
    )


def document(value: object) -> Any:
    """The report as JSON has it: numbers that are not known are null."""
    if is_dataclass(value):
        return {one.name: document(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): document(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [document(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
