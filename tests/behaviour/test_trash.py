"""The trash: away, back, gone; and files that are tried once more, pairs that are taken apart."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from kilo_gql.access import Perm, System
from kilo_gql.domain import trash
from kilo_gql.models import Asset, AssetStatus, FileKind, JobStatus, Project
from kilo_gql.models.base import uuid7
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.traces import queued, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLES = ("assets", "asset_files", "ratings", "uploads", "jobs")


async def rows(make: Make, project: Project) -> dict[str, list[str]]:
    """Everything there is of a project, as text, but for the job that groups it anew."""
    async with make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = {}
        for table in TABLES:
            statement = text(f"SELECT t::text FROM {table} t WHERE project_id = :id ORDER BY 1")  # noqa: S608
            texts = [row[0] for row in await tx.unchecked(statement, {"id": project.id})]
            found[table] = [each for each in texts if "project.cluster" not in each]
        return found


async def family(make: Make, project: Project) -> list[Asset]:
    """A RAW with its JPEG and its sidecar, files and all."""
    raw = await make.asset(project, "a.cr3", format="cr3", title="Kiss", flags={"x": 1})
    jpeg = await make.asset(project, "a.jpg", parent_id=raw.id)
    xmp = await make.asset(project, "a.xmp", format="xmp", parent_id=raw.id)
    for asset in (raw, jpeg):
        await make.file(asset, FileKind.ORIGINAL)
        await make.file(asset, FileKind.PREVIEW)
    await make.file(xmp, FileKind.SIDECAR)
    return [raw, jpeg, xmp]


async def names(door: Door, who: Any, project: Project, **narrowed: Any) -> list[str]:
    page = (await door.call("list_assets", who, projectId=project.id, sort="name", **narrowed)).ok
    return [asset["filename"] for asset in page["items"]]


async def test_away_and_back_is_as_before(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    raw, *_ = await family(make, project)
    other = await make.asset(project, "b.jpg")
    await make.rating(raw, ada, rating=5)
    before = await rows(make, project)
    ids = {"projectId": project.id, "ids": [raw.id]}
    assert (await door.call("trash_assets", ada, **ids)).ok == {"count": 1}
    assert await names(door, ada, project) == ["b.jpg"]
    assert await names(door, ada, project, trashed=True) == ["a.cr3"]
    shown = (await door.call("get_asset", ada, assetId=raw.id)).ok
    assert (shown["flags"]["trashed"], shown["trashedAt"] is None) == (True, False)
    assert (await door.call("trash_assets", ada, **ids)).ok == {"count": 0}
    assert (await door.call("restore_assets", ada, **ids)).ok == {"count": 1}
    assert await rows(make, project) == before
    assert await names(door, ada, project) == ["a.cr3", "b.jpg"]
    assert (await door.call("restore_assets", ada, projectId=project.id, ids=[raw.id, other.id])).ok == {"count": 0}
    away, back = [event for event in await told(make.db, project.id) if event[0] == "asset.updated"]
    assert (away, back) == (("asset.updated", away[1]), ("asset.updated", {"trashedAt": None}))
    assert list(away[1]) == ["trashedAt"]


async def test_a_part_comes_back_with_its_photo_but_not_what_went_before(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    raw, jpeg, xmp = await family(make, project)
    await door.call("trash_assets", ada, projectId=project.id, ids=[xmp.id])
    assert await names(door, ada, project, trashed=True) == ["a.xmp"]
    await door.call("trash_assets", ada, projectId=project.id, ids=[raw.id])
    assert await names(door, ada, project, trashed=True) == ["a.cr3"]
    assert (await door.call("restore_assets", ada, projectId=project.id, ids=[jpeg.id])).ok == {"count": 1}
    assert await names(door, ada, project) == ["a.cr3"]
    assert await names(door, ada, project, trashed=True) == ["a.xmp"]
    assert (await door.call("get_asset", ada, assetId=jpeg.id)).ok["trashedAt"] is None


async def test_only_what_is_here_and_whole(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    elsewhere = await make.asset(await make.project(ada))
    hidden = await make.asset(await make.project(await make.user()))
    coming = await make.asset(project, status=AssetStatus.UPLOADING)
    bad = await make.asset(project, "bad.jpg", status=AssetStatus.QUARANTINED)
    ids = [elsewhere.id, hidden.id, coming.id, uuid7(), bad.id, bad.id]
    for operation, count in (("trash_assets", 1), ("restore_assets", 1), ("purge_assets", 0)):
        assert (await door.call(operation, ada, projectId=project.id, ids=ids)).ok == {"count": count}
    for asset in (elsewhere, coming, bad):
        assert (await door.call("get_asset", ada, assetId=asset.id)).ok["trashedAt"] is None
    for operation in ("trash_assets", "restore_assets", "purge_assets", "retry_assets"):
        answer = await door.call(operation, ada, projectId=project.id, ids=[uuid7() for _ in range(501)])
        assert (operation, answer.code) == (operation, "too_many_ids")


async def test_a_purge_leaves_nothing_of_it(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await make.asset(project, "b.jpg")
    before = await rows(make, project)
    raw, jpeg, xmp = await family(make, project)
    await make.rating(raw, ada, rating=5)
    await make.job(project.id, JobStatus.FAILED, asset_id=raw.id)
    await door.call("trash_assets", ada, projectId=project.id, ids=[raw.id])
    answer = await door.call("purge_assets", ada, projectId=project.id, ids=[raw.id])
    assert answer.ok == {"count": 1}
    after = await rows(make, project)
    assert {**after, "jobs": []} == before
    prefixes = [f"{project.id}/{asset.id}/" for asset in (raw, jpeg, xmp)]
    assert {"prefixes": prefixes} in await queued(make.db, "asset.purge")
    assert (await told(make.db, project.id))[-1] == ("asset.updated", {"purged": True})
    assert (await door.call("get_asset", ada, assetId=raw.id)).code == "not_found"
    assert (await door.call("purge_assets", ada, projectId=project.id, ids=[raw.id])).ok == {"count": 0}


async def test_the_trash_is_emptied_after_thirty_days(door: Door, make: Make, clock: Clock) -> None:
    ada = await make.user()
    project = await make.project(ada)
    raw, *_ = await family(make, project)
    later = await make.asset(project, "later.jpg")
    await door.call("trash_assets", ada, projectId=project.id, ids=[raw.id])
    clock.advance(60)
    await door.call("trash_assets", ada, projectId=project.id, ids=[later.id])
    clock.advance(trash.KEPT.total_seconds() - 60)

    async def sweep() -> None:
        async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
            await trash.purge_expired(tx)
            await tx.write_outbox()
            await tx.session.commit()

    before = await rows(make, project)
    await sweep()
    assert await rows(make, project) == before
    clock.advance(1)
    await sweep()
    [left] = (await rows(make, project))["assets"]
    assert str(later.id) in left


async def test_quarantined_files_are_tried_once_more(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    why = {"quarantine_code": "truncated", "quarantine_reason": "It ends.", "quarantine_offset": 7}
    bad = await make.asset(project, status=AssetStatus.QUARANTINED, **why)
    empty = await make.asset(project, status=AssetStatus.QUARANTINED, quarantine_code="zero_bytes")
    good = await make.asset(project)
    original = await make.file(bad, FileKind.ORIGINAL, sha256=None)
    await make.file(good, FileKind.ORIGINAL)
    ids = [good.id, bad.id, empty.id]
    assert (await door.call("retry_assets", ada, projectId=project.id, ids=ids)).ok == {"count": 1}
    assert [(await door.call("get_asset", ada, assetId=id_)).ok["status"] for id_ in ids] == [
        "ready",
        "processing",
        "quarantined",
    ]
    assert {"upload_id": str(original.id)} in await queued(make.db, "asset.ingest")
    changes = [patch for name, patch in await told(make.db, project.id) if name == "asset.updated"]
    assert changes == [{"status": "processing", "quarantine": None}]
    assert (await door.call("retry_assets", ada, projectId=project.id, ids=ids)).ok == {"count": 0}


@pytest.mark.parametrize("by", ["raw", "jpeg"])
async def test_a_pair_is_taken_apart_and_made(door: Door, make: Make, by: str) -> None:
    ada = await make.user()
    project = await make.project(ada)
    raw, jpeg, _ = await family(make, project)
    half = {"raw": raw, "jpeg": jpeg}[by]
    assert (await door.call("unpair_asset", ada, assetId=half.id)).ok["id"] == str(half.id)
    assert await names(door, ada, project) == ["a.cr3", "a.jpg"]
    shown = {name: (await door.call("get_asset", ada, assetId=a.id)).ok for name, a in (("raw", raw), ("jpeg", jpeg))}
    assert [(each["flags"]["isPaired"], each["flags"]["hasSidecar"]) for each in shown.values()] == [
        (False, True),
        (False, False),
    ]
    assert (await door.call("unpair_asset", ada, assetId=half.id)).code == "not_paired"
    made = (await door.call("pair_assets", ada, rawId=raw.id, jpegId=jpeg.id)).ok
    assert (made["id"], made["flags"]["isPaired"]) == (str(raw.id), True)
    assert await names(door, ada, project) == ["a.cr3"]
    assert (await door.call("get_asset", ada, assetId=jpeg.id)).ok["parentId"] == str(raw.id)
    assert [patch for name, patch in await told(make.db, project.id) if name == "asset.updated"] == [
        {"parentId": None},
        {"companions": {"removed": [str(jpeg.id)]}},
        {"parentId": str(raw.id)},
        {"companions": {"added": [str(jpeg.id)]}},
    ]


async def test_what_is_no_pair(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    raw, jpeg, xmp = await family(make, project)
    single, picture = await make.asset(project, format="dng"), await make.asset(project)
    far = await make.asset(await make.project(ada))
    away = await make.asset(project, trashed_at=raw.ingested_at)
    before = await rows(make, project)
    pairs: list[tuple[UUID, UUID]] = [
        (raw.id, picture.id), (single.id, jpeg.id), (single.id, single.id), (picture.id, picture.id),
        (single.id, far.id), (single.id, away.id), (single.id, xmp.id), (picture.id, single.id), (single.id, raw.id),
    ]  # fmt: skip
    for raw_id, jpeg_id in pairs:
        answer = await door.call("pair_assets", ada, rawId=raw_id, jpegId=jpeg_id)
        assert ((raw_id, jpeg_id), answer.code) == ((raw_id, jpeg_id), "not_a_pair")
    for id_ in (xmp.id, single.id, picture.id):
        assert (await door.call("unpair_asset", ada, assetId=id_)).code == "not_paired"
    assert await rows(make, project) == before
    assert await told(make.db, project.id) == []
