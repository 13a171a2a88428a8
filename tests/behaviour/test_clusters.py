"""Clusters through both doors: listed in order of time, explained, and hidden where nothing is left to show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.models import (
    Asset,
    Band,
    Cluster,
    ClusterKind,
    ClusterMember,
    Grouping,
    JobStatus,
    Project,
    Role,
    SetKind,
    Suggestion,
)
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.ranked import signals_row
from tests.support.statements import statements
from tests.support.traces import queued, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHIP = {"feature": "sharpness", "text": "sharpness.more", "best": True, "personal": False}


class Table:
    """A project of ``ada``'s whose clusters are laid out by hand, a minute apart."""

    def __init__(self, make: Make, project: Project) -> None:
        self.make, self.project, self.start = make, project, make.db.house.clock() - timedelta(days=1)

    async def photos(self, count: int, **columns: Any) -> list[Asset]:
        return [await self.make.asset(self.project, **columns) for _ in range(count)]

    async def cluster(
        self, photos: Sequence[Asset], minute: int, kind: ClusterKind = ClusterKind.MOMENT, **columns: Any
    ) -> Cluster:
        at, now = self.start + timedelta(minutes=minute), self.make.db.house.clock()
        made = Cluster(
            id=uuid7(), project_id=self.project.id, kind=kind, size=len(photos), start_time=at, end_time=at,
            sort_at=at, created_at=now, updated_at=now, **{"set_evidence": {}, **columns},
        )  # fmt: skip
        await self.make.rows(made, *(self.member(made, photo, place) for place, photo in enumerate(photos)))
        return made

    def member(self, cluster: Cluster, photo: Asset, place: int) -> ClusterMember:
        return ClusterMember(
            project_id=self.project.id, asset_id=photo.id, kind=cluster.kind, cluster_id=cluster.id, place=place,
            link_reasons=0,
        )  # fmt: skip

    async def suggest(self, cluster: Cluster, order: Sequence[Asset], **columns: Any) -> None:
        share = [0.6, 0.3, 0.1][: len(order)]
        made = {
            "probabilities": share, "scores": [1.0, 0.25, -1.25][: len(order)], "band": Band.MIDDLE, "chips": [CHIP],
            "rest": 0.0, "rest_margin": 0.0,
        } | columns  # fmt: skip
        row = Suggestion(
            id=uuid7(), project_id=self.project.id, cluster_id=cluster.id, asset_ids=[photo.id for photo in order],
            basis=b"", made_at=self.make.db.house.clock(), **made,
        )  # fmt: skip
        await self.make.rows(row)


async def change(db: Database, statement: Any) -> None:
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.session.execute(statement)
        await tx.session.commit()


def ids(things: Sequence[Any]) -> list[str]:
    return [str(thing.id) for thing in things]


async def shown(door: Door, who: Any, project: Project, **narrowed: Any) -> list[str]:
    page = (await door.call("list_clusters", who, projectId=project.id, **narrowed)).ok
    return [one["id"] for one in page["items"]]


