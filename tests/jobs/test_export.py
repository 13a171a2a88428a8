"""Exports as workers make them: photo by photo, each once, whatever becomes of the others or of the worker."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
import pytest_asyncio
import pyvips
from sqlalchemy import delete, select, update

from kilo_gql.access import Perm, System
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import export_jobs, exports, jobs, ratings, trash
from kilo_gql.domain.exports import NewExport
from kilo_gql.errors import KiloError
from kilo_gql.export_archive import layout_of
from kilo_gql.jobs import JobType, NewJob, enqueue
from kilo_gql.models import (
    Asset,
    AssetFile,
    Band,
    Cluster,
    ClusterKind,
    Export,
    ExportFile,
    ExportItem,
    ExportPreset,
    ExportStatus,
    FileKind,
    ItemStatus,
    Job,
    JobStatus,
    Project,
    Queue,
    Suggestion,
)
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Operation, Throat
from tasks.child import ChildCrashed, ChildFailed
from tasks.kit import Kit
from tests.conftest import SilentBells
from tests.support.galleries import make_gallery
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.pictures import jpeg, noise
from tests.support.shoot import Shoot
from tests.support.traces import told

WEB = ExportPreset.WEB


@pytest_asyncio.fixture
async def shoot(db: Database, settings: Settings, make: Make) -> AsyncIterator[Shoot]:
    ada = await make.user()
    project = await make.project(ada, "Ann & Bob")
    async with Shoot(db, settings, project.id, ada) as shoot:
        yield shoot


async def photos(shoot: Shoot, count: int, width: int = 320, height: int = 240) -> list[UUID]:
    """So many ingested photos that are each another one, and no job that waits for its time."""
    ids = [await shoot.upload(f"IMG_{n}.jpg", jpeg(noise(width, height, seed=n))) for n in range(count)]
    await shoot.work()
    await change(shoot, delete(Job).where(Job.status == JobStatus.QUEUED))
    return ids


async def run(shoot: Shoot, operation: Operation[Any], *arguments: Any, **named: Any) -> Any:
    return (await Throat(shoot.db, SilentBells()).execute(shoot.owner, operation, *arguments, **named)).value


async def ask(shoot: Shoot, ids: list[UUID] | None, preset: ExportPreset = WEB, **settings: Any) -> UUID:
    made: Export = await run(shoot, exports.create_export, shoot.project_id, NewExport(preset, ids, settings))
    return made.id


async def work(shoot: Shoot) -> None:
    """Do the CPU jobs that wait."""
    while await shoot.runner.run_next(Queue.CPU):
        pass


async def export_of(shoot: Shoot, export_id: UUID) -> Export:
    [found] = await shoot._rows(select(Export).where(Export.id == export_id))
    return found  # type: ignore[no-any-return]


async def files_of(shoot: Shoot, export_id: UUID) -> list[ExportFile]:
    in_order = select(ExportFile).where(ExportFile.export_id == export_id)
    return await shoot._rows(in_order.order_by(ExportFile.position, ExportFile.part))


async def items_of(shoot: Shoot, export_id: UUID) -> list[tuple[ItemStatus, str | None]]:
    rows = await shoot._rows(select(ExportItem).where(ExportItem.export_id == export_id).order_by(ExportItem.position))
    return [(row.status, row.error_code) for row in rows]


async def stored(shoot: Shoot) -> set[str]:
    """The keys of all that exports stored."""
    return {key for key in await shoot.keys() if "/exports/" in key}


async def change(shoot: Shoot, *statements: Any) -> None:
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        for statement in statements:
            await tx.session.execute(statement)
        await tx.session.commit()


async def archive(shoot: Shoot, export_id: UUID, folder: Path) -> Path:
    """The export's archive as a file."""
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = await export_jobs.archive_of(tx, export_id)
    assert found is not None
    layout = layout_of(found, shoot.store)
    path = folder / "export.zip"
    path.write_bytes(b"".join([piece async for piece in layout.stream()]))
    assert path.stat().st_size == layout.size
    return path


DONE = (ItemStatus.DONE, None)


