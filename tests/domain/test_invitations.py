"""Invitations: only the address they were sent to can use them, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from kilo_gql.access import UserActor
from kilo_gql.db import Database
from kilo_gql.domain import invitations, members, projects
from kilo_gql.errors import BadRequest, Conflict, Forbidden, KiloError, NotFound, RateLimited
from kilo_gql.models import Invitation, Job, Member, OutboxEvent, Project, Role, User
from kilo_gql.operations import Throat
from tests.support.clock import Clock
from tests.support.login import count, everything, invitation_link, query_of, row
from tests.support.make import Make

BOB = "bob@example.org"


async def invite(throat: Throat, owner: UserActor, project: Project, email: str = BOB, role: Role = Role.EDITOR):
    return (await throat.execute(owner, invitations.invite_member, project.id, email, role)).value


async def code_of(throat: Throat, invitation: Invitation) -> str:
    link = await invitation_link(throat, invitation.id)
    assert link is not None
    assert link.startswith("http://127.0.0.1:8400/join?")
    return query_of(link)["code"]


async def refused(throat: Throat, actor: UserActor, code: str) -> str:
    with pytest.raises(KiloError) as error:
        await throat.execute(actor, invitations.accept_invitation, code)
    return f"{error.value.status} {error.value.code}"


async def test_an_invited_person_joins(throat: Throat, make: Make, db: Database, clock: Clock) -> None:
    ada, bob = await make.user(), await make.user(BOB)
    project = await make.project(ada)
    invitation = await invite(throat, ada, project, " Bob@Example.org ")
    assert (invitation.email, invitation.role, invitation.expires_at - clock.now) == (
        BOB, Role.EDITOR, timedelta(days=7),
    )  # fmt: skip
    job = await row(db, Job)
    assert (job.type, job.project_id, job.arguments) == (
        "mail.invitation", None, {"invitation_id": str(invitation.id)},
    )  # fmt: skip
    code = await code_of(throat, invitation)
    assert (code[:5], len(code), code in await everything(db)) == ("kinv_", 48, False)
    with pytest.raises(NotFound):
        await throat.execute(bob, projects.get_project, project.id)
    done = await throat.execute(bob, invitations.accept_invitation, code)
    assert (done.value.project_id, done.value.user_id, done.value.role) == (project.id, bob.user_id, Role.EDITOR)
    told = await row(db, OutboxEvent)
    assert (told.name, told.ids, told.changed) == ("member.updated", [bob.user_id], {"role": "editor"})
    assert (await throat.execute(bob, projects.get_project, project.id)).value.title == "Wedding"
    assert (await row(db, Invitation)).accepted_at == clock.now
    again = await throat.execute(bob, invitations.accept_invitation, code)
    assert (again.value.role, await count(db, OutboxEvent), await count(db, Member)) == (Role.EDITOR, 1, 2)
    assert (await throat.execute(ada, invitations.list_invitations, project.id)).value == []


async def test_nobody_else_can_use_it(throat: Throat, make: Make, db: Database) -> None:
    ada, eve = await make.user(), await make.user("eve@example.org")
    code = await code_of(throat, await invite(throat, ada, await make.project(ada)))
    assert await refused(throat, eve, code) == "403 invited_elsewhere"
    assert (await count(db, Member), (await row(db, Invitation)).accepted_at) == (1, None)


@pytest.mark.parametrize(
    "code", ["", "x", "kinv_" + "a" * 43, "kinv_", "krt_" + "a" * 43, "\x00", "x" * 100_000, "\ud800"]
)
async def test_what_is_no_invitation(throat: Throat, make: Make, code: str) -> None:
    assert await refused(throat, await make.user(BOB), code) == "404 not_found"


async def test_what_is_over(throat: Throat, make: Make, db: Database, clock: Clock) -> None:
    ada, bob = await make.user(), await make.user(BOB)
    revoked, deleted, late = [await make.project(ada) for _ in range(3)]
    codes = [(await code_of(throat, i), i) for i in [await invite(throat, ada, p) for p in (revoked, deleted, late)]]
    for _ in range(2):
        await throat.execute(ada, invitations.revoke_invitation, codes[0][1].id)
    await throat.execute(ada, projects.delete_project, deleted.id)
    assert [await refused(throat, bob, code) for code, _ in codes[:2]] == ["404 not_found"] * 2
    assert await invitation_link(throat, codes[0][1].id) is None
    clock.advance(7 * 86_400)
    assert await refused(throat, bob, codes[2][0]) == "404 not_found"
    assert await count(db, Member) == 3


async def test_whoever_was_removed_needs_a_new_one(throat: Throat, make: Make) -> None:
    ada, bob = await make.user(), await make.user(BOB)
    project = await make.project(ada)
    code = await code_of(throat, await invite(throat, ada, project))
    await throat.execute(bob, invitations.accept_invitation, code)
    await throat.execute(ada, members.remove_member, project.id, bob.user_id)
    assert await refused(throat, bob, code) == "404 not_found"
    fresh = await code_of(throat, await invite(throat, ada, project, role=Role.VIEWER))
    assert (await throat.execute(bob, invitations.accept_invitation, fresh)).value.role is Role.VIEWER


async def test_inviting_again_renews(throat: Throat, make: Make, db: Database, clock: Clock) -> None:
    ada = await make.user()
    project = await make.project(ada)
    first = await invite(throat, ada, project)
    code = await code_of(throat, first)
    again = await invite(throat, ada, project, role=Role.VIEWER)
    assert (again.id, again.role, await count(db, Job)) == (first.id, Role.VIEWER, 1)
    clock.advance(600)
    renewed = await invite(throat, ada, project, role=Role.OWNER)
    assert (renewed.id, renewed.role, renewed.expires_at - clock.now) == (first.id, Role.OWNER, timedelta(days=7))
    assert (await count(db, Job), await count(db, Invitation)) == (2, 1)
    assert await code_of(throat, renewed) == code


async def test_a_keyed_invitation_is_sent_once(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    sent = [
        await throat.execute(ada, invitations.invite_member, project.id, BOB, Role.VIEWER, key="invite-bob")
        for _ in range(2)
    ]
    assert [done.replayed for done in sent] == [False, True]
    assert (sent[0].value.id == sent[1].value.id, await count(db, Job)) == (True, 1)


async def test_members_are_not_invited(throat: Throat, make: Make, db: Database) -> None:
    ada, bob = await make.user("ada@example.org"), await make.user(BOB)
    project = await make.project(ada)
    await make.member(project.id, Role.VIEWER, bob)
    for email in (BOB, "ADA@example.org"):
        with pytest.raises(Conflict) as error:
            await invite(throat, ada, project, email)
        assert error.value.code == "already_member"
    with pytest.raises(BadRequest):
        await invite(throat, ada, project, "nobody")
    for actor, kind in ((bob, Forbidden), (await make.user(), NotFound)):
        with pytest.raises(kind):
            await invite(throat, actor, project, "eve@example.org")
        with pytest.raises(kind):
            await throat.execute(actor, invitations.list_invitations, project.id)
    assert (await count(db, Invitation), await count(db, Job)) == (0, 0)


async def test_an_invitation_never_takes_a_role_away(throat: Throat, make: Make) -> None:
    ada, bob = await make.user(), await make.user(BOB)
    project = await make.project(ada)
    code = await code_of(throat, await invite(throat, ada, project, role=Role.VIEWER))
    await make.member(project.id, Role.EDITOR, bob)
    assert (await throat.execute(bob, invitations.accept_invitation, code)).value.role is Role.EDITOR


async def test_one_of_twenty_parallel_answers_joins(throat: Throat, make: Make, db: Database) -> None:
    ada, bob = await make.user(), await make.user(BOB)
    code = await code_of(throat, await invite(throat, ada, await make.project(ada)))
    joined = await asyncio.gather(*(throat.execute(bob, invitations.accept_invitation, code) for _ in range(20)))
    assert {done.value.role for done in joined} == {Role.EDITOR}
    assert (await count(db, Member), await count(db, OutboxEvent)) == (2, 1)


async def test_an_accepted_one_cannot_be_withdrawn(throat: Throat, make: Make) -> None:
    ada, bob = await make.user(), await make.user(BOB)
    invitation = await invite(throat, ada, await make.project(ada))
    await throat.execute(bob, invitations.accept_invitation, await code_of(throat, invitation))
    with pytest.raises(Conflict) as error:
        await throat.execute(ada, invitations.revoke_invitation, invitation.id)
    assert error.value.code == "invitation_accepted"
    with pytest.raises(Forbidden):
        await throat.execute(bob, invitations.revoke_invitation, invitation.id)


async def test_our_mail_is_not_for_spam(throat: Throat, make: Make, db: Database, clock: Clock) -> None:
    ada = await make.user()
    one, two = await make.project(ada), await make.project(ada)
    for n in range(25):
        await invite(throat, ada, one, f"a{n}@example.org")
        await invite(throat, ada, two, f"b{n}@example.org")
    clock.advance(600)
    with pytest.raises(RateLimited) as error:
        await invite(throat, ada, two, "c@example.org")
    assert (error.value.code, error.value.retry_after, await count(db, Job)) == ("too_many_invitations", 3000, 50)
    clock.advance(3000)
    await invite(throat, ada, two, "c@example.org")


async def test_a_project_has_room_for_200(throat: Throat, make: Make, db: Database, clock: Clock) -> None:
    ada = await make.user()
    project = await make.project(ada)
    users = [User(email=f"u{n}@example.org", display_name="x") for n in range(150)]
    await make.rows(*users)
    await make.rows(*(Member(project_id=project.id, user_id=user.id, role=Role.VIEWER) for user in users))
    later = clock.now + timedelta(days=1)
    rows = [
        Invitation(project_id=project.id, email=f"i{n}@example.org", role=Role.VIEWER, invited_by=ada.user_id,
                   expires_at=later, created_at=clock.now - timedelta(days=1))
        for n in range(48)
    ]  # fmt: skip
    await make.rows(*rows)
    await invite(throat, ada, project, "last@example.org")
    with pytest.raises(Conflict) as error:
        await invite(throat, ada, project, "more@example.org")
    assert (error.value.code, await count(db, Invitation)) == ("too_many_members", 49)
