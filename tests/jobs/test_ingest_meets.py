"""Ingest meets what people do meanwhile: cancel, throw away, purge, and send a file once more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import ingest, joining
from kilo_gql.domain.finalizing import FinalizedFile, finalize_upload
from kilo_gql.domain.jobs import cancel_job, retry_job
from kilo_gql.domain.preparing import NewUpload, prepare_upload
from kilo_gql.domain.trash import purge_assets, retry_assets, trash_assets
from kilo_gql.models import Asset, AssetStatus, Project, Rating, Upload
from kilo_gql.operations import Throat
from kilo_gql.sample_shoot import render
from tests.support.make import Make
from tests.support.sending import change, found
from tests.support.shoot import Shoot
from tests.support.traces import told


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in render(tmp_path_factory.mktemp("sample"), 400)}


@pytest_asyncio.fixture
async def ada(make: Make) -> UserActor:
    return await make.user()


@pytest_asyncio.fixture
async def shoot(db: Database, settings: Settings, make: Make, ada: UserActor) -> AsyncIterator[Shoot]:
    project = await make.project(ada, timezone="Europe/Berlin")
    async with Shoot(db, settings, project.id, ada) as shoot:
        yield shoot


async def stands(shoot: Shoot, asset_id: Any) -> tuple[AssetStatus, str | None]:
    asset = await shoot.asset(asset_id)
    assert asset is not None
    return asset.status, asset.quarantine_code


# --- canceling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "again"), [("waits", "asset"), ("runs", "job"), ("vanished", "asset")])
async def test_a_canceled_file_is_set_aside_and_taken_in_by_one_call(
    shoot: Shoot, files: dict[str, bytes], throat: Throat, ada: UserActor, how: str, again: str
) -> None:
    asset_id = await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    [job] = await shoot.jobs()
    if how == "waits":
        await throat.execute(ada, cancel_job, job.id)
    elif how == "runs":
        # asked for between the claim and the first heartbeat: the worker hears of it when it is done
        await change(shoot.db, "UPDATE jobs SET cancel_requested = true WHERE id = :id", id=job.id)
        await shoot.work()
    else:
        await shoot.lose(asset_id, 0)
        await throat.execute(ada, cancel_job, job.id)
        await shoot.runner.repair([job.queue], 1)
    assert [row.status for row in await shoot.jobs()] == ["canceled"]
    assert await stands(shoot, asset_id) == (AssetStatus.QUARANTINED, "canceled")
    if again == "asset":
        assert (await throat.execute(ada, retry_assets, shoot.project_id, [asset_id])).value == 1
        await throat.execute(ada, cancel_job, job.id)  # twice changes nothing, not of the new try either
        assert await stands(shoot, asset_id) == (AssetStatus.PROCESSING, None)
    else:
        await throat.execute(ada, retry_job, job.id)
    await shoot.work()
    await shoot.ready(asset_id)


async def test_a_cancel_does_not_hide_what_is_wrong_with_a_file(shoot: Shoot, throat: Throat, ada: UserActor) -> None:
    asset_id = await shoot.upload("a.jpg", b"<!doctype html><title>Sign in</title>")
    await shoot.work()
    [job] = await shoot.jobs()
    await throat.execute(ada, retry_job, job.id)
    await throat.execute(ada, cancel_job, job.id)
    assert await stands(shoot, asset_id) == (AssetStatus.QUARANTINED, "not_an_image")


# --- sending once more ---------------------------------------------------------------------------------------------


async def test_a_try_of_a_file_that_was_replaced_meanwhile_says_nothing(
    shoot: Shoot, files: dict[str, bytes], throat: Throat, ada: UserActor
) -> None:
    asset_id = await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        upload_id = await tx.scalar(select(Upload.id).where(Upload.asset_id == asset_id))
        work = await ingest.find_work(tx, upload_id)
    assert work is not None
    await change(shoot.db, "UPDATE assets SET status = 'quarantined' WHERE id = :id", id=asset_id)
    new = NewUpload("b.jpg", 10, asset_id=asset_id)
    [instruction] = (await throat.execute(ada, prepare_upload, shoot.project_id, [new])).value
    stored = "UPDATE uploads SET received = byte_size, status = 'stored' WHERE id = :id"
    await change(shoot.db, stored, id=instruction.upload_id)
    await throat.execute(ada, finalize_upload, shoot.project_id, [FinalizedFile(asset_id, "ab" * 32)])
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        photo = ingest.Photo("jpeg", "image/jpeg", "cd" * 32, {"width_px": 7})
        await ingest.finish_photo(tx, work, photo)
        await tx.session.commit()
    asset = await shoot.asset(asset_id)
    assert asset is not None
    assert (asset.status, asset.filename, asset.width_px) == (AssetStatus.PROCESSING, "b.jpg", None)
    [file] = (await shoot.files(asset_id)).values()
    assert (file.id, file.sha256) == (instruction.upload_id, None)


# --- the trash -----------------------------------------------------------------------------------------------------


async def test_what_lies_in_the_trash_and_is_sent_again_comes_back(
    shoot: Shoot, files: dict[str, bytes], throat: Throat, ada: UserActor
) -> None:
    raw = await shoot.upload("KLO_0028.DNG", files["KLO_0028.DNG"])
    jpeg = await shoot.upload("KLO_0028.JPG", files["KLO_0028.JPG"])
    other = await shoot.upload("KLO_0001.JPG", files["KLO_0001.JPG"])
    await shoot.work()
    assert (await shoot.ready(jpeg)).parent_id == raw
    assert (await throat.execute(ada, trash_assets, shoot.project_id, [raw, other])).value == 2
    before = len(await told(shoot.db, shoot.project_id))
    newcomer = await shoot.upload("again.jpg", files["KLO_0028.JPG"])
    await shoot.work()
    assert await shoot.asset(newcomer) is None
    assert [(await shoot.ready(each)).trashed_at for each in (raw, jpeg)] == [None, None]
    assert (await shoot.ready(other)).trashed_at is not None
    news = [event for event in (await told(shoot.db, shoot.project_id))[before:] if event[0] == "asset.updated"]
    assert news == [
        ("asset.updated", {"trashedAt": None}),
        ("asset.updated", {"status": "duplicate", "duplicateOf": str(jpeg)}),
    ]


@pytest.mark.parametrize("name", ["KLO_0028.JPG", "KLO_0029.xmp"])
async def test_what_was_thrown_away_before_it_was_ready_takes_nothing_along(
    shoot: Shoot, files: dict[str, bytes], throat: Throat, ada: UserActor, name: str
) -> None:
    """Or a photo that nobody threw away would be purged as part of one that somebody did."""
    kept = await shoot.upload(name, files[name])
    await shoot.work()
    raw = f"{name[:8]}.DNG"
    gone = await shoot.upload(raw, files[raw])
    await throat.execute(ada, trash_assets, shoot.project_id, [gone])
    await shoot.work()
    assert ((await shoot.ready(gone)).trashed_at is None, (await shoot.ready(kept)).parent_id) == (False, None)
    assert (await throat.execute(ada, purge_assets, shoot.project_id, [gone])).value == 1
    await shoot.ready(kept)


async def test_a_sidecar_goes_to_the_photo_that_is_here_not_to_its_namesake_in_the_trash(
    shoot: Shoot, files: dict[str, bytes], throat: Throat, ada: UserActor
) -> None:
    old = await shoot.upload("KLO_0029.JPG", files["KLO_0001.JPG"])
    await shoot.work()
    await throat.execute(ada, trash_assets, shoot.project_id, [old])
    sidecar = await shoot.upload("KLO_0029.xmp", files["KLO_0029.xmp"])
    await shoot.work()
    assert (await shoot.ready(sidecar)).parent_id is None  # it waits
    new = await shoot.upload("KLO_0029.JPG", files["KLO_0029.JPG"])
    await shoot.work()
    assert (await shoot.ready(sidecar)).parent_id == new


async def test_what_is_joined_to_a_photo_while_it_is_thrown_away_goes_with_it(
    shoot: Shoot, make: Make, throat: Throat, ada: UserActor
) -> None:
    """Else it would be hidden below a photo in the trash, and purged with it without having been there itself."""
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        project = await tx.get(Project, shoot.project_id)
    raw, jpeg = await make.asset(project, "a.dng", format="dng"), await make.asset(project, "a.jpg", format="jpeg")
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await joining.join(tx, await tx.get(Asset, raw.id, lock=True), await tx.get(Asset, jpeg.id, lock=True))
        throwing = asyncio.create_task(throat.execute(ada, trash_assets, shoot.project_id, [raw.id]))
        waits = (
            "SELECT count(*) AS n FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"
        )
        while (await found(shoot.db, waits))[0]["n"] == 0:
            await asyncio.sleep(0.05)
        await tx.session.commit()
    assert (await throwing).value == 1
    assert [(await shoot.ready(each)).trashed_at is not None for each in (raw.id, jpeg.id)] == [True, True]


# --- pairs ---------------------------------------------------------------------------------------------------------


async def test_a_rating_that_moves_to_the_raw_is_told(
    shoot: Shoot, files: dict[str, bytes], make: Make, ada: UserActor
) -> None:
    jpeg = await shoot.upload("KLO_0028.JPG", files["KLO_0028.JPG"])
    await shoot.work()
    now = shoot.db.house.clock()
    row = {"project_id": shoot.project_id, "asset_id": jpeg, "user_id": ada.user_id, "updated_at": now}
    await make.rows(Rating(**row, rating=3, from_file=True))
    raw = await shoot.upload("KLO_0028.DNG", files["KLO_0028.DNG"])
    await shoot.work()
    rating = await shoot.rating(raw)
    assert rating is not None
    assert rating.rating == 3
    said = {"userId": str(ada.user_id), "rating": 3, "rejected": None}
    assert (await told(shoot.db, shoot.project_id))[-1] == ("asset.updated", {"rating": said})
