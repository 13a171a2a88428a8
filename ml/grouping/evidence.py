"""Why photos are together: one row a link, in numbers and reason flags that a screen can put into words."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag

import numpy as np

from ml.grouping.shots import Bools, Floats, Ints


class Level(IntEnum):
    """Which grouping a link belongs to."""

    MOMENT = 0
    BURST = 1
    DUPLICATE = 2


class Reason(IntFlag):
    """What speaks for a link."""

    TIME = 1
    LOOK = 2
    SAME_CAMERA = 4
    SUBSECOND = 8
    DRIVE = 16
    COUNTER = 32
    SAME_BYTES = 64
    RAW_PAIR = 128
    SAME_PICTURE = 256
    KEPT_SET = 512
    BY_HAND = 1024


@dataclass(frozen=True, slots=True)
class Link:
    """``gap_s``: seconds between the two, NaN if not known. ``look``: 0 to 1, the cosine of their edges; of
    duplicates the correlation of their fine detail. ``score``: the logarithm of the odds that they belong together,
    NaN where a rule decides.
    """

    first: int
    second: int
    level: Level
    gap_s: float
    look: float
    score: float
    reasons: Reason


@dataclass(frozen=True, slots=True)
class Links:
    """The columns of ``Link``, each (m,), sorted by level, then by rows. ``first`` is the earlier photo's row."""

    first: Ints
    second: Ints
    level: Ints
    gap_s: Floats
    look: Floats
    score: Floats
    reasons: Ints

    @classmethod
    def of(cls, level: Level, first: Ints, second: Ints, *, gap_s: Floats, look: Floats, score: Floats,
           reasons: Ints) -> Links:  # fmt: skip
        """Links of one level."""
        return cls(first, second, np.full(len(first), int(level), np.int64), gap_s, look, score, reasons)

    @classmethod
    def joined(cls, parts: list[Links]) -> Links:
        """All of them, sorted."""
        columns = [np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)]
        order = np.lexsort((columns[1], columns[0], columns[2]))
        return cls(*(column[order] for column in columns))

    @classmethod
    def none(cls) -> Links:
        """No link."""
        no, nothing = np.zeros(0, np.int64), np.zeros(0)
        return cls(no, no, no, nothing, nothing, nothing, no)

    def __len__(self) -> int:
        return len(self.first)

    def at(self, rows: Ints) -> Links:
        """The same links between photos that stand elsewhere: photo i now in row ``rows[i]``."""
        return Links(rows[self.first], rows[self.second], self.level, self.gap_s, self.look, self.score, self.reasons)

    def where(self, chosen: Ints | Bools) -> Links:
        """Some of them."""
        return Links(*(getattr(self, column.name)[chosen] for column in fields(self)))

    def about(self, row: int) -> list[Link]:
        """The links in which a photo takes part."""
        return [self._link(at) for at in np.flatnonzero((self.first == row) | (self.second == row)).tolist()]

    def _link(self, at: int) -> Link:
        return Link(
            int(self.first[at]),
            int(self.second[at]),
            Level(int(self.level[at])),
            float(self.gap_s[at]),
            float(self.look[at]),
            float(self.score[at]),
            Reason(int(self.reasons[at])),
        )
