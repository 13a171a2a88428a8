"""What a page of 50 projects asks of the database (the figure beside ``bench.api``)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.make import Make
from tests.support.running import running
from tests.support.statements import statements

PAGE = "{ projects(first: 50) { nodes { id title status createdAt updatedAt } pageInfo { endCursor } } }"


async def test_a_page_of_projects_is_one_statement_through_either_door(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path) as api:
        make = Make(api.services.db)
        ada = await make.user()
        for number in range(51):
            await make.project(ada, f"Project {number}")
        await api.rest("GET", "/projects?limit=50", actor=ada)  # who is asking is looked up once in five seconds
        with statements(api.services.db) as seen:
            page = (await api.rest("GET", "/projects?limit=50", actor=ada)).json()
            await asyncio.sleep(0.05)
        assert (len(page["items"]), len(seen)) == (50, 1)
        with statements(api.services.db) as seen:
            answer = await api.graphql(PAGE, actor=ada)
            await asyncio.sleep(0.05)
        assert (len(answer["data"]["projects"]["nodes"]), len(seen)) == (50, 1)
