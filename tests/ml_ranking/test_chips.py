"""Why a frame wins: exact, short, and true."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ml.ranking import features, log, logit, winner
from ml.ranking.chips import Chip, explain
from ml.ranking.features import FEATURES, NAMES, Floats, Frames
from ml.ranking.log import Pick
from ml.ranking.prior import GLOBAL
from ml.ranking.winner import Ranker
from tests.ml_ranking import drawn

EVERYONE = Ranker.of(GLOBAL)


def of(*rows: Floats) -> Frames:
    return features.frames(np.stack(rows))


def chips(frames: Frames, ranker: Ranker = EVERYONE) -> tuple[Chip, ...]:
    reasons = winner.rank(frames, ranker).reasons
    assert reasons is not None
    return reasons.chips


def personal(random: np.random.Generator) -> Ranker:
    return Ranker.of(logit.fit(log.choices(drawn.picks(random, 60)), GLOBAL))


def test_contributions_add_up_to_the_score_difference(random: np.random.Generator) -> None:
    for ranker in (EVERYONE, personal(random)):
        for size in range(2, 13):
            ranking = winner.rank(drawn.cluster(random, size), ranker)
            assert ranking.reasons is not None
            first, second, *_ = (ranking.scores[row] for row in ranking.order)
            others = np.delete(ranking.scores, ranking.winner).mean()
            assert ranking.reasons.over_runner_up.sum() == pytest.approx(first - second, abs=1e-12)
            assert ranking.reasons.over_others.sum() == pytest.approx(first - others, abs=1e-12)
            assert len(ranking.reasons.chips) <= 3
            for chip in ranking.reasons.chips:
                k = NAMES.index(chip.feature)
                assert (chip.contribution, chip.margin) == (
                    ranking.reasons.over_others[k],
                    ranking.reasons.over_runner_up[k],
                )


def test_the_flip_reverses_the_order_and_no_less_does(random: np.random.Generator) -> None:
    """Change the winner's measured value by that much and rank anew, medians, clips and all."""
    tried = 0
    ranker = personal(random)
    for _ in range(150):
        values = drawn.values(random, int(random.integers(2, 9)))
        ranking = winner.rank(features.frames(values), ranker)
        assert ranking.reasons is not None
        first, second = ranking.order[:2]
        for chip in ranking.reasons.chips:
            for part, sign in ((1.001, -1), (0.999, 1)):
                if chip.flip is None:
                    continue
                moved = values.copy()
                moved[first, NAMES.index(chip.feature)] += part * chip.flip
                scores = features.frames(moved).x @ ranker.taste.mean
                assert math.copysign(1, scores[first] - scores[second]) == sign
                tried += 1
    assert tried > 50


def test_no_flip_where_nothing_of_it_would_do() -> None:
    ahead = drawn.row(noise=-1, sharpness=2, subject_sharpness=2, highlight_clip=-2, eyes_open=2)
    behind = drawn.row(noise=0, sharpness=-2, subject_sharpness=-2, highlight_clip=2, eyes_open=-2)
    assert {chip.flip for chip in chips(of(ahead, behind))} == {None}


def test_the_sharpest_and_the_merely_sharper() -> None:
    best = chips(of(drawn.row(sharpness=2), drawn.row(sharpness=0), drawn.row(sharpness=-1)))
    assert [(chip.text, chip.best) for chip in best] == [("sharpness.more", True)]
    clean = drawn.row(sharpness=1, noise=-2, motion=-2)
    noisy = drawn.row(sharpness=1.2, noise=2, motion=2)
    soft = drawn.row(sharpness=-2.4, noise=1, motion=1)
    said = {chip.text: chip for chip in chips(of(clean, noisy, soft))}
    assert {text: chip.best for text, chip in said.items()} == {
        "sharpness.more": False,
        "motion.less": True,
        "noise.less": True,
    }
    assert said["sharpness.more"].difference == pytest.approx(-0.2 * features.SCALES[NAMES.index("sharpness")])


