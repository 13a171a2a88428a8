"""Studios: teams that own projects."""

from __future__ import annotations

import pytest

from kilo_gql.models import Role
from kilo_gql.models.base import uuid7
from tests.support.doors import Door
from tests.support.make import Make

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_team(door: Door, make: Make) -> None:
    ada, email = await make.user(), f"grace-{uuid7()}@example.org"
    grace = await make.user(email)
    studio = (await door.call("create_studio", ada, name="  Two lenses ")).ok
    assert studio == {"id": studio["id"], "name": "Two lenses", "createdAt": studio["createdAt"]}
    assert (await door.call("get_studio", ada, studioId=studio["id"])).ok == studio
    assert (await door.call("list_studios", ada)).ok == {"items": [studio], "nextCursor": None}
    adding = {"studioId": studio["id"], "email": email, "role": "editor"}
    assert (await door.call("add_studio_member", ada, **adding)).code == "nobody_with_this_address"
    await make.member((await make.project(ada)).id, Role.VIEWER, grace)
    member = (await door.call("add_studio_member", ada, **adding)).ok
    assert member == {
        "studioId": studio["id"],
        "userId": str(grace.user_id),
        "role": "editor",
        "createdAt": member["createdAt"],
    }
    assert (await door.call("add_studio_member", ada, **adding)).code == "already_member"
    people = (await door.call("list_studio_members", grace, studioId=studio["id"])).ok
    assert [(p["userId"], p["role"]) for p in people] == [(str(ada.user_id), "owner"), (str(grace.user_id), "editor")]


async def test_a_role_in_the_studio_is_one_in_its_projects(door: Door, make: Make) -> None:
    ada = await make.user()
    studio = (await door.call("create_studio", ada, name="Two lenses")).ok
    email = f"grace-{uuid7()}@example.org"
    grace = await make.member((await make.project(ada)).id, Role.VIEWER, await make.user(email))
    project = (await door.call("create_project", ada, title="Ours", studioId=studio["id"])).ok
    assert (await door.call("get_project", grace, projectId=project["id"])).code == "not_found"
    await door.call("add_studio_member", ada, studioId=studio["id"], email=email, role="viewer")
    assert (await door.call("get_project", grace, projectId=project["id"])).ok == project
    assert (await door.call("update_project", grace, projectId=project["id"], title="x")).code == "forbidden"
    hers = {"studioId": studio["id"], "userId": grace.user_id}
    assert (await door.call("set_studio_role", ada, **hers, role="editor")).ok["role"] == "editor"
    assert (await door.call("update_project", grace, projectId=project["id"], title="x")).ok["title"] == "x"
    assert (await door.call("remove_studio_member", ada, **hers)).ok is None
    assert (await door.call("get_project", grace, projectId=project["id"])).code == "not_found"


async def test_somebody_always_owns_it(door: Door, make: Make) -> None:
    ada = await make.user()
    studio = (await door.call("create_studio", ada, name="One lens")).ok
    me = {"studioId": studio["id"], "userId": ada.user_id}
    assert (await door.call("set_studio_role", ada, **me, role="editor")).code == "last_owner"
    assert (await door.call("remove_studio_member", ada, **me)).code == "last_owner"
    [person] = (await door.call("list_studio_members", ada, studioId=studio["id"])).ok
    assert person["role"] == "owner"


async def test_its_name(door: Door, make: Make) -> None:
    ada = await make.user()
    studio = (await door.call("create_studio", ada, name="One lens")).ok
    renamed = (await door.call("rename_studio", ada, studioId=studio["id"], name="x" * 100)).ok
    assert renamed == {**studio, "name": "x" * 100}
    for name in ("", "  ", "x" * 101, "two\nlines", "nul\x00"):
        answer = await door.call("rename_studio", ada, studioId=studio["id"], name=name)
        assert (answer.code, answer.error and answer.error["details"]) == ("bad_request", {"field": "name", "max": 100})
    assert (await door.call("get_studio", ada, studioId=studio["id"])).ok == renamed


async def test_pages(door: Door, make: Make) -> None:
    ada = await make.user()
    made = [(await door.call("create_studio", ada, name=f"{n}")).ok["id"] for n in range(5)]
    first = (await door.call("list_studios", ada, limit=2)).ok
    await door.call("create_studio", ada, name="in between")
    second = (await door.call("list_studios", ada, limit=2, cursor=first["nextCursor"])).ok
    third = (await door.call("list_studios", ada, limit=2, cursor=second["nextCursor"])).ok
    pages = [[studio["id"] for studio in page["items"]] for page in (first, second, third)]
    assert ([id_ for page in pages for id_ in page], third["nextCursor"]) == (sorted(made, reverse=True), None)
