"""Ratings: everyone's own word, four fields that do not touch each other."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gql.models import Role
from kilo_gql.models.base import uuid7
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.traces import told

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS = ("rating", "picked", "rejected", "starred", "notes")


def said(answer: dict[str, Any]) -> list[Any]:
    return [answer[name] for name in FIELDS]


async def test_absent_keeps_and_null_clears(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    steps: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [None, None, None, None, None]),
        ({"rating": 4}, [4, None, None, None, None]),
        ({"picked": True, "rejected": False}, [4, True, False, None, None]),
        ({"rejected": True}, [4, True, True, None, None]),
        ({"starred": False, "notes": "Mine.\nAll mine."}, [4, True, True, False, "Mine.\nAll mine."]),
        ({"rating": None, "picked": None}, [None, None, True, False, "Mine.\nAll mine."]),
        ({"notes": ""}, [None, None, True, False, ""]),
        ({"rejected": None, "starred": None, "notes": None}, [None, None, None, None, None]),
    ]
    for change, expected in steps:
        answer = (await door.call("rate_asset", ada, assetId=asset.id, **change)).ok
        assert (answer["assetId"], answer["userId"]) == (str(asset.id), str(ada.user_id))
        assert (change, said(answer)) == (change, expected)
    patches = [{"rating": {"userId": str(ada.user_id), **change}} for change, _ in steps if change]
    assert await told(make.db, project.id) == [("asset.updated", patch) for patch in patches]


async def test_saying_it_twice_is_saying_it_once(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    first = (await door.call("rate_asset", ada, assetId=asset.id, rating=4, picked=True)).ok
    assert (await door.call("rate_asset", ada, assetId=asset.id, rating=4)).ok == first
    assert len(await told(make.db, project.id)) == 1


async def test_everybody_has_their_own(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    bob = await make.member(project.id, Role.EDITOR)
    asset = await make.asset(project)
    await door.call("rate_asset", ada, assetId=asset.id, rating=5, picked=True)
    await door.call("rate_asset", bob, assetId=asset.id, rating=1, rejected=True)
    assert said((await door.call("rate_asset", ada, assetId=asset.id)).ok) == [5, True, None, None, None]
    assert said((await door.call("rate_asset", bob, assetId=asset.id)).ok) == [1, None, True, None, None]


@pytest.mark.parametrize("change", [{"rating": 0}, {"rating": 6}, {"rating": -1}, {"notes": "x" * 10_001}], ids=str)
async def test_what_is_no_rating(door: Door, make: Make, change: dict[str, Any]) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    before = (await door.call("rate_asset", ada, assetId=asset.id, rating=3)).ok
    assert (await door.call("rate_asset", ada, assetId=asset.id, **{"picked": True, **change})).code == "bad_request"
    answer = await door.call("rate_assets", ada, projectId=project.id, ids=[asset.id], **{"picked": True, **change})
    assert answer.code == "bad_request"
    assert (await door.call("rate_asset", ada, assetId=asset.id)).ok == before
    assert len(await told(make.db, project.id)) == 1


async def test_many_at_once(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    photos = [await make.asset(project) for _ in range(4)]
    elsewhere = await make.asset(await make.project(ada))
    hidden = await make.asset(await make.project(await make.user()))
    await door.call("rate_asset", ada, assetId=photos[0].id, rating=2, starred=True)
    await door.call("rate_asset", ada, assetId=photos[1].id, picked=True)
    ids = [photo.id for photo in photos[:3]] + [elsewhere.id, hidden.id, uuid7(), photos[0].id]
    answer = await door.call("rate_assets", ada, projectId=project.id, ids=ids, picked=True)
    assert answer.ok == {"count": 2}  # the second was picked before
    shown = [said((await door.call("rate_asset", ada, assetId=photo.id)).ok) for photo in photos]
    assert shown == [
        [2, True, None, True, None],
        [None, True, None, None, None],
        [None, True, None, None, None],
        [None, None, None, None, None],
    ]
    assert said((await door.call("rate_asset", ada, assetId=elsewhere.id)).ok) == [None] * 5
    assert (await told(make.db, project.id))[2:] == [
        ("asset.updated", {"rating": {"userId": str(ada.user_id), "picked": True}})
    ]
    nothing = await door.call("rate_assets", ada, projectId=project.id, ids=ids)
    assert nothing.ok == {"count": 0}
    many = await door.call("rate_assets", ada, projectId=project.id, ids=[uuid7() for _ in range(501)], picked=True)
    assert many.code == "too_many_ids"


async def test_a_keyed_rating_is_replayed(door: Door, make: Make) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada))
    first = await door.call("rate_asset", ada, assetId=asset.id, rating=4, key="k" * 8)
    await door.call("rate_asset", ada, assetId=asset.id, rating=1)
    again = await door.call("rate_asset", ada, assetId=asset.id, rating=4, key="k" * 8)
    assert (again.replayed, again.ok) == (True, first.ok)
    assert (await door.call("rate_asset", ada, assetId=asset.id)).ok["rating"] == 1
