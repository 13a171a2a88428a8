"""A step taken back, or again, on a board: what it changed becomes what it was, where it stands as the step left it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from kilo_gql.domain.cluster_board import NO_LINK, Board, Link, Node

#: What people decide about a cluster: fields that go together.
_DECIDED: Final = (
    ("title",),
    ("winner_asset_id", "winner_by"),
    ("reviewed_at", "reviewed_by"),
    ("locked_at",),
)
#: What follows from whose photos are in it, but for the cluster it lies in.
_FOLLOWS: Final = ("start_time", "end_time", "sort_at", "size", "kept_set", "set_evidence")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a step: clusters (None: not there), and the photos of those whose photos it changed, with links."""

    nodes: Mapping[UUID, Node | None]
    parts: Mapping[UUID, Mapping[UUID, Link]]

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Side:
        """From a log."""
        nodes = {
            UUID(id_): None if row is None else msgspec.convert(row, Node, strict=False)
            for id_, row in kept.get("clusters", {}).items()
        }
        parts = {
            UUID(id_): {UUID(asset_id): _link(link) for asset_id, *link in rows}
            for id_, rows in kept.get("members", {}).items()
        }
        return cls(nodes, parts)

    @property
    def asset_ids(self) -> set[UUID]:
        return {asset_id for part in self.parts.values() for asset_id in part}


def turn(board: Board, present: Side, wanted: Side, now: datetime) -> list[UUID]:
    """Set what stands as in ``present`` to ``wanted``; returns the clusters that somebody else has changed since."""
    guarded = {id_ for id_, node in present.nodes.items() if _guarded(board, id_, node, wanted.nodes.get(id_))}
    parts = board.loaded_parts
    stands = not guarded and all(set(parts.get(id_, ())) == part.keys() for id_, part in present.parts.items())
    kept = set(guarded)
    _return_missing(board, wanted)
    kept |= _move_back(board, present, wanted, guarded)
    kept |= _decide_back(board, present, wanted, guarded)
    if present.parts:
        board.settle(now)
    if stands:
        _restore(board, present, wanted)
    return sorted(kept)


def _guarded(board: Board, id_: UUID, present: Node | None, wanted: Node | None) -> bool:
    """Nothing may come to this cluster or go: it was closed since, or named although it is to go."""
    here = board.nodes.get(id_)
    if present is None or here is None:
        return False
    closed = here.shut and not present.shut
    return closed or (wanted is None and any(not _same(here, present, names) for names in _DECIDED))


def _return_missing(board: Board, wanted: Side) -> None:
    """Clusters that photos are to go back to are there again, whether the step dissolved them or a later grouping."""
    for id_, part in wanted.parts.items():
        node = wanted.nodes[id_]
        if part and node is not None and id_ not in board.nodes:
            board.nodes[id_] = msgspec.structs.replace(node)


def _move_back(board: Board, present: Side, wanted: Side, guarded: set[UUID]) -> set[UUID]:
    """Photos go where they were, if they are where the step put them; returns clusters of those that are not."""
    kept: set[UUID] = set()
    here, there = _places(present), _places(wanted)
    for kind, asset_id in here.keys() | there.keys():
        left, goal = here.get((kind, asset_id)), there.get((kind, asset_id))
        if left == goal or asset_id not in board.rank:
            continue
        if board.members[kind].get(asset_id) != left or left in guarded or goal in guarded:
            kept.update(id_ for id_ in (left, goal) if id_ is not None and id_ in board.loaded)
        else:
            board.put(kind, [asset_id], goal)
    return kept


def _decide_back(board: Board, present: Side, wanted: Side, guarded: set[UUID]) -> set[UUID]:
    """Names, winners and marks are what they were, each where it stands as the step left it."""
    kept: set[UUID] = set()
    for id_, goal in wanted.nodes.items():
        here, left = board.nodes.get(id_), present.nodes[id_]
        if here is None and goal is not None and left is not None:
            kept.add(id_)
        if here is None or goal is None or left is None:
            continue
        for names in _DECIDED:
            if _same(left, goal, names):
                continue
            if _same(here, left, names):
                _copy(goal, here, names)
            elif not _same(here, goal, names):
                kept.add(id_)
    return kept


def _restore(board: Board, present: Side, wanted: Side) -> None:
    """Everything stood as the step left it: what follows from who is where is as it was, to the letter."""
    for id_, goal in wanted.nodes.items():
        left, here = present.nodes[id_], board.nodes.get(id_)
        if goal is not None and here is not None:
            _copy(goal, here, [name for name in _FOLLOWS if left is None or not _same(left, goal, (name,))])
    for id_, part in wanted.parts.items():
        node = wanted.nodes[id_]
        if node is not None:
            board.links.update({(node.kind, asset_id): link for asset_id, link in part.items()})


def _places(side: Side) -> dict[tuple[Any, UUID], UUID]:
    return {
        (node.kind, asset_id): id_
        for id_, part in side.parts.items()
        if (node := side.nodes[id_]) is not None
        for asset_id in part
    }


def _same(one: Node, other: Node, names: Iterable[str]) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _copy(source: Node, target: Node, names: Iterable[str]) -> None:
    for name in names:
        setattr(target, name, getattr(source, name))


def _link(values: list[Any]) -> Link:
    if not values:
        return NO_LINK
    asset_id, *rest = values
    return Link(None if asset_id is None else UUID(asset_id), *rest)
