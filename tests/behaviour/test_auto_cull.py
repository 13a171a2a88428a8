"""Automatic culls through both doors: a dry run that writes nothing, and then exactly what it said, in one step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.models import Asset, Cluster, ClusterKind, CullAction, Pick, Rating, Role, SetKind
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.statements import statements
from tests.support.traces import told
from tests.support.world import state

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def moment(culled: Culled, *probabilities: float, **columns: Any) -> tuple[Cluster, list[Asset]]:
    """A moment of so many photos, ranked in order of time."""
    photos = await culled.photos(len(probabilities))
    cluster = await culled.cluster(photos, **columns)
    if len(photos) > 1:
        await culled.suggest(cluster, photos, probabilities)
    return cluster, photos


def ids(photos: Sequence[Asset | Cluster]) -> list[str]:
    return [str(photo.id) for photo in photos]


async def said(db: Database, user: UserActor, photos: Sequence[Asset]) -> list[tuple[bool | None, bool | None] | None]:
    """Picked and rejected, of each photo; None of one of which nothing was ever said."""
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        rows = await tx.scalars(select(Rating).where(Rating.user_id == user.user_id))
        words = {row.asset_id: (row.picked, row.rejected) for row in rows}
    return [words.get(photo.id) for photo in photos]


PICKED, REJECTED, NOTHING = (True, None), (None, True), None


async def test_a_plan_says_what_it_would_do_and_does_nothing(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    a, (a1, a2, a3) = await moment(culled, 0.5, 0.375, 0.125)
    b, (b1,) = await moment(culled, 1.0)
    _, reviewed = await moment(culled, 0.5, 0.5, reviewed_at=make.db.house.clock())
    unranked = await culled.photos(2)
    await culled.cluster(unranked)
    [new] = await culled.photos(1)
    before = await state(make.db)
    plan = (await door.call("plan_auto_cull", ada, projectId=culled.project.id, keepPerMoment=1)).ok
    assert len(plan.pop("planHash")) == 32
    assert plan == {
        "keepCount": 2,
        "rejectCount": 2,
        "untouchedCount": 5,
        "momentIds": ids([a, b]),
        "keptIds": [ids([a1]), ids([b1])],
        "rejectedIds": ids([a2, a3]),
        "untouched": [
            {"reason": "reviewed", "count": 2, "assetIds": ids(reviewed)},
            {"reason": "not_grouped", "count": 1, "assetIds": ids([new])},
            {"reason": "not_ranked", "count": 2, "assetIds": ids(unranked)},
        ],
        "uncertain": [
            {"clusterId": str(a.id), "keptId": str(a1.id), "rejectedId": str(a2.id), "probability": 0.375 / 0.875}
        ],
        "choiceCount": 2,
        "expectedRegret": 0.5,
    }
    assert await state(make.db) == before


async def test_what_is_applied_is_what_was_planned(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    _, (a1, a2, a3) = await moment(culled, 0.5, 0.3, 0.2)
    _, (b1, b2) = await moment(culled, 0.6, 0.4)
    frames = await culled.photos(3)
    whole = await culled.cluster(frames)
    await culled.cluster(frames, ClusterKind.BURST, kept_set=SetKind.BRACKET, parent_id=whole.id)
    await make.rating(a2, ada, picked=True, rating=4)
    await make.rating(b1, ada, rejected=False, notes="Mine.")
    wish: dict[str, Any] = {"projectId": culled.project.id, "keepPerMoment": 2, "budget": 5}
    plan = (await door.call("plan_auto_cull", ada, **wish)).ok
    assert plan["keptIds"] == [[], ids([b1]), ids(frames)]  # one of five is picked before
    assert plan["rejectedIds"] == ids([a1, a3, b2])
    done = (await door.call("apply_auto_cull", ada, **wish, planHash=plan["planHash"], key="k" * 8)).ok
    assert done == {
        "planHash": plan["planHash"], "title": "Auto-cull: keep 4, reject 3", "pickedCount": 4, "rejectedCount": 3,
    }  # fmt: skip
    half_said = (True, False)  # a word that was no rejection is not touched
    words = [REJECTED, PICKED, REJECTED, half_said, REJECTED, PICKED, PICKED, PICKED]
    assert await said(make.db, ada, [a1, a2, a3, b1, b2, *frames]) == words
    [step] = await culled.rows(CullAction, CullAction.project_id == culled.project.id)
    assert (step.kind, step.title, step.asset_count, step.state) == ("auto_cull", done["title"], 7, "done")
    assert await culled.rows(Pick) == []  # its own guesses teach the ranker nothing
    again = await door.call("apply_auto_cull", ada, **wish, planHash=plan["planHash"], key="k" * 8)
    assert (again.replayed, again.ok) == (True, done)
    patches = [changed["rating"] for name, changed in await told(make.db, culled.project.id) if name == "asset.updated"]
    assert sorted(map(sorted, patches)) == [["picked", "userId"], ["rejected", "userId"]]


async def test_it_is_one_step_to_undo(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    _, photos = await moment(culled, 0.5, 0.3, 0.2)
    await make.rating(photos[1], ada, picked=True, starred=True)
    wish: dict[str, Any] = {"projectId": culled.project.id, "keepPerMoment": 1, "respectPicks": False}
    plan = (await door.call("plan_auto_cull", ada, **wish)).ok
    assert (await door.call("apply_auto_cull", ada, **wish, planHash=plan["planHash"])).ok["pickedCount"] == 1
    assert await said(make.db, ada, photos) == [PICKED, REJECTED, REJECTED]
    undone = (await door.call("undo_cull", ada, projectId=culled.project.id)).ok
    assert (undone["title"], undone["assetCount"]) == ("Auto-cull: keep 1, reject 2", 3)
    assert await said(make.db, ada, photos) == [NOTHING, PICKED, NOTHING]
    assert (await door.call("plan_auto_cull", ada, **wish)).ok == plan
    await door.call("redo_cull", ada, projectId=culled.project.id)
    assert await said(make.db, ada, photos) == [PICKED, REJECTED, REJECTED]


CHANGES = ("pick", "reviewed", "trashed", "suggestion", "photo", "winner", "wish", "somebody")


@pytest.mark.parametrize("what", CHANGES)
async def test_what_has_changed_since_is_not_culled(door: Door, make: Make, what: str) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    cluster, (a1, a2, a3) = await moment(culled, 0.5, 0.3, 0.2)
    await moment(culled, 0.6, 0.4)
    wish: dict[str, Any] = {"projectId": culled.project.id, "keepPerMoment": 1}
    plan = (await door.call("plan_auto_cull", ada, **wish)).ok
    who = ada
    if what == "pick":
        await make.rating(a3, ada, picked=True)
    elif what == "trashed":
        await door.call("trash_assets", ada, projectId=culled.project.id, ids=[a2.id])
    elif what == "photo":
        await culled.photos(1)
    elif what == "wish":
        wish["budget"] = 9
    elif what == "somebody":
        who = await make.member(culled.project.id, Role.EDITOR)
    async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        row = await tx.get(Cluster, cluster.id)
        row.reviewed_at = tx.now if what == "reviewed" else None
        row.winner_asset_id = a2.id if what == "winner" else None
        await tx.session.commit()
    if what == "suggestion":
        await culled.suggest(cluster, [a2, a1, a3], [0.5, 0.4, 0.1], user_id=ada.user_id)
    before = await state(make.db)
    refused = await door.call("apply_auto_cull", who, **wish, planHash=plan["planHash"])
    assert (refused.status if door.name == "rest" else 409, refused.code) == (409, "plan_changed")
    assert await state(make.db) == before
    new = (await door.call("plan_auto_cull", who, **wish)).ok
    assert refused.error is not None
    assert refused.error["details"] == {"planHash": new["planHash"]} != {"planHash": plan["planHash"]}
    assert (await door.call("apply_auto_cull", who, **wish, planHash=new["planHash"])).ok["planHash"] == new["planHash"]


async def test_ones_own_suggestion_goes_before_everyones(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    bob = await make.member(culled.project.id, Role.EDITOR)
    cluster, (a1, a2) = await moment(culled, 0.7, 0.3)
    await culled.suggest(cluster, [a2, a1], [0.8, 0.2], user_id=bob.user_id)
    wish: dict[str, Any] = {"projectId": culled.project.id, "budget": 1}
    assert (await door.call("plan_auto_cull", ada, **wish)).ok["keptIds"] == [ids([a1])]
    assert (await door.call("plan_auto_cull", bob, **wish)).ok["keptIds"] == [ids([a2])]


async def test_copies_and_bursts_are_seen(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    original, other, copy, b1, b2 = await culled.photos(5)
    cluster = await culled.cluster([original, other, copy, b1, b2])
    await culled.cluster([original, copy], ClusterKind.DUPLICATE_GROUP, parent_id=cluster.id)
    now = make.db.house.clock()
    await culled.cluster([b1, b2], ClusterKind.BURST, parent_id=cluster.id, reviewed_at=now)
    await culled.suggest(cluster, [b1, original, other, b2], [0.5, 0.25, 0.125, 0.125])
    plan = (await door.call("plan_auto_cull", ada, projectId=culled.project.id, keepPerMoment=1)).ok
    assert (plan["keptIds"], plan["rejectedIds"]) == ([ids([original])], ids([copy, other]))
    assert plan["untouched"] == [{"reason": "reviewed", "count": 2, "assetIds": ids([b1, b2])}]
    assert plan["expectedRegret"] == 0.125
    both = (await door.call("plan_auto_cull", ada, projectId=culled.project.id, budget=2, includeReviewed=True)).ok
    assert (both["keptIds"], both["rejectedIds"]) == ([ids([original, b1])], ids([copy, other, b2]))


async def test_nothing_to_do_is_no_step(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    wish: dict[str, Any] = {"projectId": culled.project.id, "keepPerMoment": 3}
    plan = (await door.call("plan_auto_cull", ada, **wish)).ok
    assert (plan["momentIds"], plan["keptIds"], plan["untouched"], plan["expectedRegret"]) == ([], [], [], 0.0)
    done = (await door.call("apply_auto_cull", ada, **wish, planHash=plan["planHash"])).ok
    assert (done["pickedCount"], done["rejectedCount"]) == (0, 0)
    assert await culled.rows(CullAction, CullAction.project_id == culled.project.id) == []


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "keepPerMoment"),
        ({"keepPerMoment": 0}, "keepPerMoment"),
        ({"keepPerMoment": 1_000_001}, "keepPerMoment"),
        ({"keepPerMoment": 1, "budget": -1}, "budget"),
        ({"budget": 1_000_001}, "budget"),
    ],
    ids=str,
)
async def test_what_is_no_wish(door: Door, make: Make, wish: dict[str, Any], field: str) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    _, photos = await moment(culled, 0.5, 0.5)
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("plan_auto_cull", {}),
        ("apply_auto_cull", {"planHash": "0" * 32}),
    )
    for operation, more in calls:
        refused = await door.call(operation, ada, projectId=culled.project.id, **wish, **more)
        assert (refused.code, (refused.error or {})["details"]) == ("bad_request", {"field": field})
    assert await said(make.db, ada, photos) == [NOTHING, NOTHING]


async def test_photos_of_other_projects_stay_out_of_it(door: Door, make: Make) -> None:
    ada = await make.user()
    culled, other = await Culled.of(make.db, ada), await Culled.of(make.db, ada)
    _, photos = await moment(other, 0.5, 0.5)
    wish: dict[str, Any] = {"projectId": culled.project.id, "budget": 0}
    plan = (await door.call("plan_auto_cull", ada, **wish)).ok
    assert (await door.call("apply_auto_cull", ada, **wish, planHash=plan["planHash"])).ok["rejectedCount"] == 0
    assert await said(make.db, ada, photos) == [NOTHING, NOTHING]


async def test_it_takes_as_many_statements_for_one_moment_as_for_many(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    wish: dict[str, Any] = {"projectId": culled.project.id, "keepPerMoment": 1}
    counts = []
    for moments in (2, 2, 20):
        for _ in range(moments):
            await moment(culled, 0.5, 0.5)
        with statements(make.db) as seen:
            plan = (await door.call("plan_auto_cull", ada, **wish)).ok
            await asyncio.sleep(0.05)
        with statements(make.db) as seen_too:
            done = (await door.call("apply_auto_cull", ada, **wish, planHash=plan["planHash"])).ok
            await asyncio.sleep(0.05)
        assert (done["pickedCount"], done["rejectedCount"]) == (moments, moments)
        counts.append((len(seen), len(seen_too)))
    assert counts[1] == counts[2]  # before that, connections look up the types they meet
    assert counts[2][0] == 4  # the right, photos, clusters, suggestions