def test_what_cannot_be_told_of_the_winner_is_no_reason() -> None:
    """Its unknown eyes count as the median, above the closed ones, in the sum; they are no reason to show."""
    unknown = drawn.row(sharpness=2.0)
    ranking = winner.rank(
        of(unknown, drawn.row(sharpness=0, eyes_open=-1), drawn.row(sharpness=0, eyes_open=0)), EVERYONE
    )
    assert ranking.winner == 0
    assert ranking.reasons is not None
    assert [chip.feature for chip in ranking.reasons.chips] == ["sharpness"]


def test_an_unknown_runner_up_has_no_measured_difference() -> None:
    ahead = drawn.row(sharpness=2.0, noise=-1)
    (chip,) = chips(of(ahead, drawn.row(noise=-1), drawn.row(sharpness=-2.0, noise=-1)))
    assert (chip.feature, chip.difference) == ("sharpness", None)


def test_taste_is_no_reason_before_it_is_known_and_a_personal_one_after(random: np.random.Generator) -> None:
    bright, dark = drawn.row(brightness=1.5, noise=0), drawn.row(brightness=-1.5, noise=0.5)
    assert [chip.feature for chip in chips(of(bright, dark))] == ["noise"]
    picks = []
    for at in range(25):
        x = drawn.cluster(random, 5, unknown=0).x
        picks.append(Pick(str(at), at, x, (int(np.argmax(x[:, NAMES.index("brightness")])),)))
    learnt = chips(of(bright, dark), Ranker.of(logit.fit(log.choices(picks), GLOBAL)))
    assert [(chip.text, chip.personal) for chip in learnt[:1]] == [("brightness.more", True)]


def test_the_place_to_look_at() -> None:
    frames = of(drawn.row(sharpness=2), drawn.row(sharpness=0), drawn.row(sharpness=-1))
    maps = {"sharpness": np.array([[10, 250, 30], [10, 50, 60], [0, 0, 0]], np.uint8)}
    reasons = winner.rank(frames, EVERYONE, maps).reasons
    assert reasons is not None
    assert [chip.tile for chip in reasons.chips] == [1]
    clipped = of(drawn.row(highlight_clip=0), drawn.row(highlight_clip=2))
    reasons = winner.rank(clipped, EVERYONE, {"highlights": np.array([[0.5, 0.1], [0.6, 0.9]])}).reasons
    assert reasons is not None
    assert [chip.tile for chip in reasons.chips] == [1]
    assert [chip.tile for chip in chips(frames)] == [None]


def test_a_frame_alone_wins_without_reasons() -> None:
    ranking = winner.rank(of(drawn.row(noise=3)), EVERYONE)
    assert (ranking.order, ranking.probabilities.tolist(), ranking.band, ranking.reasons) == ((0,), [1.0], "high", None)


def test_of_frames_alike_the_first_is_taken() -> None:
    ranking = winner.rank(of(*[drawn.row(noise=1)] * 3), EVERYONE)
    assert ranking.order == (0, 1, 2)
    assert ranking.reasons is not None
    assert ranking.reasons.chips == ()
    assert ranking.band == "low"


def test_a_planted_defect_is_named(random: np.random.Generator) -> None:
    """All frames but one carry the defect, everything else varies as it does between good frames."""
    named = trials = 0
    for name in ("sharpness", "motion", "noise", "highlight_clip", "shadow_clip", "exposure_error", "tilt"):
        k = NAMES.index(name)
        for _ in range(60):
            values = random.normal(0, 0.25, (int(random.integers(2, 7)), len(NAMES))) * features.SCALES
            values[:, NAMES.index("face_sharpness") :] = np.nan
            good = int(random.integers(len(values)))
            bad = np.arange(len(values)) != good
            values[bad, k] -= FEATURES[k].sign * random.uniform(1.5, 2.5, bad.sum()) * FEATURES[k].scale
            frames = features.frames(values)
            rival = next(row for row in winner.rank(frames, EVERYONE).order if row != good)
            named += name in {chip.feature for chip in explain(frames, good, rival, EVERYONE.taste).chips}
            trials += 1
    assert named >= 0.97 * trials
