"""The figures of grouping on synthetic shoots: what was planted, and what was found of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from ml.descriptors import describe, stack
from ml.evaluation import metrics
from ml.evaluation.shoots import Plan, Shoot, shoot
from ml.grouping import clocks
from ml.grouping.clocks import ClockOffset
from ml.grouping.grouping import group
from ml.grouping.links import DEFAULT, Weights
from ml.grouping.result import Grouping

#: A clock offset this near is right.
CLOCK_S = 20.0


@dataclass(slots=True)
class Count:
    """How many of how many."""

    right: int = 0
    total: int = 0

    def add(self, right: int, total: int = 1) -> None:
        self.right += right
        self.total += total

    @property
    def share(self) -> float:
        return self.right / self.total if self.total else float("nan")


@dataclass(slots=True)
class Figures:
    """Means over shoots, and counts over all of them. ``edits``: splits and merges a hundred photos;
    ``false_copies``: neighbours in a burst that were called copies; ``sets``: those kept whole, by kind;
    ``invented``: frames in sets that were planted in none; ``clocks``: right ones of the accepted offsets; ``asked``:
    offsets that were not accepted.
    """

    photos: int = 0
    b_cubed: list[float] = field(default_factory=list)
    pairwise: list[float] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)
    copies: Count = field(default_factory=Count)
    false_copies: Count = field(default_factory=Count)
    sets: dict[str, Count] = field(default_factory=dict)
    invented: int = 0
    clocks: Count = field(default_factory=Count)
    asked: int = 0

    def add(self, made: Shoot, found: Grouping) -> None:
        """Count what was found of one shoot."""
        self.photos += len(made.moment)
        self.b_cubed.append(metrics.b_cubed(made.moment, found.moment).f1)
        self.pairwise.append(metrics.pairwise(made.moment, found.moment).f1)
        self.edits.append(100 * metrics.edits(made.moment, found.moment) / len(made.moment))
        self._add_copies(made, found)
        planted = {row for one in made.sets for row in one.members}
        for one in made.sets:
            whole = [set(one.members) <= set(seen.members) for seen in found.sets if str(seen.kind) == one.kind]
            self.sets.setdefault(one.kind, Count()).add(any(whole))
        self.invented += sum(len(set(seen.members) - planted) for seen in found.sets)

    def add_clocks(self, offset_s: float, found: Iterable[ClockOffset]) -> None:
        """Count the estimates for a second camera (1) that is ahead of the first (0)."""
        for one in found:
            error = one.offset_s * (1 if one.camera == 1 else -1) - offset_s
            if one.accepted:
                self.clocks.add(abs(error) <= CLOCK_S)
            else:
                self.asked += 1

    def _add_copies(self, made: Shoot, found: Grouping) -> None:
        copies = np.flatnonzero(made.copied)
        same = found.duplicate_group[copies] == found.duplicate_group[made.duplicate[copies]]
        self.copies.add(int(same.sum()), len(copies))
        order = made.shots.order()
        frames = order[~made.copied[order]]
        one, other = frames[:-1], frames[1:]
        burst = made.burst[one] == made.burst[other]
        called = found.duplicate_group[one] == found.duplicate_group[other]
        self.false_copies.add(int((called & burst).sum()), int(burst.sum()))


def measured(places: Sequence[Image.Image], plans: Iterable[tuple[int, Plan]], weights: Weights = DEFAULT) -> Figures:
    """The figures over one shoot for each seed and plan."""
    figures = Figures()
    for seed, plan in plans:
        made = shoot(places, seed, plan)
        table = stack([describe(picture).pack() for picture in made.pictures])
        figures.add(made, group(made.shots, table, tiles=made.tiles, weights=weights))
        if plan.cameras == 2:
            figures.add_clocks(plan.clock_s, clocks.offsets(made.shots, table))
    return figures
