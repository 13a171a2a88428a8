"""The clusters that an edit is about, laid out: who is where, and what follows from that.

A board holds whole moments with everything in them. Edits say which cluster a photo is in, level by level; ``settle``
makes it consistent again. Nothing here knows of a database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from kilo_gql.models import ClusterKind, SetKind
from kilo_gql.models.base import uuid7

MOMENT, BURST, COPIES = ClusterKind.MOMENT, ClusterKind.BURST, ClusterKind.DUPLICATE_GROUP
#: From the outermost level inwards.
LEVELS: Final = (MOMENT, BURST, COPIES)


class Node(msgspec.Struct):
    """A cluster, as its row has it, but for its project and when it last changed."""

    id: UUID
    kind: ClusterKind
    parent_id: UUID | None
    title: str | None
    start_time: datetime | None
    end_time: datetime | None
    sort_at: datetime
    size: int
    kept_set: SetKind | None
    set_evidence: dict[str, Any]
    winner_asset_id: UUID | None
    winner_by: UUID | None
    reviewed_at: datetime | None
    reviewed_by: UUID | None
    locked_at: datetime | None
    created_at: datetime

    @property
    def shut(self) -> bool:
        """A person has said that its photos stay as they are."""
        return self.reviewed_at is not None or self.locked_at is not None


class Link(NamedTuple):
    """Why a photo is in its cluster, as the columns ``link_*`` have it."""

    asset_id: UUID | None = None
    gap_s: float | None = None
    look: float | None = None
    score: float | None = None
    reasons: int = 0


class Taken(NamedTuple):
    """When a photo was taken, by the corrected clock (None: not known), and where it stands in a list."""

    at: datetime | None
    sort_at: datetime


NO_LINK: Final = Link()


class Board:
    """``members``: the cluster of each photo, by level. ``order``: all photos in order of time."""

    def __init__(
        self,
        nodes: Iterable[Node],
        members: Mapping[ClusterKind, Mapping[UUID, UUID]],
        links: Mapping[tuple[ClusterKind, UUID], Link],
        order: Iterable[UUID],
        taken: Mapping[UUID, Taken],
    ) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.members = {kind: dict(members.get(kind, {})) for kind in LEVELS}
        self.links = dict(links)
        self.rank = {id_: rank for rank, id_ in enumerate(order)}
        self.taken = taken
        self.loaded = {id_: copy(node) for id_, node in self.nodes.items()}
        self.loaded_links = dict(links)
        self.loaded_parts = self.parts()

    def parts(self) -> dict[UUID, list[UUID]]:
        """The photos of each cluster in order of time."""
        parts: dict[UUID, list[UUID]] = {}
        for kind in LEVELS:
            for asset_id in sorted(self.members[kind], key=self.rank.__getitem__):
                parts.setdefault(self.members[kind][asset_id], []).append(asset_id)
        return parts

    def inside(self, cluster_id: UUID) -> list[UUID]:
        """The photos of one cluster in order of time."""
        kind = self.nodes[cluster_id].kind
        there = (asset_id for asset_id, at in self.members[kind].items() if at == cluster_id)
        return sorted(there, key=self.rank.__getitem__)

    def around(self, kind: ClusterKind, asset_id: UUID) -> UUID:
        """The innermost cluster of a photo, of this level or further out."""
        levels = reversed(LEVELS[: LEVELS.index(kind) + 1])
        return next(at for level in levels if (at := self.members[level].get(asset_id)) is not None)

    def put(self, kind: ClusterKind, asset_ids: Iterable[UUID], cluster_id: UUID | None) -> None:
        """These photos are in this cluster of a level (None: in none)."""
        for asset_id in asset_ids:
            if cluster_id is None:
                self.members[kind].pop(asset_id, None)
            else:
                self.members[kind][asset_id] = cluster_id

    def fresh(self, kind: ClusterKind, now: datetime) -> Node:
        """A new cluster, empty as yet."""
        nothing: dict[str, Any] = dict.fromkeys(Node.__struct_fields__)
        made = {"id": uuid7(), "kind": kind, "sort_at": now, "created_at": now, "size": 0, "set_evidence": {}}
        node = Node(**{**nothing, **made})
        self.nodes[node.id] = node
        return node

    # --- what follows ------------------------------------------------------------------------------------------------

    def settle(self, now: datetime) -> None:
        """Make it consistent from outside inwards: what straddles an outer border is cut, what is too small dissolves.

        A cluster that is cut keeps its id where most of it is. One whose photos changed is no kept set any more, and
        its winner goes with the photo.
        """
        self._cut(BURST, lambda asset_id: self.members[MOMENT].get(asset_id), now)
        self._cut(COPIES, lambda asset_id: (self.members[MOMENT].get(asset_id), self.members[BURST].get(asset_id)), now)
        self._dissolve()
        parts = self.parts()
        for id_, node in self.nodes.items():
            node.parent_id = self._parent(node.kind, parts[id_][0])
            if set(parts[id_]) != set(self.loaded_parts.get(id_, ())):
                self._describe(node, parts[id_])
        self._pass_winners_on(parts)

    def _cut(self, kind: ClusterKind, outer: Callable[[UUID], Any], now: datetime) -> None:
        for id_, inside in list(self.parts().items()):
            if self.nodes[id_].kind is not kind:
                continue
            pieces: dict[Any, list[UUID]] = {}
            for asset_id in inside:
                pieces.setdefault(outer(asset_id), []).append(asset_id)
            most = max(pieces.values(), key=len)
            for piece in pieces.values():
                if piece is not most:
                    self.put(kind, piece, self.fresh(kind, now).id if len(piece) > 1 else None)

    def _dissolve(self) -> None:
        """Without clusters that are none: a burst takes two exposures, a duplicate group two files of one."""
        for kind in reversed(LEVELS):
            parts = self.parts()
            for id_ in [id_ for id_, node in self.nodes.items() if node.kind is kind]:
                inside = parts.get(id_, [])
                exposures = {self.members[COPIES].get(asset_id, asset_id) for asset_id in inside}
                if not inside or (kind is COPIES and len(inside) < 2) or (kind is BURST and len(exposures) < 2):
                    self.put(kind, inside, None)
                    del self.nodes[id_]

    def _parent(self, kind: ClusterKind, asset_id: UUID) -> UUID | None:
        if kind is MOMENT:
            return None
        within = self.members[BURST].get(asset_id) if kind is COPIES else None
        return within or self.members[MOMENT].get(asset_id)

    def _describe(self, node: Node, inside: list[UUID]) -> None:
        """What follows from whose photos it holds."""
        moments = [at for id_ in inside if (at := self.taken[id_].at) is not None]
        node.start_time, node.end_time = min(moments, default=None), max(moments, default=None)
        node.sort_at = node.start_time or min(self.taken[id_].sort_at for id_ in inside)
        node.size, node.kept_set, node.set_evidence = len(inside), None, {}
        here = set(inside)
        for id_ in inside:
            if (link := self.links.get((node.kind, id_))) is not None and link.asset_id not in here:
                self.links[node.kind, id_] = NO_LINK

    def _pass_winners_on(self, parts: Mapping[UUID, list[UUID]]) -> None:
        for id_, node in self.nodes.items():
            if node.winner_asset_id is not None and node.winner_asset_id not in parts[id_]:
                node.winner_asset_id = node.winner_by = None
        for id_, before in self.loaded.items():
            winner = before.winner_asset_id
            if winner is None or winner in parts.get(id_, ()):
                continue
            heir = self.nodes.get(self.members[before.kind].get(winner, id_))
            if heir is not None and heir.winner_asset_id is None and heir.id != id_:
                heir.winner_asset_id, heir.winner_by = winner, before.winner_by

    # --- what changed ------------------------------------------------------------------------------------------------

    def changed(self) -> list[UUID]:
        """Clusters that are new, gone or different in any way."""
        moved, every = self.moved(), dict.fromkeys((*self.loaded, *self.nodes))
        return [id_ for id_ in every if id_ in moved or self.nodes.get(id_) != self.loaded.get(id_)]

    def moved(self) -> set[UUID]:
        """Clusters that are new, gone, or hold other photos than before."""
        parts, before, every = self.parts(), self.loaded_parts, {*self.loaded, *self.nodes}
        return {id_ for id_ in every if set(parts.get(id_, ())) != set(before.get(id_, ()))}

    def left(self) -> dict[ClusterKind, list[UUID]]:
        """Photos that are in no cluster of a level any more."""
        left: dict[ClusterKind, list[UUID]] = {}
        for id_, part in self.loaded_parts.items():
            kind = self.loaded[id_].kind
            if gone := [asset_id for asset_id in part if asset_id not in self.members[kind]]:
                left.setdefault(kind, []).extend(gone)
        return left

    def shut(self, unlocked: Collection[UUID] = ()) -> list[UUID]:
        """Clusters of which a person has said that they stay as they are, and that did not."""
        moved = self.moved()
        return [id_ for id_, node in self.loaded.items() if node.shut and id_ in moved and id_ not in unlocked]
