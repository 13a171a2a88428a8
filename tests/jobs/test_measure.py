"""Measuring photos that came before: the same numbers as ingest finds, whenever they are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import delete, select, update

from kilo_gql import jobs
from kilo_gql.access import Perm, System
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import measuring
from kilo_gql.domain.measuring import NOT_MEASURED
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetEmbedding, AssetFile, AssetSignals, FileKind, Job, JobStatus, Queue
from kilo_gql.sample_shoot import render
from ml.descriptors import PACKED_BYTES, Descriptors
from ml.records import NUMBERS, signals_of
from tasks import measure
from tasks.child import ChildLimits, Children
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.shoot import Shoot
from tests.support.traces import told

NAMES = ("KLO_0001.JPG", "KLO_0005.JPG", "KLO_0028.DNG")
READY = ("asset.updated", {"readiness": {"signals": True, "embedding": True}})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in render(tmp_path_factory.mktemp("sample"), 400)}


@pytest_asyncio.fixture
async def shoot(db: Database, settings: Settings, make: Make) -> AsyncIterator[Shoot]:
    ada = await make.user()
    project = await make.project(ada, timezone="Europe/Berlin")
    async with Shoot(db, settings, project.id, ada) as shoot:
        yield shoot


async def write(shoot: Shoot, *statements: Any) -> None:
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        for statement in statements:
            await tx.session.execute(statement)
        await tx.session.commit()


async def rows(shoot: Shoot, model: Any) -> dict[UUID, dict[str, Any]]:
    """What was measured, by asset."""
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = await tx.scalars(select(model).where(model.project_id == shoot.project_id))
    names = model.__table__.c.keys()
    return {row.asset_id: {name: getattr(row, name) for name in names} for row in found}


async def everything(shoot: Shoot) -> tuple[dict[UUID, dict[str, Any]], dict[UUID, dict[str, Any]]]:
    return await rows(shoot, AssetSignals), await rows(shoot, AssetEmbedding)


async def forget(shoot: Shoot) -> None:
    """Let the photos be as a release left them that measured nothing."""
    nothing = {"signals_ready": False, "embedding_ready": False, "remarks": ["odd", NOT_MEASURED]}
    await write(
        shoot,
        delete(AssetSignals).where(AssetSignals.project_id == shoot.project_id),
        delete(AssetEmbedding).where(AssetEmbedding.project_id == shoot.project_id),
        update(Asset).where(Asset.project_id == shoot.project_id).values(nothing),
    )


async def follow(shoot: Shoot) -> None:
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await measuring.follow(tx, shoot.project_id)
        await tx.session.commit()


async def results(shoot: Shoot) -> list[Any]:
    return [job.result for job in await shoot.jobs() if job.type == JobType.PROJECT_MEASURE]


async def is_grouping_asked_for(shoot: Shoot) -> bool:
    return "project.cluster" in [job.type for job in await shoot.jobs()]


async def no_grouping(shoot: Shoot) -> None:
    await write(shoot, delete(Job).where(Job.type == JobType.PROJECT_CLUSTER))


async def test_ingest_measures(shoot: Shoot, files: dict[str, bytes]) -> None:
    asset_id = await shoot.upload("KLO_0001.JPG", files["KLO_0001.JPG"])
    await shoot.work()
    signals, vectors = await everything(shoot)
    row = signals[asset_id]
    assert (row["signals_version"], row["descriptors_version"], len(row["descriptors"])) == (1, 1, PACKED_BYTES)
    assert set(row["signals"]) == set(NUMBERS)
    assert (row["tile_rows"], row["tile_columns"], len(row["tiles"])) == (7, 12, 252)
    assert (row["faces"], row["face_models"], row["measured_at"]) == (None, None, shoot.db.house.clock())
    read = signals_of(row["signals"], 7, 12, row["tiles"])
    assert read.sharpness == row["signals"]["sharpness"] > 0.2
    assert len(read.tiles.shadows) == 84
    assert Descriptors.unpack(row["descriptors"]).pack() == row["descriptors"]
    assert [(vector["space"], len(vector["vector"])) for vector in vectors.values()] == [("concept-v1", 128)]


async def test_the_same_numbers_whoever_measures_and_however_many_at_once(
    shoot: Shoot, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await shoot.upload(name, files[name]) for name in NAMES]
    await shoot.work()
    before = await everything(shoot)
    assert (set(before[0]), set(before[1])) == (set(ids), set(ids))
    for batch in (1, 2, 16):
        monkeypatch.setattr(measure, "BATCH", batch)
        await forget(shoot)
        await no_grouping(shoot)
        await follow(shoot)
        await shoot.work()
        assert await everything(shoot) == before
        assert (await results(shoot))[-1] == {"measured": 3, "seen": 3}
        assert await is_grouping_asked_for(shoot)
        for asset_id in ids:
            asset = await shoot.ready(asset_id)
            assert (asset.signals_ready, asset.embedding_ready, asset.remarks) == (True, True, ["odd"])
    assert (await told(shoot.db, str(shoot.project_id))).count(READY) == 3 + 2 + 1


async def test_what_is_measured_already_is_left_alone(shoot: Shoot, files: dict[str, bytes]) -> None:
    first, second = [await shoot.upload(name, files[name]) for name in NAMES[:2]]
    await shoot.work()
    before = await everything(shoot)
    await no_grouping(shoot)
    await follow(shoot)
    await shoot.work()
    assert (await results(shoot))[-1] == {"measured": 0, "seen": 0}
    assert not await is_grouping_asked_for(shoot)
    later = shoot.db.house.clock() + timedelta(days=1)
    shoot.db.house = replace(shoot.db.house, clock=lambda: later)
    old = {"signals_version": 0, "signals": {"sharpness": 9.0}}
    await write(shoot, update(AssetSignals).where(AssetSignals.asset_id == second).values(old))
    await follow(shoot)
    await shoot.work()
    assert (await results(shoot))[-1] == {"measured": 1, "seen": 1}
    after = await everything(shoot)
    assert after[0][second] == before[0][second] | {"measured_at": later}
    assert (after[0][first], after[1]) == (before[0][first], before[1])
    assert await is_grouping_asked_for(shoot)


async def test_a_preview_that_cannot_be_measured_holds_nobody_up(shoot: Shoot, files: dict[str, bytes]) -> None:
    lost, broken, sound = [await shoot.upload(name, files[name]) for name in NAMES]
    await shoot.work()
    await forget(shoot)
    await no_grouping(shoot)
    await shoot.store.delete([(await shoot.files(lost))["preview"].key])
    key = f"{shoot.project_id}/{broken}/broken.jpg"
    await shoot.store.put_bytes(key, files["KLO_0001.JPG"][:2000], "image/jpeg")
    await write(shoot, update(AssetFile).where(AssetFile.asset_id == broken, preview()).values(key=key))
    await follow(shoot)
    await shoot.work()
    first, *more = await results(shoot)
    assert first == {"measured": 1, "seen": 3}
    assert all(result == {"measured": 0, "seen": 2} for result in more)  # grouping asks again
    assert set(await rows(shoot, AssetSignals)) == {sound}
    for asset_id in (lost, broken):
        asset = await shoot.ready(asset_id)
        assert (asset.signals_ready, asset.embedding_ready, asset.remarks) == (False, False, ["odd", NOT_MEASURED])
    assert await is_grouping_asked_for(shoot)
    await no_grouping(shoot)
    await follow(shoot)
    await shoot.work()
    assert (await results(shoot))[-1] == {"measured": 0, "seen": 2}
    assert not await is_grouping_asked_for(shoot)  # which would ask for measuring again, for ever


def preview() -> Any:
    return AssetFile.kind == FileKind.PREVIEW


async def test_a_project_gives_others_their_turn(
    shoot: Shoot, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        await shoot.upload(name, files[name])
    await shoot.work()
    before = await everything(shoot)
    await forget(shoot)
    monkeypatch.setattr(measure, "BATCH", 1)
    monkeypatch.setattr(measure, "TURN", 0.0)
    await follow(shoot)
    while await shoot.runner.run_next(Queue.CPU):
        pass
    *turns, last = await results(shoot)
    assert [turn for turn in turns if turn["seen"]] == [{"measured": 1, "seen": 1}] * 3  # grouping may ask in between
    assert last == {"measured": 0, "seen": 0}
    assert await everything(shoot) == before


async def test_two_jobs_do_not_measure_the_same_photos(shoot: Shoot, files: dict[str, bytes], floor: Floor) -> None:
    await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    await shoot.work()
    await forget(shoot)
    await no_grouping(shoot)
    await follow(shoot)
    first = await floor.claimed()
    await follow(shoot)
    await shoot.work()
    assert await results(shoot) == [None, {"skipped": "another job measures this project"}, None]
    await floor.finish(first)
    await write(shoot, update(Job).where(Job.status == JobStatus.QUEUED).values(not_before=None))
    await shoot.work()
    assert (await results(shoot))[2] == {"measured": 1, "seen": 1}


async def test_nothing_is_measured_of_what_no_list_shows(shoot: Shoot, files: dict[str, bytes]) -> None:
    trashed, damaged, _ = [await shoot.upload(name, files[name]) for name in NAMES]
    await shoot.work()
    await forget(shoot)
    await write(
        shoot,
        update(Asset).where(Asset.id == trashed).values(trashed_at=shoot.db.house.clock()),
        update(AssetFile).where(AssetFile.asset_id == damaged).values(damaged_at=shoot.db.house.clock()),
    )
    await follow(shoot)
    await shoot.work()
    assert (await results(shoot))[-1] == {"measured": 1, "seen": 1}


async def test_what_became_another_meanwhile_is_passed_over(shoot: Shoot, files: dict[str, bytes]) -> None:
    changed, gone, same = [await shoot.upload(name, files[name]) for name in NAMES]
    await shoot.work()
    signals, vectors = await everything(shoot)
    standard = measuring.Standard(1, 1, "concept-v1")
    faces: list[dict[str, Any]] = [{"box": [0.1, 0.2, 0.3, 0.4]}, {"box": []}]
    found = []
    for asset_id in (changed, gone, same):
        row = signals[asset_id]
        columns = {name: row[name] for name in ("signals", "tile_rows", "tile_columns", "tiles", "descriptors")}
        one = measuring.Measured(standard, **columns, faces=faces, vector=vectors[asset_id]["vector"])
        key = (await shoot.files(asset_id))["preview"].key
        found.append((measuring.Unmeasured(asset_id, "another" if asset_id == changed else key, {}), one))
    await forget(shoot)
    await write(shoot, delete(Asset).where(Asset.id == gone))
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        assert await measuring.write_again(tx, shoot.project_id, found) == [same]
        assert await measuring.write_again(tx, shoot.project_id, found) == []
        await tx.session.commit()
    signals, vectors = await everything(shoot)
    assert (set(signals), set(vectors), signals[same]["faces"]) == ({same}, {same}, faces)


async def test_a_developed_raw_file_is_measured_anew(shoot: Shoot, files: dict[str, bytes]) -> None:
    asset_id = await shoot.upload("KLO_0028.DNG", files["KLO_0028.DNG"])
    await shoot.work()
    before = (await rows(shoot, AssetSignals))[asset_id]
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        develop = {"make": "develop", "variant": ""}
        await jobs.enqueue(tx, NewJob(JobType.ASSET_RENDER, develop, shoot.project_id, asset_id))
        await tx.session.commit()
    assert await shoot.runner.run_next(Queue.CPU)
    stale = (await rows(shoot, AssetSignals))[asset_id]
    assert stale == before | {"signals_version": 0}
    assert await shoot.runner.run_next(Queue.CPU)
    after = (await rows(shoot, AssetSignals))[asset_id]
    assert (after["signals_version"], await results(shoot)) == (1, [{"measured": 1, "seen": 1}])
    assert after["signals"] != before["signals"]


async def test_every_project_is_looked_through_once(shoot: Shoot, files: dict[str, bytes], make: Make) -> None:
    await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    await shoot.work()
    other = await make.project(shoot.owner)
    await make.asset(other)
    await make.project(shoot.owner)
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        assert await measuring.remeasure_all(tx) == 2
        assert await measuring.remeasure_all(tx) == 2
        await tx.session.commit()
        queued = await tx.rows(select(Job.project_id, Job.priority).where(Job.type == JobType.PROJECT_MEASURE))
    assert sorted(queued) == sorted([(shoot.project_id, 20), (other.id, 20)])


async def test_photos_of_an_earlier_release_are_found_by_the_hourly_sweep(
    shoot: Shoot, files: dict[str, bytes], make: Make
) -> None:
    await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    await shoot.work()
    before = await everything(shoot)
    other = await make.project(shoot.owner)
    await make.asset(other, trashed_at=shoot.db.house.clock())
    await forget(shoot)
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await jobs.enqueue(tx, NewJob(JobType.HOUSE_SWEEP, {}, None))
        await tx.session.commit()
    assert await shoot.runner.run_next(Queue.IO)
    await shoot.work()
    assert [result for result in await results(shoot) if result["seen"]] == [{"measured": 1, "seen": 1}]
    assert await everything(shoot) == before
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        assert await measuring.catch_up(tx) == 0


async def test_no_photo_is_lost_because_it_cannot_be_measured(shoot: Shoot, files: dict[str, bytes]) -> None:
    workshop = shoot.runner.workshop
    # enough for what a photo is, too little for what is measured in it
    async with Children(1, limits=ChildLimits(max_result_bytes=PACKED_BYTES)) as children:
        shoot.runner.workshop = replace(workshop, children=children)
        asset_id = await shoot.upload("KLO_0001.JPG", files["KLO_0001.JPG"])
        await shoot.work()
    asset = await shoot.ready(asset_id)
    assert (asset.preview_ready, asset.signals_ready, asset.embedding_ready) == (True, False, False)
    assert asset.remarks == [NOT_MEASURED]
    assert await everything(shoot) == ({}, {})
    tellings = await told(shoot.db, str(shoot.project_id))
    assert ("asset.updated", {"status": "ready", "readiness": {"preview": True}}) in tellings
    shoot.runner.workshop = workshop
    await follow(shoot)
    await shoot.work()
    asset = await shoot.ready(asset_id)
    assert (asset.signals_ready, asset.embedding_ready, asset.remarks) == (True, True, [])
    assert (await told(shoot.db, str(shoot.project_id))).count(READY) == 1
