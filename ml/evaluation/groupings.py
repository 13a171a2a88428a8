"""Grouping, judged on synthetic shoots of several kinds made of a folder's photos."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from ml.evaluation.shoot_figures import Count, Figures, measured
from ml.evaluation.shoots import Plan

Progress = Callable[[str], None]

#: Shoots of one camera; of two whose clocks agree; with kept sets and copies, half of these without Exif.
PLAIN: Final = Plan()
TWO_CAMERAS: Final = Plan(cameras=2)
MIXED: Final = Plan(moments=8, brackets=2, panoramas=2, focus_stacks=2, timelapses=2, copies=0.25)
#: Clocks differ by up to two hours, every third by whole hours up to three, as for time zones.
_MOST_S: Final = 7200.0
_MOST_HOURS: Final = 3


@dataclass(frozen=True, slots=True)
class Share:
    """``right`` of ``total``."""

    right: int
    total: int

    @classmethod
    def of(cls, count: Count) -> Share:
        return cls(count.right, count.total)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of ``shoots`` shoots with ``photos`` photos: mean B³ and pairwise F1 of their moments, the standard errors of
    these means, and the splits and merges a hundred photos that mend them."""

    shoots: int
    photos: int
    b_cubed: float
    b_cubed_error: float
    pairwise: float
    pairwise_error: float
    edits: float


@dataclass(frozen=True, slots=True)
class Report:
    """``plain``, ``two_cameras`` and ``mixed``: moments in those shoots. Of the mixed ones: ``copies`` found,
    ``false_copies`` of the neighbours in a burst, ``sets`` kept whole by kind, and frames ``invented`` for a set.

    ``clocks``: offsets that are right within 20 s, of those accepted; ``clocks_asked``: those left to a person;
    ``clocks_apart``: offsets accepted of the pairs of cameras that had seen different places, where none is right.
    """

    plain: Agreement
    two_cameras: Agreement
    mixed: Agreement
    copies: Share
    false_copies: Share
    sets: Mapping[str, Share]
    invented: int
    clocks: Share
    clocks_asked: int
    clocks_apart: Share


@dataclass(frozen=True, slots=True)
class Size:
    """How many shoots of each kind; ``clocks`` of two cameras that saw the same, half as many that did not."""

    plain: int
    two_cameras: int
    mixed: int
    clocks: int


def judged(places: Sequence[Image.Image], seed: int, size: Size, progress: Progress) -> Report:
    """The report on one seed. The same places and seed give the same report."""
    kinds = [(PLAIN, size.plain), (TWO_CAMERAS, size.two_cameras), (MIXED, size.mixed)]
    found = []
    for kind, (plan, count) in enumerate(kinds):
        found.append(measured(places, _told(((_seed(seed, kind, n), plan) for n in range(count)), progress, count)))
    plain, two_cameras, mixed = found
    together = measured(places, _told(_clocks(seed, size.clocks, own_places=False), progress, size.clocks))
    apart = measured(places, _told(_clocks(seed, size.clocks // 2, own_places=True), progress, size.clocks // 2))
    return Report(
        plain=agreement(plain),
        two_cameras=agreement(two_cameras),
        mixed=agreement(mixed),
        copies=Share.of(mixed.copies),
        false_copies=Share.of(mixed.false_copies),
        sets={kind: Share.of(count) for kind, count in sorted(mixed.sets.items())},
        invented=mixed.invented,
        clocks=Share.of(together.clocks),
        clocks_asked=together.asked,
        clocks_apart=Share(apart.clocks.total, apart.clocks.total + apart.asked),
    )


def agreement(figures: Figures) -> Agreement:
    """The means over the shoots."""
    return Agreement(
        shoots=len(figures.b_cubed),
        photos=figures.photos,
        b_cubed=float(np.mean(figures.b_cubed)),
        b_cubed_error=_error(figures.b_cubed),
        pairwise=float(np.mean(figures.pairwise)),
        pairwise_error=_error(figures.pairwise),
        edits=float(np.mean(figures.edits)),
    )


def _error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def _seed(seed: int, kind: int, n: int) -> int:
    return (seed * 10 + kind) * 1000 + n


def _clocks(seed: int, count: int, *, own_places: bool) -> Iterator[tuple[int, Plan]]:
    random = np.random.default_rng((seed, int(own_places)))
    for n in range(count):
        offset = float(random.uniform(-_MOST_S, _MOST_S))
        if n % 3 == 0:
            offset = 3600.0 * int(random.integers(-_MOST_HOURS, _MOST_HOURS + 1))
        plan = Plan(moments=12, cameras=2, clock_s=offset, own_places=own_places, burst_frames=2.0)
        yield _seed(seed, 3 + own_places, n), plan


def _told(plans: Iterator[tuple[int, Plan]], progress: Progress, count: int) -> Iterator[tuple[int, Plan]]:
    for n, one in enumerate(plans, 1):
        cameras = "one camera" if one[1].cameras == 1 else "two cameras"
        progress(f"shoot {n} of {count}, {cameras}")
        yield one
