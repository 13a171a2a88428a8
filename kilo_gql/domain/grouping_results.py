"""Writing a grouping: only what differs from what stands there, and only if nothing was decided meanwhile.

System functions, called in the transaction that ends the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Select, and_, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from kilo_gql.db import Tx
from kilo_gql.domain.candidates import among
from kilo_gql.domain.clocks import Entry, column_of
from kilo_gql.domain.grouping_facts import Facts
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.models import Base, Cluster, ClusterKind, ClusterMember, Grouping, GroupingState, SetKind, Suggestion


class Moved(Exception):
    """What the grouping rested on is not what holds any more."""


class Member(NamedTuple):
    """A photo's place in a cluster, and why it is there; columns of ``ClusterMember`` after its key."""

    cluster_id: UUID
    place: int
    link_asset_id: UUID | None
    link_gap_s: float | None
    link_look: float | None
    link_score: float | None
    link_reasons: int


class Shape(NamedTuple):
    """What grouping says of a cluster; columns of ``Cluster``."""

    parent_id: UUID | None
    start_time: datetime | None
    end_time: datetime | None
    sort_at: datetime
    size: int
    kept_set: SetKind | None
    set_evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """A grouping as it is to stand. ``shapes`` by the cluster's id, ``members`` by photo and kind."""

    kinds: Mapping[UUID, ClusterKind]
    shapes: Mapping[UUID, Shape]
    members: Mapping[tuple[UUID, ClusterKind], Member]
    asset_count: int
    threshold: float | None
    clocks: Mapping[str, Entry]


@dataclass(slots=True)
class _Differences:
    made: list[UUID] = field(default_factory=list)
    reshaped: list[UUID] = field(default_factory=list)
    gone: list[UUID] = field(default_factory=list)
    placed: list[tuple[UUID, ClusterKind]] = field(default_factory=list)
    left: list[tuple[UUID, ClusterKind]] = field(default_factory=list)
    #: Clusters that have other photos than before.
    refilled: set[UUID] = field(default_factory=set)
    #: By cluster: the winner it has from now on, and who chose it.
    crowned: dict[UUID, tuple[UUID | None, UUID | None]] = field(default_factory=dict)


async def write(tx: Tx, facts: Facts, result: Result) -> None:
    """Make the project's clusters what ``result`` says. Raises Moved if it does not follow from what holds now."""
    await _hold(tx, facts)
    found = _differences(facts, result)
    project_id = facts.project_id
    await _insert(tx, Cluster, [_cluster_row(tx, project_id, result, id_) for id_ in found.made])
    await _place(tx, project_id, result, found)
    await _reshape(tx, project_id, result, found)
    await _crown(tx, project_id, found.crowned)
    if found.gone:
        await tx.session.execute(_on(delete(Cluster), project_id, among(Cluster.id, found.gone)))
    if refilled := sorted(found.refilled.difference(found.made)):
        await tx.session.execute(_on(delete(Suggestion), project_id, among(Suggestion.cluster_id, refilled)))
    await _stand(tx, project_id, result)
    _tell(tx, project_id, result, found)


async def _hold(tx: Tx, facts: Facts) -> None:
    """Whoever decides something waits until we are done; whoever did so already has the last word."""
    project_id = facts.project_id
    if facts.revision < 0:
        new = {"project_id": project_id, "revision": facts.revision, "asset_count": 0, "clock_offsets": {}}
        await tx.insert(Grouping, [new], ignore=True)
    held = select(Grouping.revision).where(Grouping.project_id == project_id).with_for_update()
    closed = or_(Cluster.reviewed_at.is_not(None), Cluster.locked_at.is_not(None))
    if await tx.scalar(held) != facts.revision:
        raise Moved
    now_closed = await tx.scalars(select(Cluster.id).where(Cluster.project_id == project_id, closed))
    if set(now_closed) != {cluster.id for cluster in facts.clusters if cluster.closed}:
        raise Moved


# --- what differs ----------------------------------------------------------------------------------------------------


