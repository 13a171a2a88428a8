"""Opening a stream: who may read a log, and where it stands."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kilo_gql.db import Database
from kilo_gql.domain.events import StreamStart, open_stream
from kilo_gql.errors import NotFound
from kilo_gql.models import EventStream, ProjectStatus, Role
from kilo_gql.operations import Throat
from tests.support.make import Make


async def test_a_reader_learns_its_role_and_the_bounds_of_the_log(throat: Throat, make: Make) -> None:
    owner = await make.user()
    project = await make.project(owner)
    viewer = await make.member(project.id, Role.VIEWER)
    empty = (await throat.execute(viewer, open_stream, project.id)).value
    assert (empty, empty.cursor) == (StreamStart(Role.VIEWER, 1, 1, 0), "1-0")
    await make.rows(EventStream(project_id=project.id, first_seq=11, last_seq=30))
    start = (await throat.execute(owner, open_stream, project.id)).value
    assert (start, start.cursor) == (StreamStart(Role.OWNER, 1, 11, 30), "1-30")


async def test_an_archived_project_is_read_and_a_deleted_one_by_its_owner_alone(throat: Throat, make: Make) -> None:
    owner = await make.user()
    for status in (ProjectStatus.ARCHIVED, ProjectStatus.DELETED):
        project = await make.project(owner, status=status)
        viewer = await make.member(project.id, Role.VIEWER)
        assert (await throat.execute(owner, open_stream, project.id)).value.role is Role.OWNER
        if status is ProjectStatus.ARCHIVED:
            assert (await throat.execute(viewer, open_stream, project.id)).value.role is Role.VIEWER
        else:
            with pytest.raises(NotFound):
                await throat.execute(viewer, open_stream, project.id)


async def test_other_peoples_logs_do_not_exist(throat: Throat, make: Make, db: Database) -> None:
    project = await make.project(await make.user())
    stranger = await make.user()
    for project_id in (project.id, uuid4()):
        with pytest.raises(NotFound) as refused:
            await throat.execute(stranger, open_stream, project_id)
        assert refused.value.message == "This project does not exist, or you cannot see it."
