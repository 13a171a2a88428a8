"""What there is to rank in a project, and suggestions as they are written. System functions, for the job that ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from kilo_gql.db import Tx
from kilo_gql.domain.candidates import CLUSTER, MEMBER, among, files
from kilo_gql.domain.cluster_reads import shown
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.models import Asset, AssetSignals, Cluster, ClusterKind, ClusterMember, Ranker, RankerState, Suggestion
from kilo_gql.models.base import grants, uuid7

#: Photos that are ranked with one look at the database, unless one cluster has more.
BATCH: Final = 1_500
#: What is written of a suggestion that is there already.
_CHANGING: Final = (
    "asset_ids", "scores", "probabilities", "band", "chips", "rest", "rest_margin", "basis", "made_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """A photo that may win: of which version its signals are, and when they last changed; None: there are none yet."""

    asset_id: UUID
    signals_version: int | None
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class Copy:
    """One of the files of an exposure."""

    asset_id: UUID
    format: str | None
    pixels: int


@dataclass(frozen=True, slots=True)
class Contest:
    """A cluster to rank: its candidates in order of time, and by user (None: everyone) what the suggestions that it
    has rest on.
    """

    cluster_id: UUID
    kind: ClusterKind
    frames: tuple[Frame, ...] | tuple[Copy, ...]
    bases: Mapping[UUID | None, bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """A suggestion to write. ``columns``: those of ``Suggestion`` that say what is suggested."""

    cluster_id: UUID
    user_id: UUID | None
    columns: Mapping[str, Any]

    @property
    def key(self) -> tuple[UUID, UUID | None]:
        return self.cluster_id, self.user_id


async def open_clusters(tx: Tx, project_id: UUID) -> list[list[UUID]]:
    """Clusters of several photos that nobody has reviewed yet, in batches."""
    statement = (
        select(Cluster.id, Cluster.size)
        .where(Cluster.project_id == project_id, Cluster.reviewed_at.is_(None), Cluster.size > 1)
        .order_by(Cluster.sort_at, Cluster.id)
    )
    batches: list[list[UUID]] = []
    room = 0
    for cluster in await tx.rows(statement):
        if cluster.size > room:
            batches.append([])
            room = BATCH
        batches[-1].append(cluster.id)
        room -= cluster.size
    return batches


async def contests(tx: Tx, cluster_ids: Sequence[UUID]) -> list[Contest]:
    """These clusters as there is something to choose in them, or as they have a suggestion although there is not."""
    kinds: dict[UUID, ClusterKind] = {
        row.id: row.kind
        for row in await tx.rows(select(Cluster.id, Cluster.kind).where(among(Cluster.id, cluster_ids)))
    }
    frames: dict[UUID, tuple[Any, ...]] = {**await _frames(tx, cluster_ids), **await _copies(tx, cluster_ids)}
    bases: dict[UUID, dict[UUID | None, bytes]] = {}
    known = select(Suggestion.cluster_id, Suggestion.user_id, Suggestion.basis)
    for row in await tx.rows(known.where(among(Suggestion.cluster_id, cluster_ids))):
        bases.setdefault(row.cluster_id, {})[row.user_id] = row.basis
    made = [Contest(id_, kind, frames.get(id_, ()), bases.get(id_, {})) for id_, kind in sorted(kinds.items())]
    return [contest for contest in made if len(contest.frames) > 1 or contest.bases]


async def _frames(tx: Tx, cluster_ids: Sequence[UUID]) -> dict[UUID, tuple[Frame, ...]]:
    statement = (
        files()
        .add_columns(AssetSignals.signals_version, AssetSignals.measured_at)
        .outerjoin(AssetSignals, AssetSignals.asset_id == MEMBER.asset_id)
        .where(among(MEMBER.cluster_id, cluster_ids), CLUSTER.c.kind != ClusterKind.DUPLICATE_GROUP)
    )
    found = [row for row in await tx.rows(statement) if row.original]
    return {
        id_: tuple(Frame(row.asset_id, row.signals_version, row.measured_at) for row in rows)
        for id_, rows in groupby(found, key=lambda row: row.cluster_id)
    }


async def _copies(tx: Tx, cluster_ids: Sequence[UUID]) -> dict[UUID, tuple[Copy, ...]]:
    statement = (
        select(
            ClusterMember.cluster_id,
            ClusterMember.asset_id,
            Asset.format,
            func.coalesce(Asset.width_px * Asset.height_px, 0).label("pixels"),
        )
        .join(Asset, and_(Asset.id == ClusterMember.asset_id, shown(Asset.__table__)))
        .where(among(ClusterMember.cluster_id, cluster_ids), ClusterMember.kind == ClusterKind.DUPLICATE_GROUP)
        .order_by(ClusterMember.cluster_id, ClusterMember.place)
    )
    return {
        id_: tuple(Copy(row.asset_id, row.format, row.pixels) for row in rows)
        for id_, rows in groupby(await tx.rows(statement), key=lambda row: row.cluster_id)
    }


async def signals_of(tx: Tx, asset_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """What was measured in these photos, but for their descriptors."""
    columns = (
        AssetSignals.asset_id, AssetSignals.signals_version, AssetSignals.signals, AssetSignals.tile_rows,
        AssetSignals.tile_columns, AssetSignals.tiles, AssetSignals.faces,
    )  # fmt: skip
    return {row.asset_id: row for row in await tx.rows(select(*columns).where(among(AssetSignals.asset_id, asset_ids)))}


async def rankers_of(tx: Tx, project_id: UUID, *, lock: bool = False) -> list[Ranker]:
    """The rankers of this project's members that rank. ``lock``: they stay as they are until the transaction ends."""
    members = select(grants.c.user_id).where(grants.c.project_id == project_id)
    statement = select(Ranker).where(
        Ranker.state == RankerState.ACTIVE, Ranker.posterior.is_not(None), Ranker.user_id.in_(members)
    )
    if lock:
        statement = statement.with_for_update(read=True)
    return list(await tx.scalars(statement.order_by(Ranker.user_id).execution_options(populate_existing=True)))


