"""Projects: rules that hold whichever door is used."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import projects
from kilo_gql.errors import Conflict, Forbidden, NotFound
from kilo_gql.models import OutboxEvent, Project, Role
from kilo_gql.operations import Throat
from kilo_gql.paging import Slice
from tests.support.make import Make


async def count(db: Database, model: type) -> int:
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return await tx.scalar(select(func.count()).select_from(model))


async def test_a_keyed_create_happens_once(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    first = await throat.execute(ada, projects.create_project, projects.NewProject("Wedding"), key="k" * 8)
    again = await throat.execute(ada, projects.create_project, projects.NewProject("Wedding"), key='"kkkkkkkk"')
    assert (first.replayed, again.replayed) == (False, True)
    assert first.op_id == again.op_id
    assert {c.key: getattr(again.value, c.key) for c in Project.__table__.columns} == {
        c.key: getattr(first.value, c.key) for c in Project.__table__.columns
    }
    with pytest.raises(Conflict) as refused:
        await throat.execute(ada, projects.create_project, projects.NewProject("Other"), key="k" * 8)
    assert refused.value.code == "idempotency_mismatch"
    assert (await count(db, Project), await count(db, OutboxEvent)) == (1, 1)


async def test_200_concurrent_creates_with_one_key(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()

    async def send() -> str:
        try:
            done = await throat.execute(ada, projects.create_project, projects.NewProject("Wedding"), key="k" * 8)
            return str(done.value.id)
        except Conflict as error:
            return error.code

    answers = await asyncio.gather(*(send() for _ in range(200)))
    assert len(set(answers) - {"idempotency_in_progress"}) == 1
    assert (await count(db, Project), await count(db, OutboxEvent)) == (1, 1)


async def test_roles(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    viewer, stranger = await make.member(project.id, Role.VIEWER), await make.user()
    with pytest.raises(Forbidden):
        await throat.execute(viewer, projects.update_project, project.id, projects.ProjectChange(title="x"))
    with pytest.raises(NotFound):
        await throat.execute(stranger, projects.get_project, project.id)
    assert (await throat.execute(viewer, projects.get_project, project.id)).value.title == "Wedding"
    assert (await throat.execute(stranger, projects.list_projects, Slice())).value.items == []
    page = (await throat.execute(viewer, projects.list_projects, Slice())).value
    assert [row.title for row in page.items] == ["Wedding"]
    done = await throat.execute(ada, projects.update_project, project.id, projects.ProjectChange(title=" New "))
    assert done.value.title == "New"
    await throat.execute(ada, projects.archive_project, project.id)
    with pytest.raises(Conflict) as refused:
        await throat.execute(ada, projects.update_project, project.id, projects.ProjectChange(title="x"))
    assert refused.value.code == "project_archived"
    await throat.execute(ada, projects.delete_project, project.id)
    with pytest.raises(NotFound):
        await throat.execute(viewer, projects.get_project, project.id)
    restored = await throat.execute(ada, projects.restore_project, project.id)
    assert (restored.value.status, restored.value.title) == ("active", "New")
