"""The log of picks, and the weighted choice sets that the ranker learns from.

A pick is one photographer's decision about one cluster; of several about the same cluster only the last is in force,
and the caller passes that one. What is learnt depends on the set of picks alone, so undoing one is to leave it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from ml.ranking.features import DIMENSIONS, Floats
from ml.ranking.logit import Choices

REJECT_WEIGHT: Final = 0.5


class Basis(StrEnum):
    """How a pick came about: a suggestion was accepted, another frame was taken, nothing was suggested, or a client's
    choice was taken over.
    """

    ACCEPTED = "accepted"
    OVERRIDE = "override"
    UNPROMPTED = "unprompted"
    CLIENT = "client"


#: A suggestion taken over is weak evidence: counted in full, the ranker would learn from itself. Clients see none.
WEIGHTS: Final = {Basis.ACCEPTED: 0.3, Basis.OVERRIDE: 1.0, Basis.UNPROMPTED: 1.0, Basis.CLIENT: 1.0}


@dataclass(frozen=True, slots=True)
class Pick:
    """One decision: rows ``picked`` and ``rejected`` of the cluster's ``x`` (n, d) as ``features.frames`` gave it.

    ``id`` is unique in the log; ``at`` is UTC seconds.
    """

    id: str
    at: float
    x: Floats
    picked: tuple[int, ...]
    rejected: tuple[int, ...] = ()
    basis: Basis = Basis.UNPROMPTED


def in_order(picks: Iterable[Pick]) -> list[Pick]:
    """By time, then by id: one order, however the log was read."""
    return sorted(picks, key=lambda pick: (pick.at, pick.id))


def tells(pick: Pick) -> bool:
    """Whether anything can be learnt from it: not where every frame was treated alike."""
    return any(0 < len(set(marked)) < len(pick.x) for marked in (pick.picked, pick.rejected))


def choices(picks: Iterable[Pick]) -> Choices:
    """The choice sets of a log, the same to the bit for any order of ``picks``.

    Each picked frame was preferred to all that were not picked: the stages of a Plackett-Luce ranking, with the order
    among the picked left open. Each rejected frame was the worst beside those not rejected (a best-worst choice,
    Marley & Louviere 2005), at ``REJECT_WEIGHT``. A cluster where every frame was treated alike says nothing.
    """
    sets = [made for pick in in_order(picks) for made in _sets(pick)]
    if not sets:
        none = np.zeros(0, np.int64)
        return Choices(np.zeros((0, DIMENSIONS)), none, none, np.zeros(0))
    starts = np.cumsum([0, *(len(rows) for rows, _ in sets[:-1])])
    return Choices(np.concatenate([rows for rows, _ in sets]), starts, starts, np.array([weight for _, weight in sets]))


def _sets(pick: Pick) -> Iterator[tuple[Floats, float]]:
    """Choice sets, the preferred row first in each, with their weights."""
    weight = WEIGHTS[pick.basis]
    yield from ((pick.x[rows], weight) for rows in against(pick, pick.picked))
    yield from ((-pick.x[rows], REJECT_WEIGHT) for rows in against(pick, pick.rejected))


def against(pick: Pick, marked: tuple[int, ...]) -> Iterator[list[int]]:
    """Each of the ``marked`` rows, and after it all rows that are not; nothing where all are."""
    others = [row for row in range(len(pick.x)) if row not in marked]
    if others:
        yield from ([row, *others] for row in sorted(set(marked)))
