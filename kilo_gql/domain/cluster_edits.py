"""What people decide about clusters: names, winners, what is done with, and which photos belong together.

Each call is one step of the actor, seen at once by everyone, and a decision that no later grouping undoes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import cluster_reads, cluster_shapes, cluster_steps, rating_changes
from kilo_gql.domain.cluster_board import Node
from kilo_gql.domain.cluster_rows import ClusterRow
from kilo_gql.domain.cluster_steps import PICKED, REJECTED, Step, called, not_in_cluster, plural
from kilo_gql.domain.culling import photos
from kilo_gql.errors import BadRequest
from kilo_gql.models import CullKind
from kilo_gql.operations import operation
from kilo_gql.patch import UNSET, UnsetType, given
from kilo_gql.text import one_line

TITLE_MAX: Final = 500
#: Clusters one call merges at most.
MERGED_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Move:
    """Photos of a cluster, and the cluster of its kind that they shall be in (None: a new one)."""

    asset_ids: list[UUID]
    target_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ClusterChange:
    """What is to change of a cluster; fields left unset stay as they are.

    At most one of ``split`` (photos to take out, into a new cluster), ``merge`` (clusters to join this one) and
    ``move`` (photos of this one that go to another).
    """

    title: str | None | UnsetType = UNSET
    reviewed: bool | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    split: list[UUID] | UnsetType = UNSET
    merge: list[UUID] | UnsetType = UNSET
    move: Move | UnsetType = UNSET


_FLAGS: Final = ("reviewed", "locked")
_SHAPES: Final = {"split": CullKind.SPLIT, "merge": CullKind.MERGE, "move": CullKind.MOVE}


@operation(Perm.CLUSTER_UPDATE, write=True)
async def update_cluster(tx: Tx, cluster_id: UUID, change: ClusterChange) -> ClusterRow:
    """Rename a cluster, mark it reviewed or locked, split, merge or move its photos: one step to undo.

    Reviewing confirms a preselected winner. Where it is unlocked or marked as not reviewed, that comes first. Answers
    with the cluster; if it is dissolved, with the one that its first photo lies in. Raises Conflict ``cluster_locked``
    if photos of a reviewed or locked cluster would go or come.
    """
    return await _updated(tx, cluster_id, change)


@operation(Perm.CLUSTER_UPDATE, write=True)
async def lock_cluster(tx: Tx, cluster_id: UUID) -> ClusterRow:
    """Keep a cluster as it stands: no grouping and no edit takes photos out of it or puts any in."""
    return await _updated(tx, cluster_id, ClusterChange(locked=True))


@operation(Perm.CLUSTER_UPDATE, write=True)
async def unlock_cluster(tx: Tx, cluster_id: UUID) -> ClusterRow:
    """Let photos come and go again. A cluster that is reviewed stays as it is all the same."""
    return await _updated(tx, cluster_id, ClusterChange(locked=False))


@operation(Perm.CLUSTER_UPDATE, write=True)
async def split_cluster(tx: Tx, cluster_id: UUID, asset_ids: list[UUID]) -> list[ClusterRow]:
    """Take photos out of a cluster, into a new one beside it.

    Bursts and duplicate groups within are cut where they lie in both. A burst or duplicate group of one photo is none:
    that photo is simply in its moment. Answers with what is left of the cluster and the new one, as far as they stand.
    """
    step = await cluster_steps.start(tx, cluster_id, CullKind.SPLIT, whole=True)
    made = _split(tx, step, step.node(cluster_id), asset_ids)
    return await _finished(tx, step, [cluster_id, made.id])


@operation(Perm.CLUSTER_UPDATE, write=True)
async def merge_clusters(tx: Tx, cluster_ids: list[UUID]) -> ClusterRow:
    """Make 2 to 500 clusters of one kind the first of them; the moments and bursts around them become one as well."""
    ids = _few(cluster_ids)
    step = await cluster_steps.start(tx, ids[0], CullKind.MERGE, others=ids[1:], whole=True)
    _merge(tx, step, [step.node(id_) for id_ in ids])
    return (await _finished(tx, step, ids[:1]))[0]


@operation(Perm.CLUSTER_UPDATE, write=True)
async def move_assets(
    tx: Tx, cluster_id: UUID, asset_ids: list[UUID], target_id: UUID | None = None
) -> list[ClusterRow]:
    """Let photos of a cluster join another of its kind, or a new one (null); they go to its moment and burst as well.

    Answers with what is left of the cluster, and the one they are in now, as far as they stand.
    """
    others = () if target_id is None else (target_id,)
    step = await cluster_steps.start(tx, cluster_id, CullKind.MOVE, others=others, whole=True)
    joined = _move(tx, step, step.node(cluster_id), Move(asset_ids, target_id))
    return await _finished(tx, step, [cluster_id, joined.id])


@operation(Perm.CLUSTER_UPDATE, write=True)
async def set_winner(
    tx: Tx, cluster_id: UUID, winner_asset_id: UUID | None, pick: bool = True, reviewed: bool = True
) -> ClusterRow:
    """Choose the best photo of a cluster (null: none), pick it, and mark the cluster reviewed: one step to undo.

    Raises BadRequest ``not_in_cluster``.
    """
    step = await cluster_steps.start(tx, cluster_id, CullKind.WINNER)
    node, row = step.node(cluster_id), await cluster_steps.shown(tx, cluster_id)
    if winner_asset_id is not None and winner_asset_id not in row.asset_ids:
        raise not_in_cluster([winner_asset_id])
    if reviewed:
        _review(tx, node)
    _crown(tx, step, node, winner_asset_id, pick=pick)
    step.title = f"Choose {'the best' if winner_asset_id else 'none'} of {called(node)}"
    await cluster_steps.finish(tx, step)
    return await cluster_steps.shown(tx, cluster_id)


@operation(Perm.CULL_APPLY, write=True)
async def reject_cluster(tx: Tx, cluster_id: UUID) -> ClusterRow:
    """Reject all photos of a cluster and mark it reviewed, without a winner: one step to undo."""
    step = await cluster_steps.start(tx, cluster_id, CullKind.REJECT_CLUSTER)
    node, row = step.node(cluster_id), await cluster_steps.shown(tx, cluster_id)
    _review(tx, node)
    node.winner_asset_id = node.winner_by = None
    step.words = dict.fromkeys(row.asset_ids, REJECTED)
    step.focus = row.asset_ids[0]
    step.title = f"Reject all of {called(node)}"
    await cluster_steps.finish(tx, step)
    return await cluster_steps.shown(tx, cluster_id)


async def _updated(tx: Tx, cluster_id: UUID, change: ClusterChange) -> ClusterRow:
    wanted = given(change)
    shapes = [name for name in _SHAPES if name in wanted]
    if len(shapes) > 1:
        raise BadRequest("Split, merge or move: one at a time.", details={"fields": shapes})
    if wanted.get("title") is not None:
        wanted["title"] = one_line(wanted["title"], field="title", limit=TITLE_MAX)
    held = not wanted.keys() <= {"title"}
    step = await cluster_steps.start(
        tx, cluster_id, _kind(wanted), others=_others(change), whole=bool(shapes), held=held
    )
    node, row = step.node(cluster_id), await cluster_steps.shown(tx, cluster_id)
    step.focus = row.asset_ids[0]
    await _flag(tx, step, node, row, {name: False for name in _FLAGS if wanted.get(name) is False})
    if shapes:
        _shape(tx, step, node, change)
    await _flag(tx, step, node, row, {name: True for name in _FLAGS if wanted.get(name)})
    if "title" in wanted and node.title != wanted["title"]:
        step.title = step.title or f"Rename {called(node)}"
        node.title = wanted["title"]
    await cluster_steps.finish(tx, step)
    there = cluster_id if cluster_id in step.board.nodes else step.board.around(node.kind, row.asset_ids[0])
    return await cluster_steps.shown(tx, there)


# --- flags -----------------------------------------------------------------------------------------------------------


async def _flag(tx: Tx, step: Step, node: Node, row: ClusterRow, flags: dict[str, bool]) -> None:
    """Lock, unlock, mark as reviewed or not."""
    if "locked" in flags and flags["locked"] != (node.locked_at is not None):
        node.locked_at = tx.now if flags["locked"] else None
        step.title = step.title or f"{'Lock' if flags['locked'] else 'Unlock'} {called(node)}"
    if "reviewed" in flags and flags["reviewed"] != (node.reviewed_at is not None):
        step.title = step.title or f"{'Finish' if flags['reviewed'] else 'Reopen'} {called(node)}"
        if flags["reviewed"]:
            await _confirm(tx, step, node, row)
            _review(tx, node)
        else:
            node.reviewed_at = node.reviewed_by = None
    if not node.shut:
        step.opened.add(node.id)


def _review(tx: Tx, node: Node) -> None:
    if node.reviewed_at is None:
        node.reviewed_at, node.reviewed_by = tx.now, tx.user_id


async def _confirm(tx: Tx, step: Step, node: Node, row: ClusterRow) -> None:
    """Who is done with a cluster agrees with its preselected winner, unless they have said something else."""
    if not row.preselected:
        return
    words = await rating_changes.words(tx, step.project_id, row.asset_ids)
    chosen = words.get(row.winner_asset_id) if row.winner_asset_id else None
    if not any(word.picked for word in words.values() if word) and not (chosen and chosen.rejected):
        _crown(tx, step, node, row.winner_asset_id, pick=True)


def _crown(tx: Tx, step: Step, node: Node, winner_asset_id: UUID | None, *, pick: bool) -> None:
    if node.winner_asset_id != winner_asset_id:
        node.winner_asset_id = winner_asset_id
        node.winner_by = None if winner_asset_id is None else tx.user_id
    step.focus = winner_asset_id
    if winner_asset_id is not None:
        step.chosen = node.id
        step.words = {winner_asset_id: PICKED} if pick else {}


# --- shapes ----------------------------------------------------------------------------------------------------------


def _shape(tx: Tx, step: Step, node: Node, change: ClusterChange) -> None:
    if not isinstance(change.split, UnsetType):
        _split(tx, step, node, change.split)
    if not isinstance(change.merge, UnsetType):
        _merge(tx, step, [step.node(id_) for id_ in _few([node.id, *change.merge])])
    if not isinstance(change.move, UnsetType):
        _move(tx, step, node, change.move)


def _split(tx: Tx, step: Step, node: Node, asset_ids: Sequence[UUID]) -> Node:
    taken = _inside(step, node, asset_ids)
    if len(taken) == len(step.board.inside(node.id)):
        raise BadRequest(
            "Leave at least one photo in the cluster.",
            details={"field": "assetIds"},
            remediation=["Rename it instead."],
        )
    step.title, step.focus = f"Split {photos(len(taken))} off {called(node)}", taken[0]
    made, step.decision = cluster_shapes.split(step.board, node, taken, tx.now)
    step.board.settle(tx.now)
    return made


def _merge(tx: Tx, step: Step, nodes: Sequence[Node]) -> None:
    _same_kind(nodes)
    step.title, step.focus = f"Merge {len(nodes)} {plural(nodes[0].kind)}", step.board.inside(nodes[1].id)[0]
    step.decision = cluster_shapes.merge(step.board, nodes)
    step.board.settle(tx.now)


def _move(tx: Tx, step: Step, node: Node, move: Move) -> Node:
    if move.target_id is None:
        return _split(tx, step, node, move.asset_ids)
    target = step.node(move.target_id)
    if target is node:
        raise BadRequest("These photos are in this cluster already.", details={"field": "targetId"})
    _same_kind([node, target])
    taken = _inside(step, node, move.asset_ids)
    step.title, step.focus = f"Move {photos(len(taken))} to {called(target)}", taken[0]
    step.decision = cluster_shapes.move(step.board, node, taken, target)
    step.board.settle(tx.now)
    return target


def _inside(step: Step, node: Node, asset_ids: Sequence[UUID]) -> list[UUID]:
    """The photos that were named, in order of time. Raises BadRequest unless there are some and all are inside."""
    inside, named = step.board.inside(node.id), set(asset_ids)
    if missing := [id_ for id_ in dict.fromkeys(asset_ids) if id_ not in set(inside)]:
        raise not_in_cluster(missing)
    if not named:
        raise BadRequest("Name at least one photo.", details={"field": "assetIds"})
    return [id_ for id_ in inside if id_ in named]


def _few(cluster_ids: Sequence[UUID]) -> list[UUID]:
    """The clusters to merge, each once. Raises BadRequest."""
    ids = list(dict.fromkeys(cluster_ids))
    if not 2 <= len(ids) <= MERGED_MAX:
        raise BadRequest(
            f"Name 2 to {MERGED_MAX} clusters to merge.",
            details={"field": "clusterIds", "clusters": len(ids), "max": MERGED_MAX},
        )
    return ids


def _same_kind(nodes: Sequence[Node]) -> None:
    kinds = sorted({node.kind.value for node in nodes})
    if len(kinds) > 1:
        raise BadRequest(
            "Clusters of one kind go together: moments with moments, bursts with bursts.",
            code="other_kind",
            details={"kinds": kinds},
            remediation=["Merge the moments they lie in."],
        )


async def _finished(tx: Tx, step: Step, ids: Sequence[UUID]) -> list[ClusterRow]:
    await cluster_steps.finish(tx, step)
    found = await cluster_reads.rows(tx, ids)
    return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]


def _kind(wanted: dict[str, Any]) -> CullKind:
    """What a change counts as: the farthest-reaching part of it."""
    shape = next((kind for name, kind in _SHAPES.items() if name in wanted), None)
    if shape is not None:
        return shape
    return CullKind.REVIEW if "reviewed" in wanted else CullKind.LOCK if "locked" in wanted else CullKind.RENAME


def _others(change: ClusterChange) -> list[UUID]:
    others = [] if isinstance(change.merge, UnsetType) else list(change.merge)
    target = None if isinstance(change.move, UnsetType) else change.move.target_id
    return others if target is None else [*others, target]
