"""The people of a project: invited, accepted, promoted, removed; somebody always owns it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from kilo_gql.access import UserActor
from kilo_gql.models import Role
from kilo_gql.models.base import uuid7
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.login import invitation_link, query_of
from tests.support.make import Make
from tests.support.traces import queued, told

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def code_of(door: Door, invitation_id: str) -> str:
    """What stands in the mail of an invitation."""
    link = await invitation_link(door.api.services.throat, UUID(invitation_id))
    assert link is not None
    return query_of(link)["code"]


async def roles(door: Door, who: UserActor, project_id: UUID) -> list[tuple[str, str]]:
    members = (await door.call("list_members", who, projectId=project_id)).ok
    return [(member["userId"], member["role"]) for member in members]


async def test_from_the_invitation_to_the_work(door: Door, make: Make) -> None:
    ada, email = await make.user(), f"grace-{uuid7()}@example.org"
    grace = await make.user(email)
    project = await make.project(ada)
    invitation = (await door.call("invite_member", ada, projectId=project.id, email=email.upper(), role="editor")).ok
    assert invitation == {
        "id": invitation["id"],
        "projectId": str(project.id),
        "email": email,
        "role": "editor",
        "createdAt": invitation["createdAt"],
        "expiresAt": invitation["createdAt"] + timedelta(days=7),
    }
    assert {"invitation_id": invitation["id"]} in await queued(make.db, "mail.invitation")
    assert (await door.call("list_invitations", ada, projectId=project.id)).ok == [invitation]
    assert (await door.call("get_project", grace, projectId=project.id)).code == "not_found"
    code = await code_of(door, invitation["id"])
    member = (await door.call("accept_invitation", grace, code=code)).ok
    assert (member["projectId"], member["userId"], member["role"]) == (str(project.id), str(grace.user_id), "editor")
    assert (await door.call("accept_invitation", grace, code=code)).ok == member
    assert (await door.call("update_project", grace, projectId=project.id, title="Ours")).ok["title"] == "Ours"
    assert (await door.call("list_invitations", ada, projectId=project.id)).ok == []
    assert await roles(door, grace, project.id) == [(str(ada.user_id), "owner"), (str(grace.user_id), "editor")]
    assert (await told(make.db, project.id))[0] == ("member.updated", {"role": "editor"})


async def test_an_invitation_is_for_one_address(door: Door, make: Make) -> None:
    ada, mallory = await make.user(), await make.user()
    project = await make.project(ada)
    invited = (await door.call("invite_member", ada, projectId=project.id, email="grace@example.org", role="viewer")).ok
    code = await code_of(door, invited["id"])
    assert (await door.call("accept_invitation", mallory, code=code)).code == "invited_elsewhere"
    assert (await door.call("accept_invitation", mallory, code=code[:-1] + "x")).code == "not_found"
    assert await roles(door, ada, project.id) == [(str(ada.user_id), "owner")]
    assert await told(make.db, project.id) == []


async def test_a_withdrawn_or_old_invitation_is_none(door: Door, make: Make, clock: Clock) -> None:
    ada, email = await make.user(), f"grace-{uuid7()}@example.org"
    grace, project = await make.user(email), await make.project(ada)
    first = (await door.call("invite_member", ada, projectId=project.id, email=email, role="viewer")).ok
    code = await code_of(door, first["id"])
    assert (await door.call("revoke_invitation", ada, invitationId=first["id"])).ok is None
    assert (await door.call("revoke_invitation", ada, invitationId=first["id"])).ok is None
    assert (await door.call("accept_invitation", grace, code=code)).code == "not_found"
    second = (await door.call("invite_member", ada, projectId=project.id, email=email, role="viewer")).ok
    code = await code_of(door, second["id"])
    clock.advance(7 * 86_400)
    assert (await door.call("accept_invitation", grace, code=code)).code == "not_found"
    assert await roles(door, ada, project.id) == [(str(ada.user_id), "owner")]


async def test_inviting_twice_is_one_invitation(door: Door, make: Make) -> None:
    ada, project = await make.user(), None
    project = await make.project(ada)
    first = (await door.call("invite_member", ada, projectId=project.id, email="twice@example.org", role="viewer")).ok
    again = (await door.call("invite_member", ada, projectId=project.id, email="twice@example.org", role="editor")).ok
    assert again == {**first, "role": "editor"}
    mails = [job for job in await queued(make.db, "mail.invitation") if job["invitation_id"] == first["id"]]
    assert len(mails) == 1


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@c", "@example.org", "a b@example.org", "x" * 250 + "@example.org"]
)
async def test_addresses_that_are_none(door: Door, make: Make, email: str) -> None:
    ada = await make.user()
    project = await make.project(ada)
    answer = await door.call("invite_member", ada, projectId=project.id, email=email, role="viewer")
    assert answer.code == "bad_email"
    assert (await door.call("list_invitations", ada, projectId=project.id)).ok == []


async def test_members_are_not_invited(door: Door, make: Make) -> None:
    ada, email = await make.user(), f"grace-{uuid7()}@example.org"
    project = await make.project(ada)
    await make.member(project.id, Role.VIEWER, await make.user(email))
    answer = await door.call("invite_member", ada, projectId=project.id, email=email, role="owner")
    assert answer.code == "already_member"
    assert [role for _, role in await roles(door, ada, project.id)] == ["owner", "viewer"]


async def test_somebody_always_owns_it(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    grace = await make.member(project.id, Role.VIEWER)
    me = {"projectId": project.id, "userId": ada.user_id}
    assert (await door.call("set_member_role", ada, **me, role="viewer")).code == "last_owner"
    assert (await door.call("remove_member", ada, **me)).code == "last_owner"
    assert await told(make.db, project.id) == []
    hers = {"projectId": project.id, "userId": grace.user_id}
    assert (await door.call("set_member_role", ada, **hers, role="owner")).ok["role"] == "owner"
    assert (await door.call("remove_member", ada, **me)).ok is None
    assert (await door.call("get_project", ada, projectId=project.id)).code == "not_found"
    assert (await door.call("get_project", grace, projectId=project.id)).ok["ownerUserId"] == str(grace.user_id)
    assert await told(make.db, project.id) == [
        ("member.updated", {"role": "owner"}),
        ("project.updated", {"ownerUserId": str(grace.user_id)}),
        ("member.updated", {"role": None}),
    ]


async def test_roles_change_what_one_may(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    grace = await make.member(project.id, Role.EDITOR)
    hers = {"projectId": project.id, "userId": grace.user_id}
    assert (await door.call("update_project", grace, projectId=project.id, title="Hers")).ok["title"] == "Hers"
    await door.call("set_member_role", ada, **hers, role="viewer")
    assert (await door.call("update_project", grace, projectId=project.id, title="Mine")).code == "forbidden"
    same = (await door.call("set_member_role", ada, **hers, role="viewer")).ok
    assert same["role"] == "viewer"
    assert (await door.call("remove_member", ada, **hers)).ok is None
    assert (await door.call("get_project", grace, projectId=project.id)).code == "not_found"
    assert (await door.call("remove_member", ada, **hers)).code == "not_found"
    told_roles = [change for name, change in await told(make.db, project.id) if name == "member.updated"]
    assert told_roles == [{"role": "viewer"}, {"role": None}]


async def test_a_refusal_says_what_it_would_take(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    editor = await make.member(project.id, Role.EDITOR)
    answer = await door.call("archive_project", editor, projectId=project.id)
    assert answer.error == {
        "code": "forbidden",
        "message": "This needs the role owner; yours is editor.",
        "details": {"needed": "owner", "role": "editor"},
        "remediation": ["Ask an owner of the project for the role."],
        "requestId": answer.headers["x-request-id"],
    }
