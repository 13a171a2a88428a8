"""Grouping of originals sorted by time. Nothing here looks beyond a segment, or a hand-made cluster that spans
several.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.descriptors import DescriptorTable
from ml.grouping import bursts, moments, sets
from ml.grouping.constraints import Constraints
from ml.grouping.decisions import Decisions
from ml.grouping.evidence import Level, Links, Reason
from ml.grouping.links import WINDOW, Edges, Weights, pairs, scored
from ml.grouping.looks import Looks, windowed
from ml.grouping.partition import distinct, joined, previous_of, refined, spread, together
from ml.grouping.reels import Reels
from ml.grouping.sets import KeptSet
from ml.grouping.shots import Floats, Ints, Shots

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
    bound: Ints,
    decisions: Decisions,
    weights: Weights,
) -> Part:
    """The moments, bursts and sets of these rows, which are in order of time.

    ``segment``, ``pinned`` and ``bound`` (len(rows),): their segments and the hand-made moments and bursts they are in.
    """
    own, looks = shots.take(rows), Looks.of(table, rows)
    alike = windowed(looks, WINDOW)
    reels = Reels.of(own, looks, alike, segment)

    def detail(some: Ints) -> NDArray[np.uint8]:
        return table.structure(rows[some])

    held = refined(bound, pinned, decisions.moments.shut(pinned))
    pinned = spread(pinned, held)
    found = sets.found(reels, looks, detail, None if tiles is None else tiles[rows])
    kept_sets = [one for one in found if _stands(np.array(one.members), pinned, bound, held, decisions)]
    kept = _numbers(len(rows), [one.members for one in kept_sets])
    ties = scored(pairs(own, looks, segment, alike), weights)
    start = joined(together(pinned), together(kept), held)
    apart = decisions.moments.parting(pinned, start)
    moment = moments.clustered(_open(_of_sets(ties, kept), pinned, decisions.moments), start, own.ids, apart)
    burst, burst_links = bursts.found(reels, moment, kept, bound, decisions.bursts)
    links = Links.joined([_moment_links(own, ties, moment, pinned, kept), burst_links])
    return Part(
        rows,
        rows[moment],
        rows[burst],
        [replace(one, members=tuple(int(rows[row]) for row in one.members)) for one in kept_sets],
        links.at(rows),
    )


def _stands(members: Ints, pinned: Ints, bound: Ints, held: Ints, decisions: Decisions) -> bool:
    """Whether no decision has taken a set apart; nor would it bring together what decisions told apart.

    ``held``: the parts of hand-made bursts that lie in one moment.
    """
    moment, burst = pinned[members], bound[members]
    if not (_whole(moment, decisions.moments) and _whole(burst, decisions.bursts)):
        return False
    # a hand-made burst may reach beyond the set, which then brings no moment to it
    there = set(moment[burst >= 0].tolist())
    in_burst = np.unique(held[members[burst >= 0]])
    return not there or (len(in_burst) == 1 and set(moment[burst < 0].tolist()) <= there | {-1})


def _whole(codes: Ints, constraints: Constraints) -> bool:
    """Whether all are free, or in one cluster, which if it is closed has them all."""
    numbers = set(codes.tolist()) - {-1}
    return not numbers or (len(numbers) == 1 and (numbers.isdisjoint(constraints.closed) or bool((codes >= 0).all())))


def _of_sets(ties: Edges, kept: Ints) -> Edges:
    """The links, of those between a set and another frame or set the strongest one alone.

    A set speaks with one voice: its frames differ from each other on purpose, and were they counted one by one, a
    panorama would be told from its moment by the frames furthest off, and a timelapse would join anything.
    """
    one, other = kept[ties.first], kept[ties.second]
    between = np.flatnonzero((one != other) & ((one >= 0) | (other >= 0)))
    n = len(kept)
    ends = [np.where(codes >= 0, n + codes, rows)[between] for codes, rows in ((one, ties.first), (other, ties.second))]
    keys = np.minimum(*ends) * 2 * n + np.maximum(*ends)
    order = np.lexsort((-ties.score[between], keys))
    stays = np.ones(len(one), np.bool_)
    stays[between] = False
    stays[between[order[np.flatnonzero(np.diff(keys[order], prepend=-1))]]] = True
    return ties.where(stays)


def _numbers(n: int, groups: list[tuple[int, ...]]) -> Ints:
    numbers = np.full(n, -1, np.int64)
    for number, members in enumerate(groups):
        numbers[list(members)] = number
    return numbers


def _open(ties: Edges, pinned: Ints, constraints: Constraints) -> Edges:
    """The links that lead neither into a closed cluster nor out of it."""
    if not constraints.closed:
        return ties
    one, other = pinned[ties.first], pinned[ties.second]
    return ties.where((one == other) | ~(constraints.shut(one) | constraints.shut(other)))


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
    decided_first, decided_second = previous_of(moment, ~linked)
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


def _reasons(shots: Shots, first: Ints, second: Ints, gap_s: Floats, look: Floats) -> Ints:
    same = (shots.camera[first] == shots.camera[second]) & (shots.camera[first] >= 0)
    reasons = np.where(gap_s <= _SOON_S, int(Reason.TIME), 0) | np.where(look >= _ALIKE, int(Reason.LOOK), 0)
    return np.bitwise_or(reasons, np.where(same, int(Reason.SAME_CAMERA), 0))
