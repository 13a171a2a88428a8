"""What grouping answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ml.grouping.decisions import Decisions
from ml.grouping.duplicates import Compared
from ml.grouping.evidence import Links
from ml.grouping.links import Weights
from ml.grouping.sets import KeptSet
from ml.grouping.shots import Ints, Shots


@dataclass(frozen=True, slots=True)
class Basis:
    """What a grouping rested on, for a later one to tell what has changed.

    ``unit``: the independent part of the shoot that a photo was grouped in, named by a row, -1 for copies, which follow
    their original; ``pinned`` and ``bound``: the hand-made moment and burst that counted for it, -1 for none. All (n,).
    """

    shots: Shots
    unit: Ints
    pinned: Ints
    bound: Ints
    compared: Compared
    decisions: Decisions
    weights: Weights


@dataclass(frozen=True, slots=True)
class Grouping:
    """Codes of shape (n,), counted up from 0 in order of time; photos of one code are together.

    A duplicate group lies within a burst, a burst within a moment. ``sets``: what is kept whole, by rows; ``links``:
    why photos are together; ``reused``: how many photos an earlier grouping spared.
    """

    moment: Ints
    burst: Ints
    duplicate_group: Ints
    sets: list[KeptSet]
    links: Links
    basis: Basis = field(repr=False)
    reused: int = 0
