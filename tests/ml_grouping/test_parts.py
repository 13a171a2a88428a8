"""The pieces of grouping, each by itself."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from ml.evaluation import metrics
from ml.grouping import identities
from ml.grouping.constraints import Constraints
from ml.grouping.links import DEFAULT, Edges, segments
from ml.grouping.looks import Looks, paired, windowed
from ml.grouping.moments import clustered
from ml.grouping.partition import components, joined, named
from ml.grouping.shots import Shots
from ml.grouping.thresholds import between, learnt
from tests.ml_grouping.conftest import Described


def test_a_look_is_the_same_in_every_company(mixed: Described) -> None:
    table, n = mixed.table, len(mixed.packed)
    looks = Looks.of(table, np.arange(n))
    band = windowed(looks, 3)
    for offset in range(3):
        second = np.arange(offset + 1, n)
        pairs = paired(looks, second - offset - 1, second)
        for name in ("edges", "colours", "layout"):
            assert np.array_equal(getattr(band, name)[offset, second], getattr(pairs, name)), (offset, name)
    some = np.arange(7, 20)
    alone = windowed(Looks.of(table, some), 3)
    assert np.array_equal(alone.edges[0, 1:], band.edges[0, some[1:]])
    assert np.array_equal(alone.layout[2, 3:], band.layout[2, some[3:]])


def test_segments_begin_after_long_pauses() -> None:
    steps = [10.0] * 8 + [1799] + [10] * 8 + [1801] + [10] * 8
    times = np.append(np.cumsum([0.0, *steps]), np.nan)
    assert segments(times).tolist() == [0] * 18 + [1] * 9 + [2]


def test_a_slow_shoot_is_one_segment() -> None:
    assert segments(np.arange(12) * 2400.0).tolist() == [0] * 12


def test_undated_photos_alone_are_one_segment() -> None:
    assert segments(np.full(3, np.nan)).tolist() == [0, 0, 0]


def test_parts_carry_their_first_row() -> None:
    assert components(np.arange(6), np.array([4, 1]), np.array([2, 4])).tolist() == [0, 1, 1, 3, 1, 5]
    assert named(np.array([7, 3, 7, 9, 3])).tolist() == [0, 1, 0, 3, 1]
    assert joined(np.array([0, 0, 2, 3]), np.array([0, 1, 1, 3])).tolist() == [0, 0, 0, 3]


def edges(*triples: tuple[int, int, float]) -> Edges:
    first, second, score = (np.array(column) for column in zip(*triples, strict=True))
    nothing = np.zeros(len(first))
    return Edges(first.astype(np.int64), second.astype(np.int64), nothing, nothing, score.astype(np.float64))


def test_clusters_join_by_the_mean_of_their_links() -> None:
    links = edges((0, 1, 5.0), (2, 3, 5.0), (1, 2, 1.0), (0, 2, -3.0), (3, 4, 0.5))
    none = np.zeros((0, 2), np.int64)
    assert clustered(links, np.arange(5), np.arange(5), none).tolist() == [0, 0, 2, 2, 2]


def test_what_is_apart_stays_apart_and_what_is_together_together() -> None:
    links = edges((0, 1, 5.0), (1, 2, 5.0), (2, 3, -9.0))
    start = np.array([0, 1, 2, 2])
    assert clustered(links, start, np.arange(4), np.array([[0, 3]])).tolist() in ([0, 0, 2, 2], [0, 1, 1, 1])


def test_an_even_sequence_joins_in_few_rounds() -> None:
    links = edges(*((at, at + 1, 1.0) for at in range(4000)))
    assert set(clustered(links, np.arange(4001), np.arange(4001), np.zeros((0, 2), np.int64)).tolist()) == {0}


def test_b_cubed_and_pairs() -> None:
    truth, found = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1])
    cubed, pairs = metrics.b_cubed(truth, found), metrics.pairwise(truth, found)
    assert (cubed.precision, cubed.recall) == (pytest.approx(11 / 15), pytest.approx(11 / 15))
    assert (pairs.precision, pairs.recall, pairs.f1) == (0.5, 0.5, 0.5)
    assert metrics.edits(truth, found) == 2
    assert metrics.edits(truth, truth) == 0


def test_nothing_found_is_nothing_wrong() -> None:
    alone = np.arange(4)
    assert metrics.pairwise(alone, alone).f1 == 1.0
    assert metrics.b_cubed(alone, alone).f1 == 1.0


def test_names_follow_the_larger_share() -> None:
    then = np.array([7, 7, 7, 9, 9]), np.arange(5)
    kept = identities.kept(then[1], then[0], np.arange(6), np.array([0, 1, 1, 1, 2, 3]))
    # code 1 shares two of name 7; of name 9 one is left for code 2; 0 and 3 are new
    assert kept.tolist() == [-1, 7, 9, -1]


def test_no_name_twice() -> None:
    kept = identities.kept(np.arange(4), np.zeros(4, np.int64), np.arange(4), np.array([0, 0, 1, 1]))
    assert kept.tolist() == [0, -1]


def test_merges_lower_the_threshold_and_splits_raise_it() -> None:
    assert learnt(DEFAULT, [], []) == DEFAULT
    lower, higher = learnt(DEFAULT, [-1.0, -0.5], []), learnt(DEFAULT, [], [1.0, 0.5])
    assert lower.threshold < DEFAULT.threshold < higher.threshold
    scores = [0.3, -0.2, 1.4]
    random = Random(3)
    shuffled = random.sample(scores, 3)
    assert learnt(DEFAULT, scores, [2.0]).threshold == pytest.approx(learnt(DEFAULT, shuffled, [2.0]).threshold)


def test_the_score_between_two_clusters() -> None:
    links = edges((0, 2, 1.0), (1, 2, 3.0), (0, 1, 9.0))
    assert between(links, np.array([2]), np.array([0, 1])) == 2.0
    assert np.isnan(between(links, np.array([3]), np.array([0])))


def test_a_later_decision_counts() -> None:
    split = Constraints().split([[1, 2], [3]])
    assert (split.pinned, split.apart) == ({1: 0, 2: 0, 3: 1}, {(0, 1)})
    merged = split.merged([1, 2, 3])
    assert (set(merged.pinned.values()), merged.apart) == ({2}, frozenset())


def test_what_was_split_off_stays_apart_from_what_it_is_merged_with() -> None:
    split = Constraints().split([[1], [2]])
    merged = split.merged([2, 3])
    assert merged.apart == {(0, merged.pinned[3])}


def test_a_moved_photo_leaves_and_joins() -> None:
    moved = Constraints().moved([3], rest=[1, 2], target=[4])
    assert moved.pinned[3] == moved.pinned[4]
    assert moved.pinned[1] == moved.pinned[2]
    assert moved.apart == {(moved.pinned[3], moved.pinned[1])}


def test_a_locked_cluster_opens_again() -> None:
    locked = Constraints().locked([1, 2])
    assert locked.closed == {locked.pinned[1]}
    assert locked.unlocked([2]).closed == frozenset()


def test_columns_must_match() -> None:
    with pytest.raises(ValueError, match="one value a photo"):
        Shots.of(np.zeros(3), camera=np.zeros(2))
    with pytest.raises(ValueError, match="unique"):
        Shots.of(np.zeros(2), ids=np.zeros(2))
