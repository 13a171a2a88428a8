"""The answer for a cluster: its frames in order, how sure the first is, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.ranking import chips, confidence
from ml.ranking.chips import Reasons, Taste, TileMaps
from ml.ranking.confidence import TEMPERATURE, Band
from ml.ranking.features import Floats, Frames
from ml.ranking.logit import Posterior
from ml.ranking.prior import GLOBAL


@dataclass(frozen=True, slots=True)
class Ranker:
    """A posterior made ready: build it once for a photographer, then rank any number of clusters."""

    taste: Taste
    draws: Floats
    temperature: float

    @classmethod
    def of(cls, posterior: Posterior, temperature: float = TEMPERATURE) -> Ranker:
        """Of everyone's posterior, or of a ``personal.Layer``'s and its temperature."""
        taste = Taste(posterior.mean, posterior.sd(), GLOBAL.mean)
        return cls(taste, confidence.draws(posterior), temperature)


@dataclass(frozen=True, slots=True)
class Ranking:
    """``order`` (n,) rows from the best; ``scores`` (n,) in nats and ``probabilities`` (n,), which add up to 1, by row.

    ``reasons`` is None for a frame alone.
    """

    order: tuple[int, ...]
    scores: Floats
    probabilities: Floats
    band: Band
    reasons: Reasons | None

    @property
    def winner(self) -> int:
        return self.order[0]


def rank(frames: Frames, ranker: Ranker, maps: TileMaps | None = None) -> Ranking:
    """Rank the frames of one cluster (n ≥ 1) by score; of frames that score alike the earlier row comes first.

    ``maps`` has the frames' tile maps, (n, tiles) by name, where a reason should point at a place.
    """
    scores = np.einsum("nd,d->n", frames.x, ranker.taste.mean)
    order = tuple(int(row) for row in np.argsort(-scores, kind="stable"))
    probabilities = confidence.probabilities(frames.x, ranker.draws, ranker.temperature)
    if len(order) == 1:
        return Ranking(order, scores, probabilities, Band.HIGH, None)
    rival = float(np.delete(probabilities, order[0]).max())
    band = confidence.band(float(probabilities[order[0]]), rival)
    return Ranking(order, scores, probabilities, band, chips.explain(frames, order[0], order[1], ranker.taste, maps))
