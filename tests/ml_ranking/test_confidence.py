"""How sure the winner is."""

from __future__ import annotations

import numpy as np
import pytest

from ml.ranking import confidence, features, log, logit
from ml.ranking.confidence import DRAWS, Band, Foretold
from ml.ranking.features import DIMENSIONS
from ml.ranking.logit import Posterior
from ml.ranking.prior import GLOBAL
from tests.ml_ranking import drawn


def test_the_draws_stand_for_the_posterior(random: np.random.Generator) -> None:
    fitted = logit.fit(log.choices(drawn.picks(random, 40)), GLOBAL)
    drawn_weights = confidence.draws(fitted)
    assert drawn_weights.shape == (DRAWS, DIMENSIONS)
    np.testing.assert_allclose(drawn_weights.mean(axis=0), fitted.mean, atol=1e-12)
    np.testing.assert_allclose(drawn_weights.std(axis=0), fitted.sd(), rtol=0.5)
    assert confidence.draws(fitted).tobytes() == drawn_weights.tobytes()


def test_the_first_draws_are_these() -> None:
    """The stream of RandomState is fixed for good: another one would change every confidence shown so far."""
    assert confidence._NORMAL[0, :3].tolist() == [1.0357756930192052, 0.5574554752719895, 0.3234638608770889]


def test_probabilities_add_up_and_follow_the_frame(random: np.random.Generator) -> None:
    weights = confidence.draws(GLOBAL)
    for size in range(1, 10):
        x = drawn.cluster(random, size).x
        p = confidence.probabilities(x, weights)
        assert p.sum() == pytest.approx(1.0)
        turned = random.permutation(size)
        np.testing.assert_allclose(confidence.probabilities(x[turned], weights), p[turned], atol=1e-15)


def test_frames_alike_are_equally_likely() -> None:
    p = confidence.probabilities(np.zeros((4, DIMENSIONS)), confidence.draws(GLOBAL))
    assert p.tolist() == [0.25] * 4


def test_not_knowing_the_photographer_makes_less_sure() -> None:
    """Frames set apart by taste alone: the mean of the prior has no view of them, its draws differ."""
    frames = features.frames(np.stack([drawn.row(sharpness=1, brightness=4), drawn.row(sharpness=0, brightness=0)]))
    at_the_mean = confidence.probabilities(frames.x, GLOBAL.mean[None, :])[0]
    averaged = confidence.probabilities(frames.x, confidence.draws(GLOBAL))[0]
    assert 0.5 < averaged < at_the_mean - 0.05


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (0.55, 0.40, Band.HIGH),
        (0.56, 0.42, Band.MIDDLE),
        (0.549, 0.1, Band.MIDDLE),
        (0.35, 0.34, Band.MIDDLE),
        (0.349, 0.1, Band.LOW),
        (1.0, 0.0, Band.HIGH),
    ],
)
def test_bands(first: float, second: float, expected: Band) -> None:
    assert confidence.band(first, second) is expected


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_the_temperature_of_picks_is_found(true: float) -> None:
    random = np.random.default_rng(1)
    weights = confidence.draws(Posterior.independent(GLOBAL.mean, np.full(DIMENSIONS, 0.1)))
    held_out = []
    for _ in range(1000):
        x = 0.3 * drawn.cluster(random, 4).x
        picked = int(random.choice(4, p=confidence.probabilities(x, weights, true)))
        held_out.append(Foretold(x, picked, weights))
    assert confidence.fit_temperature(held_out) == pytest.approx(true, rel=0.2)


def test_few_picks_leave_the_temperature_where_it_was() -> None:
    """Three picks of the least likely frame call for a far higher one: it moves, but not far."""
    weights = confidence.draws(GLOBAL)
    x = drawn.cluster(np.random.default_rng(1), 4).x
    held_out = [Foretold(x, int(np.argmin(confidence.probabilities(x, weights))), weights)] * 3
    assert confidence.fit_temperature(held_out) == pytest.approx(4.0, rel=0.01)
    assert 1.0 < confidence.fit_temperature(held_out, around=1.0, spread=0.1) < 1.1
    assert confidence.fit_temperature([], around=1.3, spread=0.3) == pytest.approx(1.3, rel=0.01)
