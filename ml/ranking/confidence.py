"""How sure the winner is: probabilities averaged over the posterior, and what may be done with them.

The softmax at the posterior's mean alone is too sure, the more so the less has been learnt. Averaged over draws of the
weights it is nearly calibrated, and one temperature does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from ml.ranking.features import Floats
from ml.ranking.logit import Posterior

#: Draws of the posterior; half of them mirror the other half, so that their mean is the posterior's.
DRAWS: Final = 128
#: Of everyone's weights. Fitted on simulated picks: ml/cards/ranking.md says which.
TEMPERATURE: Final = 1.6
_SEED: Final = 20160811
_MOST_DIMENSIONS: Final = 64
_GOLDEN: Final = (math.sqrt(5) - 1) / 2

# RandomState, unlike Generator, promises the same stream in every version of numpy.
_HALF: Final = np.random.RandomState(_SEED).standard_normal((_MOST_DIMENSIONS, DRAWS // 2)).T
_NORMAL: Final = np.concatenate((_HALF, -_HALF))


class Band(StrEnum):
    """What is done with a winner. HIGH: preselected. MIDDLE: suggested. LOW: the best three, to compare."""

    HIGH = "high"
    MIDDLE = "middle"
    LOW = "low"


def draws(posterior: Posterior) -> Floats:
    """(DRAWS, d) weights that stand for the posterior: always the same ones for the same posterior."""
    spread = np.einsum("nk,dk->nd", _NORMAL[:, : len(posterior.mean)], posterior.factor())
    return np.asarray(posterior.mean + spread)


def probabilities(x: Floats, weights: Floats, temperature: float = TEMPERATURE) -> Floats:
    """(n,) probability that each frame of ``x`` (n, d) is the pick, averaged over ``weights`` (draws, d)."""
    utility = np.einsum("sd,nd->sn", weights, x) / temperature
    risen = np.exp(utility - utility.max(axis=1, keepdims=True))
    return np.asarray(np.mean(risen / risen.sum(axis=1, keepdims=True), axis=0))


def band(first: float, second: float) -> Band:
    """The band of a winner with probability ``first``, where the likeliest other frame has ``second``."""
    if first >= 0.55 and first - second >= 0.15:
        return Band.HIGH
    return Band.MIDDLE if first >= 0.35 else Band.LOW


@dataclass(frozen=True, slots=True)
class Foretold:
    """A pick that the ``weights`` (draws, d) had not seen: row ``picked`` of ``x`` (n, d), counted ``weight`` times."""

    x: Floats
    picked: int
    weights: Floats
    weight: float = 1.0

    def log_loss(self, temperature: float) -> float:
        return -self.weight * math.log(float(probabilities(self.x, self.weights, temperature)[self.picked]))


def fit_temperature(held_out: Sequence[Foretold], *, around: float = 1.0, spread: float = math.inf) -> float:
    """The temperature in 0.25 to 4 that makes held-out picks likeliest.

    With a ``spread``, its logarithm is held near that of ``around`` as by a Gaussian of that standard deviation. Found
    by golden-section search to 1 %: the loss has one minimum in practice.
    """

    def loss(log_temperature: float) -> float:
        temperature = math.exp(log_temperature)
        away = (log_temperature - math.log(around)) / spread
        return math.fsum(each.log_loss(temperature) for each in held_out) + away**2 / 2

    return math.exp(_minimum(loss, math.log(0.25), math.log(4.0)))


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 0.01:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2