def _differences(facts: Facts, result: Result) -> _Differences:
    found = _Differences()
    before = {(row.asset_id, row.kind): Member(*row[2:]) for row in facts.members}
    stay = {cluster.id for cluster in facts.clusters if cluster.closed}
    for key, member in result.members.items():
        old = before.get(key)
        if old != member:
            found.placed.append(key)
        if old is None or old.cluster_id != member.cluster_id:
            found.refilled.add(member.cluster_id)
            found.refilled.update(() if old is None else (old.cluster_id,))
    # a photo in the trash keeps its place in a cluster that a person has closed, and comes back to it
    for key in before.keys() - result.members.keys():
        if before[key].cluster_id not in stay:
            found.left.append(key)
            found.refilled.add(before[key].cluster_id)
    there = {cluster.id: Shape(*(getattr(cluster, name) for name in Shape._fields)) for cluster in facts.clusters}
    found.made = sorted(result.shapes.keys() - there.keys())
    found.gone = sorted(there.keys() - result.shapes.keys() - stay)
    found.reshaped = [id_ for id_, shape in there.items() if id_ in result.shapes and result.shapes[id_] != shape]
    found.refilled.difference_update(found.gone)
    found.crowned = _winners(facts, result)
    return found


def _winners(facts: Facts, result: Result) -> dict[UUID, tuple[UUID | None, UUID | None]]:
    """A winner goes with its photo, to a cluster that has none yet."""
    chosen = [cluster for cluster in facts.clusters if cluster.winner_asset_id is not None and not cluster.closed]
    inside = {cluster.id: result.members.get((cluster.winner_asset_id, cluster.kind)) for cluster in chosen}
    taken = {cluster.id for cluster in facts.clusters if cluster.winner_asset_id is not None}
    crowned: dict[UUID, tuple[UUID | None, UUID | None]] = {}
    for cluster in chosen:
        member = inside[cluster.id]
        if member is not None and member.cluster_id == cluster.id:
            continue
        if cluster.id in result.shapes:
            crowned[cluster.id] = None, None
        if member is not None and member.cluster_id not in taken:
            taken.add(member.cluster_id)
            crowned[member.cluster_id] = cluster.winner_asset_id, cluster.winner_by
    return crowned


# --- statements ------------------------------------------------------------------------------------------------------

_SHAPED: Final = (*Shape._fields, "updated_at")
_PLACED: Final = Member._fields


def _cluster_row(tx: Tx, project_id: UUID, result: Result, id_: UUID) -> dict[str, Any]:
    stamps = {"created_at": tx.now, "updated_at": tx.now}
    return {
        "id": id_,
        "project_id": project_id,
        "kind": result.kinds[id_],
        **result.shapes[id_]._asdict(),
        **stamps,
    }


async def _place(tx: Tx, project_id: UUID, result: Result, found: _Differences) -> None:
    rows = [
        {"project_id": project_id, "asset_id": asset_id, "kind": kind, **result.members[asset_id, kind]._asdict()}
        for asset_id, kind in found.placed
    ]
    await _insert(tx, ClusterMember, rows, changing=_PLACED)
    if found.left:
        columns = zip(*found.left, strict=True)
        gone = _table(ClusterMember, dict(zip(("asset_id", "kind"), map(list, columns), strict=True))).subquery()
        named = and_(ClusterMember.asset_id == gone.c.asset_id, ClusterMember.kind == gone.c.kind)
        await tx.session.execute(_on(delete(ClusterMember), project_id, named))


async def _reshape(tx: Tx, project_id: UUID, result: Result, found: _Differences) -> None:
    """Clusters that other photos came to, or went from, changed as well, even if they have the same shape."""
    there = {id_ for id_ in found.refilled if id_ in result.shapes}.difference(found.made)
    changed = sorted(there.union(found.reshaped))
    if changed:
        rows = [{"id": id_, **result.shapes[id_]._asdict(), "updated_at": tx.now} for id_ in changed]
        new = _table(Cluster, {name: [row[name] for row in rows] for name in rows[0]}).subquery()
        values = {name: new.c[name] for name in _SHAPED}
        await tx.session.execute(_on(update(Cluster), project_id, Cluster.id == new.c.id).values(values))


