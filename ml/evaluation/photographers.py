"""Twelve simulated photographers, and clusters for them to pick from.

Seven are what the prior expects of people (weights drawn from it); five are not: their signs are turned, their weights
are several times what the prior allows, or their utility is no sum of features at all. What they prefer in one cluster
varies from time to time: Gumbel noise is added to the utility, so that choices follow a softmax, and its scale is set
so that two of them agree about a pair of frames as often as asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from ml.ranking.features import CLIP, DIMENSIONS, FEATURES, NAMES, Floats, Kind, frames
from ml.ranking.prior import GLOBAL

Curve = Callable[[Floats], Floats]

INSIDE: Final = 7


@dataclass(frozen=True, slots=True)
class Photographer:
    """``weights`` (d,) over ``curve`` of the relative features; ``noise`` is the Gumbel scale of one choice."""

    name: str
    inside: bool
    weights: Floats
    curve: Curve
    noise: float = 1.0

    def utility(self, x: Floats) -> Floats:
        """(n,) in units of this photographer's noise."""
        return np.asarray(np.einsum("nd,d->n", self.curve(x), self.weights) / self.noise)

    def chances(self, x: Floats) -> Floats:
        """(n,) probability that each frame is picked."""
        risen = np.exp(self.utility(x) - self.utility(x).max())
        return np.asarray(risen / risen.sum())

    def pick(self, x: Floats, random: np.random.Generator) -> int:
        return int(np.argmax(self.utility(x) + random.gumbel(size=len(x))))


def twelve(seed: int, *, taste: float = 1.0) -> list[Photographer]:
    """The photographers of a seed. ``taste`` widens what sets them apart; 1 is as wide as the prior."""
    random = np.random.default_rng((seed, 12))
    inside = [Photographer(f"inside {n + 1}", True, _drawn(random, taste), _straight) for n in range(INSIDE)]
    outside = [
        Photographer("likes movement", False, _changed(random, taste, motion=1.2, sharpness=0.2), _straight),
        Photographer("low key", False, _changed(random, taste, brightness=-3.0, shadow_clip=0.5), _straight),
        Photographer("close and off centre", False, _changed(random, taste, subject_size=3.0, tilt=0.6), _straight),
        Photographer("only refuses the bad", False, _changed(random, taste), _forgiving),
        Photographer("the middle way", False, _changed(random, taste), _moderate),
    ]
    return [*inside, *outside]


def agreeing(people: Sequence[Photographer], clusters: Sequence[Floats], agreement: float) -> list[Photographer]:
    """The same people with the noise at which two of them agree on ``agreement`` of the pairs in ``clusters``.

    Raises ValueError where even noiseless tastes agree on less.
    """

    def at(noise: float) -> list[Photographer]:
        return [replace(person, noise=noise) for person in people]

    low, high = 0.05, 20.0
    if pair_agreement(at(low), clusters) < agreement:
        raise ValueError(f"These tastes differ too much to agree on {agreement:.0%} of pairs.")
    for _ in range(20):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if pair_agreement(at(middle), clusters) > agreement else (low, middle)
    return at(low)


def pair_agreement(people: Sequence[Photographer], clusters: Sequence[Floats]) -> float:
    """How often two of ``people`` prefer the same frame of a pair, each choosing once: 0.5 is chance."""
    first = np.array([[_preference(person, x) for x in clusters] for person in people])
    shared = [a * b + (1 - a) * (1 - b) for a, b in combinations(first, 2)]
    return float(np.mean(shared))


def self_agreement(people: Sequence[Photographer], clusters: Sequence[Floats]) -> float:
    """How often one photographer, asked twice about a pair, prefers the same frame."""
    first = np.array([[_preference(person, x) for x in clusters] for person in people])
    return float(np.mean(first**2 + (1 - first) ** 2))


def clusters(seed: int, count: int, sizes: Sequence[float], columns: Sequence[str] = NAMES[:14]) -> list[Floats]:
    """Relative features of ``count`` drawn clusters; ``sizes[i]`` is the share of clusters with i + 2 frames.

    Taste varies evenly from frame to frame. A frame has a defect in two of five cases: one or more features of
    technique are then off by up to three scales. Features not in ``columns`` are unknown.
    """
    random = np.random.default_rng((seed, 14))
    shares = np.asarray(sizes) / np.sum(sizes)
    return [_cluster(random, int(random.choice(len(shares), p=shares)) + 2, columns) for _ in range(count)]


def _cluster(random: np.random.Generator, size: int, columns: Sequence[str]) -> Floats:
    values = np.full((size, DIMENSIONS), np.nan)
    for k, feature in enumerate(FEATURES):
        if feature.name not in columns:
            continue
        if feature.kind is Kind.TASTE:
            values[:, k] = random.normal(0, 0.8, size)
        else:
            defect = (random.random(size) < 0.12) * random.uniform(0.5, 3.0, size)
            values[:, k] = random.normal(0, 0.2, size) - feature.sign * defect
        values[:, k] *= feature.scale
    return frames(values).x


def _preference(person: Photographer, x: Floats) -> float:
    utility = person.utility(x[:2])
    return float(1 / (1 + np.exp(utility[1] - utility[0])))


def _drawn(random: np.random.Generator, taste: float) -> Floats:
    return GLOBAL.mean + taste * GLOBAL.sd() * random.standard_normal(DIMENSIONS)


def _changed(random: np.random.Generator, taste: float, **weights: float) -> Floats:
    changed = _drawn(random, taste)
    for name, weight in weights.items():
        changed[NAMES.index(name)] = weight * max(taste, 0.5)
    return changed


def _straight(x: Floats) -> Floats:
    return x


def _forgiving(x: Floats) -> Floats:
    """Better than the median is as good as the median; worse counts double."""
    technique = np.array([feature.kind is Kind.TECHNIQUE for feature in FEATURES])
    signs = np.array([feature.sign for feature in FEATURES])
    return np.where(technique, 2 * signs * np.minimum(signs * x, 0.0), x)


def _moderate(x: Floats) -> Floats:
    """In matters of taste the extremes on either side are disliked, so that the sign of a weight tells nothing."""
    taste = np.array([feature.kind is Kind.TASTE for feature in FEATURES])
    return np.where(taste, -np.abs(x) + CLIP / 2, x)
