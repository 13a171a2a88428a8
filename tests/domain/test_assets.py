"""Assets: rules that hold whichever door is used."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, text

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import asset_pages
from kilo_gql.domain.asset_pages import AssetFilter, AssetSort, list_assets
from kilo_gql.domain.assets import AssetChange, get_asset, merged, update_asset
from kilo_gql.domain.ratings import RatingChange, rate_asset, rate_assets
from kilo_gql.domain.trash import purge_assets, trash_assets
from kilo_gql.errors import Forbidden, NotFound
from kilo_gql.models import OutboxEvent, Rating, Role
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Throat
from kilo_gql.paging import Slice
from tests.support.make import Make, asset_row


async def count(db: Database, model: type) -> int:
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return await tx.scalar(select(func.count()).select_from(model))


#: The examples of RFC 7396, appendix A, and what follows from them.
PATCHES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), PATCHES, ids=range(len(PATCHES)))
def test_a_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


async def test_a_replay_is_the_first_answer_to_the_type(throat: Throat, make: Make) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada), keywords=["lake"], gps_latitude=1.5, gps_longitude=-2.5)
    await make.asset(await make.project(ada))
    change = AssetChange(title="New", flags={"x": 1}, iptc={"City": "Bern"})
    first = await throat.execute(ada, update_asset, asset.id, change, key="k" * 8)
    again = await throat.execute(ada, update_asset, asset.id, change, key="k" * 8)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.value == first.value
    assert (again.value.gps, again.value.readiness) == (first.value.gps, first.value.readiness)


async def test_two_first_words_at_once(throat: Throat, make: Make, db: Database) -> None:
    """One row, one event for each that was news, and nobody is refused."""
    ada = await make.user()
    project = await make.project(ada)
    ids = [(await make.asset(project)).id for _ in range(5)]
    one = (throat.execute(ada, rate_asset, ids[0], RatingChange(rating=n % 5 + 1)) for n in range(10))
    many = (
        throat.execute(ada, rate_assets, project.id, ids[:: 1 - 2 * (n % 2)], RatingChange(picked=True))
        for n in range(10)
    )
    await asyncio.gather(*one, *many)
    assert await count(db, Rating) == 5
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        rows = (await tx.unchecked(text("SELECT picked, rating FROM ratings"))).all()
    assert {row.picked for row in rows} == {True}
    assert sum(row.rating is not None for row in rows) == 1


async def test_roles(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    viewer, stranger = await make.member(project.id, Role.VIEWER), await make.user()
    editor = await make.member(project.id, Role.EDITOR)
    for sort in AssetSort:
        with pytest.raises(NotFound):
            await throat.execute(stranger, list_assets, project.id, Slice(), AssetFilter(), sort)
        page = (await throat.execute(viewer, list_assets, project.id, Slice(), AssetFilter(), sort)).value
        assert [row.id for row in page.items] == [asset.id]
    with pytest.raises(NotFound):
        await throat.execute(stranger, get_asset, asset.id)
    with pytest.raises(Forbidden):
        await throat.execute(viewer, rate_asset, asset.id, RatingChange(rating=1))
    await throat.execute(editor, trash_assets, project.id, [asset.id])
    with pytest.raises(Forbidden):
        await throat.execute(editor, purge_assets, project.id, [asset.id])
    # in the trash, and grouping asked for
    assert (await count(db, Rating), await count(db, OutboxEvent)) == (0, 2)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("sort", "index"), [(AssetSort.CAPTURED_AT, "ix_assets_captured"), (AssetSort.NAME, "ix_assets_named")]
)
async def test_a_page_comes_from_an_index(
    make: Make, db: Database, sort: AssetSort, index: str, *, after: bool
) -> None:
    """Nothing is sorted, however many photos there are."""
    ada = await make.user()
    project = await make.project(ada)
    now = db.house.clock()
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        tx.session.add_all(asset_row(project, f"{n}.jpg", now) for n in range(1000))
        await tx.flush()
        await tx.unchecked(text("ANALYZE assets"))
        await tx.session.commit()
    sql, order, fixed, _ = asset_pages._read(sort, False, after, "shown", frozenset())._compiled
    place = {"after_key": "5" if sort is AssetSort.NAME else now, "after_id": uuid7()}
    given = {**fixed, "me": ada.user_id, "base_url": "", "project_id": project.id, "most": 51, **place}
    async with db.transaction(ada, Perm.ASSET_READ, write=False) as tx:
        connection = await (await tx.session.connection()).get_raw_connection()
        assert connection.driver_connection is not None
        values = [{**given, "kilo_viewer": ada.user_id}[name] for name in order]
        plan = [row[0] for row in await connection.driver_connection.fetch(f"EXPLAIN {sql}", *values)]
    assert any(f"using {index} on assets" in line for line in plan)
    assert [line for line in plan if "Sort Key" in line and "companion" not in line] == []