async def test_every_photo_becomes_its_file(shoot: Shoot, tmp_path: Path) -> None:
    ids = await photos(shoot, 3)
    export_id = await ask(shoot, [ids[2], ids[0], ids[1], ids[0]], longEdgePx=160)
    assert (await export_of(shoot, export_id)).status is ExportStatus.QUEUED
    await work(shoot)
    export, files = await export_of(shoot, export_id), await files_of(shoot, export_id)
    assert (export.status, export.total, export.done, export.failed) == (ExportStatus.DONE, 3, 3, 0)
    assert (export.progress, export.error_code) == (1.0, None)
    assert export.expires_at == shoot.db.house.clock() + timedelta(days=7)
    assert [(file.name, file.width_px, file.height_px) for file in files] == [
        ("IMG_2.jpg", 160, 120), ("IMG_0.jpg", 160, 120), ("IMG_1.jpg", 160, 120),
    ]  # fmt: skip
    assert await items_of(shoot, export_id) == [DONE] * 3
    assert await stored(shoot) == {file.key for file in files}
    assert export.byte_size == sum(file.byte_size for file in files)
    for file in files:
        async with shoot.store.local_path(file.key) as path:
            data = path.read_bytes()
            picture = pyvips.Image.new_from_file(str(path))
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.byte_size, file.sha256)
        assert (picture.width, picture.height) == (160, 120)
    with zipfile.ZipFile(await archive(shoot, export_id, tmp_path)) as made:
        assert made.testzip() is None
        assert made.namelist() == ["IMG_2.jpg", "IMG_0.jpg", "IMG_1.jpg", "manifest.json", "checksums.sha256"]
        manifest = orjson.loads(made.read("manifest.json"))
        made.extractall(tmp_path)
    assert [file["assetId"] for file in manifest["files"]] == [str(ids[n]) for n in (2, 0, 1)]
    assert manifest["failed"] == []
    subprocess.run(["sha256sum", "-c", "--strict", "checksums.sha256"], cwd=tmp_path, check=True)
    subprocess.run(["unzip", "-tqq", "export.zip"], cwd=tmp_path, check=True)


async def test_the_picks_in_the_order_of_time(shoot: Shoot) -> None:
    ids = await photos(shoot, 3)
    with pytest.raises(KiloError) as refused:
        await ask(shoot, None)
    assert refused.value.code == "nothing_picked"
    assert await shoot._rows(select(Export)) == []
    for id_ in (ids[2], ids[0]):
        await run(shoot, ratings.rate_asset, id_, ratings.RatingChange(picked=True))
    await work(shoot)
    export_id = await ask(shoot, None)
    await work(shoot)
    assert [file.name for file in await files_of(shoot, export_id)] == ["IMG_0.jpg", "IMG_2.jpg"]


async def test_one_that_fails_is_told_and_can_be_retried(shoot: Shoot) -> None:
    ids = await photos(shoot, 3)
    original = (AssetFile.asset_id == ids[1]) & (AssetFile.kind == FileKind.ORIGINAL)
    [file] = await shoot._rows(select(AssetFile).where(original))
    async with shoot.store.local_path(file.key) as path:
        data = path.read_bytes()
    await shoot.store.delete([file.key])
    export_id = await ask(shoot, ids)
    await work(shoot)
    export, first = await export_of(shoot, export_id), await files_of(shoot, export_id)
    assert (export.status, export.done, export.failed, len(first)) == (ExportStatus.DONE, 2, 1, 2)
    assert await items_of(shoot, export_id) == [DONE, (ItemStatus.FAILED, "original_missing"), DONE]
    await shoot.store.put_bytes(file.key, data, "image/jpeg")
    assert (await run(shoot, exports.retry_export, export_id)).status is ExportStatus.QUEUED
    await work(shoot)
    export, second = await export_of(shoot, export_id), await files_of(shoot, export_id)
    assert (export.status, export.done, export.failed) == (ExportStatus.DONE, 3, 0)
    assert [one.position for one in second] == [0, 1, 2]
    assert {one.key for one in first} < {one.key for one in second}  # nothing was made twice
    with pytest.raises(KiloError) as refused:
        await run(shoot, exports.retry_export, export_id)
    assert refused.value.code == "illegal_transition"


