"""What a page of 50 projects asks of the database (the figure beside ``bench.api``)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.make import Make
from tests.support.running import running
from tests.support.statements import statements

PAGE = "{ projects(first: 50) { nodes { id title status createdAt updatedAt } pageInfo { endCursor } } }"


GRID = """
query ($id: UUID!) { assets(projectId: $id, first: 50) {
    nodes { id filename thumbnailUrl previewUrl readiness { preview } myRating { rating picked } flags }
    pageInfo { endCursor }
} }
"""
BELOW = """
query ($id: UUID!) { assets(projectId: $id, first: 50) {
    nodes { id exif iptc companions { filename } failedJobs { errorCode } }
} }
"""


async def test_a_page_of_assets_is_one_statement_whatever_is_in_it(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path) as api:
        make = Make(api.services.db)
        ada = await make.user()
        project = await make.project(ada)
        asset = await make.asset(project)
        for _ in range(50):
            await make.asset(project)
        await make.asset(project, parent_id=asset.id)
        await make.rating(asset, ada, rating=5)
        path, variables = f"/projects/{project.id}/assets", {"id": str(project.id)}
        await api.rest("GET", path, actor=ada)
        for sort in ("captured_at", "name", "rating"):
            with statements(api.services.db) as seen:
                page = (await api.rest("GET", f"{path}?limit=50&sort={sort}&picked=false", actor=ada)).json()
                await asyncio.sleep(0.05)
            assert (sort, len(page["items"]), len(seen)) == (sort, 50, 1)
        for query, count in ((GRID, 1), (BELOW, 5)):  # the list; details, companions (ids, rows), failed jobs
            with statements(api.services.db) as seen:
                answer = await api.graphql(query, variables, actor=ada)
                await asyncio.sleep(0.05)
            # a connection that meets a type for the first time looks it up
            ours = [
                statement for statement in seen if statement.startswith("SELECT assets") or "FROM jobs" in statement
            ]
            assert (len(answer["data"]["assets"]["nodes"]), len(ours)) == (50, count)


async def test_what_is_done_to_many_assets_takes_no_more_statements(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path) as api:
        make = Make(api.services.db)
        ada = await make.user()
        project = await make.project(ada)
        ids = [str((await make.asset(project)).id) for _ in range(30)]
        await api.rest("GET", f"/projects/{project.id}/assets", actor=ada)
        calls = {"ratings:bulk": {"picked": True}, "assets:trash": {}, "assets:restore": {}}
        counts = []
        for some in (ids[-1:], ids[:1], ids[1:-1]):
            for path, body in calls.items():
                with statements(api.services.db) as seen:
                    done = await api.rest("POST", f"/projects/{project.id}/{path}", {"ids": some, **body}, actor=ada)
                    await asyncio.sleep(0.05)
                assert done.json() == {"count": len(some)}
                counts.append(len(seen))
        assert counts[3:6] == counts[6:]


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
