"""The personal layer: a posterior of one photographer's own, used only while it foretells their picks better.

It is made anew from the log each time. Nothing else is kept, so switching it off, starting over and undoing a pick are
all questions of which picks are passed in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ml.ranking import log, logit
from ml.ranking.confidence import TEMPERATURE, Foretold, draws, fit_temperature
from ml.ranking.features import Floats
from ml.ranking.log import WEIGHTS, Pick
from ml.ranking.logit import Posterior
from ml.ranking.prior import GLOBAL

#: Picks that tell something, before the layer may speak.
ENOUGH: Final = 20
#: The gate looks at the latest picks alone, so that a taste that has changed counts soon.
WINDOW: Final = 100
#: The first block of picks that is foretold, and how much of the log each further block adds.
_FIRST_BLOCK: Final = 5
_BLOCK_SHARE: Final = 0.2
#: How far one photographer's temperature may be from everyone's: a standard deviation of its logarithm.
_TEMPERATURE_SPREAD: Final = 0.5


class State(StrEnum):
    """ACTIVE: the photographer's own weights rank. Otherwise everyone's do, and this is why."""

    OFF = "off"
    TOO_FEW = "too_few"
    NOT_BETTER = "not_better"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Settings:
    """``enabled`` False switches the layer off; picks up to ``reset_at`` (UTC seconds) are forgotten."""

    enabled: bool = True
    reset_at: float = -math.inf


@dataclass(frozen=True, slots=True)
class Layer:
    """``posterior`` and ``temperature`` are those to rank with. ``picks`` that tell something are in force; on the
    ``held_out`` ones the personal weights gained ``gain`` nats a pick over everyone's (0.0 where none was held out).
    """

    state: State
    posterior: Posterior
    temperature: float
    picks: int
    held_out: int
    gain: float


def learn(picks: Iterable[Pick], settings: Settings = Settings(), prior: Posterior = GLOBAL) -> Layer:
    """The layer after ``picks``, which depends on them as a set: see ``log.choices``."""
    kept = [pick for pick in log.in_order(picks) if pick.at > settings.reset_at and log.tells(pick)]
    if not settings.enabled or len(kept) < ENOUGH:
        state = State.TOO_FEW if settings.enabled else State.OFF
        return Layer(state, prior, TEMPERATURE, len(kept), 0, 0.0)
    held_out = foretold(kept, prior)
    gain = _gain(held_out, draws(prior))
    if gain <= 0:
        return Layer(State.NOT_BETTER, prior, TEMPERATURE, len(kept), len(held_out), gain)
    temperature = fit_temperature(held_out, around=TEMPERATURE, spread=_TEMPERATURE_SPREAD)
    return Layer(State.ACTIVE, logit.fit(log.choices(kept), prior), temperature, len(kept), len(held_out), gain)


def foretold(picks: Sequence[Pick], prior: Posterior = GLOBAL) -> list[Foretold]:
    """The latest ``WINDOW`` picks, each with personal weights that had not seen it (prequential, Dawid 1984).

    ``picks`` are in order; an accepted suggestion counts for as little here as it does in learning. A block of picks is
    foretold by the weights learnt from all before it; blocks grow with the log, so that a long one takes few fits.
    """
    made: list[Foretold] = []
    start = max(_FIRST_BLOCK, len(picks) - WINDOW)
    while start < len(picks):
        stop = start + max(_FIRST_BLOCK, int(_BLOCK_SHARE * start))
        own = draws(logit.fit(log.choices(picks[:start]), prior))
        for pick in picks[start:stop]:
            rows = log.against(pick, pick.picked)
            made.extend(Foretold(pick.x[each], 0, own, WEIGHTS[pick.basis]) for each in rows)
        start = stop
    return made


def _gain(held_out: Sequence[Foretold], shared: Floats) -> float:
    losses = [replace(each, weights=shared).log_loss(TEMPERATURE) - each.log_loss(TEMPERATURE) for each in held_out]
    return math.fsum(losses) / len(losses) if losses else 0.0
