"""Statistics of a cull: counted, timed and compared exactly, through both doors."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from kilo_gql.access import UserActor
from kilo_gql.models import ClusterKind, CullAction, CullKind, Pick, PickBasis, Role
from kilo_gql.models.base import uuid7
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="module")

NONE = {"value": None, "n": 0}


def step(culled: Culled, user: UserActor, at: datetime, state: str = "done") -> CullAction:
    return CullAction(
        id=uuid7(), project_id=culled.project.id, user_id=user.user_id, at=at, kind=CullKind.RATE, state=state,
        title="Pick", asset_ids=[], asset_count=1, cluster_ids=[], before={}, after={},
    )  # fmt: skip


def pick(culled: Culled, user: UserActor, cluster_id: UUID, at: datetime, **columns: Any) -> Pick:
    blank = {"place": None, "regret": None, "suggested_asset_id": None, "band": None, "in_force": True}
    return Pick(
        id=uuid7(), user_id=user.user_id, project_id=culled.project.id, cluster_id=cluster_id, at=at, asset_ids=[],
        picked=[], rejected=[], **{**blank, **columns},
    )  # fmt: skip


async def test_nothing_yet(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    found = (await door.call("get_cull_statistics", ada, projectId=project.id, weeks=1)).ok
    [week] = found.pop("overrideWeeks")
    assert week["rate"] == NONE
    assert found == {
        "assetCount": 0, "pickedCount": 0, "rejectedCount": 0, "starredCount": 0, "ratedCount": 0, "undecidedCount": 0,
        "clusters": [
            {"kind": kind, "count": 0, "reviewedCount": 0} for kind in ("moment", "burst", "duplicate_group")
        ],
        "stepCount": 0, "firstStepAt": None, "lastStepAt": None, "elapsedSeconds": 0.0, "activeSeconds": 0.0,
        "overrideRate": NONE, "top1": NONE, "top3": NONE, "meanRegret": NONE,
    }  # fmt: skip


async def test_counts_are_the_viewers_and_of_what_lists_show(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    bob = await make.member(culled.project.id, Role.EDITOR)
    now = make.db.house.clock()
    photos = await culled.photos(7)
    words: tuple[dict[str, Any], ...] = (
        {"picked": True, "starred": True}, {"picked": True, "rejected": True}, {"rejected": True, "rating": 1},
        {"picked": False, "rating": 5}, {"notes": "Hm."}, {"starred": False},
    )  # fmt: skip
    for photo, word in zip(photos, words, strict=False):
        await make.rating(photo, ada, **word)
    await make.rating(photos[6], bob, picked=True, rating=3)
    for hidden in ({"trashed_at": now}, {"parent_id": photos[0].id}, {"status": "quarantined"}):
        [photo] = await culled.photos(1, **hidden)
        await make.rating(photo, ada, picked=True, starred=True, rating=4)
    await culled.cluster(photos[:4], reviewed_at=now)
    await culled.cluster(photos[4:])
    await culled.cluster(photos[:3], ClusterKind.BURST)
    names = ("assetCount", "pickedCount", "rejectedCount", "starredCount", "ratedCount", "undecidedCount")
    expected = {ada: (7, 2, 2, 1, 2, 4), bob: (7, 1, 0, 0, 1, 6)}
    for who, numbers in expected.items():
        found = (await door.call("get_cull_statistics", who, projectId=culled.project.id)).ok
        assert tuple(found[name] for name in names) == numbers
        assert found["clusters"] == [
            {"kind": "moment", "count": 2, "reviewedCount": 1},
            {"kind": "burst", "count": 1, "reviewedCount": 0},
            {"kind": "duplicate_group", "count": 0, "reviewedCount": 0},
        ]


async def test_long_pauses_are_no_culling(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await Culled.of(make.db, ada)
    bob = await make.member(culled.project.id, Role.EDITOR)
    began = datetime(2026, 11, 20, 9, tzinfo=UTC)
    after = [0, 2.5, 300, 301, 301, 4000, 4299.5]
    states = ["done", "undone", "dropped", "done", "done", "done", "undone"]
    await make.rows(
        *(step(culled, ada, began + timedelta(seconds=s), state) for s, state in zip(after, states, strict=True)),
        step(culled, bob, began - timedelta(days=1)),
    )
    found = (await door.call("get_cull_statistics", ada, projectId=culled.project.id)).ok
    assert (found["stepCount"], found["elapsedSeconds"], found["activeSeconds"]) == (7, 4299.5, 301 + 300 + 299.5)
    assert found["firstStepAt"] == began
    assert found["lastStepAt"] == began + timedelta(seconds=4299.5)
    his = (await door.call("get_cull_statistics", bob, projectId=culled.project.id)).ok
    assert (his["stepCount"], his["elapsedSeconds"], his["activeSeconds"]) == (1, 0.0, 0.0)


async def test_how_good_the_suggestions_were(door: Door, make: Make, clock: Clock) -> None:
    ada = await make.user()
    culled, elsewhere = await Culled.of(make.db, ada), await Culled.of(make.db, ada)
    bob = await make.member(culled.project.id, Role.EDITOR)
    sunday, monday = datetime(2026, 11, 15, 23, 59, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)
    clock.now = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday
    accepted, override, unprompted = PickBasis.ACCEPTED, PickBasis.OVERRIDE, PickBasis.UNPROMPTED
    a, b, c, d, e, f = (uuid7() for _ in range(6))
    await make.rows(
        pick(culled, ada, a, monday, basis=accepted, place=1, regret=0.0),
        pick(culled, ada, b, monday, basis=override, place=2, regret=0.25),
        pick(culled, ada, c, sunday, basis=override, place=4, regret=0.5),
        pick(culled, ada, d, sunday, basis=unprompted, place=3, regret=0.125),  # the best three, to compare
        pick(culled, ada, e, monday, basis=override),  # the suggested one was rejected, none was picked
        pick(culled, ada, f, monday, basis=unprompted),  # nothing was suggested
        # what was said before, taken back, taken over from a client, said by somebody else, or elsewhere
        pick(culled, ada, a, monday + timedelta(days=1), basis=PickBasis.CLIENT),
        pick(culled, ada, a, sunday, basis=override, place=9, regret=0.9),
        pick(culled, ada, b, monday + timedelta(days=1), basis=accepted, place=1, regret=0.0, in_force=False),
        pick(culled, bob, uuid7(), monday, basis=override, place=9, regret=0.9),
        pick(elsewhere, ada, uuid7(), monday, basis=override, place=9, regret=0.9),
    )
    found = (await door.call("get_cull_statistics", ada, projectId=culled.project.id, weeks=3)).ok
    assert found["overrideRate"] == {"value": 0.75, "n": 4}
    assert found["overrideWeeks"] == [
        {"week": "2026-W45", "startsOn": "2026-11-02", "rate": NONE},
        {"week": "2026-W46", "startsOn": "2026-11-09", "rate": {"value": 1.0, "n": 1}},
        {"week": "2026-W47", "startsOn": "2026-11-16", "rate": {"value": 2 / 3, "n": 3}},
    ]
    assert found["top1"] == {"value": 0.25, "n": 4}
    assert found["top3"] == {"value": 0.75, "n": 4}
    assert found["meanRegret"] == {"value": 0.875 / 4, "n": 4}


async def test_weeks_across_new_year(door: Door, make: Make, clock: Clock) -> None:
    clock.now = datetime(2027, 1, 3, 23, 59, tzinfo=UTC)
    ada = await make.user()
    project = await make.project(ada)
    found = (await door.call("get_cull_statistics", ada, projectId=project.id, weeks=2)).ok
    assert [(week["week"], week["startsOn"]) for week in found["overrideWeeks"]] == [
        ("2026-W52", "2026-12-21"),
        ("2026-W53", "2026-12-28"),
    ]
    assert len((await door.call("get_cull_statistics", ada, projectId=project.id)).ok["overrideWeeks"]) == 12


@pytest.mark.parametrize("weeks", [0, -1, 521])
async def test_what_is_no_number_of_weeks(door: Door, make: Make, weeks: int) -> None:
    ada = await make.user()
    project = await make.project(ada)
    refused = await door.call("get_cull_statistics", ada, projectId=project.id, weeks=weeks)
    assert (refused.code, (refused.error or {})["details"]) == ("bad_request", {"field": "weeks"})


async def test_both_kinds_of_statistics_take_few_statements(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    counts = []
    for _ in range(2):
        for operation in ("get_stats", "get_cull_statistics"):
            with statements(make.db) as seen:
                await door.call(operation, ada, projectId=project.id)
                await asyncio.sleep(0.05)
            counts.append(len(seen))
    # GraphQL reads the project first; the latter reads the right, photos, clusters, steps, picks
    assert counts[2:] == [1 if door.name == "rest" else 2, 5]
