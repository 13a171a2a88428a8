"""What an earlier grouping spares a later one: every part of the shoot in which nothing has changed."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from ml.grouping.constraints import Constraints
from ml.grouping.evidence import Level, Links
from ml.grouping.partition import named
from ml.grouping.parts import Part
from ml.grouping.result import Basis, Grouping
from ml.grouping.sets import KeptSet
from ml.grouping.shots import Bools, Ints, Shots

NOTHING = Part(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), [], Links.none())


def taken_over(previous: Grouping | None, now: Basis, rows: Ints) -> Part:
    """What stands of the earlier grouping. ``rows``: the originals there are now, in order of time."""
    if previous is None or previous.basis.weights != now.weights or not len(previous.moment):
        return NOTHING
    then = previous.basis
    before = _places(then.shots.ids, now.shots.ids)
    same = _same(then, now, rows, before[rows])
    kept = rows[same]
    after = np.full(len(then.shots), -1, np.int64)
    after[before[kept]] = kept
    return Part(
        kept,
        kept[named(previous.moment[before[kept]])],
        kept[named(previous.burst[before[kept]])],
        [_at(one, after) for one in previous.sets if (after[list(one.members)] >= 0).all()],
        _links(previous.links, after),
    )


def _same(then: Basis, now: Basis, rows: Ints, before: Ints) -> Bools:
    """Which rows are in units that have the same photos, and know the same of each, as they did."""
    known = before >= 0
    known &= then.unit[before] >= 0
    alike = known & _equal(then.shots.take(before), now.shots.take(rows))
    alike &= (then.pinned[before] == now.pinned[rows]) & (then.bound[before] == now.bound[rows])
    alike &= ~np.isin(now.pinned[rows], list(_touched(then.decisions.moments, now.decisions.moments)))
    alike &= ~np.isin(now.bound[rows], list(_touched(then.decisions.bursts, now.decisions.bursts)))
    _, unit = np.unique(now.unit[rows], return_inverse=True)
    count = np.bincount(unit)
    whole = np.bincount(unit, alike) == count
    # one unit of old, no photo of it missing
    old = np.where(known, then.unit[before], -1)
    lowest = np.full(len(count), np.iinfo(np.int64).max)
    highest = np.full(len(count), -2)
    np.minimum.at(lowest, unit, old)
    np.maximum.at(highest, unit, old)
    sizes = np.bincount(then.unit[then.unit >= 0], minlength=len(then.unit))
    whole &= (lowest == highest) & (highest >= 0)
    whole &= sizes[np.maximum(highest, 0)] == count
    unchanged: Bools = whole[unit]
    return unchanged


def _touched(then: Constraints, now: Constraints) -> set[int]:
    """Hand-made clusters of which something else is demanded now."""
    return {code for pair in then.apart ^ now.apart for code in pair} | (then.closed ^ now.closed)


def _equal(one: Shots, other: Shots) -> Bools:
    equal = np.ones(len(one), np.bool_)
    for column in fields(Shots):
        left, right = getattr(one, column.name), getattr(other, column.name)
        equal &= (left == right) | ((left != left) & (right != right))
    return equal


def _places(there: Ints, wanted: Ints) -> Ints:
    """The row of each id, -1 where it does not occur."""
    order = np.argsort(there, kind="stable")
    at = np.minimum(np.searchsorted(there, wanted, sorter=order), len(there) - 1)
    return np.where(there[order[at]] == wanted, order[at], -1)


def _links(links: Links, after: Ints) -> Links:
    stay = (links.level != Level.DUPLICATE) & (after[links.first] >= 0) & (after[links.second] >= 0)
    return links.where(stay).at(after)


def _at(one: KeptSet, after: Ints) -> KeptSet:
    return replace(one, members=tuple(int(after[row]) for row in one.members))
