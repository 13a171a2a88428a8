"""The conditional logit, its maximum and its posterior."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.ranking import log, logit
from ml.ranking.features import DIMENSIONS, Floats
from ml.ranking.log import Pick
from ml.ranking.logit import Choices, Posterior
from ml.ranking.prior import GLOBAL
from tests.ml_ranking import drawn

ROOT = Path(__file__).parents[2]


def log_posterior(choices: Choices, prior: Posterior, w: Floats) -> float:
    """Written out set by set."""
    total = -0.5 * float((w - prior.mean) @ prior.precision @ (w - prior.mean))
    for start, stop, chosen, weight in zip(
        choices.starts, [*choices.starts[1:], len(choices.x)], choices.chosen, choices.weight, strict=True
    ):
        utility = choices.x[start:stop] @ w
        total += weight * float(utility[chosen - start] - np.log(np.exp(utility).sum()))
    return total


def test_nothing_picked_is_the_prior() -> None:
    assert logit.fit(log.choices([]), GLOBAL) is GLOBAL


def test_one_weight_by_hand() -> None:
    """One pick of the frame that is 1 ahead, prior N(0, 1): w solves w = 1 - σ(w)."""
    choices = Choices(np.array([[0.5], [-0.5]]), np.array([0]), np.array([0]), np.array([1.0]))
    fitted = logit.fit(choices, Posterior.independent(np.zeros(1), np.ones(1)))
    assert fitted.mean[0] == pytest.approx(0.4010581, abs=1e-7)
    share = 1 / (1 + np.exp(-fitted.mean[0]))
    assert fitted.precision[0, 0] == pytest.approx(1 + share * (1 - share), abs=1e-5)


def test_the_maximum_is_one(random: np.random.Generator) -> None:
    choices = log.choices(drawn.picks(random, 60))
    fitted = logit.fit(choices, GLOBAL)
    best = log_posterior(choices, GLOBAL, fitted.mean)
    for k in range(DIMENSIONS):
        ahead, behind = (fitted.mean + side * 1e-4 * np.eye(DIMENSIONS)[k] for side in (1, -1))
        up, down = log_posterior(choices, GLOBAL, ahead), log_posterior(choices, GLOBAL, behind)
        assert (up - down) / 2e-4 == pytest.approx(0, abs=1e-6)
        assert -(up - 2 * best + down) / 1e-8 == pytest.approx(fitted.precision[k, k], rel=1e-2)


def test_a_weight_of_two_is_the_same_pick_twice(random: np.random.Generator) -> None:
    x = drawn.cluster(random, 4).x
    once = Choices(x, np.array([0]), np.array([1]), np.array([2.0]))
    twice = Choices(np.concatenate((x, x)), np.array([0, 4]), np.array([1, 5]), np.ones(2))
    np.testing.assert_allclose(logit.fit(once, GLOBAL).mean, logit.fit(twice, GLOBAL).mean, atol=1e-9)


def test_full_steps_diverge_where_halved_ones_arrive() -> None:
    """Thirty picks against a sure and wide prior: far out the curvature is almost nil, and a full step leaps over."""
    prior = Posterior.independent(np.full(2, 4.0), np.full(2, 10.0))
    x = np.tile([[2.5, 1.0], [-2.5, -1.0], [0.0, 0.5]], (30, 1))
    choices = Choices(x, np.arange(0, 90, 3), np.arange(1, 90, 3), np.ones(30))
    objective = logit._Objective(choices, prior)
    w, values = prior.mean, [objective.value(prior.mean)]
    for _ in range(3):
        gradient, curvature = objective.slopes(w)
        w = w + np.linalg.solve(curvature, gradient)
        values.append(objective.value(w))
    assert values[1] < values[0]
    fitted = logit.fit(choices, prior)
    assert np.abs(objective.slopes(fitted.mean)[0]).max() < 1e-9
    assert objective.value(fitted.mean) > max(values)


def test_a_factor_of_the_covariance(random: np.random.Generator) -> None:
    fitted = logit.fit(log.choices(drawn.picks(random, 30)), GLOBAL)
    covariance = np.linalg.inv(fitted.precision)
    np.testing.assert_allclose(fitted.factor() @ fitted.factor().T, covariance, atol=1e-12)
    np.testing.assert_allclose(fitted.sd(), np.sqrt(np.diag(covariance)), atol=1e-12)


def test_what_is_no_number_is_refused() -> None:
    pick = Pick("a", 0.0, np.full((2, DIMENSIONS), np.nan), (0,))
    with pytest.raises(ArithmeticError, match="no maximum"):
        logit.fit(log.choices([pick]), GLOBAL)


def test_the_same_bits_with_one_thread_or_four() -> None:
    code = (
        "import numpy as np; from tests.ml_ranking import drawn; from ml.ranking import log, logit, prior;"
        "from ml.ranking.winner import Ranker;"
        "fit = logit.fit(log.choices(drawn.picks(np.random.default_rng(5), 300)), prior.GLOBAL);"
        "print(fit.mean.tobytes().hex(), fit.precision.tobytes().hex(), Ranker.of(fit).draws.tobytes().hex())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for threads in ("1", "4")
    }
    assert len(seen) == 1
