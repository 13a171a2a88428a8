"""Grouping of originals sorted by time. Nothing here looks beyond a segment, or a hand-made cluster that spans
several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.descriptors import DescriptorTable
from ml.grouping import bursts, moments, sets
from ml.grouping.constraints import Constraints
from ml.grouping.evidence import Level, Links, Reason
from ml.grouping.links import WINDOW, Edges, Weights, pairs, scored
from ml.grouping.looks import Looks, windowed
from ml.grouping.partition import distinct, joined, named
from ml.grouping.reels import Reels
from ml.grouping.sets import KeptSet
from ml.grouping.shots import Bools, Floats, Ints, Shots

#: From when on a gap, and a look, is named as a reason.
_SOON_S: Final = 20.0
_ALIKE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Part:
    """Of some rows of a shoot: ``moment`` and ``burst`` (len(rows),) name the first row of each group."""

    rows: Ints
    moment: Ints
    burst: Ints
    sets: list[KeptSet]
    links: Links


def grouped(
    shots: Shots,
    table: DescriptorTable,
    tiles: Floats | None,
    rows: Ints,
    segment: Ints,
    pinned: Ints,
    constraints: Constraints,
    weights: Weights,
) -> Part:
    """The moments, bursts and sets of these rows, which are in order of time.

    ``segment`` and ``pinned`` (len(rows),): their segments and the hand-made clusters they are in.
    """
    own, looks = shots.take(rows), Looks.of(table, rows)
    alike = windowed(looks, WINDOW)
    reels = Reels.of(own, looks, alike, segment)

    def detail(some: Ints) -> NDArray[np.uint8]:
        return table.structure(rows[some])

    kept_sets = _kept(sets.found(reels, looks, detail, None if tiles is None else tiles[rows]), pinned, constraints)
    kept = _numbers(len(rows), [one.members for one in kept_sets])
    ties = scored(pairs(own, looks, segment, alike), weights)
    start = joined(_together(pinned), _together(kept))
    moment = moments.clustered(_open(ties, pinned, constraints), start, own.ids, _apart(pinned, constraints))
    burst, burst_links = bursts.found(reels, moment, kept)
    links = Links.joined([_moment_links(own, ties, moment, pinned, kept), burst_links])
    return Part(
        rows,
        rows[moment],
        rows[burst],
        [replace(one, members=tuple(int(rows[row]) for row in one.members)) for one in kept_sets],
        links.at(rows),
    )


def _kept(found: Iterable[KeptSet], pinned: Ints, constraints: Constraints) -> list[KeptSet]:
    """The sets that a person has not taken apart."""
    return [
        one
        for one in found
        if len(codes := set(pinned[list(one.members)].tolist()) - {-1}) == 0
        or (len(codes) == 1 and (codes.isdisjoint(constraints.closed) or (pinned[list(one.members)] >= 0).all()))
    ]


def _numbers(n: int, groups: list[tuple[int, ...]]) -> Ints:
    numbers = np.full(n, -1, np.int64)
    for number, members in enumerate(groups):
        numbers[list(members)] = number
    return numbers


def _together(codes: Ints) -> Ints:
    """Rows of one code as one part; each row without a code by itself."""
    return named(np.where(codes >= 0, codes, -1 - np.arange(len(codes))))


def _open(ties: Edges, pinned: Ints, constraints: Constraints) -> Edges:
    """The links that lead neither into a closed cluster nor out of it."""
    if not constraints.closed:
        return ties
    one, other = pinned[ties.first], pinned[ties.second]
    closed = list(constraints.closed)
    free = (one == other) | ~(np.isin(one, closed) | np.isin(other, closed))
    return Edges(ties.first[free], ties.second[free], ties.gap_s[free], ties.look[free], ties.score[free])


def _apart(pinned: Ints, constraints: Constraints) -> Ints:
    first = dict(zip(pinned[::-1].tolist(), range(len(pinned) - 1, -1, -1), strict=True))
    pairs = [(first[a], first[b]) for a, b in constraints.apart if a in first and b in first]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _moment_links(shots: Shots, ties: Edges, moment: Ints, pinned: Ints, kept: Ints) -> Links:
    """The strongest link of each photo within its moment: to an earlier one, else to a later one, else by decision."""
    inside = np.flatnonzero(moment[ties.first] == moment[ties.second])
    first, second, score = ties.first[inside], ties.second[inside], ties.score[inside]
    chosen = _strongest(second, score, len(moment))
    without = np.ones(len(moment), np.bool_)
    without[second] = False
    later = _strongest(first, score, len(moment))
    chosen = distinct(np.concatenate((chosen, later[without[first[later]]])))
    linked = np.zeros(len(moment), np.bool_)
    linked[first[chosen]] = linked[second[chosen]] = True
    decided_first, decided_second = _previous_of(moment, ~linked)
    at = inside[chosen]
    first = np.concatenate((ties.first[at], decided_first))
    second = np.concatenate((ties.second[at], decided_second))
    nothing = np.full(len(decided_first), np.nan)
    gap_s, look = shots.time_s[second] - shots.time_s[first], np.concatenate((ties.look[at], nothing))
    return Links.of(
        Level.MOMENT,
        first,
        second,
        gap_s=gap_s,
        look=look,
        score=np.concatenate((ties.score[at], nothing)),
        reasons=_reasons(shots, first, second, gap_s, look)
        | np.where((kept[first] >= 0) & (kept[first] == kept[second]), int(Reason.KEPT_SET), 0)
        | np.where((pinned[first] >= 0) & (pinned[first] == pinned[second]), int(Reason.BY_HAND), 0),
    )


def _strongest(row: Ints, score: Floats, n: int) -> Ints:
    """For each row that occurs, which of its links scores highest; the first one of equals."""
    best = np.full(n, -np.inf)
    np.maximum.at(best, row, score)
    top = np.flatnonzero(score == best[row])
    _, first = np.unique(row[top], return_index=True)
    return top[first]


def _previous_of(label: Ints, wanted: Bools) -> tuple[Ints, Ints]:
    """Rows that are wanted, each with the row before it of the same label, if there is one."""
    order = np.argsort(label, kind="stable")
    at = np.flatnonzero((np.diff(label[order]) == 0) & wanted[order[1:]])
    return order[at], order[at + 1]


def _reasons(shots: Shots, first: Ints, second: Ints, gap_s: Floats, look: Floats) -> Ints:
    same = (shots.camera[first] == shots.camera[second]) & (shots.camera[first] >= 0)
    reasons = np.where(gap_s <= _SOON_S, int(Reason.TIME), 0) | np.where(look >= _ALIKE, int(Reason.LOOK), 0)
    return np.bitwise_or(reasons, np.where(same, int(Reason.SAME_CAMERA), 0))
