"""How the ranker is judged: the sums by hand, then twelve simulated photographers."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from ml import signals
from ml.evaluation import degradations, photographers, planted, ranking
from ml.evaluation.degradations import HELD_OUT, TUNING, Family, Pixels
from ml.evaluation.ranking import Outcome
from ml.ranking import features
from ml.ranking.features import NAMES


def test_a_score_by_hand() -> None:
    outcomes = [
        Outcome(np.array([0.7, 0.3]), 0, np.array([0.8, 0.2]), np.array([1.5, 0.0])),
        Outcome(np.array([0.1, 0.2, 0.3, 0.4]), 0, np.array([0.4, 0.3, 0.2, 0.1]), np.array([2.0, 1.5, 1.0, 0.5])),
    ]
    score = ranking.score("both", outcomes)
    assert (score.sizes, score.clusters, score.mean_size) == ("both", 2, 3.0)
    assert (score.top1, score.top3, score.chance, score.ceiling) == pytest.approx((0.5, 0.5, 0.375, 0.6))
    assert score.gap_closed == pytest.approx(0.125 / 0.225)
    assert score.regret == pytest.approx(0.75)
    assert score.ece == pytest.approx((0.3 + 0.4) / 2)
    assert [row.sizes for row in ranking.scores(outcomes)] == ["all", "2", "4"]


def test_of_real_picks_the_ceiling_is_not_known() -> None:
    score = ranking.score("real", [Outcome(np.array([0.7, 0.3]), 1)])
    assert (score.top1, score.top3, score.chance) == (0.0, 1.0, 0.5)
    assert all(math.isnan(each) for each in (score.ceiling, score.gap_closed, score.regret))


def test_frames_that_tie_are_no_lucky_guess() -> None:
    score = ranking.score("tied", [Outcome(np.full(4, 0.25), picked) for picked in range(4)])
    assert (score.top1, score.top3, score.chance) == (0.25, 0.75, 0.25)


def test_calibration_by_hand() -> None:
    assert ranking.calibration_error([0.92, 0.98, 0.61, 1.0], [True, True, False, False]) == pytest.approx(
        (abs(0.92 + 0.98 + 1.0 - 2) + 0.61) / 4
    )


def test_the_photographers_agree_as_often_as_asked() -> None:
    clusters = photographers.clusters(1, 150, ranking.SERIES)
    people = photographers.agreeing(photographers.twelve(1, taste=0.8), clusters, 0.65)
    assert len(people) == 12
    assert sum(person.inside for person in people) == 7
    assert photographers.pair_agreement(people, clusters) == pytest.approx(0.65, abs=0.002)
    assert photographers.self_agreement(people, clusters) > 0.7
    with pytest.raises(ValueError, match="differ too much to agree on 95%"):
        photographers.agreeing(people, clusters, 0.95)


def test_noise_alone_is_chance() -> None:
    clusters = photographers.clusters(1, 40, ranking.SERIES)
    people = [dataclasses.replace(person, noise=1e9) for person in photographers.twelve(1)]
    assert photographers.pair_agreement(people, clusters) == pytest.approx(0.5)
    np.testing.assert_allclose(people[0].chances(clusters[0]), 1 / len(clusters[0]))


def test_a_seed_gives_the_same_photographers_and_clusters() -> None:
    a, b = photographers.twelve(4), photographers.twelve(4)
    assert [person.weights.tolist() for person in a] == [person.weights.tolist() for person in b]
    assert photographers.twelve(5)[0].weights.tolist() != a[0].weights.tolist()
    first, second = (photographers.clusters(4, 5, (1, 1)) for _ in range(2))
    assert [x.tolist() for x in first] == [x.tolist() for x in second]


def test_the_bars() -> None:
    """Top-1 of 60 % at a mean size of 3 or less, 10 points more after 20 picks, calibrated within 0.05."""
    clusters = photographers.clusters(8, 200, ranking.SHOOT)
    assert photographers.pair_agreement(photographers.twelve(7), clusters) <= 0.68
    outcomes = ranking.simulated(7, ranking.SHOOT, counts=(0, 20))
    before, after = (ranking.score("all", outcomes[count]) for count in (0, 20))
    assert after.top1 - before.top1 >= 0.10
    assert (before.ece <= 0.05, after.ece <= 0.05, after.gap_closed >= 0.6) == (True, True, True)
    series = ranking.score("all", ranking.simulated(7, ranking.SERIES, counts=(0,))[0])
    assert (series.mean_size <= 3, series.top1 >= 0.6) == (True, True)


def test_at_an_agreement_that_is_asked_for() -> None:
    outcomes = ranking.simulated(7, ranking.SERIES, 0.65, taste=0.8, counts=(0,))[0]
    assert len(outcomes) == 12 * 100
    assert ranking.score("all", outcomes).top1 >= 0.6


def picture(seed: int = 0) -> Pixels:
    """Blocks of colour, with fine texture on some."""
    random = np.random.default_rng(seed)
    blocks = random.integers(40, 200, (6, 8, 3)).repeat(40, axis=0).repeat(40, axis=1)
    return (blocks + random.integers(-30, 30, (240, 320, 1)) * (np.arange(320) // 80 % 2)[None, :, None]).astype(
        np.uint8
    )


def middle(good: Pixels, like: Pixels) -> Pixels:
    """The part of a picture that is left when it is cut to the shape of another."""
    top, left = ((whole - part) // 2 for whole, part in zip(good.shape[:2], like.shape[:2], strict=True))
    return good[top : top + like.shape[0], left : left + like.shape[1]]


@pytest.mark.parametrize("family", [*TUNING, *HELD_OUT], ids=lambda family: family.name)
def test_a_degradation_grows_with_its_severity(family: Family) -> None:
    good = picture()
    made = [family.apply(good, severity, np.random.default_rng(1)) for severity in (0.3, 1.0)]
    assert {each.dtype.name for each in made} == {"uint8"}
    slight, strong = (float(np.abs(each.astype(int) - middle(good, each)).mean()) for each in made)
    assert slight > 0
    assert slight <= strong
    assert family.apply(good, 0.3, np.random.default_rng(1)).tobytes() == made[0].tobytes()
    assert set(family.seen) <= set(NAMES)


def test_exposure_is_a_matter_of_light() -> None:
    grey = np.full((4, 4, 3), 118, np.uint8)
    assert np.unique(degradations.over_exposure(grey, 0.5, np.random.default_rng(0))).tolist() == [162]
    assert np.unique(degradations.under_exposure(grey, 0.4, np.random.default_rng(0))).tolist() == [85]


def test_families_are_kept_apart() -> None:
    names = [family.name for family in (*TUNING, *HELD_OUT)]
    assert len(HELD_OUT) >= 3
    assert len(set(names)) == len(names) == 9


def test_planted_clusters_know_what_is_wrong() -> None:
    made = list(planted.clusters([picture(n) for n in range(5)], 3, TUNING, ranking.SERIES, all_but_one=True))
    for cluster, family in zip(made, TUNING, strict=True):
        assert len(cluster.pictures) == len(cluster.flaws) == len(cluster.families)
        assert cluster.families.count(None) == 1
        assert set(cluster.families) == {None, family.name}
        for fault, flaws in zip(cluster.families, cluster.flaws, strict=True):
            assert {NAMES[k] for k in np.flatnonzero(flaws)} == (set(family.seen) if fault else set())


def test_technique_is_seen_as_planted_and_taste_as_measured() -> None:
    (cluster,) = planted.clusters([picture()], 3, TUNING[:1], (1,), all_but_one=True)
    good = cluster.families.index(None)
    case = planted.case(cluster, features.measured([signals.measure(each) for each in cluster.pictures]))
    sharp = NAMES.index("sharpness")
    assert case.seen[good, sharp] == pytest.approx(-cluster.flaws[1 - good, sharp] / 2)
    assert case.measured[good, sharp] > 0
    assert case.seen[:, NAMES.index("brightness")].tolist() == case.measured[:, NAMES.index("brightness")].tolist()
