"""Clusters in one line of text: ``ab(cd[ef]) | g`` is two moments; a burst is in (), a duplicate group in []."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.models import Asset, Cluster, ClusterKind, ClusterMember, Grouping, Project
from kilo_gql.models.base import uuid7
from tests.support.make import asset_row

NOON = datetime(2026, 6, 6, 12, tzinfo=UTC)
STEP = timedelta(seconds=10)
_OPEN = {"(": ClusterKind.BURST, "[": ClusterKind.DUPLICATE_GROUP}
_CLOSE = {")": ClusterKind.BURST, "]": ClusterKind.DUPLICATE_GROUP}
_BRACKETS = {ClusterKind.BURST: "()", ClusterKind.DUPLICATE_GROUP: "[]"}


class Layout:
    """A project's photos, called by letters, ten seconds apart in the order of the line that was laid."""

    def __init__(self, db: Database, project: Project) -> None:
        self.db, self.project = db, project
        self.ids: dict[str, UUID] = {}

    @classmethod
    async def laid(cls, db: Database, project: Project, line: str, **columns: Any) -> Layout:
        """Write a line; ``columns`` are of every cluster."""
        layout = cls(db, project)
        rows: list[Any] = []
        for moment in line.split("|"):
            rows += layout._moment(moment.replace(" ", ""), columns)
        made = Grouping(project_id=project.id, revision=1, grouped_revision=1, clock_offsets={}, asset_count=0)
        async with db.transaction(System("test"), Perm.SYSTEM) as tx:
            for kind in (Asset, Cluster, ClusterMember):
                tx.session.add_all(row for row in rows if isinstance(row, kind))
                await tx.flush()
            tx.add(made)
            await tx.flush()
            await tx.session.commit()
        return layout

    def _moment(self, text: str, columns: dict[str, Any]) -> list[Any]:
        now, rows = self.db.house.clock(), list[Any]()
        open_: list[tuple[ClusterKind, list[str], UUID]] = [(ClusterKind.MOMENT, [], uuid7())]
        done: list[tuple[ClusterKind, list[str], UUID, UUID | None]] = []
        for letter in text:
            if letter in _OPEN:
                open_.append((_OPEN[letter], [], uuid7()))
            elif letter in _CLOSE:
                kind, names, id_ = open_.pop()
                done.append((kind, names, id_, open_[-1][2]))
            else:
                rows.append(self._photo(letter, now))
                for _, names, _ in open_:
                    names.append(letter)
        done.append((*open_[0], None))
        for kind, names, id_, parent_id in reversed(done):
            times = [NOON + STEP * list(self.ids).index(name) for name in names]
            rows.append(
                Cluster(
                    id=id_, project_id=self.project.id, parent_id=parent_id, kind=kind, start_time=times[0],
                    end_time=times[-1], sort_at=times[0], size=len(names), created_at=now, updated_at=now, **columns,
                )
            )  # fmt: skip
            for place, name in enumerate(names):
                linked = None if place == 0 else self.ids[names[place - 1]]
                rows.append(
                    ClusterMember(
                        project_id=self.project.id, asset_id=self.ids[name], kind=kind, cluster_id=id_, place=place,
                        link_asset_id=linked, link_gap_s=linked and 10.0, link_look=linked and 0.5,
                        link_reasons=3 if linked else 0,
                    )
                )  # fmt: skip
        return rows

    def _photo(self, name: str, now: datetime) -> Asset:
        at = NOON + STEP * len(self.ids)
        row = asset_row(self.project, f"{name}.jpg", now, captured_at=at)
        self.ids[name] = row.id
        return row

    def __getitem__(self, names: str) -> list[UUID]:
        """The photos of these letters."""
        return [self.ids[name] for name in names]

    def names(self, ids: Any) -> str:
        """The letters of these photos, in the order of the alphabet."""
        letters = {str(id_): name for name, id_ in self.ids.items()}
        return "".join(sorted(letters[str(id_)] for id_ in ids))

    async def of(self, names: str, kind: str = "moment") -> UUID:
        """The cluster of a kind that holds exactly these photos."""
        clusters, members = await self.rows()
        inside = _inside(members)
        [found] = [c.id for c in clusters if c.kind == kind and set(inside[c.id]) == set(self[names])]
        return found

    async def rows(self) -> tuple[list[Cluster], list[ClusterMember]]:
        """All clusters in order of time, and all members in their places."""
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            clusters = select(Cluster).where(Cluster.project_id == self.project.id)
            members = select(ClusterMember).where(ClusterMember.project_id == self.project.id)
            return (
                list(await tx.scalars(clusters.order_by(Cluster.sort_at, Cluster.id))),
                list(await tx.scalars(members.order_by(ClusterMember.cluster_id, ClusterMember.place))),
            )

    async def line(self) -> str:
        """The clusters as a line again; whatever contradicts itself fails."""
        clusters, members = await self.rows()
        inside = _inside(members)
        self._check(clusters, members, inside)
        moments = [cluster for cluster in clusters if cluster.kind is ClusterKind.MOMENT]
        return " | ".join(self._written(moment, clusters, inside) for moment in moments)

    def _written(self, cluster: Cluster, clusters: list[Cluster], inside: dict[UUID, list[UUID]]) -> str:
        text, done = "", set[UUID]()
        children = [child for child in clusters if child.parent_id == cluster.id]
        for id_ in inside[cluster.id]:
            child = next((child for child in children if id_ in inside[child.id]), None)
            if child is None:
                text += self.names([id_])
            elif child.id not in done:
                done.add(child.id)
                left, right = _BRACKETS[child.kind]
                text += left + self._written(child, clusters, inside) + right
        return text

    def _check(self, clusters: list[Cluster], members: list[ClusterMember], inside: dict[UUID, list[UUID]]) -> None:
        by_id = {cluster.id: cluster for cluster in clusters}
        place = {id_: number for number, id_ in enumerate(self.ids.values())}
        for cluster in clusters:
            photos = inside[cluster.id]
            assert [m.place for m in members if m.cluster_id == cluster.id] == list(range(len(photos)))
            assert photos == sorted(photos, key=place.__getitem__)
            times = [NOON + STEP * place[id_] for id_ in photos]
            found = (cluster.size, cluster.start_time, cluster.end_time, cluster.sort_at)
            assert found == (len(photos), times[0], times[-1], times[0])
            if cluster.parent_id is None:
                assert cluster.kind is ClusterKind.MOMENT
            else:
                assert set(photos) <= set(inside[cluster.parent_id])
            assert cluster.winner_asset_id is None or cluster.winner_asset_id in photos
        assert all(by_id[member.cluster_id].kind is member.kind for member in members)
        for member in members:
            assert member.link_asset_id is None or member.link_asset_id in inside[member.cluster_id]


def _inside(members: list[ClusterMember]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for member in members:
        found.setdefault(member.cluster_id, []).append(member.asset_id)
    return found


__all__ = ["NOON", "STEP", "Layout"]
