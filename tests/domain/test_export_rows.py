"""Which file of a photo is exported, and what it says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain.export_rows import Source, sources_of
from kilo_gql.models import Asset, AssetFile, FileKind, Project
from tests.support.make import Make


async def sources(db: Database, project: Project, *assets: Asset, develop: bool = False) -> dict[UUID, Source]:
    ids = [asset.id for asset in assets]
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return await sources_of(tx, ids, project.owner_user_id, develop=develop)


async def original(make: Make, project: Project, name: str, **columns: Any) -> tuple[Asset, AssetFile]:
    asset = await make.asset(project, name, **columns)
    return asset, await make.file(asset, FileKind.ORIGINAL)


async def test_a_jpeg_speaks_for_its_raw_file_unless_that_is_developed(db: Database, make: Make) -> None:
    project = await make.project(await make.user())
    raw, raw_file = await original(make, project, "a.cr3", format="cr3")
    _, jpeg_file = await original(make, project, "a.jpg", parent_id=raw.id)
    await original(make, project, "a.xmp", parent_id=raw.id, format="xmp")
    single, single_file = await original(make, project, "b.dng", format="dng")
    plain, plain_file = await original(make, project, "c.jpg")
    camera = await sources(db, project, raw, single, plain)
    assert {id_: (one.key, one.filename, one.developed) for id_, one in camera.items()} == {
        raw.id: (jpeg_file.key, "a.jpg", False),
        single.id: (single_file.key, "b.dng", False),
        plain.id: (plain_file.key, "c.jpg", False),
    }
    developed = await sources(db, project, raw, single, plain, develop=True)
    assert {id_: (one.key, one.developed) for id_, one in developed.items()} == {
        raw.id: (raw_file.key, True),
        single.id: (single_file.key, True),
        plain.id: (plain_file.key, False),
    }


async def test_what_is_damaged_or_thrown_away_is_no_source(db: Database, make: Make) -> None:
    project, now = await make.project(await make.user()), db.house.clock()
    damaged, trashed = await make.asset(project), await make.asset(project, trashed_at=now)
    await make.file(damaged, FileKind.ORIGINAL, damaged_at=now)
    await make.file(trashed, FileKind.ORIGINAL)
    bare = await make.asset(project)
    await make.file(bare, FileKind.PREVIEW)
    assert await sources(db, project, damaged, trashed, bare) == {}


async def test_what_a_file_says(db: Database, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    known, _ = await original(
        make, project, "a.jpg", title="Kiss", description="At last", keywords=["wedding"], label="Green",
        captured_local="2026-06-20T12:00:00", gps_latitude=52.5, gps_longitude=13.4,
        xmp={"dc:creator": ["Ada", "Grace"]}, iptc={"By-line": "Nobody"}, exif={"Copyright": " (c) Ada "},
    )  # fmt: skip
    bare, _ = await original(make, project, "b.jpg", gps_latitude=52.5)
    await make.rating(known, ada, rating=4)
    await make.rating(bare, await make.user(), rating=5)
    found = await sources(db, project, known, bare)
    assert found[known.id].fields == {
        "title": "Kiss", "description": "At last", "keywords": ["wedding"], "label": "Green", "rating": 4,
        "captured_local": "2026-06-20T12:00:00", "gps": [52.5, 13.4], "creator": "Ada, Grace", "copyright": "(c) Ada",
    }  # fmt: skip
    assert found[bare.id].fields == {
        "title": None, "description": None, "keywords": [], "label": None, "rating": None, "captured_local": None,
        "gps": None, "creator": None, "copyright": None,
    }  # fmt: skip
