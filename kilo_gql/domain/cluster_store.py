"""Boards read from the database and written back, and how a log of culling keeps what changed on one.

``clusters``: by id the node as it was, null for none. ``members``: by id the photos of a cluster whose photos changed,
in order of time, each as its id and its link (an empty list for none).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, delete, func, literal, select

from kilo_gql.db import Tx
from kilo_gql.domain.clocks import applied, camera_key, entries_of
from kilo_gql.domain.cluster_board import MOMENT, NO_LINK, Board, Link, Node, Taken
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.models import Asset, Cluster, ClusterKind, ClusterMember, Grouping, Suggestion

#: A log's part about clusters.
Kept = dict[str, dict[str, Any]]

_NODE: Final = Node.__struct_fields__
_WRITTEN: Final = tuple(name for name in _NODE if name not in ("id", "created_at"))
_PLACE: Final = ("cluster_id", "place", "link_asset_id", "link_gap_s", "link_look", "link_score", "link_reasons")


@dataclass(frozen=True, slots=True)
class Edit:
    """What was written: the log's two sides, and which clusters it was about."""

    before: Kept
    after: Kept
    cluster_ids: list[UUID]
    asset_ids: list[UUID]


async def nodes(tx: Tx, project_id: UUID, ids: Collection[UUID]) -> list[Node]:
    """These clusters of a project without their photos, in order of time; those that are not there are left out."""
    columns = [getattr(Cluster, name) for name in _NODE]
    statement = select(*columns).where(Cluster.project_id == project_id, _among(Cluster.id, ids))
    return [Node(*row) for row in await tx.rows(statement.order_by(Cluster.sort_at, Cluster.id).with_for_update())]


async def bare(tx: Tx, project_id: UUID, ids: Collection[UUID]) -> Board:
    """A board with these clusters alone: for what does not touch their photos."""
    return Board(await nodes(tx, project_id, ids), {}, {}, (), {})


async def board(tx: Tx, project_id: UUID, ids: Collection[UUID], asset_ids: Collection[UUID] = ()) -> Board:
    """The whole moments that these clusters and photos are in, and all that lies in them."""
    # step by step: each is a look into one index, whatever the database knows of its tables
    named = await _assets_of(tx, project_id, ids)
    moments = await tx.scalars(
        select(ClusterMember.cluster_id)
        .where(ClusterMember.project_id == project_id, ClusterMember.kind == MOMENT)
        .where(_among(ClusterMember.asset_id, {*named, *asset_ids}))
        .distinct()
    )
    there = await _assets_of(tx, project_id, moments)
    columns = (ClusterMember.asset_id, ClusterMember.kind, *(getattr(ClusterMember, name) for name in _PLACE))
    rows = await tx.rows(
        select(*columns).where(ClusterMember.project_id == project_id, _among(ClusterMember.asset_id, there))
    )
    found = await nodes(tx, project_id, {*ids, *(row.cluster_id for row in rows)})
    taken = await _taken(tx, project_id, {row.asset_id for row in rows})
    places = {row.asset_id: row.place for row in rows if row.kind is MOMENT}
    members: dict[ClusterKind, dict[UUID, UUID]] = {}
    for row in rows:
        members.setdefault(row.kind, {})[row.asset_id] = row.cluster_id
    links = {(row.kind, row.asset_id): Link(*row[4:]) for row in rows}
    return Board(
        found, members, links, sorted(places, key=lambda id_: (*_by_time(taken[id_]), places[id_], id_)), taken
    )


async def write(tx: Tx, project_id: UUID, board: Board) -> Edit:
    """Write what changed on a board, tell the project, and return it for the log."""
    changed, moved = board.changed(), board.moved()
    parts = board.parts()
    if not changed:
        return Edit(_empty(), _empty(), [], [])
    await _write_nodes(tx, project_id, [board.nodes[id_] for id_ in changed if id_ in board.nodes])
    await _write_members(tx, project_id, board, {id_: parts[id_] for id_ in moved if id_ in parts})
    await _forget_members(tx, project_id, board)
    await _forget(tx, project_id, [id_ for id_ in changed if id_ not in board.nodes], moved)
    _tell(tx, project_id, board, changed, moved)
    everyone = {id_ for cluster in moved for id_ in (*board.loaded_parts.get(cluster, ()), *parts.get(cluster, ()))}
    return Edit(
        _kept(changed, moved, board.loaded, board.loaded_parts, board.loaded_links),
        _kept(changed, moved, board.nodes, parts, board.links),
        changed,
        sorted(everyone, key=board.rank.__getitem__),
    )


# --- reading ---------------------------------------------------------------------------------------------------------


async def _assets_of(tx: Tx, project_id: UUID, cluster_ids: Collection[UUID]) -> Sequence[UUID]:
    """The photos of these clusters."""
    inside = select(ClusterMember.asset_id).where(ClusterMember.project_id == project_id)
    found: Sequence[UUID] = await tx.scalars(inside.where(_among(ClusterMember.cluster_id, cluster_ids)))
    return found


async def _taken(tx: Tx, project_id: UUID, asset_ids: Collection[UUID]) -> dict[UUID, Taken]:
    """When photos were taken, by the corrected clocks of their cameras."""
    columns = (Asset.id, Asset.captured_at, Asset.sort_at, Asset.camera_make, Asset.camera_model, Asset.camera_serial)
    statement = select(*columns).where(Asset.project_id == project_id, _among(Asset.id, asset_ids))
    known = await tx.scalar(select(Grouping.clock_offsets).where(Grouping.project_id == project_id))
    ahead = applied(entries_of(known or {}))
    return {row.id: _corrected(row, ahead) for row in await tx.rows(statement)}


