"""Grouping again: photos that come later."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from ml.grouping import identities
from ml.grouping.grouping import group
from tests.ml_grouping.conftest import Described, same


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
