"""Fits the logistic model of "same moment" to shoots whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ml.descriptors import DescriptorTable
from ml.evaluation import metrics
from ml.grouping.grouping import group
from ml.grouping.links import Pairs, Weights, pairs, segments
from ml.grouping.looks import Looks
from ml.grouping.shots import Bools, Floats, Ints, Shots

#: Pull of the weights towards 0, of features in their own standard deviations.
_RIDGE: Final = 1e-2
_ROUNDS: Final = 50
_THRESHOLDS: Final = np.linspace(-3, 3, 25)


@dataclass(frozen=True, slots=True)
class Example:
    """A shoot and the true moment of each photo."""

    shots: Shots
    table: DescriptorTable
    moment: Ints


def fitted(examples: Sequence[Example]) -> Weights:
    """Weights by penalised maximum likelihood (Newton) over all pairs that grouping looks at, then the threshold that
    gives the highest mean of B³ and pairwise F1."""
    features, same = zip(*(_features(one) for one in examples), strict=True)
    weights = logistic(np.concatenate(features), np.concatenate(same))
    scores = [_agreement(examples, replace(weights, threshold=float(at))) for at in _THRESHOLDS]
    return replace(weights, threshold=float(_THRESHOLDS[int(np.argmax(scores))]))


def logistic(features: Floats, same: Bools) -> Weights:
    """``features`` (m, 4): log gap, edges, colours, layout."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    design = np.column_stack((np.ones(len(features)), (features - mean) / spread))
    pull = np.diag([0.0, *[_RIDGE * len(features)] * features.shape[1]])
    weights = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (same - chance) - pull @ weights
        curve = (design.T * (chance * (1 - chance))) @ design + pull
        weights += np.linalg.solve(curve, slope)
    scaled = weights[1:] / spread
    return Weights(float(weights[0] - scaled @ mean), *(float(weight) for weight in scaled))


def _features(one: Example) -> tuple[Floats, Bools]:
    order = one.shots.order()
    own = one.shots.take(order)
    found: Pairs = pairs(own, Looks.of(one.table, order), segments(own.time_s))
    moment = one.moment[order]
    return found.features(), moment[found.first] == moment[found.second]


def _agreement(examples: Iterable[Example], weights: Weights) -> float:
    """Mean of B³ and pairwise F1 over shoots."""
    found = [(one.moment, group(one.shots, one.table, weights=weights).moment) for one in examples]
    return float(np.mean([metrics.b_cubed(*both).f1 + metrics.pairwise(*both).f1 for both in found]) / 2)
