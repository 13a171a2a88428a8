"""Grouping again: photos that come later, and decisions that stay."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from ml.grouping import identities
from ml.grouping.constraints import Constraints
from ml.grouping.evidence import Links
from ml.grouping.grouping import group
from ml.grouping.result import Grouping
from tests.ml_grouping.conftest import Described


def same(one: Grouping, other: Grouping) -> None:
    for name in ("moment", "burst", "duplicate_group"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.sets == other.sets
    for column in Links.__dataclass_fields__:
        assert np.array_equal(getattr(one.links, column), getattr(other.links, column), equal_nan=True), column


@pytest.mark.parametrize("seed", range(6))
def test_photos_in_any_order_give_what_all_at_once_give(mixed: Described, seed: int) -> None:
    random = Random(seed)
    order = random.sample(range(len(mixed.packed)), len(mixed.packed))
    steps = [*sorted(random.sample(range(1, len(order)), 4)), len(order)]
    previous = None
    for step in steps:
        shots, table, tiles = mixed.part(order[:step])
        now = group(shots, table, tiles=tiles, previous=previous)
        same(now, group(shots, table, tiles=tiles))
        previous = now


def test_only_what_changed_is_grouped_again(mixed: Described) -> None:
    shots, table, tiles = mixed.part(range(len(mixed.packed)))
    before = group(shots, table, tiles=tiles)
    again = group(shots, table, tiles=tiles, previous=before)
    assert again.reused == len(np.unique(before.duplicate_group))
    same(again, before)
    last = int(np.nanargmax(shots.time_s))
    rows = [row for row in range(len(shots)) if row != last]
    without = group(*mixed.part(rows)[:2], tiles=tiles[rows])
    late = group(shots, table, tiles=tiles, previous=without)
    touched = np.flatnonzero(before.basis.unit == before.basis.unit[last])
    assert 0 < late.reused <= again.reused - len(touched)
    same(late, before)


def test_a_corrected_clock_is_noticed(mixed: Described) -> None:
    shots, table, tiles = mixed.part(range(len(mixed.packed)))
    before = group(shots, table, tiles=tiles)
    columns = {name: getattr(shots, name) for name in shots.__dataclass_fields__}
    columns["time_s"] = np.where(shots.camera == 1, shots.time_s + 40, shots.time_s)
    corrected = type(shots)(**columns)
    same(group(corrected, table, tiles=tiles, previous=before), group(corrected, table, tiles=tiles))


def decide(random: Random, constraints: Constraints, found: Grouping, ids: list[int]) -> Constraints:
    """A random decision about the clusters there are."""
    clusters = [[ids[row] for row in np.flatnonzero(found.moment == code)] for code in np.unique(found.moment)]
    one, other = random.sample(clusters, 2)
    what = random.choice(("merge", "split", "move", "lock"))
    if what == "merge":
        return constraints.merged([*one, *other])
    if what == "split" and len(one) > 1:
        cut = random.randrange(1, len(one))
        shuffled = random.sample(one, len(one))
        return constraints.split([shuffled[:cut], shuffled[cut:]])
    if what == "move":
        return constraints.moved(one[:1], rest=one[1:], target=other)
    return constraints.locked(one)


def holds(constraints: Constraints, found: Grouping, ids: list[int]) -> None:
    moment = dict(zip(ids, found.moment.tolist(), strict=True))
    of: dict[int, set[int]] = {}
    for one, number in constraints.pinned.items():
        if one in moment:
            of.setdefault(number, set()).add(moment[one])
    assert all(len(codes) == 1 for codes in of.values())
    for a, b in constraints.apart:
        assert of.get(a, {-1}) != of.get(b, {-2}), (a, b)
    for number in constraints.closed & of.keys():
        members = {one for one in ids if moment[one] in of[number]}
        assert members <= {one for one, pinned in constraints.pinned.items() if pinned == number}


def test_decisions_hold_over_a_hundred_groupings(mixed: Described) -> None:
    random, constraints, previous = Random(11), Constraints(), None
    everything = range(len(mixed.packed))
    for turn in range(100):
        # some photos come and go between
        rows = sorted(random.sample(everything, len(everything) - random.randrange(4)))
        shots, table, tiles = mixed.part(rows)
        ids = shots.ids.tolist()
        now = group(shots, table, tiles=tiles, constraints=constraints, previous=previous)
        holds(constraints, now, ids)
        if turn % 10 == 0:
            same(now, group(shots, table, tiles=tiles, constraints=constraints))
        if turn < 40:
            constraints = decide(random, constraints, now, ids)
        previous = now


def test_names_stay_when_one_photo_in_a_hundred_comes_late(mixed: Described) -> None:
    everything = list(range(len(mixed.packed)))
    late = Random(4).sample(everything, max(len(everything) // 100, 1))
    rows = [row for row in everything if row not in late]
    before = group(*mixed.part(rows)[:2])
    after = group(*mixed.part(everything)[:2], previous=before)
    ids = mixed.shoot.shots.ids
    names = identities.kept(ids[rows], before.moment, ids, after.moment)
    stayed = names[after.moment[rows]] == before.moment
    assert stayed.all()
