"""Renditions on demand: made once, by a job, while the request waits for its event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import delete, select, text

from kilo_gql import media as media_http
from kilo_gql.access import Perm, System, UserActor
from kilo_gql.domain import media, renders
from kilo_gql.domain.renders import Region
from kilo_gql.errors import BadRequest
from kilo_gql.events import EventName
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Job, JobStatus, Project, ProjectEvent, Queue, Role
from kilo_gql.worker import CHILD_LIMITS
from tasks import registry
from tasks.child import Children
from tasks.kit import Workshop
from tasks.runner import Runner
from tests.support import pictures
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.files import put
from tests.support.jobs import Floor
from tests.support.make import Make

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Bells:
    """Rings in the application of the test: its hub hears what jobs tell."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def ring_events(self) -> None:
        self._api.services.throat.bells.ring_events()

    def ring_jobs(self, jobs: list[tuple[str, UUID]]) -> None:
        """Nobody: the test says when it is a job's turn."""

    def ring_ended(self, sessions: list[UUID]) -> None:
        """Nothing ends."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(api: Api) -> AsyncIterator[Runner]:
    async with Children(1, limits=CHILD_LIMITS) as children:
        services = api.services
        workshop = Workshop(services.settings, services.db, Bells(api), children, services.store)
        yield Runner(workshop, registry.handlers())


@dataclass
class Photo:
    owner: UserActor
    viewer: UserActor
    project: Project
    asset: Asset


@pytest_asyncio.fixture(loop_scope="module")
async def photo(api: Api, make: Make) -> Photo:
    owner = await make.user()
    project = await make.project(owner)
    asset = await make.asset(project, width_px=96, height_px=64)
    await put(make, api.services.store, asset, FileKind.ORIGINAL, pictures.jpeg())
    return Photo(owner, await make.member(project.id, Role.VIEWER), project, asset)


async def files(api: Api, asset: Asset) -> list[AssetFile]:
    async with api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = await tx.scalars(select(AssetFile).where(AssetFile.asset_id == asset.id).order_by(AssetFile.id))
        return list(found)


async def jobs(api: Api, asset: Asset) -> list[Job]:
    async with api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return list(await tx.scalars(select(Job).where(Job.asset_id == asset.id).order_by(Job.id)))


async def get(api: Api, path: str, who: UserActor) -> httpx.Response:
    return await api.client.get(path, headers=api.headers(who))


async def drain(runner: Runner, queue: Queue = Queue.CPU) -> None:
    while await runner.run_next(queue):
        pass


async def asked(api: Api, runner: Runner, path: str, who: UserActor) -> httpx.Response:
    """Ask, and let the worker begin while the request waits."""
    waiting = asyncio.create_task(get(api, path, who))
    while not waiting.done():
        await runner.run_next(Queue.CPU)
        await asyncio.sleep(0.02)
    return await waiting


async def test_the_full_picture_is_made_once(api: Api, runner: Runner, photo: Photo) -> None:
    path = f"/media/{photo.asset.id}/full"
    led = await asked(api, runner, path, photo.viewer)
    assert (led.status_code, led.headers["cache-control"]) == (302, "no-store")
    [_, made] = await files(api, photo.asset)
    assert made.sha256 is not None
    assert led.headers["location"] == media.media_url("", photo.asset.id, FileKind.FULL, made.sha256)
    picture = await get(api, led.headers["location"], photo.viewer)
    assert Image.open(BytesIO(picture.content), formats=["JPEG"]).size == (96, 64)
    again = await get(api, path, photo.viewer)
    assert again.headers["location"] == led.headers["location"]
    [job] = await jobs(api, photo.asset)
    assert (job.status, job.priority, job.arguments) == (JobStatus.DONE, 0, {"make": "full", "variant": ""})
    async with api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        told = select(ProjectEvent).where(
            ProjectEvent.project_id == photo.project.id, ProjectEvent.name == EventName.ASSET_UPDATED
        )
        assert [(event.ids, event.changed) for event in await tx.scalars(told)] == [
            ([photo.asset.id], {"files": ["full"]})
        ]


async def test_a_region(api: Api, runner: Runner, photo: Photo) -> None:
    path = f"/media/{photo.asset.id}/crop?x=0.5&y=0&w=0.5&h=0.5&px=300"
    led = await asked(api, runner, path, photo.viewer)
    picture = Image.open(BytesIO((await get(api, led.headers["location"], photo.viewer)).content), formats=["JPEG"])
    assert picture.size == (48, 32)
    red, green, blue = picture.getpixel((24, 16))  # type: ignore[misc]
    assert (abs(red - 40) < 9, abs(green - 160) < 9, abs(blue - 60) < 9) == (True, True, True)
    # a little beside it on the grid, and the same picture
    near = await get(api, path.replace("0.5&y", "0.503&y").replace("w=0.5", "w=0.49"), photo.viewer)
    assert near.headers["location"] == led.headers["location"]
    assert len(await jobs(api, photo.asset)) == 1


async def test_an_attempt_that_died_leaves_nothing_astray(api: Api, runner: Runner, photo: Photo, floor: Floor) -> None:
    await api.services.throat.execute(photo.owner, renders.render_asset, photo.asset.id)
    await drain(runner)
    [_, first] = await files(api, photo.asset)
    async with floor.write() as tx:  # as if the worker had been killed between the store and the database
        await tx.session.execute(delete(AssetFile).where(AssetFile.id == first.id))
        await tx.unchecked(
            text("UPDATE jobs SET status = 'queued', finished_at = NULL WHERE asset_id = :id"), {"id": photo.asset.id}
        )
    await drain(runner)
    [_, second] = await files(api, photo.asset)
    assert (second.key, second.sha256) == (first.key, first.sha256)
    prefix = f"{photo.project.id}/{photo.asset.id}/"
    assert len([found async for found in api.services.store.list(prefix)]) == 2


async def test_a_grant_leads_on(api: Api, runner: Runner, photo: Photo) -> None:
    grant = (await api.services.throat.execute(photo.viewer, media.media_grant, photo.project.id)).value.grant
    await api.services.throat.execute(photo.owner, renders.render_asset, photo.asset.id)
    await drain(runner)
    led = await api.client.get(f"/media/{photo.asset.id}/full", params={"grant": grant})
    assert led.headers["location"].endswith(f"?grant={grant}")
    assert (await api.client.get(led.headers["location"])).status_code == 200


async def test_a_request_that_waited_too_long(api: Api, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_http, "_WAITS", 0.05)
    answer = await get(api, f"/media/{photo.asset.id}/full", photo.viewer)
    assert (answer.status_code, answer.json()["code"]) == (503, "render_pending")
    assert answer.headers["retry-after"] == "2"
    await get(api, f"/media/{photo.asset.id}/full", photo.viewer)
    assert [job.status for job in await jobs(api, photo.asset)] == [JobStatus.QUEUED]


async def test_a_file_that_cannot_be_shown(api: Api, make: Make, runner: Runner, photo: Photo) -> None:
    broken = await make.asset(photo.project)
    await put(make, api.services.store, broken, FileKind.ORIGINAL, b"\xff\xd8\xff\xe0 nothing more")
    answer = await asked(api, runner, f"/media/{broken.id}/full", photo.owner)
    [job] = await jobs(api, broken)
    assert (answer.status_code, answer.json()["code"]) == (409, job.error_code)
    assert (job.status, len(await files(api, broken))) == (JobStatus.FAILED, 1)


async def test_both_doors(api: Api, runner: Runner, photo: Photo, door: Door) -> None:
    first = (await door.call("render_asset", photo.viewer, assetId=photo.asset.id)).ok
    [job] = await jobs(api, photo.asset)
    wanted = {"assetId": str(photo.asset.id), "kind": "full", "mediaUrl": None, "jobId": str(job.id)}
    assert first == wanted
    await drain(runner)
    [_, made] = await files(api, photo.asset)
    url = f"http://127.0.0.1:8400/media/{photo.asset.id}/full-{made.sha256[:16]}"  # type: ignore[index]
    again = (await door.call("render_asset", photo.viewer, assetId=photo.asset.id)).ok
    assert again == wanted | {"mediaUrl": url, "jobId": None}


@pytest.mark.parametrize(
    ("columns", "answer"),
    [
        ({"status": AssetStatus.QUARANTINED}, (409, "asset_not_ready")),
        ({"status": AssetStatus.PROCESSING}, (409, "asset_not_ready")),
        ({"format": "xmp"}, (400, "not_a_picture")),
    ],
)
async def test_what_cannot_be_rendered(
    api: Api, make: Make, photo: Photo, door: Door, columns: dict[str, Any], answer: tuple[int, str]
) -> None:
    asset = await make.asset(photo.project, **columns)
    refused = await door.call("render_asset", photo.owner, assetId=asset.id)
    assert ((refused.status if door.name == "rest" else answer[0]), refused.code) == answer
    assert await jobs(api, asset) == []


async def test_regions_lie_on_a_grid() -> None:
    cases = {
        (0.0, 0.0, 1.0, 1.0, 2_048): "0-0-64-64-2048",
        (0.5, 0.25, 0.25, 0.5, 1): "32-16-16-32-256",
        (0.501, 0.0, 0.001, 0.02, 257): "32-0-1-2-512",
        (0.99, 0.99, 1.0, 1.0, 8_192): "63-63-1-1-8192",
    }
    assert {given: Region(*given).variant() for given in cases} == cases
    assert renders.region_of("32-16-16-32-256") == Region(0.5, 0.25, 0.25, 0.5, 256)


@pytest.mark.parametrize(
    "wrong",
    [
        (-0.1, 0, 1, 1),
        (0, 0, 0, 1),
        (1, 0, 1, 1),
        (0, 1.1, 1, 1),
        (0, 0, 1, float("nan")),
        (0, 0, 1, 1, 0),
        (0, 0, 1, 1, 9_000),
    ],
)
async def test_regions_that_are_none(wrong: tuple[float, ...]) -> None:
    with pytest.raises(BadRequest):
        Region(*wrong).variant()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "query", ["", "?x=0&y=0&w=1", "?x=a&y=0&w=1&h=1", "?x=0&y=0&w=1&h=1&px=1.5", "?x=2&y=0&w=1&h=1"]
)
async def test_a_crop_needs_its_region(api: Api, photo: Photo, query: str) -> None:
    answer = await get(api, f"/media/{photo.asset.id}/crop{query}", photo.owner)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert await jobs(api, photo.asset) == []


async def test_only_raw_files_are_developed(api: Api, make: Make, runner: Runner, photo: Photo, door: Door) -> None:
    refused = await door.call("develop_asset", photo.owner, assetId=photo.asset.id)
    assert (refused.code, await jobs(api, photo.asset)) == ("not_raw", [])
    raw = await make.asset(photo.project, "fake.dng", format="dng")
    await put(make, api.services.store, raw, FileKind.ORIGINAL, pictures.jpeg(quality=90))
    assert (await door.call("develop_asset", photo.owner, assetId=raw.id)).ok["type"] == "asset.render"
    await drain(runner)
    [job] = await jobs(api, raw)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "format_unsupported")
    assert [file.kind for file in await files(api, raw)] == [FileKind.ORIGINAL]


async def test_a_raw_file_is_developed(api: Api, make: Make, runner: Runner, photo: Photo) -> None:
    raw = await make.asset(photo.project, "real.dng", format="dng")
    store = api.services.store
    await put(make, store, raw, FileKind.ORIGINAL, pictures.dng(None), content_type="image/x-adobe-dng")
    embedded = await put(make, store, raw, FileKind.PREVIEW)
    await api.services.throat.execute(photo.owner, renders.develop_asset, raw.id)
    await drain(runner)
    made = {file.kind: file for file in await files(api, raw)}
    assert set(made) == {FileKind.ORIGINAL, FileKind.PREVIEW, FileKind.THUMBNAIL, FileKind.MICRO, FileKind.FULL}
    assert (made[FileKind.FULL].width_px, made[FileKind.FULL].height_px) == (128, 96)
    assert made[FileKind.PREVIEW].key != embedded.key
    await drain(runner, Queue.IO)
    assert [(await store.stat(file.key)) is not None for file in made.values()] == [True] * 5
    assert await store.stat(embedded.key) is None  # what the camera had embedded gave way


async def test_a_region_through_both_doors(api: Api, runner: Runner, photo: Photo, door: Door) -> None:
    region = {"x": 0.0, "y": 0.0, "width": 0.5, "height": 0.5}
    first = (await door.call("render_asset", photo.viewer, assetId=photo.asset.id, kind="crop", region=region)).ok
    await drain(runner)
    again = (await door.call("render_asset", photo.viewer, assetId=photo.asset.id, kind="crop", region=region)).ok
    assert (first["mediaUrl"], first["kind"], again["jobId"]) == (None, "crop", None)
    assert again["mediaUrl"].startswith(f"http://127.0.0.1:8400/media/{photo.asset.id}/crop-")
    refused = await door.call("render_asset", photo.viewer, assetId=photo.asset.id, kind="crop")
    assert (refused.code, len(await jobs(api, photo.asset))) == ("bad_request", 1)


async def test_regions_are_swept_after_a_day(
    api: Api, runner: Runner, photo: Photo, floor: Floor, clock: Clock
) -> None:
    await api.services.throat.execute(
        photo.owner, renders.render_asset, photo.asset.id, FileKind.CROP, Region(0, 0, 0.5, 0.5)
    )
    await drain(runner)
    [_, crop] = await files(api, photo.asset)
    clock.advance(timedelta(hours=23).total_seconds())
    async with floor.write() as tx:
        assert await renders.sweep_crops(tx) == 0
    clock.advance(timedelta(hours=2).total_seconds())
    async with floor.write() as tx:
        assert await renders.sweep_crops(tx) >= 1
    await drain(runner, Queue.IO)
    assert [file.kind for file in await files(api, photo.asset)] == [FileKind.ORIGINAL]
    assert await api.services.store.stat(crop.key) is None
