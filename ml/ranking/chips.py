"""Why a frame wins: at most three reasons, read off the score itself.

The score is a sum over features, so the difference of two scores is one too: what each feature adds to it is exact, not
an explanation fitted afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.ranking.features import CLIP, FEATURES, Feature, Floats, Frames

MOST_CHIPS: Final = 3
#: A reason carries at least this part of all that speaks for or against the winner ...
_SHARE: Final = 0.15
#: ... and the photographer cares for it, in this direction, with at least this probability.
_SURE: Final = 0.8
_Z_SURE: Final = NormalDist().inv_cdf(_SURE)

TileMaps = Mapping[str, NDArray[np.floating] | NDArray[np.integer]]


@dataclass(frozen=True, slots=True)
class Taste:
    """A photographer's weights, all (d,): their ``mean`` and ``sd``, and the mean of everyone's (``shared``)."""

    mean: Floats
    sd: Floats
    shared: Floats


@dataclass(frozen=True, slots=True)
class Chip:
    """One reason, in nats unless said otherwise.

    ``text`` is the key of its words; ``best`` says that no other frame has more (or less) of it. ``contribution`` is
    its part of the score difference to the mean of the other frames, ``margin`` to the runner-up, ``difference`` the
    measured distance from the runner-up in the feature's unit (None where the runner-up's value is unknown).
    ``flip`` is the smallest change of the winner's value, in that unit, which puts the runner-up level; None where no
    change of this feature alone can. ``personal``: most of it was learnt from this photographer. ``tile`` is the
    place in the feature's tile map to look at: where the winner is furthest ahead of the runner-up.
    """

    feature: str
    text: str
    best: bool
    contribution: float
    margin: float
    difference: float | None
    flip: float | None
    personal: bool
    tile: int | None


@dataclass(frozen=True, slots=True)
class Reasons:
    """``over_others`` (d,) adds up to the winner's score less the mean score of the others, ``over_runner_up`` (d,) to
    its score less the runner-up's.
    """

    chips: tuple[Chip, ...]
    over_others: Floats
    over_runner_up: Floats


def explain(frames: Frames, winner: int, runner_up: int, taste: Taste, maps: TileMaps | None = None) -> Reasons:
    """Why ``winner`` stands before the rest. ``maps`` has (n, tiles) by the names in ``Feature.tiles``, if at hand.

    A reason rests on values that are known: nothing that can't be told of the winner, or of all other frames, is one.
    """
    x = frames.x
    lead = x[winner] - np.delete(x, winner, axis=0).mean(axis=0)
    over_others = taste.mean * lead
    over_runner_up = taste.mean * (x[winner] - x[runner_up])
    comparison = _Comparison(frames, winner, runner_up, taste, over_others, over_runner_up, lead, maps or {})
    chips = tuple(comparison.chip(int(k)) for k in comparison.worth_saying()[:MOST_CHIPS])
    return Reasons(chips, over_others, over_runner_up)


@dataclass(frozen=True, slots=True)
class _Comparison:
    frames: Frames
    winner: int
    runner_up: int
    taste: Taste
    over_others: Floats
    over_runner_up: Floats
    lead: Floats
    maps: TileMaps

    def worth_saying(self) -> NDArray[np.int64]:
        """Features that may be a chip, the heaviest first."""
        known = self.frames.known
        comparable = known[self.winner] & (known.sum(axis=0) > 1)
        heavy = self.over_others >= max(_SHARE * float(np.abs(self.over_others).sum()), 1e-12)
        sure = np.sign(self.lead) * self.taste.mean >= _Z_SURE * self.taste.sd
        order = np.argsort(-self.over_others, kind="stable")
        return np.asarray(order[(comparable & heavy & sure)[order]])

    def chip(self, k: int) -> Chip:
        feature, column = FEATURES[k], self.frames.values[:, k]
        more = bool(self.lead[k] > 0)
        difference = float(column[self.winner] - column[self.runner_up])
        learnt = (self.taste.mean[k] - self.taste.shared[k]) * self.lead[k]
        return Chip(
            feature=feature.name,
            text=feature.more if more else feature.less,
            best=bool(column[self.winner] == (np.nanmax(column) if more else np.nanmin(column))),
            contribution=float(self.over_others[k]),
            margin=float(self.over_runner_up[k]),
            difference=None if math.isnan(difference) else difference,
            flip=self._flip(k),
            personal=bool(learnt > self.over_others[k] / 2),
            tile=self._tile(feature),
        )

    def _flip(self, k: int) -> float | None:
        """How far the winner's value must move for its score to fall to the runner-up's, medians and clips included.

        The gap between the two grows with the winner's value (for a weight above 0): the median follows it by its own
        distance at most. So halving an interval finds the one place where it closes.
        """
        column, weight = self.frames.values[:, k], float(self.taste.mean[k])
        rest = float(self.over_runner_up.sum() - self.over_runner_up[k])
        gap = _Gap(column, self.winner, self.runner_up, FEATURES[k].scale)
        away = -math.copysign(float(np.nanmax(column) - np.nanmin(column)) + 3 * CLIP * gap.scale, weight)
        if rest + weight * gap.after(away) > 0:
            return None
        near, far = 0.0, away
        for _ in range(50):
            middle = (near + far) / 2
            near, far = (middle, far) if rest + weight * gap.after(middle) > 0 else (near, middle)
        return far

    def _tile(self, feature: Feature) -> int | None:
        if feature.tiles is None or feature.tiles not in self.maps:
            return None
        ahead = np.asarray(self.maps[feature.tiles], np.float64)
        return int(np.argmax(feature.sign * (ahead[self.winner] - ahead[self.runner_up])))


class _Gap:
    """How many scales the winner stands above the runner-up, once its value has moved."""

    def __init__(self, column: Floats, winner: int, runner_up: int, scale: float) -> None:
        others = np.delete(column, winner)
        self.others: list[float] = sorted(others[~np.isnan(others)].tolist())
        self.value, self.rival, self.scale = float(column[winner]), float(column[runner_up]), scale

    def after(self, change: float) -> float:
        value = self.value + change
        median = self._median(value)
        return self._relative(value, median) - (0.0 if math.isnan(self.rival) else self._relative(self.rival, median))

    def _relative(self, value: float, median: float) -> float:
        return min(max((value - median) / self.scale, -CLIP), CLIP)

    def _median(self, value: float) -> float:
        """Of the others (at least one) with ``value`` among them: only those in the middle matter."""
        middle, odd = divmod(len(self.others), 2)
        padded = [-math.inf, *self.others, math.inf]
        if odd:
            return (padded[middle + 1] + min(max(value, padded[middle]), padded[middle + 2])) / 2
        return min(max(value, padded[middle]), padded[middle + 1])
