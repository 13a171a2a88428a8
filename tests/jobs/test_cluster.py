"""Grouping in the product: the job that makes clusters of photos, and what it leaves alone."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import case, delete, null, select, update

import tasks.cluster
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain.cluster_rows import LinkReason
from kilo_gql.domain.grouping_facts import facts
from kilo_gql.domain.grouping_results import Moved, Result, write
from kilo_gql.models import (
    Asset,
    Band,
    Cluster,
    ClusterKind,
    CullAction,
    CullState,
    GroupingState,
    Job,
    Project,
    SetKind,
    Suggestion,
)
from kilo_gql.models.base import uuid7
from kilo_gql.sample_shoot import render
from ml.descriptors import stack
from ml.evaluation.shoots import Plan
from ml.grouping.evidence import Reason
from ml.grouping.grouping import group
from tasks.cluster_looks import Memory, Remembered
from tests.ml_grouping.conftest import Described, described, places
from tests.support.grouped import Darkroom, Snap, snaps
from tests.support.make import Make
from tests.support.shoot import Shoot
from tests.support.traces import queued, told

__all__ = ["described", "places"]

PLAN = Plan(moments=4, moment_gap_s=300, brackets=1, copies=0.15, cameras=2)
Names = set[frozenset[str]]


@pytest_asyncio.fixture
async def darkroom(db: Database, settings: Settings, make: Make) -> AsyncIterator[Darkroom]:
    owner = await make.user()
    project = await make.project(owner)
    async with Shoot(db, settings, project.id, owner) as shoot:
        yield Darkroom(db, shoot.runner)


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """What the process remembers, for one test."""
    fresh = Memory()
    monkeypatch.setattr(tasks.cluster, "_memory", fresh)
    return fresh


@pytest_asyncio.fixture
async def project(make: Make) -> Project:
    return await make.project(await make.user())


@pytest.fixture(scope="session")
def shot(described: Callable[[int, Plan], Described]) -> Described:
    return described(5, PLAN)


@pytest.fixture(scope="session")
def photos(shot: Described) -> list[Snap]:
    return snaps(shot.shoot.shots, shot.packed, shot.shoot.tiles)


async def named(
    darkroom: Darkroom, project: Project, ids: dict[str, UUID], kind: ClusterKind = ClusterKind.MOMENT
) -> Names:
    """The clusters of a kind by the names of their photos."""
    name = {id_: one for one, id_ in ids.items()}
    parts = (await darkroom.partition(project.id, kind)).values()
    return {frozenset(name[id_] for id_ in part) for part in parts}


async def every_kind(darkroom: Darkroom, project: Project, ids: dict[str, UUID]) -> list[Names]:
    return [await named(darkroom, project, ids, kind) for kind in ClusterKind]


# --- what it makes ---------------------------------------------------------------------------------------------------


async def test_photos_become_clusters(
    darkroom: Darkroom, project: Project, shot: Described, photos: list[Snap]
) -> None:
    ids = await darkroom.put(project, photos)
    job = await darkroom.group(project.id)
    made = shot.shoot.shots
    found = group(made, stack(shot.packed))
    codes = zip(ClusterKind, (found.moment, found.burst, found.duplicate_group), strict=True)
    for kind, code in codes:
        parts: dict[int, set[int]] = {}
        for row in range(len(made)):
            parts.setdefault(int(code[row]), set()).add(row)
        wanted = {
            frozenset(photos[row].name for row in part)
            for part in parts.values()
            if kind is ClusterKind.MOMENT
            or (kind is ClusterKind.DUPLICATE_GROUP and len(part) > 1)
            or (kind is ClusterKind.BURST and len({int(found.duplicate_group[row]) for row in part}) > 1)
        }
        assert await named(darkroom, project, ids, kind) == wanted, kind
    clusters = await darkroom.clusters(project.id)
    counts = {kind.value: sum(one.kind is kind for one in clusters) for kind in ClusterKind}
    assert job.result == {"photos": len(photos), **counts}
    assert [one.kept_set.value for one in clusters if one.kept_set] == [one.kind.value for one in found.sets]
    await _consistent(darkroom, project, clusters)
    grouping = await darkroom.grouping(project.id)
    assert (grouping.state, grouping.asset_count, grouping.threshold) == (GroupingState.READY, len(photos), None)
    assert await queued(darkroom.db, "project.rank") == [{}]
    assert await queued(darkroom.db, "project.measure") == []


async def _consistent(darkroom: Darkroom, project: Project, clusters: list[Cluster]) -> None:
    by_id = {one.id: one for one in clusters}
    where = {(one.asset_id, one.kind): one for one in await darkroom.members(project.id)}
    for one in clusters:
        inside = sorted((m for m in where.values() if m.cluster_id == one.id), key=lambda member: member.place)
        assert [member.place for member in inside] == list(range(one.size))
        parent = by_id[one.parent_id] if one.parent_id else None
        assert (parent is None) == (one.kind is ClusterKind.MOMENT)
        for member in inside:
            assert member.kind is one.kind
            assert parent is None or where[member.asset_id, parent.kind].cluster_id == parent.id
            assert member.link_asset_id is None or member.link_asset_id in {other.asset_id for other in inside}
        # all but one photo of a cluster say why they are in it
        assert sum(member.link_asset_id is None for member in inside) <= 1 or one.kind is ClusterKind.MOMENT


async def test_files_that_come_in_are_grouped(db: Database, settings: Settings, make: Make, tmp_path: Path) -> None:
    burst, bracket = ([f"KLO_{number:04}.JPG" for number in numbers] for numbers in (range(5, 9), range(19, 24)))
    owner = await make.user()
    project = await make.project(owner)
    async with Shoot(db, settings, project.id, owner) as shoot:
        files = {path.name: path.read_bytes() for path in render(tmp_path, 400)}
        ids = {name: await shoot.upload(name, files[name]) for name in (*bracket, *burst)}
        await shoot.work()
        darkroom = Darkroom(db, shoot.runner)
        assert (await darkroom.group(project.id)).result == {"photos": 9, "moment": 2, "burst": 2}
        assert await named(darkroom, project, ids) == {frozenset(burst), frozenset(bracket)}
        kept_sets = [(one.kind, one.kept_set, one.set_evidence) for one in await darkroom.clusters(project.id)]
        evidence = {"stepEv": 1.0, "told": 1.0}
        assert [one for one in kept_sets if one[1]] == [
            (kind, SetKind.BRACKET, evidence) for kind in (ClusterKind.MOMENT, ClusterKind.BURST)
        ]


async def test_a_focus_stack_is_kept_whole(
    darkroom: Darkroom, project: Project, described: Callable[[int, Plan], Described]
) -> None:
    made = described(5, Plan(moments=4, focus_stacks=1))
    photos = snaps(made.shoot.shots, made.packed, made.shoot.tiles)
    ids = await darkroom.put(project, photos)
    await darkroom.group(project.id)
    [stack] = [one for one in await darkroom.clusters(project.id) if one.kept_set and one.kind is ClusterKind.BURST]
    assert stack.kept_set is SetKind.FOCUS_STACK
    [planted] = made.shoot.sets
    inside = (await darkroom.partition(project.id, ClusterKind.BURST))[stack.id]
    assert inside == [ids[photos[row].name] for row in planted.members]


async def test_what_is_told(darkroom: Darkroom, project: Project, photos: list[Snap]) -> None:
    await darkroom.put(project, photos)
    await darkroom.group(project.id)
    clusters = await darkroom.clusters(project.id)
    events = [event for event in await told(darkroom.db, project.id) if event[0].startswith(("cluster", "project"))]
    kinds = [kind for kind in ClusterKind if any(one.kind is kind for one in clusters)]
    news = [("cluster.updated", {"created": True, "kind": kind.value}) for kind in kinds]
    assert events[:-1] == news
    assert (events[-1][0], events[-1][1]["grouping"]["state"]) == ("project.updated", "ready")
    await darkroom.group(project.id)
    again = [event[0] for event in await told(darkroom.db, project.id) if event[0].startswith(("cluster", "project"))]
    assert again[len(events) :] == ["project.updated"]


def test_link_reasons_have_one_order() -> None:
    assert [reason.value.upper() for reason in LinkReason] == [reason.name for reason in Reason]


async def test_photos_that_are_not_measured_stand_alone_and_are_measured_once(
    darkroom: Darkroom, project: Project, photos: list[Snap]
) -> None:
    some = [*photos[:6], Snap("unmeasured.jpg", None, columns=photos[0].columns)]
    ids = await darkroom.put(project, some)
    await darkroom.group(project.id)
    assert frozenset({"unmeasured.jpg"}) in await named(darkroom, project, ids)
    assert await queued(darkroom.db, "project.measure") == [{}]
    await darkroom.change(delete(Job).where(Job.type == "project.measure"))
    await darkroom.group(project.id)
    assert await queued(darkroom.db, "project.measure") == []


# --- one photo after another -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_order_of_arrival_makes_no_difference(
    darkroom: Darkroom, make: Make, photos: list[Snap], memory: Memory, seed: int
) -> None:
    chance = random.Random(seed)
    owner = await make.user()
    batch, trickle = await make.project(owner), await make.project(owner)
    ids = await darkroom.put(batch, photos)
    await darkroom.group(batch.id)
    left, came = chance.sample(photos, len(photos)), dict[str, UUID]()
    while left:
        some, left = left[: (size := chance.randint(1, 12))], left[size:]
        came |= await darkroom.put(trickle, some)
        if chance.random() < 0.3:
            memory.take(trickle.id)  # another process, or this one started again
        await darkroom.group(trickle.id)
    assert await every_kind(darkroom, trickle, came) == await every_kind(darkroom, batch, ids)
    links = [await _links(darkroom, one, names) for one, names in ((trickle, came), (batch, ids))]
    assert links[0] == links[1]
    await _consistent(darkroom, trickle, await darkroom.clusters(trickle.id))


async def _links(darkroom: Darkroom, project: Project, ids: dict[str, UUID]) -> set[tuple[object, ...]]:
    name = {id_: one for one, id_ in ids.items()}
    return {
        (one.kind, name[one.asset_id], one.place, one.link_asset_id and name[one.link_asset_id], one.link_gap_s,
         one.link_look, one.link_score, one.link_reasons)
        for one in await darkroom.members(project.id)
    }  # fmt: skip


async def test_late_photos_disturb_their_own_part_of_the_shoot_only(
    darkroom: Darkroom, project: Project, described: Callable[[int, Plan], Described]
) -> None:
    made = described(3, Plan(moments=5, moment_gap_s=7_200))
    photos = snaps(made.shoot.shots, made.packed, made.shoot.tiles)
    late = photos[len(photos) // 2]
    await darkroom.put(project, [photo for photo in photos if photo is not late])
    await darkroom.group(project.id)
    before, stamps = await darkroom.partition(project.id), await _stamps(darkroom, project)
    darkroom.db.house.clock.advance(60)  # type: ignore[attr-defined]
    ids = await darkroom.put(project, [late])
    await darkroom.group(project.id)
    after, now = await darkroom.partition(project.id), await _stamps(darkroom, project)
    assert before.keys() == after.keys()
    [disturbed] = [id_ for id_, part in after.items() if ids[late.name] in part]
    assert {id_ for id_ in before if before[id_] != after[id_]} == {disturbed}
    clusters = {one.id: one for one in await darkroom.clusters(project.id)}
    assert {clusters[id_].parent_id or id_ for id_, stamp in now.items() if stamps.get(id_) != stamp} == {disturbed}


async def _stamps(darkroom: Darkroom, project: Project) -> dict[UUID, datetime]:
    return {one.id: one.updated_at for one in await darkroom.clusters(project.id)}


def test_memory_forgets_what_was_not_used_for_longest() -> None:
    one, other, third = (uuid7() for _ in range(3))
    filled = [Remembered(stamps=dict.fromkeys(uuid7() for _ in range(10))) for _ in range(3)]
    memory = Memory(budget=2 * filled[0].size)
    for id_, remembered in zip((one, other, third), filled, strict=True):
        memory.put(id_, remembered)
    assert (len(memory), memory.take(one).stamps) == (2, {})
    assert memory.take(other) is filled[1]
    memory.put(one, Remembered(stamps=dict.fromkeys(uuid7() for _ in range(30))))
    assert len(memory) == 0  # what does not fit is not kept


# --- what people decided ---------------------------------------------------------------------------------------------


def texts(ids: Iterable[UUID]) -> list[str]:
    return [str(id_) for id_ in ids]


async def test_a_split_and_its_undoing(darkroom: Darkroom, project: Project, photos: list[Snap]) -> None:
    ids = await darkroom.put(project, photos)
    await darkroom.group(project.id)
    before, [moment, *_] = await every_kind(darkroom, project, ids), _largest(await darkroom.partition(project.id))
    parts = [texts(moment[::2]), texts(moment[1::2])]
    step = await darkroom.decide(project, {"kind": "moment", "op": "split", "parts": parts})
    await darkroom.group(project.id)
    now = {frozenset(texts(part)) for part in (await darkroom.partition(project.id)).values()}
    assert all(sum(not part.isdisjoint(one) for one in now) >= 1 for part in map(frozenset, parts))
    assert not any(one & set(parts[0]) and one & set(parts[1]) for one in now)
    threshold = (await darkroom.grouping(project.id)).threshold
    assert threshold is not None
    assert threshold > 0.75  # a split speaks for more
    undone = update(CullAction).where(CullAction.id == step).values(state=CullState.UNDONE)
    await darkroom.change(undone, project.id)
    await darkroom.group(project.id)
    assert await every_kind(darkroom, project, ids) == before
    assert (await darkroom.grouping(project.id)).threshold is None


async def test_a_merge_lowers_the_threshold(darkroom: Darkroom, project: Project, photos: list[Snap]) -> None:
    await darkroom.put(project, photos)
    await darkroom.group(project.id)
    clusters = sorted((one for one in await darkroom.clusters(project.id) if one.kind is ClusterKind.MOMENT),
                      key=lambda one: one.sort_at)  # fmt: skip
    partition = await darkroom.partition(project.id)
    merged = [*partition[clusters[0].id], *partition[clusters[1].id]]
    await darkroom.decide(project, {"kind": "moment", "op": "merge", "ids": texts(merged)})
    await darkroom.group(project.id)
    assert any(set(merged) <= set(part) for part in (await darkroom.partition(project.id)).values())
    threshold = (await darkroom.grouping(project.id)).threshold
    assert threshold is not None
    assert threshold < 0.75


def _largest(partition: dict[UUID, list[UUID]]) -> list[list[UUID]]:
    return sorted(partition.values(), key=len, reverse=True)


async def test_reviewed_clusters_stay_as_they_are(darkroom: Darkroom, project: Project, photos: list[Snap]) -> None:
    first, late = photos[::2], photos[1::2]
    ids = await darkroom.put(project, first)
    await darkroom.group(project.id)
    before = await darkroom.partition(project.id)
    reviewed = update(Cluster).where(Cluster.project_id == project.id, Cluster.kind == ClusterKind.MOMENT)
    await darkroom.change(reviewed.values(reviewed_at=darkroom.db.house.clock()), project.id)
    ids |= await darkroom.put(project, late)
    await darkroom.group(project.id)
    after = await darkroom.partition(project.id)
    assert {id_: after[id_] for id_ in before} == before
    newcomers = {ids[photo.name] for photo in late}
    assert {id_ for part in (after[key] for key in after.keys() - before.keys()) for id_ in part} == newcomers


@pytest.mark.parametrize("seed", [7])
async def test_decisions_hold_over_a_hundred_groupings(
    darkroom: Darkroom, project: Project, photos: list[Snap], memory: Memory, seed: int
) -> None:
    chance = random.Random(seed)
    ids = await darkroom.put(project, photos[::2])
    await darkroom.group(project.id)
    one, other, *_ = _largest(await darkroom.partition(project.id))
    apart = [one[: len(one) // 2], one[len(one) // 2 :]]
    joined = [*apart[0][-1:], *other[:2]]
    await darkroom.decide(project, {"kind": "moment", "op": "split", "parts": [texts(part) for part in apart]})
    move = {"ids": texts(apart[0][-1:]), "rest": texts(apart[0][:-1]), "target": texts(other[:2])}
    await darkroom.decide(project, {"kind": "moment", "op": "move", **move})
    free = sorted(set(ids.values()) - set(one) - set(other))
    now = darkroom.db.house.clock()
    for _ in range(100):
        some = chance.sample(free, 3)
        gone = case((Asset.id.in_(some), now), else_=null())
        await darkroom.change(update(Asset).where(Asset.id.in_(free)).values(trashed_at=gone), project.id)
        if chance.random() < 0.2:
            memory.take(project.id)
        await darkroom.group(project.id)
        where = {id_: key for key, part in (await darkroom.partition(project.id)).items() for id_ in part}
        assert len({where[id_] for id_ in joined}) == 1
        assert {where[id_] for id_ in apart[0][:-1]}.isdisjoint(where[id_] for id_ in apart[1])
        assert where[joined[0]] not in {where[id_] for id_ in apart[0][:-1]}


async def test_a_decision_made_meanwhile_is_not_overwritten(
    darkroom: Darkroom, project: Project, photos: list[Snap]
) -> None:
    await darkroom.put(project, photos)
    await darkroom.group(project.id)
    before = await darkroom.partition(project.id)
    async with darkroom.floor.write() as tx:
        known = await facts(tx, project.id)
    nothing = Result({}, {}, {}, 0, None, {})
    moment = next(iter(before.values()))
    await darkroom.decide(project, {"kind": "moment", "op": "split", "parts": [texts(moment[:1]), texts(moment[1:])]})
    with pytest.raises(Moved):
        async with darkroom.floor.write() as tx:
            await write(tx, known, nothing)
    async with darkroom.floor.write() as tx:
        known = await facts(tx, project.id)
    closed = update(Cluster).where(Cluster.id == next(iter(before))).values(reviewed_at=darkroom.db.house.clock())
    await darkroom.change(closed)
    with pytest.raises(Moved):
        async with darkroom.floor.write() as tx:
            await write(tx, known, nothing)
    assert await darkroom.partition(project.id) == before


# --- what goes and comes back ----------------------------------------------------------------------------------------


async def test_what_was_in_a_reviewed_cluster_comes_back_to_it(
    darkroom: Darkroom, project: Project, photos: list[Snap]
) -> None:
    await darkroom.put(project, photos)
    await darkroom.group(project.id)
    before = await darkroom.partition(project.id)
    cluster_id = max(before, key=lambda id_: len(before[id_]))
    moment, now = before[cluster_id], darkroom.db.house.clock()
    await darkroom.change(update(Cluster).where(Cluster.id == cluster_id).values(reviewed_at=now), project.id)
    gone = moment[:2]
    for trashed_at, size in ((now, len(moment) - 2), (None, len(moment))):
        await darkroom.change(update(Asset).where(Asset.id.in_(gone)).values(trashed_at=trashed_at), project.id)
        await darkroom.group(project.id)
        [cluster] = [one for one in await darkroom.clusters(project.id) if one.id == cluster_id]
        assert cluster.size == size
        assert set((await darkroom.partition(project.id))[cluster_id]) == set(moment)
    await darkroom.change(update(Asset).where(Asset.id.in_(moment)).values(trashed_at=now), project.id)
    await darkroom.group(project.id)
    assert cluster_id in {one.id for one in await darkroom.clusters(project.id)}


async def test_a_winner_goes_with_its_photo_and_suggestions_go(
    darkroom: Darkroom, project: Project, photos: list[Snap]
) -> None:
    await darkroom.put(project, photos)
    await darkroom.group(project.id)
    partition = await darkroom.partition(project.id)
    ordered = sorted(partition, key=lambda id_: len(partition[id_]), reverse=True)
    cluster_id, other_id = ordered[:2]
    moment = partition[cluster_id]
    winner = update(Cluster).where(Cluster.id == cluster_id)
    await darkroom.change(winner.values(winner_asset_id=moment[-1], winner_by=project.owner_user_id))
    async with darkroom.floor.write() as tx:
        for id_ in (cluster_id, other_id):
            tx.add(_suggestion(project, id_, partition[id_], darkroom))
    parts = [texts(moment[:-1]), texts(moment[-1:])]
    await darkroom.decide(project, {"kind": "moment", "op": "split", "parts": parts})
    await darkroom.group(project.id)
    clusters = {one.id: one for one in await darkroom.clusters(project.id)}
    assert clusters[cluster_id].winner_asset_id is None
    now = await darkroom.partition(project.id)
    [alone] = [id_ for id_ in now if moment[-1] in now[id_]]
    assert (clusters[alone].winner_asset_id, clusters[alone].winner_by) == (moment[-1], project.owner_user_id)
    async with darkroom.floor.write() as tx:
        left = await tx.scalars(select(Suggestion.cluster_id).where(Suggestion.project_id == project.id))
    assert left == [other_id]


def _suggestion(project: Project, cluster_id: UUID, asset_ids: list[UUID], darkroom: Darkroom) -> Suggestion:
    return Suggestion(
        id=uuid7(), project_id=project.id, cluster_id=cluster_id, asset_ids=asset_ids, scores=[0.0] * len(asset_ids),
        probabilities=[1 / len(asset_ids)] * len(asset_ids), band=Band.LOW, chips=[], rest=0.0, rest_margin=0.0,
        basis=b"", made_at=darkroom.db.house.clock(),
    )  # fmt: skip


# --- clocks ----------------------------------------------------------------------------------------------------------


async def test_a_clock_that_is_off_is_found(
    darkroom: Darkroom, project: Project, described: Callable[[int, Plan], Described]
) -> None:
    made = described(11, Plan(moments=10, moment_gap_s=120, cameras=2, clock_s=3_000.0))
    await darkroom.put(project, snaps(made.shoot.shots, made.packed, made.shoot.tiles))
    await darkroom.group(project.id)
    clocks = (await darkroom.grouping(project.id)).clock_offsets
    [camera] = [clock for clock in clocks.values() if not clock["reference"]]
    assert camera["accepted"]
    wrong = 1 if camera["label"].endswith("0001") else -1
    assert abs(camera["estimated_s"] - wrong * 3_000) < 20
