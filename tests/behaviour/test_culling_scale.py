"""Culling many photos at once, and what one word costs the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import insert

from kilo_gql.access import Perm, System
from kilo_gql.models import Asset
from kilo_gql.models.base import uuid7
from tests.support.cull_states import state
from tests.support.doors import Door
from tests.support.layouts import Layout
from tests.support.make import Make, asset_row
from tests.support.ranked import Culled
from tests.support.running import running
from tests.support.statements import statements
from tests.support.traces import told

MANY = 100_000


@pytest.mark.asyncio(loop_scope="module")
async def test_a_hundred_thousand_reach_the_project(door: Door, make: Make) -> None:
    """Both doors let them in; that they are not there is the project's answer."""
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "a")
    absent = [str(uuid7()) for _ in range(MANY)]
    actions = [{"assetIds": absent, "picked": True}, {"assetId": layout.ids["a"], "picked": True}]
    answer = await door.call("apply_cull_action", ada, projectId=layout.project.id, actions=actions)
    assert (answer.code, answer.error["details"]) == ("assets_not_found", {"assetIds": absent[:20], "count": MANY})
    assert await told(make.db, layout.project.id) == []
    # nothing else takes so much
    elsewhere = await door.call("rate_assets", ada, projectId=layout.project.id, ids=absent, picked=True)
    assert elsewhere.code == {"rest": "too_large", "graphql": "graphql_too_large"}[door.name]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("names", [{}, {"assetId": "a", "assetIds": ["b"]}], ids=["none", "both"])
async def test_an_action_names_its_photos_once(door: Door, make: Make, names: dict[str, object]) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "ab")
    ids = {"assetId": layout.ids["a"], "assetIds": layout["b"]}
    actions = [{"picked": True, **{name: ids[name] for name in names}}]
    answer = await door.call("apply_cull_action", ada, projectId=layout.project.id, actions=actions)
    assert answer.code == "bad_request"
    assert await told(make.db, layout.project.id) == []


async def test_many_at_once_take_no_more_statements(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path) as api:
        make = Make(api.services.db)
        ada = await make.user()
        project = await make.project(ada)
        now = make.db.house.clock()
        rows = [asset_row(project, f"{number}.jpg", now) for number in range(3_010)]
        columns = [{c.key: getattr(row, c.key) for c in Asset.__table__.c if c.key in row.__dict__} for row in rows]
        async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
            await tx.session.execute(insert(Asset), columns)
            await tx.session.commit()
        counts, path = [], f"/projects/{project.id}/cull"
        before = await state(make.db, project.id)
        for some in (rows[:5], rows[5:10], rows[10:]):  # a new connection looks types up the first time
            actions = [
                {"assetId": str(row.id), "picked": n % 3 == 0, "rating": n % 5 + 1} for n, row in enumerate(some)
            ]
            for call, body in (("applyAction", {"actions": actions}), ("undo", None), ("redo", None), ("undo", None)):
                with statements(make.db) as seen:
                    answer = (await api.rest("POST", f"{path}:{call}", body, actor=ada)).json()
                    await asyncio.sleep(0.05)
                done = len(answer["updatedAssetIds"]) if call == "applyAction" else answer["assetCount"]
                assert (call, done) == (call, len(some))
                counts.append(len(seen))
        assert counts[4:8] == counts[8:]
        assert await state(make.db, project.id) == before


async def test_a_pick_takes_ten_statements(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path) as api:
        make = Make(api.services.db)
        ada = await make.user()
        project = await make.project(ada)
        layout = await Layout.laid(make.db, project, "ab(cde)")
        culled = Culled(make.db, project)
        await culled.consent(ada)
        for cluster in (await layout.rows())[0]:
            photos = [photo for photo in await culled.rows(Asset) if photo.project_id == project.id]
            await culled.suggest(cluster, photos[:1], [1.0], band="high")
        counts = []
        for name in "cdabe":  # types are looked up the first times
            with statements(make.db) as seen:
                path = f"/assets/{layout.ids[name]}/ratings"
                answer = (await api.rest("POST", path, {"picked": True}, actor=ada)).json()
                await asyncio.sleep(0.05)
            assert answer["picked"] is True
            ours = [one for one in seen if not one.startswith(("BEGIN", "COMMIT"))]
            counts.append(len(ours))
        assert counts[-2:] == [10, 10], "\n".join(ours)
