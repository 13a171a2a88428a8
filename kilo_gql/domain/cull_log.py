"""What each person did while they culled, step by step: how a step is written down and found again.

``before`` and ``after`` of a step hold what it changed: ``ratings`` as ``kilo_gql.domain.rating_changes`` writes them,
``clusters`` and ``members`` as ``kilo_gql.domain.cluster_store`` does. What it decided for every later grouping is told
by ``kilo_gql.domain.cluster_shapes``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select, update

from kilo_gql.db import Tx
from kilo_gql.models import CullAction, CullKind, CullState, User
from kilo_gql.models.base import uuid7

#: Photos a step names; it may have touched more.
SHOWN: Final = 500


async def turn(tx: Tx) -> None:
    """Wait until the actor's other calls are through: one person's steps are logged in the order they happened in."""
    await tx.rows(select(User.id).where(User.id == tx.user_id).with_for_update(key_share=True))


async def record(
    tx: Tx,
    project_id: UUID,
    *,
    kind: CullKind,
    title: str,
    asset_ids: Collection[UUID],
    cluster_ids: Collection[UUID],
    focus: UUID | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    decision: Mapping[str, Any] | None = None,
) -> UUID:
    """Write down a step of the actor and return its id. Steps that were undone before cannot be redone any more.

    ``asset_ids``: every photo it changed, of which the first 500 are kept by name.
    """
    step = {
        "id": uuid7(),
        "project_id": project_id,
        "user_id": tx.user_id,
        "at": tx.now,
        "kind": kind,
        "state": CullState.DONE,
        "title": title,
        "asset_ids": list(asset_ids)[:SHOWN],
        "asset_count": len(asset_ids),
        "cluster_ids": list(cluster_ids),
        "focus_asset_id": focus,
        "before": dict(before),
        "after": dict(after),
        "decision": None if decision is None else dict(decision),
    }
    await tx.insert(CullAction, [step])
    return step["id"]  # type: ignore[return-value]


async def last_done(tx: Tx, project_id: UUID) -> CullAction | None:
    """The actor's step that would be undone."""
    own = _own(tx, project_id).where(CullAction.state == CullState.DONE)
    found: CullAction | None = await tx.scalar(own.order_by(CullAction.seq.desc()).limit(1))
    return found


async def first_undone(tx: Tx, project_id: UUID) -> CullAction | None:
    """The actor's step that would be redone: what was undone before the last step that is done is past redoing."""
    done = CullAction.project_id == project_id, CullAction.user_id == tx.user_id, CullAction.state == CullState.DONE
    last = select(func.coalesce(func.max(CullAction.seq), 0)).where(*done).scalar_subquery()
    own = _own(tx, project_id).where(CullAction.state == CullState.UNDONE, CullAction.seq > last)
    found: CullAction | None = await tx.scalar(own.order_by(CullAction.seq).limit(1))
    return found


async def undone(tx: Tx, step: CullAction) -> None:
    """This step is undone. Those that were when it was done are dropped: it would be in their way no longer."""
    step.state = CullState.UNDONE
    await tx.flush()
    await tx.session.execute(
        update(CullAction)
        .where(CullAction.project_id == step.project_id, CullAction.user_id == tx.user_id, CullAction.seq < step.seq)
        .where(CullAction.state == CullState.UNDONE)
        .values(state=CullState.DROPPED)
        .execution_options(synchronize_session=False)
    )


def _own(tx: Tx, project_id: UUID) -> Select[CullAction]:
    return select(CullAction).where(CullAction.project_id == project_id, CullAction.user_id == tx.user_id)
