"""Picks: what a person decided about a cluster, beside what was suggested to them at the time.

From these the person's own ranker is learnt, and how good the suggestions were is counted. A pick belongs to the action
it came with: undoing the action takes it out of force, and nothing else has to be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from kilo_gql.db import Tx
from kilo_gql.domain import learning
from kilo_gql.domain.candidates import CLUSTER, MEMBER, files, units
from kilo_gql.domain.consent_rows import is_open
from kilo_gql.models import Band, Cluster, ConsentPurpose, Pick, PickBasis, Rating, Suggestion
from kilo_gql.models.base import uuid7
from kilo_gql.reads import Read

#: Columns of a pick that say what the user was shown.
_SHOWN: Final = ("basis", "suggested_asset_id", "band", "place", "regret")
_ME: Final = bindparam("user_id", type_=Uuid())
_OWN: Final[Any] = Suggestion.__table__.alias("own").c
_SHARED: Final[Any] = Suggestion.__table__.alias("shared").c


def _words() -> Read:
    """The files among which a decision about ``asset_ids`` was made, with the user's word on each; ``decided``: and
    those of this cluster.
    """
    clusters = units(bindparam("asset_ids", type_=ARRAY(Uuid())))
    wanted = clusters.union(select(bindparam("decided", type_=Uuid())))
    return Read(
        files()
        .add_columns(Rating.picked, Rating.rejected, CLUSTER.c.winner_asset_id)
        .outerjoin(Rating, and_(Rating.asset_id == MEMBER.asset_id, Rating.user_id == _ME))
        # as an array: found first, then looked up, whatever the database knows of its tables
        .where(MEMBER.cluster_id == func.any(func.array(wanted.scalar_subquery(), type_=ARRAY(Uuid()))))
    )


def _seen() -> Read:
    """By cluster: the user's pick in force, and the order that they are shown. ``consented``: may be learnt from."""
    latest = (
        select(Pick.id)
        .where(Pick.user_id == _ME, Pick.cluster_id == Cluster.id, Pick.in_force)
        .order_by(Pick.at.desc(), Pick.id.desc())
        .limit(1)
        .correlate(Cluster)
        .scalar_subquery()
    )
    said = ("id", "at", "asset_ids", "picked", "rejected", *_SHOWN)
    return Read(
        select(
            Cluster.id,
            *(getattr(Pick, name).label(f"pick_{name}") for name in said),
            *(
                func.coalesce(getattr(_OWN, name), getattr(_SHARED, name)).label(name)
                for name in ("asset_ids", "probabilities", "band")
            ),
            is_open(_ME, ConsentPurpose.PERSONAL_RANKING).label("consented"),
        )
        .outerjoin(Pick, Pick.id == latest)
        .outerjoin(_OWN.id.table, and_(_OWN.cluster_id == Cluster.id, _OWN.user_id == _ME))
        .outerjoin(_SHARED.id.table, and_(_SHARED.cluster_id == Cluster.id, _SHARED.user_id.is_(None)))
        .where(Cluster.id == func.any(bindparam("cluster_ids", type_=ARRAY(Uuid()))))
    )


_WORDS: Final = _words()
_SEEN: Final = _seen()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says of a cluster now: of its photos ``asset_ids``, in order of time, these are picked or rejected.

    ``winner``: the one that was chosen before all others, if that is what was just decided.
    """

    cluster_id: UUID
    asset_ids: list[UUID]
    picked: list[UUID]
    rejected: list[UUID]
    winner: UUID | None = None

    def repeats(self, seen: Any) -> bool:
        """It says what the user's pick in force says already; where there is none, nothing."""
        if seen.pick_id is None:
            return not (self.picked or self.rejected)
        if self.winner is not None and self.picked != [self.winner]:
            return False
        said = seen.pick_asset_ids, seen.pick_picked, seen.pick_rejected
        return (self.asset_ids, self.picked, self.rejected) == said


async def note(
    tx: Tx, action_id: UUID, project_id: UUID, asset_ids: Sequence[UUID], *, cluster_id: UUID | None = None
) -> None:
    """Record what the acting user decided, after an action changed what they say about these photos.

    One pick for each cluster within which the photos are compared, from the user's present ratings; ``cluster_id``: of
    this cluster the winner was chosen as well. A cluster about which the user now says what they said before gives
    none. Four statements at most. Not for steps in which the ranker chose by itself: it would learn from its own
    guesses.
    """
    await tx.flush()  # what follows is read past the session
    decisions = await _decisions(tx, asset_ids, cluster_id)
    if not decisions:
        return
    clusters = [decision.cluster_id for decision in decisions]
    seen = {row.id: row for row in await _SEEN.rows(tx, cluster_ids=clusters, user_id=tx.user_id)}
    common = {"user_id": tx.user_id, "project_id": project_id, "action_id": action_id, "in_force": True}
    # a grouping that ends meanwhile may have taken a cluster away
    rows = [
        {"id": uuid7(), **common, **_row(tx, decision, shown)}
        for decision in decisions
        if (shown := seen.get(decision.cluster_id)) is not None and not decision.repeats(shown)
    ]
    if rows:
        await tx.insert(Pick, rows)
        if next(iter(seen.values())).consented:
            await learning.ask(tx, tx.user_id)


