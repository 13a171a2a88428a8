"""Taking clusters apart and putting them together, on a board. Each answers what was decided, for every later grouping.

A decision is ``{"kind", "op", ...}``: ``split`` with ``parts``, ``merge`` with ``ids``, ``move`` with ``ids``, the
``rest`` they leave and the ``target`` they join. Where an outer level had to follow, ``outer`` is the decision there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from kilo_gql.domain.cluster_board import LEVELS, Board, Node
from kilo_gql.models import ClusterKind

Decision = dict[str, Any]


def split(board: Board, node: Node, asset_ids: Sequence[UUID], now: datetime) -> tuple[Node, Decision]:
    """Take some photos, not all, out of a cluster, into a new one beside it."""
    made = board.fresh(node.kind, now)
    board.put(node.kind, asset_ids, made.id)
    return made, {"kind": node.kind.value, "op": "split", "parts": [_texts(board.inside(node.id)), _texts(asset_ids)]}


def merge(board: Board, nodes: Sequence[Node]) -> Decision:
    """Make several clusters of one kind the first of them; the clusters they lie in follow.

    The first one's title counts; where it has none, that of the next that has.
    """
    first, kind = nodes[0], nodes[0].kind
    parts = board.parts()
    inside = [asset_id for node in nodes for asset_id in parts[node.id]]
    outer = _join_outer(board, kind, inside)
    board.put(kind, inside, first.id)
    first.title = next((node.title for node in nodes if node.title is not None), None)
    return {"kind": kind.value, "op": "merge", "ids": _texts(inside), **outer}


def move(board: Board, source: Node, asset_ids: Sequence[UUID], target: Node) -> Decision:
    """Let photos of one cluster join another of its kind, and the clusters that one lies in."""
    joined = board.inside(target.id)
    outer: Decision = {}
    for kind in LEVELS[: LEVELS.index(source.kind)]:
        there = board.members[kind].get(joined[0])
        leaving = [asset_id for asset_id in asset_ids if board.members[kind].get(asset_id) != there]
        if not leaving:
            continue
        rest, target_ids = _left(board, kind, leaving), [] if there is None else board.inside(there)
        board.put(kind, leaving, there)
        outer = {"outer": _moved(kind, leaving, rest, target_ids, outer)}
    rest = [asset_id for asset_id in board.inside(source.id) if asset_id not in set(asset_ids)]
    board.put(source.kind, asset_ids, target.id)
    return _moved(source.kind, asset_ids, rest, joined, outer)


def _moved(
    kind: ClusterKind, ids: Iterable[UUID], rest: Iterable[UUID], target: Iterable[UUID], outer: Decision
) -> Decision:
    moved = {"ids": _texts(ids), "rest": _texts(rest), "target": _texts(target)}
    return {"kind": kind.value, "op": "move", **moved, **outer}


def _left(board: Board, kind: ClusterKind, leaving: Sequence[UUID]) -> list[UUID]:
    """The photos that these leave behind in their clusters of a level."""
    gone, sources = set(leaving), {board.members[kind][id_] for id_ in leaving if id_ in board.members[kind]}
    return [id_ for source in sources for id_ in board.inside(source) if id_ not in gone]


def _join_outer(board: Board, kind: ClusterKind, inside: Sequence[UUID]) -> Decision:
    """Merge the clusters around some photos, from outside inwards."""
    outer: Decision = {}
    for level in LEVELS[: LEVELS.index(kind)]:
        around = list(dict.fromkeys(at for id_ in inside if (at := board.members[level].get(id_)) is not None))
        parts = board.parts()
        everyone = list(dict.fromkeys([*inside, *(id_ for cluster_id in around for id_ in parts[cluster_id])]))
        if not around or {board.members[level].get(id_) for id_ in everyone} == {around[0]}:
            continue
        board.put(level, everyone, around[0])
        outer = {"outer": {"kind": level.value, "op": "merge", "ids": _texts(everyone), **outer}}
    return outer


def _texts(ids: Iterable[UUID]) -> list[str]:
    return [str(id_) for id_ in ids]
