"""A project's own threshold, learnt from where people split and merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ml.grouping.links import Edges, Weights
from ml.grouping.moments import STRONGEST
from ml.grouping.shots import Ints

#: How far, in log odds, projects differ in what they call one moment: one standard deviation.
_SPREAD: Final = 1.0
_ROUNDS: Final = 25


def learnt(weights: Weights, merged: Sequence[float], split: Sequence[float]) -> Weights:
    """The weights with the threshold that these decisions make most likely.

    ``merged`` and ``split``: the mean score (``between``) of what a person put together and took apart, above the
    threshold that ``weights`` have. A merge says that the threshold lies below its score, a split above; each is
    believed as the logistic model believes a link, against a normal prior around the threshold there is. The order of
    decisions makes no difference, and without any the threshold stays.
    """
    scores = np.array([*merged, *split], np.float64)
    together = np.array([True] * len(merged) + [False] * len(split))
    shift = 0.0
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(scores - shift, -30, 30)))
        slope = float((chance - together).sum()) - shift / _SPREAD**2
        shift += slope / (float((chance * (1 - chance)).sum()) + 1 / _SPREAD**2)
    return replace(weights, threshold=weights.threshold + shift)


def between(edges: Edges, one: Ints, other: Ints) -> float:
    """The mean score of the strongest links that lead from rows ``one`` to rows ``other``; NaN if none does."""
    crossing = np.isin(edges.first, one) & np.isin(edges.second, other)
    crossing |= np.isin(edges.first, other) & np.isin(edges.second, one)
    strongest = np.sort(edges.score[crossing])[-STRONGEST:]
    return float(strongest.mean()) if len(strongest) else float("nan")
