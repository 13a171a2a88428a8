"""Members: roles change by owners alone, people may leave, and a project always has an owner."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from kilo_gql.access import TokenActor
from kilo_gql.db import Database
from kilo_gql.domain import members, projects
from kilo_gql.errors import Conflict, Forbidden, KiloError, NotFound
from kilo_gql.models import Member, OutboxEvent, Project, ProjectStatus, Role
from kilo_gql.operations import Throat
from tests.support.login import count, row
from tests.support.make import Make


async def roles(throat: Throat, actor, project: Project) -> dict:
    listed = (await throat.execute(actor, members.list_members, project.id)).value
    return {member.user_id: member.role for member in listed}


async def test_roles_change(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    bob = await make.member(project.id, Role.VIEWER)
    done = await throat.execute(ada, members.set_member_role, project.id, bob.user_id, Role.EDITOR)
    assert done.value.role is Role.EDITOR
    assert await roles(throat, bob, project) == {ada.user_id: Role.OWNER, bob.user_id: Role.EDITOR}
    told = await row(db, OutboxEvent)
    assert (told.name, told.ids, told.changed, told.op_id, told.actor_id) == (
        "member.updated", [bob.user_id], {"role": "editor"}, done.op_id, ada.user_id,
    )  # fmt: skip
    await throat.execute(ada, members.set_member_role, project.id, bob.user_id, Role.EDITOR)
    assert await count(db, OutboxEvent) == 1


async def test_only_owners_manage(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    editor, stranger = await make.member(project.id, Role.EDITOR), await make.user()
    program = TokenActor(ada.user_id, project.id, ("*",))
    for actor, error in ((editor, Forbidden), (stranger, NotFound), (program, Forbidden)):
        for operation, arguments in (
            (members.set_member_role, (editor.user_id, Role.OWNER)),
            (members.remove_member, (ada.user_id,)),
        ):
            with pytest.raises(error):
                await throat.execute(actor, operation, project.id, *arguments)
    with pytest.raises(NotFound):
        await throat.execute(stranger, members.list_members, project.id)
    with pytest.raises(NotFound):
        await throat.execute(ada, members.set_member_role, project.id, stranger.user_id, Role.VIEWER)
    assert await roles(throat, ada, project) == {ada.user_id: Role.OWNER, editor.user_id: Role.EDITOR}
    assert await count(db, OutboxEvent) == 0


async def test_a_member_may_leave(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada, status=ProjectStatus.ARCHIVED)
    bob = await make.member(project.id, Role.VIEWER)
    done = await throat.execute(bob, members.remove_member, project.id, bob.user_id)
    with pytest.raises(NotFound):
        await throat.execute(bob, projects.get_project, project.id)
    assert await roles(throat, ada, project) == {ada.user_id: Role.OWNER}
    told = await row(db, OutboxEvent)
    assert (told.ids, told.changed, told.op_id) == ([bob.user_id], {"role": None}, done.op_id)
    with pytest.raises(NotFound):
        await throat.execute(ada, members.remove_member, project.id, bob.user_id)


async def test_the_last_owner_stays(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await make.member(project.id, Role.EDITOR)
    for operation, arguments in (
        (members.set_member_role, (ada.user_id, Role.EDITOR)), (members.remove_member, (ada.user_id,)),
    ):  # fmt: skip
        with pytest.raises(Conflict) as refused:
            await throat.execute(ada, operation, project.id, *arguments)
        assert refused.value.code == "last_owner"
    assert (await roles(throat, ada, project))[ada.user_id] is Role.OWNER
    assert await count(db, OutboxEvent) == 0


async def test_a_leaving_owner_hands_the_project_over(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    bob, carl = await make.member(project.id, Role.OWNER), await make.user()
    later = db.house.clock() + timedelta(seconds=5)
    await make.rows(Member(project_id=project.id, user_id=carl.user_id, role=Role.OWNER, created_at=later))
    await throat.execute(ada, members.remove_member, project.id, ada.user_id)
    assert (await row(db, Project)).owner_user_id == bob.user_id
    await throat.execute(carl, members.set_member_role, project.id, bob.user_id, Role.VIEWER)
    assert (await row(db, Project)).owner_user_id == carl.user_id
    told = await row(db, OutboxEvent, name="project.updated", actor_id=carl.user_id)
    assert told.changed == {"ownerUserId": str(carl.user_id)}


async def test_two_owners_who_remove_each_other(throat: Throat, make: Make, db: Database) -> None:
    for _ in range(5):
        ada, bob = await make.user(), await make.user()
        project = await make.project(ada)
        await make.member(project.id, Role.OWNER, bob)

        async def fire(actor, other) -> str:
            try:
                await throat.execute(actor, members.remove_member, project.id, other.user_id)  # noqa: B023
            except KiloError as error:
                return error.code
            return "ok"

        answers = await asyncio.gather(fire(ada, bob), fire(bob, ada))
        assert sorted(answers) in (["last_owner", "ok"], ["not_found", "ok"], ["forbidden", "ok"])
        winner = ada if answers[0] == "ok" else bob
        assert await roles(throat, winner, project) == {winner.user_id: Role.OWNER}
