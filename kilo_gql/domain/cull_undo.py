"""Undo and redo: one call takes one step of a person back, or again, however many photos it touched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import cluster_store, cluster_undo, clustering, cull_log, picks, rating_changes
from kilo_gql.domain.cluster_undo import Side
from kilo_gql.errors import Conflict
from kilo_gql.models import Asset, CullAction, CullKind, CullState
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, page_of


@stored
@dataclass(frozen=True, slots=True)
class CullTurn:
    """A step that was undone or redone: what it was, and the photo to go to.

    ``asset_ids``: the first 500 of the ``asset_count`` photos it touched. ``kept_*``: what has been changed since and
    was left as it is, by the first 500 photos.
    """

    kind: CullKind
    title: str
    asset_ids: list[UUID]
    asset_count: int
    cluster_ids: list[UUID]
    focus_asset_id: UUID | None
    kept_asset_ids: list[UUID]
    kept_cluster_ids: list[UUID]
    can_undo: bool
    can_redo: bool


@dataclass(frozen=True, slots=True)
class CullStep:
    """A step in one's log. ``asset_ids``: the first 500 of the ``asset_count`` photos it touched."""

    id: UUID
    at: datetime
    kind: CullKind
    state: CullState
    title: str
    asset_ids: list[UUID]
    asset_count: int
    cluster_ids: list[UUID]
    focus_asset_id: UUID | None
    seq: int


_STEP: Final = [getattr(CullAction, name) for name in CullStep.__dataclass_fields__]


@operation(Perm.CULL_READ)
async def list_cull_actions(tx: Tx, project_id: UUID, slice_: Slice) -> Page[CullStep]:
    """Your own steps in a project, newest first: done, undone (they can be redone), or dropped."""
    own = CullAction.project_id == project_id, CullAction.user_id == tx.user_id
    await tx.enter(project_id)
    last = await tx.scalar(select(func.max(CullAction.seq)).where(*own, CullAction.state == CullState.DONE))
    statement = select(*_STEP).where(*own).order_by(CullAction.seq.desc()).limit(slice_.limit + 1)
    after = slice_.after(int)
    if after is not None:
        statement = statement.where(CullAction.seq < after[0])
    steps = [_seen(CullStep(*row), last or 0) for row in await tx.rows(statement)]
    return page_of(steps, slice_, lambda step: (step.seq,))


def _seen(step: CullStep, last_done: int) -> CullStep:
    """What was undone before the last step that is done cannot be redone any more."""
    past = step.state is CullState.UNDONE and step.seq < last_done
    return replace(step, state=CullState.DROPPED) if past else step


@operation(Perm.CULL_APPLY, write=True)
async def undo_cull(tx: Tx, project_id: UUID) -> CullTurn:
    """Undo your last step in a project that is not undone yet, and what was learnt from it. There is no limit.

    What somebody else has changed since stays as it is. Raises Conflict ``nothing_to_undo``.
    """
    await tx.enter(project_id)
    await cull_log.turn(tx)
    step = await cull_log.last_done(tx, project_id)
    if step is None:
        raise Conflict("There is nothing to undo in this project.", code="nothing_to_undo")
    kept = await _turn(tx, step, present=step.after, wanted=step.before)
    await cull_log.undone(tx, step)
    await picks.withdraw(tx, step.id)
    return await _answer(tx, step, kept)


@operation(Perm.CULL_APPLY, write=True)
async def redo_cull(tx: Tx, project_id: UUID) -> CullTurn:
    """Do the last step again that you undid, as long as you have done nothing else since, and learn from it again.

    Raises Conflict ``nothing_to_redo``.
    """
    await tx.enter(project_id)
    await cull_log.turn(tx)
    step = await cull_log.first_undone(tx, project_id)
    if step is None:
        raise Conflict("There is nothing to redo in this project.", code="nothing_to_redo")
    kept = await _turn(tx, step, present=step.before, wanted=step.after)
    step.state = CullState.DONE
    await tx.flush()
    await picks.reinstate(tx, step.id)
    return await _answer(tx, step, kept)


async def _turn(
    tx: Tx, step: CullAction, *, present: dict[str, Any], wanted: dict[str, Any]
) -> tuple[list[UUID], list[UUID]]:
    """Set what a step changed to its other side; returns the photos and clusters that were left alone."""
    left = await _turn_clusters(tx, step, Side.of(present), Side.of(wanted))
    names = step.before.get("ratings", [])
    if not names:
        return [], left
    sides = present["ratings"], wanted["ratings"]
    _, spared = await rating_changes.put_back(tx, step.project_id, *sides, names)
    return spared, left


async def _turn_clusters(tx: Tx, step: CullAction, present: Side, wanted: Side) -> list[UUID]:
    if not present.nodes:
        return []
    if step.kind is not CullKind.RENAME:
        await clustering.decided(tx, step.project_id)
    if present.parts:
        assets = present.asset_ids | wanted.asset_ids
        board = await cluster_store.board(tx, step.project_id, present.nodes, assets)
    else:
        board = await cluster_store.bare(tx, step.project_id, present.nodes)
    await _without_purged(tx, step.project_id, wanted)
    kept = cluster_undo.turn(board, present, wanted, tx.now)
    await cluster_store.write(tx, step.project_id, board)
    return kept


async def _without_purged(tx: Tx, project_id: UUID, side: Side) -> None:
    """A winner that was deleted for good meanwhile cannot be one again."""
    crowned = [node for node in side.nodes.values() if node is not None and node.winner_asset_id is not None]
    if crowned:
        winners = [node.winner_asset_id for node in crowned]
        there = await tx.scalars(select(Asset.id).where(Asset.project_id == project_id, Asset.id.in_(winners)))
        for node in crowned:
            if node.winner_asset_id not in there:
                node.winner_asset_id = node.winner_by = None


async def _answer(tx: Tx, step: CullAction, kept: tuple[list[UUID], list[UUID]]) -> CullTurn:
    can_undo = await cull_log.last_done(tx, step.project_id) is not None
    can_redo = await cull_log.first_undone(tx, step.project_id) is not None
    return CullTurn(
        step.kind,
        step.title,
        step.asset_ids,
        step.asset_count,
        step.cluster_ids,
        step.focus_asset_id,
        kept[0][: cull_log.SHOWN],
        kept[1],
        can_undo,
        can_redo,
    )
