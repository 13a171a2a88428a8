"""A photographer's own ranker: how it stands and why, switching it off and on, and starting over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import chips, learning
from kilo_gql.domain.consent_rows import given
from kilo_gql.domain.ranker_rows import forget, forget_frames, idle, locked
from kilo_gql.models import ConsentPurpose, Ranker, RankerState
from kilo_gql.operations import operation

#: Picks that tell something, before it may speak: ``ml.ranking.personal.ENOUGH``.
NEEDED: Final = 20
#: A weight is worth a word if it is so many of its standard deviations from everyone's.
_CLEAR: Final = 1.0

_WHY: Final = {
    RankerState.OFF: "You have switched your own ranker off; everyone's ranks for you.",
    RankerState.NO_CONSENT: "You have not allowed KILO to learn from your picks; everyone's ranker ranks for you.",
    RankerState.TOO_FEW: "It needs {needed} picks that tell something, and has {picks}; until then everyone's ranks.",
    RankerState.NOT_BETTER: "Everyone's ranker foretells your latest picks as well as your own would, and ranks.",
    RankerState.ACTIVE: "It foretells your latest picks better than everyone's ranker does, and ranks for you.",
}


@stored
@dataclass(frozen=True, slots=True)
class Weight:
    """What one feature counts, in nats for one step of its scale: for the photographer (``weight``, with its standard
    deviation ``sd``) and for ``everyone``. ``words``: what that means, where the two are clearly apart.
    """

    feature: str
    weight: float
    sd: float
    everyone: float
    words: str | None


@stored
@dataclass(frozen=True, slots=True)
class OwnRanker:
    """A photographer's own ranker. ``picks``: those it was learnt from, of the ``needed``. ``gain``: nats a pick that
    it foretold ``held_out`` picks better than everyone's, None where none was held out.
    """

    state: RankerState
    why: str
    enabled: bool
    consented: bool
    picks: int
    needed: int
    held_out: int
    gain: float | None
    learnt_at: datetime | None
    reset_at: datetime | None
    weights: list[Weight]


@operation(Perm.RANKER_READ)
async def get_ranker(tx: Tx) -> OwnRanker:
    """Your own ranker: whether it ranks for you and why, how many picks it has seen, and what it has learnt."""
    row: Ranker | None = await tx.scalar(select(Ranker).where(Ranker.user_id == tx.user_id))
    return await _shown(tx, row)


@operation(Perm.RANKER_MANAGE, write=True)
async def set_ranker_enabled(tx: Tx, enabled: bool) -> OwnRanker:
    """Switch your own ranker off or on; off, everyone's ranks for you at once, and your picks are kept."""
    row = await locked(tx, tx.user_id)
    if row.enabled is not enabled:
        row.enabled = enabled
        consented = await given(tx, tx.user_id, ConsentPurpose.PERSONAL_RANKING)
        await forget(tx, row, consented=consented)
        if enabled and consented:
            await learning.ask(tx, tx.user_id, pause=None)
    return await _shown(tx, row)


@operation(Perm.RANKER_MANAGE, write=True)
async def reset_ranker(tx: Tx) -> OwnRanker:
    """Let your own ranker start over: it forgets all your picks so far, and everyone's ranks for you at once."""
    row = await locked(tx, tx.user_id)
    row.reset_at = tx.now
    await forget(tx, row, consented=await given(tx, tx.user_id, ConsentPurpose.PERSONAL_RANKING))
    await forget_frames(tx, tx.user_id)
    return await _shown(tx, row)


async def _shown(tx: Tx, row: Ranker | None) -> OwnRanker:
    consented = await given(tx, tx.user_id, ConsentPurpose.PERSONAL_RANKING)
    row = row or Ranker(enabled=True, state=idle(True, consented), picks=0, held_out=0, gain=0.0)
    return OwnRanker(
        state=row.state,
        why=_WHY[row.state].format(needed=NEEDED, picks=row.picks),
        enabled=row.enabled,
        consented=consented,
        picks=row.picks,
        needed=NEEDED,
        held_out=row.held_out,
        gain=row.gain if row.held_out else None,
        learnt_at=row.learnt_at,
        reset_at=row.reset_at,
        weights=_weights(row),
    )


def _weights(row: Ranker) -> list[Weight]:
    """The farthest from everyone's first; features that nothing was learnt of are left out."""
    if row.posterior is None:
        return []
    columns = (row.posterior[name] for name in ("features", "mean", "sd", "shared"))
    made = [_weight(*values) for values in zip(*columns, strict=True)]
    learnt = [weight for weight in made if weight.weight != weight.everyone]
    return sorted(learnt, key=lambda weight: -abs(weight.weight - weight.everyone) / weight.sd)


def _weight(feature: str, mean: float, sd: float, everyone: float) -> Weight:
    away = mean - everyone
    words = chips.leaning(feature, away > 0) if abs(away) >= _CLEAR * sd else None
    return Weight(feature, mean, sd, everyone, words)
