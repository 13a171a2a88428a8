"""Studios: a role there is a role in each of its projects, and strangers stay unseen."""

from __future__ import annotations

import pytest

from kilo_gql.access import TokenActor, UserActor
from kilo_gql.db import Database
from kilo_gql.domain import projects, studios
from kilo_gql.errors import BadRequest, Conflict, Forbidden, KiloError, NotFound
from kilo_gql.models import Role, Studio, StudioMember
from kilo_gql.operations import Throat
from kilo_gql.paging import Slice
from tests.support.login import count
from tests.support.make import Make

BOB = "bob@example.org"


async def with_colleague(throat: Throat, make: Make) -> tuple[UserActor, UserActor, Studio]:
    """Ada, who owns a studio, and Bob, who works with her in a project."""
    ada, bob = await make.user(), await make.user(BOB)
    await make.member((await make.project(ada)).id, Role.VIEWER, bob)
    return ada, bob, (await throat.execute(ada, studios.create_studio, " Studio A ")).value


async def roles(throat: Throat, actor: UserActor, studio: Studio) -> dict:
    listed = (await throat.execute(actor, studios.list_studio_members, studio.id)).value
    return {member.user_id: member.role for member in listed}


async def test_a_studio_owns_projects(throat: Throat, make: Make) -> None:
    ada, bob, studio = await with_colleague(throat, make)
    assert (studio.name, await roles(throat, ada, studio)) == ("Studio A", {ada.user_id: Role.OWNER})
    project = (await throat.execute(ada, projects.create_project, projects.NewProject("W", studio_id=studio.id))).value
    with pytest.raises(NotFound):
        await throat.execute(bob, projects.get_project, project.id)
    await throat.execute(ada, studios.add_studio_member, studio.id, BOB, Role.VIEWER)
    assert (await throat.execute(bob, projects.get_project, project.id)).value.title == "W"
    with pytest.raises(Forbidden):
        await throat.execute(bob, projects.update_project, project.id, projects.ProjectChange(title="x"))
    await throat.execute(ada, studios.set_studio_role, studio.id, bob.user_id, Role.EDITOR)
    done = await throat.execute(bob, projects.update_project, project.id, projects.ProjectChange(title="x"))
    assert done.value.title == "x"
    await throat.execute(ada, studios.remove_studio_member, studio.id, bob.user_id)
    with pytest.raises(NotFound):
        await throat.execute(bob, projects.get_project, project.id)


async def test_only_its_members_see_a_studio(throat: Throat, make: Make) -> None:
    ada, bob, studio = await with_colleague(throat, make)
    second = (await throat.execute(ada, studios.create_studio, "Studio B")).value
    page = (await throat.execute(ada, studios.list_studios, Slice(limit=1))).value
    assert [row.id for row in page.items] == [second.id]
    page = (await throat.execute(ada, studios.list_studios, Slice(limit=1, cursor=page.next_cursor))).value
    assert ([row.id for row in page.items], page.next_cursor) == ([studio.id], None)
    assert (await throat.execute(bob, studios.list_studios, Slice())).value.items == []
    for operation, arguments in (
        (studios.get_studio, ()), (studios.list_studio_members, ()), (studios.rename_studio, ("x",)),
        (studios.add_studio_member, (BOB, Role.OWNER)), (studios.set_studio_role, (bob.user_id, Role.OWNER)),
        (studios.remove_studio_member, (ada.user_id,)), (studios.remove_studio_member, (bob.user_id,)),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await throat.execute(bob, operation, studio.id, *arguments)
    assert (await throat.execute(ada, studios.get_studio, studio.id)).value.name == "Studio A"


async def test_only_owners_manage(throat: Throat, make: Make) -> None:
    ada, bob, studio = await with_colleague(throat, make)
    await throat.execute(ada, studios.add_studio_member, studio.id, BOB, Role.EDITOR)
    program = TokenActor(ada.user_id, studio.id, ("*",))
    for actor in (bob, program):
        for operation, arguments in (
            (studios.rename_studio, ("x",)), (studios.add_studio_member, (BOB, Role.OWNER)),
            (studios.set_studio_role, (bob.user_id, Role.OWNER)), (studios.remove_studio_member, (ada.user_id,)),
        ):  # fmt: skip
            with pytest.raises(Forbidden):
                await throat.execute(actor, operation, studio.id, *arguments)
    assert await roles(throat, bob, studio) == {ada.user_id: Role.OWNER, bob.user_id: Role.EDITOR}
    assert (await throat.execute(ada, studios.rename_studio, studio.id, "New")).value.name == "New"


async def test_strangers_and_unknown_addresses_answer_alike(throat: Throat, make: Make, db: Database) -> None:
    ada, _, studio = await with_colleague(throat, make)
    await make.user("stranger@example.org")
    answers = []
    for email in ("stranger@example.org", "unknown@example.org"):
        with pytest.raises(KiloError) as refused:
            await throat.execute(ada, studios.add_studio_member, studio.id, email, Role.VIEWER)
        answers.append((refused.value.status, refused.value.code, refused.value.message, refused.value.details))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (404, "nobody_with_this_address")
    assert await count(db, StudioMember) == 1


async def test_the_last_owner_stays(throat: Throat, make: Make, db: Database) -> None:
    ada, bob, studio = await with_colleague(throat, make)
    await throat.execute(ada, studios.add_studio_member, studio.id, BOB, Role.VIEWER)
    for operation, arguments in (
        (studios.set_studio_role, (ada.user_id, Role.VIEWER)), (studios.remove_studio_member, (ada.user_id,)),
    ):  # fmt: skip
        with pytest.raises(Conflict) as refused:
            await throat.execute(ada, operation, studio.id, *arguments)
        assert refused.value.code == "last_owner"
    await throat.execute(ada, studios.set_studio_role, studio.id, bob.user_id, Role.OWNER)
    await throat.execute(ada, studios.remove_studio_member, studio.id, ada.user_id)
    assert await roles(throat, bob, studio) == {bob.user_id: Role.OWNER}


async def test_a_member_may_leave(throat: Throat, make: Make) -> None:
    ada, bob, studio = await with_colleague(throat, make)
    await throat.execute(ada, studios.add_studio_member, studio.id, BOB, Role.VIEWER)
    await throat.execute(bob, studios.remove_studio_member, studio.id, bob.user_id)
    assert await roles(throat, ada, studio) == {ada.user_id: Role.OWNER}
    await throat.execute(ada, studios.add_studio_member, studio.id, BOB, Role.VIEWER)
    with pytest.raises(Conflict) as refused:
        await throat.execute(ada, studios.add_studio_member, studio.id, BOB, Role.EDITOR)
    assert refused.value.code == "already_member"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "\x00"])
async def test_names(throat: Throat, make: Make, db: Database, name: str) -> None:
    with pytest.raises(BadRequest):
        await throat.execute(await make.user(), studios.create_studio, name)
    assert await count(db, Studio) == 0
