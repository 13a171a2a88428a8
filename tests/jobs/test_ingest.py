"""Ingest, with the product's own child, store and sample shoot: what becomes of each kind of file."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
import pytest_asyncio

from kilo_gql import jobs
from kilo_gql.access import Perm, System, UserActor
from kilo_gql.claims import MAX_LOST
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import ingest as domain
from kilo_gql.domain import trash
from kilo_gql.domain.ingest import Photo, StoredFile
from kilo_gql.models import AssetFile, AssetStatus, FileKind, Job, Queue, Rating
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Throat
from kilo_gql.sample_shoot import render
from tests.conftest import SilentBells
from tests.support.make import Make
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


async def test_a_photo_is_ready(shoot: Shoot, files: dict[str, bytes]) -> None:
    data = files["KLO_0005.JPG"]
    asset_id = await shoot.upload("KLO_0005.JPG", data, checksum_sha256=hashlib.sha256(data).hexdigest())
    assert await shoot.work() == 1
    asset = await shoot.ready(asset_id)
    assert (asset.format, asset.width_px, asset.height_px) == ("jpeg", 400, 266)
    assert (asset.camera_make, asset.iso, asset.shutter_speed, asset.focal_length_mm) == ("KILO", 400, "1/1000", 70.0)
    assert (asset.preview_ready, asset.metadata_ready) == (True, True)
    assert (asset.signals_ready, asset.embedding_ready, asset.remarks) == (True, True, [])
    assert asset.thumbhash is not None
    assert asset.average_color is not None
    found = await shoot.files(asset_id)
    assert {kind: (file.content_type, file.width_px, file.height_px) for kind, file in found.items()} == {
        "original": ("image/jpeg", 400, 266),
        "preview": ("image/jpeg", 400, 266),
        "thumbnail": ("image/webp", 400, 266),
        "micro": ("image/webp", 320, 213),
    }
    assert found["original"].sha256 == hashlib.sha256(data).hexdigest()
    assert found["original"].verified_at == shoot.db.house.clock()
    for file in found.values():
        stored = b"".join([chunk async for chunk in shoot.store.stream(file.key)])
        assert (hashlib.sha256(stored).hexdigest(), len(stored)) == (file.sha256, file.byte_size)
    assert sorted(await shoot.keys()) == sorted(file.key for file in found.values())
    assert [event for event in await told(shoot.db, str(shoot.project_id)) if event[0] == "asset.updated"] == [
        ("asset.updated", {"readiness": {"metadata": True}}),
        ("asset.updated", {"status": "ready", "readiness": {"preview": True, "signals": True, "embedding": True}}),
    ]
    job, *followers = await shoot.jobs()
    assert (job.status, job.result, job.attempts) == ("done", {"format": "jpeg"}, 1)
    assert [follower.type for follower in followers] == ["project.cluster"]


@pytest.mark.parametrize(
    ("filename", "data", "checksum", "code"),
    [
        ("a.jpg", b"<!doctype html><title>Sign in</title>", None, "not_an_image"),
        ("a.jpg", None, "0" * 64, "checksum_mismatch"),
        ("KLO_0031.JPG", None, None, "truncated"),
        ("a.xmp", b"<?xml version='1.0'?><html/>", None, "not_an_image"),
    ],
)
async def test_what_is_no_photo_is_quarantined(
    shoot: Shoot, files: dict[str, bytes], filename: str, data: bytes | None, checksum: str | None, code: str
) -> None:
    data = data if data is not None else files.get(filename, files["KLO_0001.JPG"])
    asset_id = await shoot.upload(filename, data, checksum_sha256=checksum)
    assert await shoot.work() == 1
    asset = await shoot.asset(asset_id)
    assert asset is not None
    assert (asset.status, asset.quarantine_code) == (AssetStatus.QUARANTINED, code)
    assert asset.quarantine_reason
    found = await shoot.files(asset_id)
    assert list(found) == ["original"]
    assert found["original"].sha256 is None
    assert await shoot.keys() == [found["original"].key]
    (job,) = await shoot.jobs()
    assert (job.status, job.error_code, job.attempts) == ("failed", code, 1)
    assert job.remediation
    events = await told(shoot.db, str(shoot.project_id))
    assert [changed["quarantine"]["code"] for name, changed in events if name == "asset.updated"] == [code]


async def test_a_bad_file_does_not_hold_up_the_others(
    shoot: Shoot, files: dict[str, bytes], record_property: Callable[[str, object], None]
) -> None:
    seed = random.randrange(1 << 32)
    record_property("seed", seed)
    names = [name for name in files if name not in ("Thumbs.db", "._IMG_4001.HEIC")]
    random.Random(seed).shuffle(names)
    ids = {name: await shoot.upload(name, files[name]) for name in names}
    await shoot.work()
    states: dict[str, str | None] = {}
    for name, asset_id in ids.items():
        asset = await shoot.asset(asset_id)
        assert asset is not None
        states[name] = asset.quarantine_code if asset.status is AssetStatus.QUARANTINED else asset.status.value
    assert {name: state for name, state in states.items() if state != "ready"} == {
        "KLO_0031.JPG": "truncated",
        "IMG_4005.JPG": "not_an_image",
    }
    pairs = {}
    for name, asset_id in ids.items():
        asset = await shoot.ready(asset_id) if states[name] == "ready" else None
        if asset is not None and asset.parent_id is not None:
            pairs[name] = next(other for other, id_ in ids.items() if id_ == asset.parent_id)
    assert pairs == {
        "KLO_0028.JPG": "KLO_0028.DNG",
        "KLO_0029.JPG": "KLO_0029.DNG",
        "KLO_0029.xmp": "KLO_0029.DNG",
    }
    negative = await shoot.ready(ids["KLO_0029.DNG"])
    assert (negative.label, negative.keywords) == ("Green", ["lake", "evening"])
    rating = await shoot.rating(negative.id)
    assert rating is not None
    assert (rating.user_id, rating.rating, rating.rejected) == (shoot.owner.user_id, 4, None)


async def test_the_same_bytes_are_one_photo(shoot: Shoot, files: dict[str, bytes]) -> None:
    first = await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    await shoot.work()
    second = await shoot.upload("b.jpg", files["KLO_0001.JPG"])
    assert await shoot.work() == 2  # and the purge of the second's bytes
    assert await shoot.asset(second) is None
    assert {key.split("/")[1] for key in await shoot.keys()} == {str(first)}
    events = await told(shoot.db, str(shoot.project_id))
    assert ("asset.updated", {"status": "duplicate", "duplicateOf": str(first)}) in events


async def test_the_same_bytes_mend_a_damaged_original(shoot: Shoot, files: dict[str, bytes]) -> None:
    data = files["KLO_0001.JPG"]
    first = await shoot.upload("a.jpg", data)
    await shoot.work()
    before = (await shoot.files(first))["original"]
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        (await tx.get(AssetFile, before.id, lock=True)).damaged_at = shoot.db.house.clock()
        await tx.session.commit()
    second = await shoot.upload("b.jpg", data)
    assert await shoot.work() == 3  # and the purges of the damaged bytes, and of the second's but for its original
    assert await shoot.asset(second) is None
    found = await shoot.files(first)
    mended = found["original"]
    assert (mended.id, mended.sha256, mended.damaged_at) == (before.id, hashlib.sha256(data).hexdigest(), None)
    assert mended.key.startswith(f"{shoot.project_id}/{second}/")
    assert sorted(await shoot.keys()) == sorted(file.key for file in found.values())
    assert b"".join([chunk async for chunk in shoot.store.stream(mended.key)]) == data
    events = await told(shoot.db, str(shoot.project_id))
    assert [changed for name, changed in events if name == "asset.updated"][-2:] == [
        {"damaged": False},
        {"status": "duplicate", "duplicateOf": str(first)},
    ]
    await purge(shoot, first)
    assert await shoot.keys() == []


async def purge(shoot: Shoot, asset_id: UUID) -> None:
    """Throw an asset away for good, and let the jobs of that be done."""
    throat = Throat(shoot.db, SilentBells())
    for away in (trash.trash_assets, trash.purge_assets):
        assert (await throat.execute(shoot.owner, away, shoot.project_id, [asset_id])).value == 1
    await shoot.work()


async def test_a_photo_that_is_purged_meanwhile_leaves_no_renditions(shoot: Shoot, files: dict[str, bytes]) -> None:
    asset_id = await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    (job,) = await shoot.jobs()
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        work = await domain.find_work(tx, UUID(job.arguments["upload_id"]))
    assert work is not None
    await purge(shoot, asset_id)
    key = f"{shoot.project_id}/{asset_id}/preview-0.jpg"
    await shoot.store.put_bytes(key, b"x", "image/jpeg")
    preview = StoredFile(uuid7(), FileKind.PREVIEW, key, "image/jpeg", 1, "0" * 64, 1, 1)
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        photo = Photo("jpeg", "image/jpeg", "0" * 64, {}, files=[preview])
        await domain.finish_photo(tx, work, photo)
        await tx.session.commit()
    await shoot.work()
    assert await shoot.keys() == []


async def test_the_same_bytes_in_two_projects_are_two_photos(
    shoot: Shoot, files: dict[str, bytes], make: Make, ada: UserActor
) -> None:
    await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    other = (await make.project(ada)).id
    shoot.project_id, before = other, shoot.project_id
    twin = await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    await shoot.work()
    assert (await shoot.ready(twin)).project_id == other
    shoot.project_id = before
    assert {key.split("/")[0] for key in await shoot.keys()} == {str(before)}


async def rate(shoot: Shoot, make: Make, asset_id: UUID) -> None:
    now = shoot.db.house.clock()
    await make.rows(
        Rating(project_id=shoot.project_id, asset_id=asset_id, user_id=shoot.owner.user_id, rating=5, updated_at=now)
    )


async def test_the_half_that_was_rated_stands_for_the_pair(shoot: Shoot, files: dict[str, bytes], make: Make) -> None:
    jpeg = await shoot.upload("KLO_0028.JPG", files["KLO_0028.JPG"])
    await shoot.work()
    await rate(shoot, make, jpeg)
    raw = await shoot.upload("KLO_0028.DNG", files["KLO_0028.DNG"])
    await shoot.work()
    assert (await shoot.ready(jpeg)).parent_id is None
    assert (await shoot.ready(raw)).parent_id == jpeg


async def test_a_rating_from_a_file_does_not_decide_which_half_stands(shoot: Shoot, files: dict[str, bytes]) -> None:
    jpeg = await shoot.upload("KLO_0029.JPG", files["KLO_0029.JPG"])
    sidecar = await shoot.upload("KLO_0029.xmp", files["KLO_0029.xmp"])
    await shoot.work()
    assert (await shoot.ready(sidecar)).parent_id == jpeg
    raw = await shoot.upload("KLO_0029.DNG", files["KLO_0029.DNG"])
    await shoot.work()
    assert [(await shoot.ready(each)).parent_id for each in (raw, jpeg, sidecar)] == [None, raw, raw]
    assert (await shoot.ready(raw)).label == "Green"
    rating = await shoot.rating(raw)
    assert rating is not None
    assert (rating.rating, rating.from_file) == (4, True)


async def test_frames_that_only_share_a_name_stay_apart(shoot: Shoot, files: dict[str, bytes]) -> None:
    raw = await shoot.upload("KLO_0028.DNG", files["KLO_0028.DNG"])
    other = await shoot.upload("KLO_0028.JPG", files["KLO_0029.JPG"])  # another second
    await shoot.work()
    assert (await shoot.ready(raw)).parent_id is None
    assert (await shoot.ready(other)).parent_id is None


async def test_a_late_sidecar_speaks_and_a_person_is_not_overruled(
    shoot: Shoot, files: dict[str, bytes], make: Make
) -> None:
    raw = await shoot.upload("KLO_0029.DNG", files["KLO_0029.DNG"])
    await shoot.work()
    await rate(shoot, make, raw)
    sidecar = await shoot.upload("KLO_0029.DNG.xmp", files["KLO_0029.xmp"])
    await shoot.work()
    assert (await shoot.ready(sidecar)).parent_id == raw
    assert (await shoot.ready(raw)).keywords == ["lake", "evening"]
    rating = await shoot.rating(raw)
    assert rating is not None
    assert rating.rating == 5


async def test_a_sidecar_waits_for_its_photo(shoot: Shoot, files: dict[str, bytes]) -> None:
    sidecar = await shoot.upload("KLO_0029.xmp", files["KLO_0029.xmp"])
    await shoot.work()
    assert (await shoot.ready(sidecar)).parent_id is None
    raw = await shoot.upload("KLO_0029.DNG", files["KLO_0029.DNG"])
    await shoot.work()
    assert (await shoot.ready(sidecar)).parent_id == raw
    assert (await shoot.ready(raw)).label == "Green"


async def test_sidecars_that_say_the_same_speak_for_two_photos(shoot: Shoot, files: dict[str, bytes]) -> None:
    names = ("KLO_0001", "KLO_0002")
    photos = [await shoot.upload(f"{name}.JPG", files[f"{name}.JPG"]) for name in names]
    sidecars = [await shoot.upload(f"{name}.xmp", files["KLO_0029.xmp"]) for name in names]
    again = await shoot.upload("KLO_0001.XMP", files["KLO_0029.xmp"])
    assert await shoot.work() == 6  # and the purge of what came again
    assert [(await shoot.ready(sidecar)).parent_id for sidecar in sidecars] == photos
    assert [(await shoot.ready(photo)).label for photo in photos] == ["Green", "Green"]
    assert await shoot.asset(again) is None


async def test_the_same_file_again_stores_nothing_twice(shoot: Shoot, files: dict[str, bytes]) -> None:
    asset_id = await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    await shoot.work()
    keys = await shoot.keys()
    await shoot.again(asset_id)
    assert await shoot.work() == 2  # and the purge of the renditions made before
    await shoot.ready(asset_id)
    now = await shoot.keys()
    assert sorted(now) == sorted(file.key for file in (await shoot.files(asset_id)).values())
    assert len(set(now) & set(keys)) == 1  # the original
    assert not list((shoot.settings.home / "scratch").glob("*"))


async def test_a_file_whose_workers_all_vanish_is_quarantined(shoot: Shoot, files: dict[str, bytes]) -> None:
    asset_id = await shoot.upload("a.jpg", files["KLO_0001.JPG"])
    await shoot.lose(asset_id, MAX_LOST)
    await shoot.runner.repair([Queue.CPU], 1)
    asset = await shoot.asset(asset_id)
    assert asset is not None
    assert (asset.status, asset.quarantine_code) == (AssetStatus.QUARANTINED, "crashed_repeatedly")
    (job,) = await shoot.jobs()
    assert (job.status, job.error_code) == ("failed", "crashed_repeatedly")
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await jobs.retry(tx, await tx.get(Job, job.id, lock=True))
        await tx.session.commit()
    await shoot.work()
    assert (await shoot.ready(asset_id)).quarantine_code is None
