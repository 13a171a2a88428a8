"""How good a ranker is: Top-1, Top-3, regret, calibration, and how much of the gap from chance to ceiling it closes.

Top-1 alone says little: it depends on how many frames a cluster has, and nobody foretells a choice that varies. So it
stands beside what guessing would give (chance) and what knowing the photographer's taste exactly would (ceiling).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.evaluation import photographers
from ml.evaluation.photographers import Photographer
from ml.ranking import personal
from ml.ranking.confidence import draws, probabilities
from ml.ranking.features import Floats
from ml.ranking.log import Basis, Pick
from ml.ranking.logit import Posterior
from ml.ranking.prior import GLOBAL

CALIBRATION_BINS: Final = 10
#: Clusters of one size, or of sizes that are seldom enough to be counted together: (from, to).
SIZES: Final = ((2, 2), (3, 3), (4, 4), (5, 5), (6, 8), (9, 10**6))
#: Shares of clusters with 2, 3, 4 ... frames. SERIES are as people keep them (2.6 frames on average); SHOOT is what a
#: camera with a burst mode brings home (5 frames); BURSTS are 2 to 12 frames, equally often.
SERIES: Final = (0.62, 0.22, 0.09, 0.04, 0.02, 0.01)
SHOOT: Final = tuple(0.8**n for n in range(11))
BURSTS: Final = (1.0,) * 11


@dataclass(frozen=True, slots=True)
class Case:
    """A cluster's relative features (n, d), as a person sees them and as the ranker gets them."""

    seen: Floats
    measured: Floats


@dataclass(frozen=True, slots=True)
class Outcome:
    """A foretold pick: ``predicted`` (n,) probabilities and the frame ``picked``.

    Of a simulated photographer ``chances`` (n,) are the true probabilities and ``utility`` (n,) is theirs; of a real
    one both are None.
    """

    predicted: Floats
    picked: int
    chances: Floats | None = None
    utility: Floats | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Over ``clusters`` clusters of ``mean_size`` frames. ``top1``, ``top3``, ``chance``, ``ceiling`` and ``ece`` are 0
    to 1; ``gap_closed`` is (top1 - chance) / (ceiling - chance); ``regret`` is the utility lost by taking the
    suggestion instead of the best frame, in units of the photographer's own noise. nan where the truth is not known.
    """

    sizes: str
    clusters: int
    mean_size: float
    top1: float
    top3: float
    chance: float
    ceiling: float
    gap_closed: float
    regret: float
    ece: float


def outcome(weights: Floats, temperature: float, case: Case, person: Photographer, picked: int) -> Outcome:
    """What a ranker with the draws ``weights`` (draws, d) said of a cluster that ``person`` picked from."""
    predicted = probabilities(case.measured, weights, temperature)
    return Outcome(predicted, picked, person.chances(case.seen), person.utility(case.seen))


def scores(outcomes: Sequence[Outcome]) -> list[Score]:
    """A score for every size of cluster that occurs, and one over all, which comes first."""
    sized = [
        (f"{low}" if low == high else f"{low}-{high}" if high < 10**6 else f"{low}+", [*_between(outcomes, low, high)])
        for low, high in SIZES
    ]
    return [score("all", outcomes), *(score(label, group) for label, group in sized if group)]


def score(label: str, outcomes: Sequence[Outcome]) -> Score:
    """``outcomes`` (at least one) as one row of the report."""
    ranks = [_rank(each) for each in outcomes]
    sizes = [len(each.predicted) for each in outcomes]
    top1, chance = float(np.mean([rank == 0 for rank in ranks])), float(np.mean([1 / size for size in sizes]))
    ceiling = float(np.mean([math.nan if each.chances is None else each.chances.max() for each in outcomes]))
    return Score(
        sizes=label,
        clusters=len(outcomes),
        mean_size=float(np.mean(sizes)),
        top1=top1,
        top3=float(np.mean([rank < 3 for rank in ranks])),
        chance=chance,
        ceiling=ceiling,
        gap_closed=(top1 - chance) / (ceiling - chance) if ceiling > chance else math.nan,
        regret=float(np.mean([_regret(each) for each in outcomes])),
        ece=calibration_error([float(o.predicted.max()) for o in outcomes], [rank == 0 for rank in ranks]),
    )


def calibration_error(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error (Naeini et al. 2015): mean distance of confidence from accuracy, over equal bins."""
    sure, hit = np.asarray(confidence), np.asarray(right, np.float64)
    bins = np.minimum((sure * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(float(np.sum(sure[bins == b] - hit[bins == b]))) for b in range(CALIBRATION_BINS)]
    return sum(gaps) / len(sure)


def picks_of(person: Photographer, cases: Iterable[Case], random: np.random.Generator) -> list[Pick]:
    """A log of what ``person`` picks, one cluster a second."""
    return [
        Pick(f"{at:06d}", float(at), case.measured, (person.pick(case.seen, random),), (), Basis.UNPROMPTED)
        for at, case in enumerate(cases)
    ]


def learning_curve(
    person: Photographer,
    training: Sequence[Case],
    held_out: Sequence[Case],
    counts: Sequence[int],
    seed: int,
    prior: Posterior = GLOBAL,
) -> dict[int, list[Outcome]]:
    """The outcomes on ``held_out`` clusters after each number of picks in ``counts`` from ``training``.

    The layer is the product's own: everyone's weights until it has enough picks, and while it is no better.
    """
    random = np.random.default_rng((seed, 20))
    picks = picks_of(person, training, random)
    answers = [person.pick(case.seen, random) for case in held_out]
    curve = {}
    for count in counts:
        layer = personal.learn(picks[:count], prior=prior)
        weights = draws(layer.posterior)
        curve[count] = [
            outcome(weights, layer.temperature, case, person, picked)
            for case, picked in zip(held_out, answers, strict=True)
        ]
    return curve


def simulated(
    seed: int,
    sizes: Sequence[float],
    agreement: float | None = None,
    *,
    taste: float = 1.0,
    counts: Sequence[int] = (0, 20),
) -> dict[int, list[Outcome]]:
    """Outcomes of twelve photographers after each number of picks, 100 held-out clusters each, in feature space.

    ``agreement`` is how often two of them choose the same frame of a pair; without it their choices vary by noise of
    scale 1, and two agree on some 63 % of pairs. ``taste`` is how far apart their tastes are.
    """
    people = photographers.twelve(seed, taste=taste)
    if agreement is not None:
        people = photographers.agreeing(people, photographers.clusters(seed + 1, 200, sizes), agreement)
    held_out, most = [Case(x, x) for x in photographers.clusters(seed + 2, 100, sizes)], max(counts)
    outcomes: dict[int, list[Outcome]] = {count: [] for count in counts}
    for n, person in enumerate(people):
        training = [Case(x, x) for x in photographers.clusters(seed + 100 + n, most, sizes)]
        for count, made in learning_curve(person, training, held_out, counts, seed + n).items():
            outcomes[count] += made
    return outcomes


def _between(outcomes: Sequence[Outcome], low: int, high: int) -> Iterable[Outcome]:
    return (each for each in outcomes if low <= len(each.predicted) <= high)


def _rank(each: Outcome) -> int:
    """The place of the frame picked among those foretold, from 0; of frames alike the earlier is foretold first."""
    return int(np.flatnonzero(np.argsort(-each.predicted, kind="stable") == each.picked)[0])


def _regret(each: Outcome) -> float:
    if each.utility is None:
        return math.nan
    return float(each.utility.max() - each.utility[int(np.argmax(each.predicted))])
