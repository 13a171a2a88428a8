"""Exports through both doors: asking, looking, fetching, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text, update

from kilo_gql.access import Perm, System
from kilo_gql.domain.export_rows import PHOTOS_MAX
from kilo_gql.models import Asset, AssetStatus, Base, Export, ExportFile, ExportStatus, Project, Role
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.exports import export_rows, file_row
from tests.support.make import Make
from tests.support.statements import statements
from tests.support.wait import until_seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE: dict[str, Any] = {"width_px": 6000, "height_px": 4000}


async def written(make: Make, rows: Sequence[Base]) -> Export:
    await make.rows(*rows)
    assert isinstance(rows[0], Export)
    return rows[0]


async def done(api: Api, make: Make, project: Project, assets: Sequence[Asset], **columns: Any) -> Export:
    """An export that is done, with bytes in the store: ``name.jpg`` is that many times its own name."""
    rows = export_rows(project, assets, **columns)
    for row in rows:
        if isinstance(row, ExportFile):
            data = content(row.name)
            row.byte_size, row.sha256, row.crc32 = len(data), hashlib.sha256(data).hexdigest(), zlib.crc32(data)
            await api.services.store.put_bytes(row.key, data, row.content_type)
    return await written(make, rows)


def content(name: str) -> bytes:
    return name.encode() * 5_000


async def fetch(api: Api, url: str, **headers: str) -> Any:
    parts = urlsplit(url)
    return await api.client.get(f"{parts.path}?{parts.query}", headers=headers)


# --- asking --------------------------------------------------------------------------------------------------------


async def test_named_photos_in_their_order(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    a, b = await make.asset(project, "a.jpg"), await make.asset(project, "b.jpg")
    made = (
        await door.call(
            "create_export", ada, projectId=project.id, preset="web", assetIds=[b.id, a.id, b.id],
            settings={"jpegQuality": 92, "longEdgePx": 3840, "watermark": False},
        )
    ).ok  # fmt: skip
    assert (made["status"], made["progress"], made["preset"]) == ("queued", 0.0, "web")
    assert (made["total"], made["done"], made["failed"], made["createdBy"]) == (2, 0, 0, str(ada.user_id))
    assert made["settings"] == {
        "jpegQuality": 92, "longEdgePx": 3840, "watermark": False, "colorSpace": "srgb", "sharpen": "screen",
        "maxFileKb": None, "metadata": "copyright", "naming": "{name}", "develop": False, "format": "jpeg",
        "bitDepth": 8,
    }  # fmt: skip
    assert (await door.call("get_export", ada, exportId=made["id"])).ok == made
    items = (await door.call("list_export_items", ada, exportId=made["id"])).ok["items"]
    assert [(item["position"], item["assetId"], item["status"], item["files"]) for item in items] == [
        (0, str(b.id), "queued", []), (1, str(a.id), "queued", [])
    ]  # fmt: skip
    [job] = (await door.call("list_jobs", ada, projectId=project.id)).ok["items"]
    assert (job["id"], job["type"], job["status"]) == (made["jobId"], "project.export", "queued")


async def test_the_picks_are_ones_own(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    bob = await make.member(project.id, Role.EDITOR)
    now = make.db.house.clock()
    late, early, trashed, his = [
        await make.asset(project, captured_at=now - timedelta(hours=hours)) for hours in (1, 2, 3, 4)
    ]
    for asset in (late, early, trashed):
        await make.rating(asset, ada, picked=True)
    await make.rating(his, bob, picked=True)
    async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.session.execute(update(Asset).where(Asset.id == trashed.id).values(trashed_at=now))
        await tx.session.commit()
    made = (await door.call("create_export", ada, projectId=project.id, preset="full_res")).ok
    items = (await door.call("list_export_items", ada, exportId=made["id"])).ok["items"]
    assert [item["assetId"] for item in items] == [str(early.id), str(late.id)]
    eve = await make.member(project.id, Role.EDITOR)
    refused = await door.call("create_export", eve, projectId=project.id, preset="full_res")
    assert (refused.code, refused.error and refused.error["remediation"]) == (
        "nothing_picked",
        ["Pick some photos, or name them in `assetIds`."],
    )


async def test_what_cannot_be_exported(door: Door, make: Make) -> None:
    ada = await make.user()
    project, other = await make.project(ada), await make.project(ada)
    good, elsewhere = await make.asset(project), await make.asset(other)
    trashed = await make.asset(project, trashed_at=make.db.house.clock())
    raw = await make.asset(project, status=AssetStatus.PROCESSING)

    async def ask(**arguments: Any) -> Any:
        return await door.call("create_export", ada, projectId=project.id, **{"preset": "web", **arguments})

    assert (await ask(assetIds=[good.id, elsewhere.id])).code == "not_found"
    assert (await ask(assetIds=[uuid7()])).code == "not_found"
    unready = await ask(assetIds=[good.id, trashed.id, raw.id])
    assert (unready.code, unready.error["details"]) == (
        "asset_not_ready", {"assetIds": [str(trashed.id), str(raw.id)], "count": 2}
    )  # fmt: skip
    empty = await ask(assetIds=[])
    assert (empty.code, empty.error["details"]) == ("bad_request", {"field": "assetIds"})
    many = await ask(assetIds=[uuid7() for _ in range(PHOTOS_MAX + 1)])
    assert (many.code, many.error["details"]) == ("too_many_photos", {"photos": 5001, "max": 5000})
    unknown = await ask(assetIds=[good.id], settings={"jpegQuality": 90, "colour": "red"})
    assert (unknown.code, unknown.error["details"]["field"]) == ("bad_request", "settings.colour")
    sheet = await ask(assetIds=[good.id], preset="contact_sheet_pdf", settings={"galleryId": str(uuid7())})
    assert sheet.code == "not_found"
    slides = await ask(
        assetIds=[(await make.asset(project, **SIZE)).id for _ in range(21)], preset="instagram_carousel"
    )
    assert (slides.code, slides.error["details"]) == ("too_many_slides", {"slides": 21, "max": 20})
    assert (await door.call("list_exports", ada, projectId=project.id)).ok["items"] == []
    assert (await door.call("list_jobs", ada, projectId=project.id)).ok["items"] == []


async def test_a_key_makes_one_export(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    key = uuid7().hex
    asked: dict[str, Any] = {"projectId": project.id, "preset": "web", "assetIds": [asset.id]}
    first = await door.call("create_export", ada, key=key, **asked)
    second = await door.call("create_export", ada, key=key, **asked)
    assert (first.replayed, second.replayed, second.ok) == (False, True, first.ok)
    assert len((await door.call("list_exports", ada, projectId=project.id)).ok["items"]) == 1


async def test_a_preview_tells_all_before_anything_is_made(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    face = {"box": [0.1, 0.4, 0.1, 0.1], "prominent": True}
    plain = await make.asset(project, "a.jpg", **SIZE)
    wide = await make.asset(project, "b.jpg", width_px=9000, height_px=3000)
    await make.signals(plain, faces=[face], face_models="yunet")
    asked: dict[str, Any] = {
        "preset": "instagram_carousel",
        "assetIds": [plain.id, wide.id],
        "settings": {"ratio": "1:1"},
    }
    seen = (await door.call("preview_export", ada, projectId=project.id, **asked)).ok
    assert (seen["ratio"], seen["fileCount"]) == ("1:1", 4)
    first, second = seen["photos"]
    [file] = first["files"]
    assert (first["assetId"], first["fit"], first["warnings"]) == (str(plain.id), "crop", [])
    assert {name: round(value, 6) for name, value in file.pop("crop").items()} == {
        "x": 0.0, "y": 0.0, "width": 0.666667, "height": 1.0,
    }  # fmt: skip
    assert file == {"name": "01_a.jpg", "widthPx": 1080, "heightPx": 1080}
    assert [one["name"] for one in second["files"]] == ["02_b_1.jpg", "02_b_2.jpg", "02_b_3.jpg"]
    assert seen["estimatedBytes"] == first["estimatedBytes"] + second["estimatedBytes"] > 0
    assert (await door.call("list_exports", ada, projectId=project.id)).ok["items"] == []


async def test_an_export_of_many_takes_no_more_statements(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada, "A/B")
    ids = [str((await make.asset(project)).id) for _ in range(30)]
    counts = []
    for some in (ids[:1], ids[:1], ids):  # a connection that meets a type for the first time looks it up
        with statements(api.services.db) as seen:
            body = {"preset": "web", "assetIds": some}
            made = (await api.rest("POST", f"/projects/{project.id}/exports", body, actor=ada)).json()
            await asyncio.sleep(0.05)
        counts.append(len(seen))
        assert made["name"].startswith("A-B web ")  # which will be the archive's: no folder
    assert counts[1] == counts[2]


# --- looking -------------------------------------------------------------------------------------------------------


async def test_lists_are_paged_and_filtered(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    made = [await written(make, export_rows(project, [asset], status)) for status in ExportStatus]
    newest = [str(export.id) for export in reversed(made)]
    page = (await door.call("list_exports", ada, projectId=project.id, limit=3)).ok
    rest = (await door.call("list_exports", ada, projectId=project.id, limit=3, cursor=page["nextCursor"])).ok
    assert [one["id"] for one in (*page["items"], *rest["items"])] == newest
    failed = (await door.call("list_exports", ada, projectId=project.id, status="failed")).ok["items"]
    assert [one["id"] for one in failed] == [str(export.id) for export in made if export.status == "failed"]


async def test_items_come_with_their_files_in_three_statements(door: Door, api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    assets = [await make.asset(project) for _ in range(6)]
    counts = []
    for some in (assets[:1], assets):
        rows = export_rows(project, some)
        assert isinstance(rows[0], Export)
        rows.append(file_row(rows[0], 0, part=1, name="second.jpg"))
        export = await written(make, rows)
        await door.call("list_export_items", ada, exportId=export.id)
        with statements(api.services.db) as seen:
            items = (await door.call("list_export_items", ada, exportId=export.id)).ok["items"]
            await asyncio.sleep(0.05)
        counts.append(len([one for one in seen if "export" in one]))
        assert [[file["name"] for file in item["files"]] for item in items] == [
            ["photo-0.jpg", "second.jpg"], *[[f"photo-{n}.jpg"] for n in range(1, len(some))]
        ]  # fmt: skip
    assert counts == [3, 3]
    export = await written(make, export_rows(project, assets))
    page = (await door.call("list_export_items", ada, exportId=export.id, limit=4)).ok
    rest = (await door.call("list_export_items", ada, exportId=export.id, limit=4, cursor=page["nextCursor"])).ok
    assert [item["position"] for item in (*page["items"], *rest["items"])] == list(range(6))


# --- fetching ------------------------------------------------------------------------------------------------------


async def test_several_files_are_one_archive_that_can_be_resumed(
    door: Door, api: Api, make: Make, clock: Clock
) -> None:
    ada = await make.user()
    project = await make.project(ada)
    export = await done(api, make, project, [await make.asset(project) for _ in range(3)], name='Ann "&" Bob')
    link = (await door.call("get_export_download", ada, exportId=export.id)).ok
    assert link["expiresAt"] == (clock() + timedelta(hours=24)).replace(microsecond=0)
    whole = await fetch(api, link["url"])
    assert (whole.status_code, whole.headers["content-type"]) == (200, "application/zip")
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert 'filename="Ann ___ Bob.zip"' in whole.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.testzip() is None
        names = [f"photo-{n}.jpg" for n in range(3)]
        assert archive.namelist() == [*names, "manifest.json", "checksums.sha256"]
        assert [archive.read(name) for name in names] == [content(name) for name in names]
        sums = archive.read("checksums.sha256").decode()
    assert sums == "".join(f"{hashlib.sha256(content(name)).hexdigest()}  {name}\n" for name in names)
    etag, half = whole.headers["etag"], len(whole.content) // 2
    rest = await fetch(api, link["url"], range=f"bytes={half}-", **{"if-range": etag})
    assert (rest.status_code, whole.content[:half] + rest.content) == (206, whole.content)
    head = await api.client.head(link["url"].partition(api.services.settings.base_url)[2])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))


async def test_one_file_is_fetched_as_it_is(door: Door, api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    export = await done(api, make, project, [await make.asset(project)])
    link = (await door.call("get_export_download", ada, exportId=export.id)).ok
    answer = await fetch(api, link["url"])
    assert (answer.status_code, answer.content) == (200, content("photo-0.jpg"))
    assert 'filename="photo-0.jpg"' in answer.headers["content-disposition"]


async def test_an_archive_is_for_whoever_has_the_link_and_for_nobody_else(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    assets = [await make.asset(project) for _ in range(2)]
    export, other = await done(api, make, project, assets), await done(api, make, project, assets)
    url = (await api.rest("GET", f"/exports/{export.id}/download", actor=ada)).json()["url"]
    foreign = url.replace(str(export.id), str(other.id))
    key = url.partition("?k=")[2]
    for wrong in (
        foreign, url[:-1] + ("A" if url[-1] != "A" else "B"), url + "A", url.partition("?")[0], f"{url}=",
        url.replace(key, ""), url.replace(key, key[:20]), url.replace(key, "%00" + key),
    ):  # fmt: skip
        refused = await fetch(api, wrong)
        assert (refused.status_code, refused.json()["code"]) == (403, "signature_invalid"), wrong
    absent = await api.client.get("/exports/none/archive?k=" + key)
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")
    assert (await fetch(api, url)).status_code == 200
    await api.rest("DELETE", f"/exports/{export.id}", actor=ada)
    gone = await fetch(api, url)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    url = (await api.rest("GET", f"/exports/{other.id}/download", actor=ada)).json()["url"]
    assert (await fetch(api, url)).status_code == 200
    await api.rest("DELETE", f"/projects/{project.id}", actor=ada)
    gone = await fetch(api, url)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_links_end(door: Door, api: Api, make: Make, clock: Clock) -> None:
    ada = await make.user()
    project = await make.project(ada)
    project.created_at = clock()
    export = await done(api, make, project, [await make.asset(project) for _ in range(2)])
    url = (await door.call("get_export_download", ada, exportId=export.id)).ok["url"]
    clock.advance(86_400)
    late = await fetch(api, url)
    assert (late.status_code, late.json()["code"]) == (410, "link_expired")
    clock.advance(6 * 86_400 - 3_600)
    last = (await door.call("get_export_download", ada, exportId=export.id)).ok
    assert last["expiresAt"] == export.expires_at.replace(microsecond=0)  # type: ignore[union-attr]
    clock.advance(3_600)
    assert (await fetch(api, last["url"])).json()["code"] == "link_expired"
    assert (await door.call("get_export_download", ada, exportId=export.id)).code == "export_expired"


async def test_what_is_not_done_cannot_be_fetched(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    for status in (ExportStatus.QUEUED, ExportStatus.RUNNING, ExportStatus.FAILED):
        export = await written(make, export_rows(project, [await make.asset(project)], status))
        refused = await door.call("get_export_download", ada, exportId=export.id)
        assert (refused.code, refused.error and refused.error["details"]["status"]) == ("export_not_ready", status)


# --- mending and ending --------------------------------------------------------------------------------------------


async def test_moves_that_make_no_sense_change_nothing(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    for status, operation in (
        (ExportStatus.DONE, "retry_export"), (ExportStatus.QUEUED, "retry_export"),
        (ExportStatus.RUNNING, "retry_export"), (ExportStatus.DONE, "cancel_export"),
        (ExportStatus.FAILED, "cancel_export"),
    ):  # fmt: skip
        export = await written(make, export_rows(project, [asset], status))
        before = (await door.call("get_export", ada, exportId=export.id)).ok
        refused = await door.call(operation, ada, exportId=export.id)
        assert (refused.code, refused.error and refused.error["details"]) == (
            "illegal_transition", {"status": status, "move": operation.partition("_")[0]},
        )  # fmt: skip
        assert (await door.call("get_export", ada, exportId=export.id)).ok == before


async def test_an_archived_project_can_still_be_exported(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    (await door.call("archive_project", ada, projectId=project.id)).ok  # noqa: B018
    made = (await door.call("create_export", ada, projectId=project.id, preset="web", assetIds=[asset.id])).ok
    assert (await door.call("cancel_export", ada, exportId=made["id"])).ok["errorCode"] == "canceled"


async def test_one_that_was_canceled_as_it_ended_can_be_retried(door: Door, make: Make) -> None:
    """Every photo was made, but the end was not written: nothing is lacking but that."""
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    canceled = {"done": 1, "failed": 0, "error_code": "canceled"}
    export = await written(make, export_rows(project, [asset], ExportStatus.FAILED, **canceled))
    again = (await door.call("retry_export", ada, exportId=export.id)).ok
    assert (again["status"], again["errorCode"], again["done"]) == ("queued", None, 1)


async def test_who_waits_to_delete_what_another_deletes_finds_it_gone(door: Door, api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    for operation in ("delete_export", "cancel_export"):
        export = await written(make, export_rows(project, [asset]))
        async with api.services.db.transaction(System("test"), Perm.SYSTEM) as tx:
            await tx.delete(await tx.session.get_one(Export, export.id))
            await tx.session.flush()
            second = asyncio.create_task(door.call(operation, ada, exportId=export.id))
            await until_seen(lambda: somebody_waits(make))
            await tx.session.commit()
        assert (await second).code == "not_found"


async def somebody_waits(make: Make) -> bool:
    """Does a connection wait for a row?"""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        return bool((await tx.unchecked(text(waiting))).scalar_one())