async def withdraw(tx: Tx, action_id: UUID) -> None:
    """An action is undone: its picks are out of force."""
    await _put(tx, action_id, in_force=False)


async def reinstate(tx: Tx, action_id: UUID) -> None:
    """An action is done again: its picks are in force again."""
    await _put(tx, action_id, in_force=True)


async def _put(tx: Tx, action_id: UUID, *, in_force: bool) -> None:
    changed = await tx.session.execute(
        update(Pick)
        .where(Pick.action_id == action_id, Pick.in_force.is_not(in_force))
        .values(in_force=in_force)
        .returning(Pick.id)
        .execution_options(synchronize_session=False)
    )
    if changed.first() is not None:
        await learning.follow(tx)


async def _decisions(tx: Tx, asset_ids: Sequence[UUID], decided: UUID | None) -> list[Decision]:
    """What the user says of each cluster in which there is something to choose."""
    found = await _WORDS.rows(tx, asset_ids=list(asset_ids), decided=decided, user_id=tx.user_id)
    made = []
    for cluster_id, members in groupby(found, key=lambda file: file.cluster_id):
        decision = _decision(cluster_id, list(members), chosen=cluster_id == decided)
        if len(decision.asset_ids) > 1:
            made.append(decision)
    return made


def _decision(cluster_id: UUID, members: Sequence[Any], *, chosen: bool) -> Decision:
    """A word on a copy counts for its original. Yet rejecting a copy only says that one file is enough: an exposure is
    rejected when all its files are.
    """
    exposures: dict[UUID, list[Any]] = {}
    for file in members:
        exposures.setdefault(file.exposure, []).append(file)
    originals = [file for file in members if file.original]
    picked, rejected, winner = [], [], None
    for original in originals:
        same = exposures[original.exposure]
        if chosen and any(file.asset_id == file.winner_asset_id for file in same):
            winner = original.asset_id
        if winner == original.asset_id or any(file.picked for file in same):
            picked.append(original.asset_id)
        elif all(file.rejected for file in same):
            rejected.append(original.asset_id)
    return Decision(cluster_id, [file.asset_id for file in originals], picked, rejected, winner)


def _row(tx: Tx, decision: Decision, seen: Any) -> dict[str, Any]:
    """Never before the pick in force: of two calls at once, the one that began first may be the one that ends last."""
    same = decision.picked != [] and (decision.asset_ids, decision.picked) == (seen.pick_asset_ids, seen.pick_picked)
    return {
        "cluster_id": decision.cluster_id,
        "at": tx.now if seen.pick_at is None else max(tx.now, seen.pick_at),
        "asset_ids": decision.asset_ids,
        "picked": decision.picked,
        "rejected": decision.rejected,
        **(_as_before(seen) if same else _compared(decision, seen)),
    }


def _as_before(seen: Any) -> dict[str, Any]:
    """What was shown when the same photo was picked: a ranker that has learnt from that since did not suggest it."""
    return {name: getattr(seen, f"pick_{name}") for name in _SHOWN}


def _compared(decision: Decision, seen: Any) -> dict[str, Any]:
    """How the decision compares with what was shown. Nothing is suggested in the band LOW: that asks to compare."""
    nothing = {"basis": PickBasis.UNPROMPTED, "suggested_asset_id": None, "band": None, "place": None, "regret": None}
    if seen.asset_ids is None:
        return nothing
    first = seen.asset_ids[0]
    chosen = decision.picked if decision.winner is None else [decision.winner]
    basis = PickBasis.UNPROMPTED
    if seen.band != Band.LOW and (chosen or first in decision.rejected):
        basis = PickBasis.ACCEPTED if first in chosen else PickBasis.OVERRIDE
    found = {**nothing, "basis": basis, "suggested_asset_id": first, "band": seen.band}
    places = [place for place, id_ in enumerate(seen.asset_ids) if id_ in chosen]
    if places:
        found["place"] = places[0] + 1
        found["regret"] = max(0.0, seen.probabilities[0] - seen.probabilities[places[0]])
    return found
