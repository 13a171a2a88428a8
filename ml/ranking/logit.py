"""The conditional logit (McFadden 1974) with a Gaussian prior, and its posterior by Laplace's approximation.

The probability that frame i of a cluster is chosen is softmax(w·x_i). The log posterior is strictly concave, so it has
one maximum, which depends on the choices as a set: not on their order, nor on an earlier fit. Sums run through einsum,
not through BLAS, so that they are the same numbers however many threads there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.ranking.features import Floats

#: Newton stops where the step promises less than this many nats: the step itself is then taken, and lands within 1e-9.
_ENOUGH: Final = 1e-12
#: A step is halved until it gains this part of what the gradient promises (Armijo).
_ARMIJO: Final = 1e-4
_MOST_STEPS: Final = 100

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choices:
    """Weighted choice sets, one after another: the rows ``x`` (rows, d) from ``starts[s]`` on are set s, and the row
    ``chosen[s]`` was preferred to the others of it, counted ``weight[s]`` times.
    """

    x: Floats
    starts: Ints
    chosen: Ints
    weight: Floats

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class Posterior:
    """A Gaussian over the weights: ``mean`` (d,), ``precision`` (d, d) the inverse of the covariance."""

    mean: Floats
    precision: Floats

    @classmethod
    def independent(cls, mean: Floats, sd: Floats) -> Posterior:
        """Weights that say nothing of one another, ``sd`` (d,) above 0."""
        return cls(mean, np.diag(sd**-2.0))

    def factor(self) -> Floats:
        """(d, d) F with F Fᵀ the covariance: mean + F z is a draw for a standard normal z."""
        return np.asarray(np.linalg.inv(np.linalg.cholesky(self.precision)).T)

    def sd(self) -> Floats:
        """(d,) standard deviation of each weight."""
        return np.asarray(np.sqrt(np.sum(self.factor() ** 2, axis=1)))


def fit(choices: Choices, prior: Posterior) -> Posterior:
    """The posterior after ``choices``: the maximum by damped Newton from the prior's mean, the curvature there.

    Full Newton steps diverge where the choices contradict a confident start; halving them cannot, for the objective
    is concave.
    """
    if not len(choices):
        return prior
    objective = _Objective(choices, prior)
    w = prior.mean
    for _ in range(_MOST_STEPS):
        gradient, curvature = objective.slopes(w)
        step = np.asarray(np.linalg.solve(curvature, gradient), np.float64)
        promised = float(np.sum(gradient * step))
        if promised < _ENOUGH:
            return Posterior(w + step, curvature)
        w = w + _damping(objective, w, step, promised) * step
    raise ArithmeticError("The conditional logit found no maximum: a choice holds a value that is no number.")


def log_likelihoods(choices: Choices, w: Floats) -> Floats:
    """(sets,) log probability of each choice at the weights ``w``, in nats, not weighted."""
    utility = np.einsum("nd,d->n", choices.x, w)
    top = np.maximum.reduceat(utility, choices.starts)
    mass = np.add.reduceat(np.exp(utility - np.repeat(top, _sizes(choices))), choices.starts)
    return np.asarray(utility[choices.chosen] - top - np.log(mass))


class _Objective:
    """The log posterior, but for a constant."""

    def __init__(self, choices: Choices, prior: Posterior) -> None:
        self.choices, self.prior = choices, prior
        self.sizes = _sizes(choices)
        self.row_weight = np.repeat(choices.weight, self.sizes)
        self.chosen = np.zeros(len(choices.x))
        self.chosen[choices.chosen] = 1.0
        # Features that no choice tells anything of cost nothing.
        self.told = np.flatnonzero(choices.x.any(axis=0))
        self.x = np.ascontiguousarray(choices.x[:, self.told])

    def value(self, w: Floats) -> float:
        away = w - self.prior.mean
        penalty = np.einsum("i,ij,j->", away, self.prior.precision, away) / 2
        return float(np.sum(self.choices.weight * log_likelihoods(self.choices, w)) - penalty)

    def slopes(self, w: Floats) -> tuple[Floats, Floats]:
        """The gradient (d,) and minus the Hessian (d, d), which is positive definite."""
        x, starts = self.x, self.choices.starts
        utility = np.einsum("nd,d->n", x, w[self.told])
        risen = np.exp(utility - np.repeat(np.maximum.reduceat(utility, starts), self.sizes))
        share = risen / np.repeat(np.add.reduceat(risen, starts), self.sizes)
        centred = x - np.repeat(np.add.reduceat(share[:, None] * x, starts), self.sizes, axis=0)
        gradient = np.einsum("ij,j->i", self.prior.precision, self.prior.mean - w)
        gradient[self.told] += np.einsum("n,nd->d", self.row_weight * (self.chosen - share), x)
        curvature = self.prior.precision.copy()
        weighted = centred * (self.row_weight * share)[:, None]
        curvature[np.ix_(self.told, self.told)] += np.einsum("nd,ne->de", weighted, centred)
        return gradient, curvature


def _damping(objective: _Objective, w: Floats, step: Floats, promised: float) -> float:
    here, part = objective.value(w), 1.0
    while part > 1e-9 and objective.value(w + part * step) < here + _ARMIJO * part * promised:
        part /= 2
    return part


def _sizes(choices: Choices) -> Ints:
    return np.diff(choices.starts, append=len(choices.x))