async def test_nothing_that_could_be_made_is_a_failure(shoot: Shoot) -> None:
    ids = await photos(shoot, 2)
    export_id = await ask(shoot, ids)
    await change(shoot, delete(Asset).where(Asset.id == ids[0]))
    await run(shoot, trash.trash_assets, shoot.project_id, [ids[1]])
    await work(shoot)
    export = await export_of(shoot, export_id)
    assert (export.status, export.error_code, export.failed) == (ExportStatus.FAILED, "nothing_exported", 2)
    assert [code for _, code in await items_of(shoot, export_id)] == ["photo_gone", "original_missing"]


async def test_turns(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await photos(shoot, 5)
    monkeypatch.setattr(export_jobs, "TURN", 2)
    export_id = await ask(shoot, ids)
    await work(shoot)
    assert (await export_of(shoot, export_id)).status is ExportStatus.DONE
    made = [job for job in await shoot.jobs() if job.type == JobType.PROJECT_EXPORT]
    assert [(job.status, job.result["photos"]) for job in made if job.result] == [
        (JobStatus.DONE, 2), (JobStatus.DONE, 2), (JobStatus.DONE, 1),
    ]  # fmt: skip
    changes = [changed for name, changed in await told(shoot.db, str(shoot.project_id)) if name == "export.updated"]
    assert changes[0] == {"status": "queued", "progress": 0.0, "done": 0, "failed": 0}
    assert changes[-1] == {"status": "done", "progress": 1.0, "done": 5, "failed": 0}


async def test_a_photo_that_is_deleted_meanwhile_leaves_its_number_to_nobody(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_jobs, "TURN", 1)
    ids = await photos(shoot, 3)
    export_id = await ask(shoot, ids, naming="{seq:02}")
    await shoot.runner.run_next(Queue.CPU)
    await change(shoot, delete(Asset).where(Asset.id == ids[0]))
    await work(shoot)
    assert (await export_of(shoot, export_id)).status is ExportStatus.DONE
    assert [(file.position, file.name) for file in await files_of(shoot, export_id)] == [
        (0, "01.jpg"), (1, "02.jpg"), (2, "03.jpg"),
    ]  # fmt: skip


async def test_an_attempt_that_died_is_taken_up_where_it_was(shoot: Shoot, floor: Floor, monkeypatch: Any) -> None:
    ids = await photos(shoot, 4)
    export_id = await ask(shoot, ids)
    write_item = export_jobs.write_item

    async def dying(tx: Any, turn: Any, position: int, *rest: Any, **named: Any) -> bool:
        if position == 2:  # stored, not written
            raise asyncio.CancelledError
        return await write_item(tx, turn, position, *rest, **named)

    monkeypatch.setattr(export_jobs, "write_item", dying)
    claim = await floor.claimed()
    with pytest.raises(asyncio.CancelledError):
        await shoot.runner.handlers[JobType.PROJECT_EXPORT].work(Kit(shoot.runner.workshop, claim))
    monkeypatch.undo()
    before = await files_of(shoot, export_id)
    assert (len(before), len(await stored(shoot))) == (2, 3)
    assert await floor.silence(claim.id) == 1
    await work(shoot)
    files = await files_of(shoot, export_id)
    assert [file.position for file in files] == [0, 1, 2, 3]
    assert [file.id for file in files[:2]] == [file.id for file in before]
    assert await stored(shoot) == {file.key for file in files}
    assert (await export_of(shoot, export_id)).done == 4


async def test_a_child_that_dies_by_chance_costs_nothing_and_one_that_always_does_its_photo(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await photos(shoot, 3)
    export_id = await ask(shoot, ids)
    call, counts = Kit.call, dict.fromkeys(range(3), 0)

    async def fragile(self: Kit, function: str, **named: Any) -> Any:
        place = next(place for place, name in enumerate(ids) if str(name) in named["path"])
        counts[place] += 1
        if place == 0 and counts[0] < 3:
            raise ChildCrashed("killed", "")
        if place == 1:
            raise ChildCrashed("killed", "")
        if place == 2:
            raise ChildFailed("ValueError", "no plan", "")
        return await call(self, function, **named)

    monkeypatch.setattr(Kit, "call", fragile)
    await work(shoot)
    assert counts == {0: 3, 1: 3, 2: 1}
    assert await items_of(shoot, export_id) == [
        DONE, (ItemStatus.FAILED, "crashed_repeatedly"), (ItemStatus.FAILED, "internal"),
    ]  # fmt: skip


async def test_canceling_stops_it_and_deleting_takes_its_files_away(shoot: Shoot, floor: Floor) -> None:
    ids = await photos(shoot, 2)
    waiting = await ask(shoot, ids)
    canceled = await run(shoot, exports.cancel_export, waiting)
    assert (canceled.status, canceled.error_code) == (ExportStatus.FAILED, "canceled")
    assert (await floor.row(canceled.job_id))["status"] == "canceled"
    assert (await run(shoot, exports.cancel_export, waiting)).updated_at == canceled.updated_at
    await work(shoot)
    assert (await export_of(shoot, waiting)).updated_at == canceled.updated_at
    await run(shoot, exports.retry_export, waiting)
    await work(shoot)
    done = await export_of(shoot, waiting)
    assert (done.status, done.done) == (ExportStatus.DONE, 2)
    with pytest.raises(KiloError) as refused:
        await run(shoot, exports.cancel_export, waiting)
    assert refused.value.code == "illegal_transition"
    assert len(await stored(shoot)) == 2
    await run(shoot, exports.delete_export, waiting)
    assert await shoot._rows(select(Export)) == []
    await shoot.work()
    assert await stored(shoot) == set()


async def test_canceling_one_that_runs_stops_its_worker(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await photos(shoot, 3)
    export_id = await ask(shoot, ids)
    call, calls = Kit.call, 0

    async def canceled_meanwhile(self: Kit, function: str, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        answer = await call(self, function, **named)
        if calls == 2:
            await run(shoot, exports.cancel_export, export_id)
        return answer

    monkeypatch.setattr(Kit, "call", canceled_meanwhile)
    await work(shoot)
    export = await export_of(shoot, export_id)
    assert (calls, export.status, export.error_code, export.done) == (2, ExportStatus.FAILED, "canceled", 1)
    assert [job.status for job in await shoot.jobs() if job.type == JobType.PROJECT_EXPORT] == [JobStatus.CANCELED]
    await run(shoot, exports.retry_export, export_id)
    await work(shoot)
    assert (await export_of(shoot, export_id)).done == 3
    assert await stored(shoot) == {file.key for file in await files_of(shoot, export_id)}


async def test_what_is_stored_after_the_folder_was_cleared_goes_later(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export is deleted, and its files with it, while a worker that does not hear of it makes one more."""
    ids = await photos(shoot, 2)
    export_id = await ask(shoot, ids)
    call, calls = Kit.call, 0

    async def deleted_meanwhile(self: Kit, function: str, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            await run(shoot, exports.delete_export, export_id)
            assert await shoot.runner.run_next(Queue.IO)
            assert await stored(shoot) == set()
        return await call(self, function, **named)

    monkeypatch.setattr(Kit, "call", deleted_meanwhile)
    await work(shoot)
    assert (calls, len(await stored(shoot))) == (2, 1)
    [later] = [job for job in await shoot.jobs() if job.status is JobStatus.QUEUED]
    assert later.not_before is not None
    assert later.not_before - later.created_at == export_jobs.LATE
    await change(shoot, update(Job).where(Job.id == later.id).values(not_before=None))
    assert await shoot.runner.run_next(Queue.IO)
    assert await stored(shoot) == set()


async def test_what_is_made_after_the_end_is_thrown_away(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker hears of a cancellation late: it has just stored a file."""
    ids = await photos(shoot, 2)
    write_item = export_jobs.write_item
    for operation in (exports.cancel_export, exports.delete_export):
        export_id = await ask(shoot, ids)

        async def late(tx: Any, *rest: Any, _ended: Any = operation, _id: UUID = export_id, **named: Any) -> bool:
            async with shoot.db.transaction(System("test"), Perm.SYSTEM) as other:
                export = await other.session.get(Export, _id)
                assert export is not None
                if _ended is exports.delete_export:
                    await other.session.delete(export)
                else:
                    export_jobs.end(other, export, export_jobs.NOTHING_MADE)
                await other.session.commit()
            return await write_item(tx, *rest, **named)

        monkeypatch.setattr(export_jobs, "write_item", late)
        await work(shoot)
        await shoot.work()
        assert await files_of(shoot, export_id) == []
        assert await stored(shoot) == set()


async def test_an_export_ends_with_its_job(shoot: Shoot, floor: Floor) -> None:
    ids = await photos(shoot, 1)
    waiting = await ask(shoot, ids)
    job_id = (await export_of(shoot, waiting)).job_id
    await run(shoot, jobs.cancel_job, job_id)
    assert (await export_of(shoot, waiting)).error_code == "canceled"
    await run(shoot, jobs.retry_job, job_id)
    await work(shoot)
    assert (await export_of(shoot, waiting)).status is ExportStatus.DONE  # as good as new
    silent = await ask(shoot, ids)
    claim = await floor.claimed()
    await change(shoot, update_job(claim.id, lost=10))
    async with floor.write() as tx:
        await tx.unchecked(update_job(claim.id, lease_until=shoot.db.house.clock() - timedelta(days=9999)))
    await shoot.runner.repair([Queue.CPU], 1)
    assert (await export_of(shoot, silent)).error_code == "crashed_repeatedly"


def update_job(job_id: UUID, **columns: Any) -> Any:
    return update(Job).where(Job.id == job_id).values(**columns)


async def test_files_go_when_their_time_is_over(shoot: Shoot) -> None:
    ids = await photos(shoot, 1)
    export_id = await ask(shoot, ids)
    await work(shoot)
    later = shoot.db.house.clock() + timedelta(days=7, seconds=1)
    shoot.db.house = replace(shoot.db.house, clock=lambda: later)
    await sweep(shoot)
    export = await export_of(shoot, export_id)
    assert (export.status, export.expired_at, export.byte_size) == (ExportStatus.DONE, later, 0)
    assert (await files_of(shoot, export_id), await stored(shoot)) == ([], set())
    for operation, code in ((exports.get_export_download, "export_expired"), (exports.retry_export, "export_expired")):
        with pytest.raises(KiloError) as refused:
            await run(shoot, operation, export_id)
        assert refused.value.code == code


async def test_an_export_whose_job_is_gone_fails_in_the_sweep(shoot: Shoot, floor: Floor) -> None:
    ids = await photos(shoot, 1)
    orphan, waiting = await ask(shoot, ids), await ask(shoot, ids)
    await change(shoot, update(Export).where(Export.id == orphan).values(job_id=ids[0]))
    async with floor.write() as tx:
        assert await export_jobs.end_orphans(tx) == 1
        assert await export_jobs.end_orphans(tx) == 0
    assert (await export_of(shoot, orphan)).error_code == "export_lost"
    assert (await export_of(shoot, waiting)).status is ExportStatus.QUEUED


async def sweep(shoot: Shoot) -> None:
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await enqueue(tx, NewJob(JobType.HOUSE_SWEEP, {}, None))
        await tx.session.commit()
    await shoot.work()


async def test_a_contact_sheet_is_one_pdf_without_those_that_have_no_preview(shoot: Shoot) -> None:
    ids = await photos(shoot, 3)
    preview = (AssetFile.asset_id == ids[1]) & (AssetFile.kind == FileKind.PREVIEW)
    [file] = await shoot._rows(select(AssetFile).where(preview))
    await shoot.store.delete([file.key])
    export_id = await ask(shoot, ids, ExportPreset.CONTACT_SHEET_PDF, columns=2, rows=1)
    await work(shoot)
    export, [pdf] = await export_of(shoot, export_id), await files_of(shoot, export_id)
    assert (export.status, export.done, export.failed) == (ExportStatus.DONE, 2, 1)
    assert await items_of(shoot, export_id) == [DONE, (ItemStatus.FAILED, "preview_missing"), DONE]
    assert (pdf.position, pdf.name, pdf.content_type) == (-1, f"{export.name}.pdf", "application/pdf")
    async with shoot.store.local_path(pdf.key) as path:
        assert path.read_bytes()[:5] == b"%PDF-"
    await run(shoot, exports.retry_export, export_id)  # makes it anew
    await work(shoot)
    assert len(await files_of(shoot, export_id)) == 1


async def test_a_contact_sheet_says_what_is_known(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await photos(shoot, 2)
    await run(shoot, ratings.rate_asset, first, ratings.RatingChange(rating=4, picked=True))
    named = {"captured_local": "2026-06-20T18:05:09+02:00", "label": "Green"}
    cluster = Cluster(
        id=uuid7(), project_id=shoot.project_id, kind=ClusterKind.MOMENT, size=2, winner_asset_id=first,
        sort_at=shoot.db.house.clock(), updated_at=shoot.db.house.clock(),
    )  # fmt: skip
    chip = {"text": "sharpness.more", "personal": False, "best": True}
    for user_id, chips in ((None, [chip]), (shoot.owner.user_id, [{**chip, "personal": True}, chip])):
        suggestion = Suggestion(
            id=uuid7(), project_id=shoot.project_id, cluster_id=cluster.id, user_id=user_id, chips=chips, scores=[1, 0],
            asset_ids=[first, second], probabilities=[0.7, 0.3], band=Band.HIGH, rest=0.0, rest_margin=0.0, basis=b"",
            made_at=shoot.db.house.clock(),
        )  # fmt: skip
        await Make(shoot.db).rows(*([cluster] if user_id is None else []), suggestion)
    await change(shoot, update(Asset).where(Asset.id == first).values(**named))
    call, plans = Kit.call, []

    async def noting(self: Kit, function: str, **named: Any) -> Any:
        plans.append(named["plan"])
        return await call(self, function, **named)

    monkeypatch.setattr(Kit, "call", noting)
    gallery = await make_gallery(shoot.db, await project_of(shoot), [])
    await ask(shoot, [second, first], ExportPreset.CONTACT_SHEET_PDF, galleryId=str(gallery.id), subtitle="Picks")
    await work(shoot)
    [plan] = plans
    assert (plan["title"], plan["subtitle"], plan["paper"]) == ("Ann & Bob", "Picks", "a4")
    assert plan["gallery_url"] == f"http://127.0.0.1:8400/g/{gallery.share_slug}"
    plain, known = ({key: value for key, value in one.items() if key != "path"} for one in plan["photos"])
    assert known == {
        "name": "IMG_0.jpg", "rating": 4, "label": "Green", "picked": True, "captured": "2026-06-20 18:05",
        "chips": ["Your usual sharper pick", "Sharpest frame"], "number": 2, "width": 320, "height": 240,
    }  # fmt: skip
    assert (plain["rating"], plain["picked"], plain["chips"], plain["number"]) == (None, False, [], 1)


async def project_of(shoot: Shoot) -> Project:
    [found] = await shoot._rows(select(Project).where(Project.id == shoot.project_id))
    return found  # type: ignore[no-any-return]


async def test_carousel_and_story(shoot: Shoot) -> None:
    wide = await shoot.upload("wide.jpg", jpeg(noise(1800, 400)))
    tall = await shoot.upload("tall.jpg", jpeg(noise(300, 400)))
    await shoot.work()
    carousel = await ask(shoot, [tall, wide], ExportPreset.INSTAGRAM_CAROUSEL, ratio="1:1")
    story = await ask(shoot, [tall, wide], ExportPreset.STORY_9X16)
    await work(shoot)
    slides = [(file.name, file.width_px, file.height_px) for file in await files_of(shoot, carousel)]
    assert slides == [
        ("01_tall.jpg", 1080, 1080), ("02_wide_1.jpg", 1080, 1080), ("02_wide_2.jpg", 1080, 1080),
        ("02_wide_3.jpg", 1080, 1080),
    ]  # fmt: skip
    assert [(file.width_px, file.height_px) for file in await files_of(shoot, story)] == [(1080, 1920)] * 2