async def write(
    tx: Tx,
    project_id: UUID,
    contests_then: Sequence[Contest],
    made: Sequence[Made],
    gone: Sequence[tuple[UUID, UUID | None]],
) -> int:
    """Write suggestions and take back those that are ``gone``, and tell of what can be seen of it; returns how many
    were written.

    What has changed since it was read is left to the next ranking: clusters that others were put into, or that were
    reviewed.
    """
    ids = [contest.cluster_id for contest in contests_then]
    lock = select(Cluster.id).where(among(Cluster.id, ids), Cluster.reviewed_at.is_(None))
    lock = lock.order_by(Cluster.sort_at, Cluster.id)  # as those lock them who edit clusters: nobody waits in a circle
    still = set(await tx.scalars(lock.with_for_update(read=True, key_share=True)))
    now = {contest.cluster_id: contest for contest in await contests(tx, ids)}
    same = {then.cluster_id for then in contests_then if _same(then, now.get(then.cluster_id))} & still
    made = sorted(
        (each for each in made if each.cluster_id in same), key=lambda each: (each.cluster_id, str(each.user_id))
    )
    gone = [key for key in gone if key[0] in same]
    before = {
        (row.cluster_id, row.user_id): row
        for row in await tx.scalars(
            select(Suggestion).where(among(Suggestion.cluster_id, [m.cluster_id for m in made]))
        )
    }
    changed = {key[0] for key in gone}
    changed |= {
        each.cluster_id
        for each in made
        if _look(each.columns) != _look(vars(before[each.key]) if each.key in before else None)
    }
    await _upsert(tx, project_id, made)
    await _delete(tx, gone)
    announce(tx, project_id, sorted(changed))
    return len(made)


def _same(then: Contest, now: Contest | None) -> bool:
    return now is not None and now.frames == then.frames


def _look(columns: Mapping[str, Any] | None) -> Any:
    """What people see of a suggestion: a probability that moves by less than a hundredth is no news."""
    if columns is None:
        return None
    chips = [(chip["text"], chip["best"], chip["personal"]) for chip in columns["chips"]]
    return columns["asset_ids"], str(columns["band"]), chips, [round(p, 2) for p in columns["probabilities"]]


async def _upsert(tx: Tx, project_id: UUID, made: Sequence[Made]) -> None:
    if not made:
        return
    table: Any = Suggestion.__table__
    new = insert(table)
    statement = new.on_conflict_do_update(
        index_elements=[table.c.cluster_id, table.c.user_id],
        set_={name: new.excluded[name] for name in _CHANGING},
    )
    rows = [
        {
            "id": uuid7(), "project_id": project_id, "cluster_id": each.cluster_id, "user_id": each.user_id,
            "made_at": tx.now, **each.columns,
        }
        for each in made
    ]  # fmt: skip
    await tx.session.execute(statement, rows)


async def _delete(tx: Tx, gone: Sequence[tuple[UUID, UUID | None]]) -> None:
    for user_id, keys in groupby(sorted(gone, key=lambda key: str(key[1])), key=lambda key: key[1]):
        clusters = [cluster_id for cluster_id, _ in keys]
        whose = Suggestion.user_id.is_(None) if user_id is None else Suggestion.user_id == user_id
        await tx.session.execute(delete(Suggestion).where(among(Suggestion.cluster_id, clusters), whose))


async def forget_others(tx: Tx, project_id: UUID, user_ids: Sequence[UUID]) -> None:
    """Take back what was suggested to single people, but for these: their own rankers rank no more, or they left."""
    others = Suggestion.user_id.is_not(None) & ~among(Suggestion.user_id, user_ids)
    statement = delete(Suggestion).where(Suggestion.project_id == project_id, others).returning(Suggestion.cluster_id)
    found = await tx.session.execute(statement.execution_options(synchronize_session=False))
    announce(tx, project_id, sorted(set(found.scalars())))


def announce(tx: Tx, project_id: UUID, cluster_ids: Sequence[UUID]) -> None:
    """Tell a project that what is suggested of these clusters has changed, to somebody."""
    for start in range(0, len(cluster_ids), MAX_IDS):
        ids = tuple(cluster_ids[start : start + MAX_IDS])
        tx.emit(Change(EventName.CLUSTER_UPDATED, project_id, ids, {"suggestion": True}))