async def _crown(tx: Tx, project_id: UUID, crowned: Mapping[UUID, tuple[UUID | None, UUID | None]]) -> None:
    if crowned:
        winners, chosen_by = zip(*crowned.values(), strict=True)
        new = _table(Cluster, {"id": list(crowned), "winner_asset_id": winners, "winner_by": chosen_by}).subquery()
        values = {"winner_asset_id": new.c.winner_asset_id, "winner_by": new.c.winner_by, "updated_at": tx.now}
        await tx.session.execute(_on(update(Cluster), project_id, Cluster.id == new.c.id).values(values))


async def _stand(tx: Tx, project_id: UUID, result: Result) -> None:
    """These clusters are how things stand. The revision rises, so that no other grouping that is under way writes."""
    values = {
        "revision": Grouping.revision + 1,
        "grouped_revision": Grouping.revision + 1,
        "grouped_at": tx.now,
        "asset_count": result.asset_count,
        "threshold": result.threshold,
        "clock_offsets": column_of(result.clocks),
    }
    await tx.session.execute(_on(update(Grouping), project_id).values(values))


def _on(statement: Any, project_id: UUID, *conditions: Any) -> Any:
    """A change of a project's rows that meet conditions."""
    model = statement.entity_description["entity"]
    narrowed = statement.where(model.project_id == project_id, *conditions)
    return narrowed.execution_options(synchronize_session=False)


async def _insert(
    tx: Tx, model: type[Base], rows: Sequence[Mapping[str, Any]], *, changing: Iterable[str] = ()
) -> None:
    """Write rows in one statement; those that are there get the columns ``changing``."""
    if not rows:
        return
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    new = pg_insert(model).from_select(list(columns), _table(model, columns))
    if taken := list(changing):
        key = list(model.__table__.primary_key.columns)  # type: ignore[attr-defined]
        new = new.on_conflict_do_update(index_elements=key, set_={name: new.excluded[name] for name in taken})
    await tx.session.execute(new)


def _table(model: type[Base], columns: Mapping[str, Sequence[Any]]) -> Select[Any]:
    """Values as the rows of a statement, in the types of the model's columns."""
    types = {name: model.__table__.c[name].type for name in columns}
    return select(*(func.unnest(literal(list(columns[n]), ARRAY(types[n]))).label(n) for n in columns))


# --- events ----------------------------------------------------------------------------------------------------------


def _tell(tx: Tx, project_id: UUID, result: Result, found: _Differences) -> None:
    made, gone, refilled = set(found.made), found.gone, found.refilled.difference(found.made)
    for kind in ClusterKind:
        new = [id_ for id_ in found.made if result.kinds[id_] is kind]
        _announce(tx, project_id, new, {"created": True, "kind": kind.value})
    _announce(tx, project_id, gone, {"deleted": True})
    _announce(tx, project_id, sorted(refilled), {"assetIds": "changed"})
    _announce(tx, project_id, [id_ for id_ in found.reshaped if id_ not in refilled], {"regrouped": True})
    for id_, (winner, _) in found.crowned.items():
        if id_ not in made:
            _announce(tx, project_id, [id_], {"winnerAssetId": None if winner is None else str(winner)})
    state = {"state": GroupingState.READY.value, "groupedAt": tx.now, "assetCount": result.asset_count}
    tx.emit(Change(EventName.PROJECT_UPDATED, project_id, (project_id,), {"grouping": state}))


def _announce(tx: Tx, project_id: UUID, ids: Sequence[UUID], changed: Mapping[str, Any]) -> None:
    for start in range(0, len(ids), MAX_IDS):
        tx.emit(Change(EventName.CLUSTER_UPDATED, project_id, tuple(ids[start : start + MAX_IDS]), changed))