def _corrected(row: Any, ahead: Mapping[str, float]) -> Taken:
    key = camera_key(row.camera_make, row.camera_model, row.camera_serial)
    offset = timedelta(seconds=0.0 if key is None else ahead.get(key, 0.0))
    return Taken(None if row.captured_at is None else row.captured_at - offset, row.sort_at)


def _by_time(taken: Taken) -> tuple[bool, datetime]:
    """What is not known comes last."""
    return taken.at is None, taken.at or taken.sort_at


def _among(column: Any, ids: Iterable[UUID]) -> Any:
    """The column is one of these: one parameter, however many they are."""
    return column == func.any(literal(list(ids), ARRAY(Uuid())))


# --- writing ---------------------------------------------------------------------------------------------------------


async def _write_nodes(tx: Tx, project_id: UUID, changed: Sequence[Node]) -> None:
    rows = [{**msgspec.structs.asdict(node), "project_id": project_id, "updated_at": tx.now} for node in changed]
    await tx.upsert(Cluster, rows, changing=_WRITTEN, stamp="updated_at")


async def _write_members(tx: Tx, project_id: UUID, board: Board, parts: Mapping[UUID, Sequence[UUID]]) -> None:
    rows = []
    for cluster_id, inside in parts.items():
        kind = board.nodes[cluster_id].kind
        for place, asset_id in enumerate(inside):
            values = (cluster_id, place, *board.links.get((kind, asset_id), NO_LINK))
            own = {"project_id": project_id, "asset_id": asset_id, "kind": kind}
            rows.append({**own, **dict(zip(_PLACE, values, strict=True))})
    await tx.upsert(ClusterMember, rows, changing=_PLACE, stamp="cluster_id")


async def _forget_members(tx: Tx, project_id: UUID, board: Board) -> None:
    """Photos that are in no cluster of a level any more."""
    for kind, ids in board.left().items():
        gone = delete(ClusterMember).where(ClusterMember.project_id == project_id, ClusterMember.kind == kind)
        statement = gone.where(_among(ClusterMember.asset_id, ids))
        await tx.session.execute(statement.execution_options(synchronize_session=False))


async def _forget(tx: Tx, project_id: UUID, gone: Sequence[UUID], moved: Collection[UUID]) -> None:
    """Clusters that are gone. What was suggested of others that changed holds no more."""
    if gone:
        dissolved = delete(Cluster).where(Cluster.project_id == project_id, _among(Cluster.id, gone))
        await tx.session.execute(dissolved.execution_options(synchronize_session=False))
    if moved:
        stale = delete(Suggestion).where(Suggestion.project_id == project_id, _among(Suggestion.cluster_id, moved))
        await tx.session.execute(stale.execution_options(synchronize_session=False))


def _tell(tx: Tx, project_id: UUID, board: Board, changed: Sequence[UUID], moved: Collection[UUID]) -> None:
    alike: list[tuple[dict[str, Any], list[UUID]]] = []
    for id_ in changed:
        patch = _patch(board.loaded.get(id_), board.nodes.get(id_), id_ in moved)
        ids = next((ids for told, ids in alike if told == patch), None)
        if ids is None:
            alike.append((patch, [id_]))
        else:
            ids.append(id_)
    for patch, ids in alike:
        for start in range(0, len(ids), MAX_IDS):
            tx.emit(Change(EventName.CLUSTER_UPDATED, project_id, tuple(ids[start : start + MAX_IDS]), patch))


def _patch(before: Node | None, after: Node | None, moved: bool) -> dict[str, Any]:
    """What a screen must know of a change."""
    if after is None:
        return {"deleted": True}
    if before is None:
        return {"created": True, "kind": after.kind.value, "parentId": after.parent_id}
    shown = {
        "title": (before.title, after.title),
        "reviewed": (before.reviewed_at is not None, after.reviewed_at is not None),
        "locked": (before.locked_at is not None, after.locked_at is not None),
        "winnerAssetId": (before.winner_asset_id, after.winner_asset_id),
        "parentId": (before.parent_id, after.parent_id),
    }
    patch = {name: new for name, (old, new) in shown.items() if old != new}
    return {**patch, "assetIds": "changed"} if moved else patch


# --- the log ---------------------------------------------------------------------------------------------------------


def _empty() -> Kept:
    return {"clusters": {}, "members": {}}


def _kept(
    changed: Iterable[UUID],
    moved: Iterable[UUID],
    nodes: Mapping[UUID, Node],
    parts: Mapping[UUID, Sequence[UUID]],
    links: Mapping[tuple[ClusterKind, UUID], Link],
) -> Kept:
    clusters = {str(id_): msgspec.to_builtins(nodes[id_]) if id_ in nodes else None for id_ in changed}
    members = {str(id_): [_member(links, nodes[id_].kind, one) for one in parts.get(id_, ())] for id_ in sorted(moved)}
    return {"clusters": clusters, "members": members}


def _member(links: Mapping[tuple[ClusterKind, UUID], Link], kind: ClusterKind, asset_id: UUID) -> list[Any]:
    """A photo and its link, in few characters: nothing for none."""
    link = links.get((kind, asset_id), NO_LINK)
    plain = [] if link == NO_LINK else [None if link.asset_id is None else str(link.asset_id), *link[1:]]
    return [str(asset_id), *plain]
