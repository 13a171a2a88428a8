"""The ranker, judged on clusters with planted defects made of a folder's photos, by twelve simulated photographers.

Families of defects and photos are split alike: picks are learnt on the tuning families and one half of the photos, and
what is learnt is tried on the other half, with the tuning families and with those held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from ml import signals
from ml.evaluation import pictures, planted, ranking
from ml.evaluation.degradations import HELD_OUT, TUNING, Family, Pixels
from ml.evaluation.photographers import Photographer, pair_agreement, self_agreement, twelve
from ml.evaluation.ranking import Case, Outcome, Score
from ml.ranking import features
from ml.ranking.features import Floats
from ml.ranking.prior import GLOBAL
from ml.ranking.winner import Ranker, rank

Progress = Callable[[str], None]

#: The long edge of the photos that defects are planted in.
PHOTO_PX: Final = 1024
#: Picks after which the figures are taken.
PICKS: Final = (0, 20)


@dataclass(frozen=True, slots=True)
class Size:
    """How many clusters to learn from and to try each kind of families on, and how many a family for the chips."""

    training: int
    held_out: int
    chips: int


@dataclass(frozen=True, slots=True)
class Curve:
    """``scores`` by number of picks: over all clusters first, then by their size. ``gain``: Top-1 after the most
    picks less that before any."""

    scores: Mapping[int, Sequence[Score]]
    gain: float


@dataclass(frozen=True, slots=True)
class Chips:
    """Of ``clusters`` in which one family spoilt all frames but one: how often that one ``won``, and how often a chip
    ``named`` the defect where it did."""

    clusters: int
    won: int
    named: int


@dataclass(frozen=True, slots=True)
class Report:
    """``agreement``: how often two photographers prefer the same frame of a pair, ``self_agreement``: one, asked twice.

    ``tuning`` and ``held_out``: of those families, on photos that nothing was learnt on. ``chips`` by family;
    ``most_unexplained``: the furthest that the terms of any score are from the score difference they explain.
    """

    agreement: float
    self_agreement: float
    tuning: Curve
    held_out: Curve
    chips: Mapping[str, Chips]
    most_unexplained: float


def judged(paths: Sequence[Path], seed: int, size: Size, progress: Progress) -> Report:
    """The report on one seed. The same photos and seed give the same report. Raises ValueError for under two photos."""
    if len(paths) < 2:
        raise ValueError("one photo cannot be split in two halves")
    learnt_on, other = paths[0::2], paths[1::2]
    training = _cases(learnt_on, (seed, 0), TUNING, size.training, progress)
    tried = [
        _cases(other, (seed, 1 + n), families, size.held_out, progress) for n, families in enumerate((TUNING, HELD_OUT))
    ]
    people = twelve(seed)
    seen = [case.seen for cases in tried for case in cases]
    chips, most = _chips(other, seed, size.chips, progress)
    tuning, held_out = (_curve(people, training, cases, seed) for cases in tried)
    return Report(pair_agreement(people, seen), self_agreement(people, seen), tuning, held_out, chips, most)


def _curve(people: Sequence[Photographer], training: Sequence[Case], cases: Sequence[Case], seed: int) -> Curve:
    outcomes: dict[int, list[Outcome]] = {count: [] for count in PICKS}
    for n, person in enumerate(people):
        made = ranking.learning_curve(person, training, cases, PICKS, seed + n)
        for count, found in made.items():
            outcomes[count] += found
    scores = {count: ranking.scores(found) for count, found in outcomes.items()}
    return Curve(scores, scores[PICKS[-1]][0].top1 - scores[PICKS[0]][0].top1)


def _cases(
    paths: Sequence[Path], seed: tuple[int, int], families: Sequence[Family], count: int, progress: Progress
) -> list[Case]:
    made = planted.clusters(_pixels(paths, count, progress), seed, families, ranking.SHOOT)
    return [planted.case(one, _measured(one.pictures)) for one in made]


def _measured(frames: Sequence[Pixels]) -> Floats:
    return features.measured([signals.measure(frame) for frame in frames])


def _pixels(paths: Sequence[Path], count: int, progress: Progress) -> Iterator[Pixels]:
    for n, path in enumerate(islice(cycle(paths), count), 1):
        progress(f"cluster {n} of {count}")
        yield pictures.load(path, PHOTO_PX)


def _chips(paths: Sequence[Path], seed: int, count: int, progress: Progress) -> tuple[dict[str, Chips], float]:
    """By family, and the furthest that terms are from a score difference."""
    everyone, families = Ranker.of(GLOBAL), (*TUNING, *HELD_OUT)
    found, most = {family.name: Chips(0, 0, 0) for family in families}, 0.0
    photos = _pixels(paths, count * len(families), progress)
    made = planted.clusters(photos, (seed, 3), families, ranking.SERIES, all_but_one=True)
    for family, one in zip(cycle(families), made, strict=False):
        answer = rank(features.frames(_measured(one.pictures)), everyone)
        assert answer.reasons is not None  # no cluster has less than two frames
        over = answer.scores[answer.order[0]] - answer.scores[answer.order[1]]
        most = max(most, abs(float(answer.reasons.over_runner_up.sum() - over)))
        won = one.families[answer.winner] is None
        named = won and not family.named_by.isdisjoint(chip.feature for chip in answer.reasons.chips)
        so_far = found[family.name]
        found[family.name] = Chips(so_far.clusters + 1, so_far.won + won, so_far.named + named)
    return found, most
