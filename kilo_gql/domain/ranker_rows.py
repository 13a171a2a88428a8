"""The row of a photographer's own ranker, and what it falls back to."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from uuid import UUID

from sqlalchemy import delete, select, update

from kilo_gql.db import Tx
from kilo_gql.domain.ranking import announce
from kilo_gql.models import Pick, Ranker, RankerState, Suggestion


async def locked(tx: Tx, user_id: UUID) -> Ranker:
    """The user's row, made if there is none, theirs alone until this transaction ends.

    Whatever decides about learning takes this lock first: consent, the switch, starting over, and learning itself.
    """
    fresh = {
        "user_id": user_id, "enabled": True, "state": RankerState.NO_CONSENT, "picks": 0, "held_out": 0, "gain": 0.0,
        "updated_at": tx.now,
    }  # fmt: skip
    await tx.insert(Ranker, [fresh], ignore=True)
    statement = select(Ranker).where(Ranker.user_id == user_id).with_for_update()
    row: Ranker = await tx.scalar(statement.execution_options(populate_existing=True))
    return row


async def forget(tx: Tx, row: Ranker, *, consented: bool) -> None:
    """What was learnt is gone, and everyone's ranker counts, from this transaction on."""
    row.posterior = row.temperature = row.features_version = row.learnt_at = None
    row.picks, row.held_out, row.gain = 0, 0, 0.0
    row.state, row.updated_at = idle(row.enabled, consented), tx.now
    await tx.flush()
    await forget_suggestions(tx, row.user_id)


async def forget_frames(tx: Tx, user_id: UUID) -> None:
    """What was kept of the frames that a user picked from is gone; the picks themselves belong to their actions."""
    kept = update(Pick).where(Pick.user_id == user_id, Pick.values.is_not(None))
    await tx.session.execute(kept.values(values=None, features_version=None))


async def forget_suggestions(tx: Tx, user_id: UUID) -> None:
    """What a user's own ranker suggested is gone, and their projects are told."""
    columns = Suggestion.project_id, Suggestion.cluster_id
    gone = delete(Suggestion).where(Suggestion.user_id == user_id).returning(*columns)
    with tx.trust("a person's own suggestions go with their ranker, in whichever project"):
        found = (await tx.session.execute(gone.execution_options(synchronize_session=False))).all()
    for project_id, rows in groupby(sorted(map(tuple, found)), key=itemgetter(0)):
        announce(tx, project_id, [cluster_id for _, cluster_id in rows])


def idle(enabled: bool, consented: bool) -> RankerState:
    """How a ranker stands that has learnt nothing."""
    if not consented:
        return RankerState.NO_CONSENT
    return RankerState.TOO_FEW if enabled else RankerState.OFF
