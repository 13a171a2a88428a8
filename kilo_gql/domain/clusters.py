"""A project's clusters: moments, bursts and duplicate groups, listed in order of time, and how they came about."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Boolean, DateTime, Text, Uuid, bindparam, exists, select, tuple_

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import cluster_reads
from kilo_gql.domain.clocks import CameraClock, clocks_of
from kilo_gql.domain.cluster_rows import ClusterDetail, ClusterRow
from kilo_gql.errors import BadRequest, not_found
from kilo_gql.jobs import JobType
from kilo_gql.models import Cluster, ClusterKind, ClusterMember, Grouping, GroupingState, Job, JobStatus
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, page_of
from kilo_gql.reads import Read

#: Clusters one call may name.
IDS_MAX: Final = 500


@lru_cache(maxsize=16)
def _read(after: bool, conditions: frozenset[str]) -> Read:
    """The statement of a kind of page, compiled once."""
    statement = cluster_reads.seen().where(Cluster.project_id == bindparam("project_id", type_=Uuid()))
    statement = statement.where(*(_CONDITIONS[name] for name in sorted(conditions)))
    if after:
        here = tuple_(Cluster.sort_at, Cluster.id)
        last = tuple_(bindparam("after_at", type_=DateTime(timezone=True)), bindparam("after_id", type_=Uuid()))
        statement = statement.where(here > last)
    order = (Cluster.sort_at, Cluster.id)
    return Read(statement.order_by(*order).limit(bindparam("most", type_=BigInteger)), ClusterRow)


_CONDITIONS: Final[dict[str, Any]] = {
    "kind": Cluster.kind == bindparam("kind", type_=Text()),
    "parent_id": Cluster.parent_id == bindparam("parent_id", type_=Uuid()),
    "reviewed": Cluster.reviewed_at.is_not(None) == bindparam("reviewed", type_=Boolean()),
}


@operation(Perm.CLUSTER_READ)
async def list_clusters(
    tx: Tx,
    project_id: UUID,
    slice_: Slice,
    kind: ClusterKind | None = None,
    parent_id: UUID | None = None,
    reviewed: bool | None = None,
) -> Page[ClusterRow]:
    """A project's clusters in order of time, each with the ids of its photos.

    Narrowed to one kind, to those within ``parent_id``, or to those that were reviewed, or were not.
    """
    given = {"kind": kind and kind.value, "parent_id": parent_id, "reviewed": reviewed}
    values = {name: value for name, value in given.items() if value is not None}
    after = slice_.after(datetime, UUID)
    place = {} if after is None else {"after_at": after[0], "after_id": after[1]}
    read = _read(after is not None, frozenset(values))
    most = slice_.limit + 1
    found = await read.rows(tx, project_id=project_id, most=most, **cluster_reads.viewer(), **values, **place)
    if not found:
        await tx.enter(project_id)  # a row would have told that the project is there and may be read
    return page_of(found, slice_, lambda row: (row.sort_at, row.id))


@operation(Perm.CLUSTER_READ)
async def get_cluster(tx: Tx, cluster_id: UUID) -> ClusterDetail:
    """One cluster, with the signals of its photos and why each is in it."""
    found = await cluster_reads.details(tx, await cluster_reads.rows(tx, [cluster_id]))
    if cluster_id not in found:
        raise not_found("cluster")
    return found[cluster_id]


@operation(Perm.CLUSTER_READ)
async def get_clusters(tx: Tx, ids: list[UUID]) -> list[ClusterRow]:
    """Up to 500 clusters by their ids, in the order asked for; those that are not there or not visible are left out."""
    if len(ids) > IDS_MAX:
        raise BadRequest(
            f"One call names at most {IDS_MAX} clusters.",
            code="too_many_ids",
            details={"ids": len(ids), "max": IDS_MAX},
            remediation=["Make several calls."],
        )
    found = await cluster_reads.rows(tx, ids)
    return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]


@operation(Perm.CLUSTER_READ)
async def details_by_cluster(tx: Tx, ids: list[UUID]) -> list[ClusterDetail | None]:
    """Everything about each cluster, in the order asked for; None for those the actor cannot see."""
    found = await cluster_reads.details(tx, await cluster_reads.rows(tx, ids))
    return [found.get(id_) for id_ in ids]


@operation(Perm.CLUSTER_READ)
async def clusters_by_asset(tx: Tx, ids: list[UUID]) -> list[list[ClusterRow]]:
    """The moment of each photo, then its burst and its duplicate group if it is in any, in the order asked for."""
    statement = select(ClusterMember.asset_id, ClusterMember.cluster_id).where(ClusterMember.asset_id.in_(ids))
    members = await tx.rows(statement)
    found = await cluster_reads.rows(tx, list({member.cluster_id for member in members}))
    levels = list(ClusterKind)
    of_asset: dict[UUID, list[ClusterRow]] = {id_: [] for id_ in ids}
    for member in members:
        if (row := found.get(member.cluster_id)) is not None and member.asset_id in row.asset_ids:
            of_asset[member.asset_id].append(row)
    return [sorted(of_asset[id_], key=lambda row: levels.index(ClusterKind(row.kind))) for id_ in ids]


# --- the grouping as a whole -----------------------------------------------------------------------------------------


@stored
class ProjectGrouping(msgspec.Struct, frozen=True):
    """How a project's photos were last grouped, and whether that is how things stand.

    ``asset_count``: photos that were grouped. ``threshold``: log odds above which photos are one moment, learnt from
    splits and merges (None: as shipped). ``clocks``: its cameras.
    """

    project_id: UUID
    state: GroupingState
    grouped_at: datetime | None
    asset_count: int
    threshold: float | None
    clocks: list[CameraClock]


_WAITING: Final = (
    exists()
    .where(
        Job.project_id == Grouping.project_id,
        Job.type == JobType.PROJECT_CLUSTER.value,
        Job.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)),
    )
    .correlate(Grouping)
)


@operation(Perm.CLUSTER_READ)
async def get_grouping(tx: Tx, project_id: UUID) -> ProjectGrouping:
    """How a project's photos are grouped: when, how many, with which threshold, and what its cameras' clocks say."""
    await tx.enter(project_id)
    statement = select(Grouping, _WAITING.label("waiting")).where(Grouping.project_id == project_id)
    rows = await tx.rows(statement)
    if not rows:
        return ProjectGrouping(project_id, GroupingState.NONE, None, 0, None, [])
    grouping, waiting = rows[0]
    state = GroupingState.STALE if waiting and grouping.state is GroupingState.READY else grouping.state
    clocks = clocks_of(grouping.clock_offsets)
    return ProjectGrouping(project_id, state, grouping.grouped_at, grouping.asset_count, grouping.threshold, clocks)