async def test_moments_come_in_order_of_time(door: Door, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    photos = await table.photos(5)
    late = await table.cluster(photos[3:], 9)
    early = await table.cluster(photos[:3], 1, title="Kiss")
    page = (await door.call("list_clusters", ada, projectId=table.project.id)).ok
    first, second = page["items"]
    assert (first["id"], second["id"], page["nextCursor"]) == (str(early.id), str(late.id), None)
    assert first["assetIds"] == ids(photos[:3])
    names = ("kind", "title", "size", "reviewed", "locked", "winnerAssetId", "band", "whyWinner", "keptSet")
    assert {name: first[name] for name in names} == {
        "kind": "moment", "title": "Kiss", "size": 3, "reviewed": False, "locked": False, "winnerAssetId": None,
        "band": None, "whyWinner": [], "keptSet": None,
    }  # fmt: skip
    assert datetime.fromisoformat(first["startTime"]) == table.start + timedelta(minutes=1)


async def test_pages_follow_one_another_whatever_is_added(door: Door, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    made = [await table.cluster([photo], minute) for minute, photo in enumerate(await table.photos(5))]
    page = (await door.call("list_clusters", ada, projectId=table.project.id, limit=2)).ok
    assert [one["id"] for one in page["items"]] == ids(made[:2])
    await table.cluster(await table.photos(1), -5)
    rest = (await door.call("list_clusters", ada, projectId=table.project.id, limit=5, cursor=page["nextCursor"])).ok
    assert ([one["id"] for one in rest["items"]], rest["nextCursor"]) == (ids(made[2:]), None)
    bad = await door.call("list_clusters", ada, projectId=table.project.id, cursor="nonsense")
    assert (bad.status, bad.code) == (400 if door.name == "rest" else 200, "bad_cursor")


async def test_a_list_is_narrowed(door: Door, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    photos = await table.photos(6)
    moment = await table.cluster(photos[:4], 0, reviewed_at=make.db.house.clock())
    other = await table.cluster(photos[4:], 5)
    burst = await table.cluster(
        photos[:3], 0, ClusterKind.BURST, parent_id=moment.id, kept_set=SetKind.BRACKET, set_evidence={"stepEv": 1.0}
    )
    copies = await table.cluster(photos[:2], 0, ClusterKind.DUPLICATE_GROUP, parent_id=burst.id)
    cases: list[tuple[dict[str, Any], list[Cluster]]] = [
        ({"kind": "moment"}, [moment, other]),
        ({"kind": "burst"}, [burst]),
        ({"parentId": moment.id}, [burst]),
        ({"parentId": burst.id}, [copies]),
        ({"reviewed": True}, [moment]),
        ({"kind": "moment", "reviewed": False}, [other]),
        ({"parentId": uuid7()}, []),
        ({}, [*sorted([moment, burst, copies], key=lambda one: one.id), other]),
    ]
    for narrowed, expected in cases:
        assert (narrowed, await shown(door, ada, table.project, **narrowed)) == (narrowed, ids(expected))
    found = (await door.call("get_cluster", ada, clusterId=burst.id)).ok
    assert (found["keptSet"], found["setEvidence"], found["parentId"]) == (
        "bracket", {"stepEv": 1.0}, str(moment.id),
    )  # fmt: skip


async def test_what_is_not_there_is_not_shown(door: Door, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    photos = await table.photos(4)
    moment = await table.cluster(photos[:2], 0)
    burst = await table.cluster(photos[:2], 0, ClusterKind.BURST, parent_id=moment.id)
    empty = await table.cluster(photos[2:3], 3)
    half = await table.cluster(photos[3:], 5)
    await door.call("trash_assets", ada, projectId=table.project.id, ids=[photos[1].id, photos[2].id])
    await change(make.db, update(Asset).where(Asset.id == photos[3].id).values(parent_id=photos[0].id))
    assert await shown(door, ada, table.project) == [str(moment.id)]
    found = (await door.call("get_cluster", ada, clusterId=moment.id)).ok
    assert (found["assetIds"], found["size"]) == ([str(photos[0].id)], 1)
    for hidden in (burst, empty, half):
        assert (await door.call("get_cluster", ada, clusterId=hidden.id)).code == "not_found"
    asked = [empty.id, moment.id, uuid7(), moment.id]
    assert [one["id"] for one in (await door.call("get_clusters", ada, ids=asked)).ok] == [str(moment.id)]


async def test_who_wins_and_why(door: Door, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    photos = await table.photos(4)
    cluster = await table.cluster(photos, 0)
    await table.suggest(cluster, [photos[2], photos[0], photos[1]], band=Band.HIGH)

    async def seen(*names: str) -> list[Any]:
        found = (await door.call("get_cluster", ada, clusterId=cluster.id)).ok
        return [found[name] for name in names]

    answer = await seen("winnerAssetId", "preselected", "band", "confidence", "score", "whyWinner")
    assert answer == [str(photos[2].id), True, "high", 0.6, 1.0, ["Sharpest frame"]]
    decided = {"winner_asset_id": photos[0].id, "winner_by": ada.user_id}
    await change(make.db, update(Cluster).where(Cluster.id == cluster.id).values(**decided))
    answer = await seen("winnerAssetId", "preselected", "score", "whyWinner")
    assert answer == [str(photos[0].id), False, 0.25, []]
    reviewed = {"winner_asset_id": None, "reviewed_at": make.db.house.clock()}
    await change(make.db, update(Cluster).where(Cluster.id == cluster.id).values(**reviewed))
    assert await seen("winnerAssetId", "preselected", "reviewed") == [None, False, True]


async def test_ones_own_suggestion_counts_before_everyones(door: Door, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    bob = await make.member(table.project.id, Role.VIEWER)
    photos = await table.photos(2)
    cluster = await table.cluster(photos, 0)
    await table.suggest(cluster, photos, band=Band.HIGH)
    await table.suggest(cluster, photos[::-1], band=Band.HIGH, user_id=bob.user_id)
    for who, winner in ((ada, photos[0]), (bob, photos[1])):
        assert (await door.call("get_cluster", who, clusterId=cluster.id)).ok["winnerAssetId"] == str(winner.id)


async def test_a_cluster_explains_itself(door: Door, api: Api, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    photos = await table.photos(3)
    cluster = await table.cluster(photos, 0)
    await table.suggest(cluster, photos[:2], band=Band.HIGH)
    for photo, sharpness in zip(photos, (0.9, 0.45), strict=False):
        await make.rows(signals_row(photo, sharpness=sharpness))
    link = update(ClusterMember).where(ClusterMember.cluster_id == cluster.id)
    second = {"link_asset_id": photos[0].id, "link_gap_s": 0.62, "link_look": 0.94, "link_score": 3.5}
    third = {"link_asset_id": photos[1].id, "link_reasons": 64 | 1024}
    await change(make.db, link.where(ClusterMember.asset_id == photos[1].id).values(**second, link_reasons=3))
    await change(make.db, link.where(ClusterMember.asset_id == photos[2].id).values(**third))
    found = await _explained(door, api, ada, cluster.id)
    assert [(one["assetId"], one["rank"], one["role"]) for one in found["assets"]] == [
        (str(photos[0].id), 1, "winner"), (str(photos[1].id), 2, "candidate"), (str(photos[2].id), 3, "alt"),
    ]  # fmt: skip
    names = ("sharpness", "blur", "redundancy")
    assert [[one["signals"].get(name) for name in names] for one in found["assets"]] == [
        [0.9, 0.0, 0.94], [0.45, 0.5, 0.94], [None, None, None],
    ]  # fmt: skip
    assert found["links"] == [
        {"from": str(photos[0].id), "to": str(photos[1].id), "gapSeconds": 0.62, "look": 0.94, "score": 3.5,
         "reasons": ["time", "look"], "text": "0.6 s apart, look 0.94"},
        {"from": str(photos[1].id), "to": str(photos[2].id), "gapSeconds": None, "look": None, "score": None,
         "reasons": ["same_bytes", "by_hand"], "text": "the same file, put together by hand"},
    ]  # fmt: skip


EXPLAINED = """
query ($id: UUID!) { cluster(id: $id) {
    assets { assetId rank role signals asset { id } }
    links { from to gapSeconds look score reasons text }
} }
"""


async def _explained(door: Door, api: Api, who: Any, cluster_id: UUID) -> Any:
    if door.name == "rest":
        return (await door.call("get_cluster", who, clusterId=cluster_id)).ok
    found = (await api.graphql(EXPLAINED, {"id": str(cluster_id)}, actor=who))["data"]["cluster"]
    for one in found["assets"]:
        assert one.pop("asset") == {"id": one["assetId"]}
        one["role"] = one["role"].lower()
    for link in found["links"]:
        link["reasons"] = [reason.lower() for reason in link["reasons"]]
    return found


async def test_a_photo_knows_its_clusters(api: Api, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    photos = await table.photos(3)
    moment = await table.cluster(photos, 0)
    burst = await table.cluster(photos[:2], 0, ClusterKind.BURST, parent_id=moment.id)
    query = "query ($id: UUID!) { assets(projectId: $id, first: 10) { nodes { id clusters { id kind } } } }"
    nodes = (await api.graphql(query, {"id": str(table.project.id)}, actor=ada))["data"]["assets"]["nodes"]
    both = [{"id": str(moment.id), "kind": "MOMENT"}, {"id": str(burst.id), "kind": "BURST"}]
    assert {node["id"]: node["clusters"] for node in nodes} == {
        str(photos[0].id): both, str(photos[1].id): both, str(photos[2].id): both[:1],
    }  # fmt: skip
    found = (await api.rest("GET", f"/assets/{photos[0].id}", actor=ada)).json()
    assert found["clusterIds"] == ids([moment, burst])


async def test_too_many_at_once(door: Door, make: Make) -> None:
    answer = await door.call("get_clusters", await make.user(), ids=[uuid7() for _ in range(501)])
    assert (answer.code, answer.error and answer.error["details"]) == ("too_many_ids", {"ids": 501, "max": 500})


async def test_a_page_is_one_statement(api: Api, make: Make) -> None:
    ada = await make.user()
    table = Table(make, await make.project(ada))
    for minute, photo in enumerate(await table.photos(20)):
        await table.suggest(await table.cluster([photo], minute), [photo])
    path = f"/projects/{table.project.id}/clusters?kind=moment&limit=20"
    await api.rest("GET", path, actor=ada)  # a connection that meets a type for the first time looks it up
    with statements(api.services.db) as seen:
        page = (await api.rest("GET", path, actor=ada)).json()
        await asyncio.sleep(0.05)
    assert (len(page["items"]), len(seen)) == (20, 1)
    head = "query ($id: UUID!) { clusters(projectId: $id, first: 20, kind: MOMENT) { nodes { id assetIds "
    for below, count in (
        ("suggestion { band }", 1),
        ("assets { assetId signals } links { text }", 3),  # the list; the clusters once more, and what is in them
        ("assets { asset { id } }", 4),
    ):
        variables = {"id": str(table.project.id)}
        await api.graphql(f"{head} {below} }} }} }}", variables, actor=ada)
        with statements(api.services.db) as seen:
            answer = await api.graphql(f"{head} {below} }} }} }}", variables, actor=ada)
            await asyncio.sleep(0.05)
        assert (below, len(answer["data"]["clusters"]["nodes"]), len(seen)) == (below, 20, count)


# --- the grouping and its clocks -------------------------------------------------------------------------------------

CLOCKS = {
    "aa": {"label": "Canon EOS R5 …0001", "asset_count": 40, "reference": True},
    "bb": {"label": "SONY ILCE-7 …0002", "asset_count": 7, "estimated_s": 61.5, "support": 9, "ratio": 4.0,
           "accepted": True},
    "cc": {"label": "X100V", "asset_count": 3, "estimated_s": -5.0, "support": 2, "ratio": None, "accepted": False},
}  # fmt: skip


async def grouped(make: Make, project: Project) -> None:
    row = Grouping(
        project_id=project.id, revision=4, grouped_revision=4, grouped_at=make.db.house.clock(), asset_count=50,
        threshold=0.5, clock_offsets=CLOCKS,
    )  # fmt: skip
    await make.rows(row)


async def test_how_things_stand(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    none = (await door.call("get_grouping", ada, projectId=project.id)).ok
    assert none == {
        "projectId": str(project.id), "state": "none", "groupedAt": None, "assetCount": 0, "threshold": None,
        "clocks": [],
    }  # fmt: skip
    await grouped(make, project)
    found = (await door.call("get_grouping", ada, projectId=project.id)).ok
    assert (found["state"], found["assetCount"], found["threshold"]) == ("ready", 50, 0.5)
    assert [(one["camera"], one["offsetSeconds"], one["source"], one["accepted"]) for one in found["clocks"]] == [
        ("aa", 0.0, None, None), ("bb", 61.5, "estimated", True), ("cc", 0.0, None, False),
    ]  # fmt: skip
    await make.job(project.id, JobStatus.QUEUED, type="project.cluster")
    assert (await door.call("get_grouping", ada, projectId=project.id)).ok["state"] == "stale"


async def test_a_clock_is_set_and_given_back_to_the_estimate(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await grouped(make, project)

    async def clocks(offset: float | None, camera: str = "bb") -> dict[str, Any]:
        known: dict[str, Any] = {"projectId": project.id, "camera": camera, "offsetSeconds": offset}
        items = (await door.call("set_clock_offset", ada, **known)).ok
        return {one["camera"]: (one["offsetSeconds"], one["source"]) for one in items}

    assert await clocks(3_600.0) == {"aa": (0.0, None), "bb": (3_600.0, "manual"), "cc": (0.0, None)}
    assert (await door.call("get_grouping", ada, projectId=project.id)).ok["state"] == "stale"
    assert await clocks(None) == {"aa": (0.0, None), "bb": (61.5, "estimated"), "cc": (0.0, None)}
    # what is known of the reference counts for the estimates that start from it
    assert await clocks(10.0, "aa") == {"aa": (10.0, "manual"), "bb": (71.5, "estimated"), "cc": (0.0, None)}
    assert await queued(make.db, "project.cluster") != []
    events = [changed for name, changed in await told(make.db, project.id) if name == "project.updated"]
    assert [one["grouping"]["clocks"][1]["offsetSeconds"] for one in events] == [3_600.0, 61.5, 71.5]


@pytest.mark.parametrize(
    ("camera", "offset", "code"),
    [("zz", 1.0, "unknown_camera"), ("bb", 4e9, "bad_request"), ("bb", -4e9, "bad_request")],
)
async def test_no_such_clock(door: Door, make: Make, camera: str, offset: float, code: str) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await grouped(make, project)
    answer = await door.call("set_clock_offset", ada, projectId=project.id, camera=camera, offsetSeconds=offset)
    assert answer.code == code
    async with make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        [row] = await tx.scalars(select(Grouping).where(Grouping.project_id == project.id))
    assert (row.revision, row.clock_offsets) == (4, CLOCKS)
    assert await told(make.db, project.id) == []
