"""What a guest sees while the project develops a photo anew: the approved look, to the byte, until another is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from kilo_gql.access import UserActor
from kilo_gql.models import Asset, AssetFile, FileKind, Project, Queue
from tasks.runner import Runner
from tests.support import pictures
from tests.support.api import Api
from tests.support.files import put
from tests.support.gallery_shoot import a_runner
from tests.support.make import Make

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(api: Api) -> AsyncIterator[Runner]:
    async with a_runner(api) as opened:
        yield opened


@dataclass
class Raw:
    """A RAW file of Ada's with the preview that its camera embedded."""

    api: Api
    runner: Runner
    ada: UserActor
    project: Project
    asset: Asset
    embedded: AssetFile

    async def rest(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.api.rest(method, path, body, actor=self.ada)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def develop(self) -> None:
        await self.rest("POST", f"/assets/{self.asset.id}/develop")
        await self.work()

    async def work(self) -> None:
        for queue in (Queue.CPU, Queue.IO):
            while await self.runner.run_next(queue):
                pass

    async def share(self) -> dict[str, Any]:
        """A gallery as a legacy program makes it."""
        body = {"title": "Wedding", "assetIds": [str(self.asset.id)]}
        made: dict[str, Any] = await self.rest("POST", f"/projects/{self.project.id}/galleries", body)
        return made

    async def address(self, gallery: dict[str, Any]) -> str:
        """Where a guest finds the photo."""
        answer = await self.api.rest("GET", f"/share/{gallery['shareSlug']}")
        [shown] = answer.json()["assets"]
        return str(httpx.URL(shown["previewUrl"]).raw_path.decode())

    async def seen(self, address: str) -> bytes:
        answer = await self.api.client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest_asyncio.fixture(loop_scope="module")
async def raw(api: Api, make: Make, runner: Runner) -> Raw:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, "real.dng", format="dng", width_px=128, height_px=96)
    store = api.services.store
    await put(make, store, asset, FileKind.ORIGINAL, pictures.dng(None), content_type="image/x-adobe-dng")
    embedded = await put(make, store, asset, FileKind.PREVIEW, width_px=96, height_px=64)
    return Raw(api, runner, ada, project, asset, embedded)


async def test_guests_see_what_was_approved_until_another_look_is(raw: Raw) -> None:
    gallery = await raw.share()
    await raw.work()
    address = await raw.address(gallery)
    approved = await raw.seen(address)

    await raw.develop()
    assert (await raw.address(gallery), await raw.seen(address)) == (address, approved)
    assert await raw.api.services.store.stat(raw.embedded.key) is not None
    [changed] = (await raw.rest("GET", f"/galleries/{gallery['id']}/assets:changed"))["items"]
    looks = [
        (await raw.api.client.get(httpx.URL(changed[name]).raw_path.decode(), headers=raw.api.headers(raw.ada))).content
        for name in ("pinnedUrl", "presentUrl")
    ]
    assert (looks[0], looks[1] == approved) == (approved, False)

    await raw.rest("POST", f"/galleries/{gallery['id']}/assets:repin", {})
    await raw.work()
    assert await raw.api.services.store.stat(raw.embedded.key) is None
    assert (await raw.api.client.get(address)).status_code == 404
    assert await raw.seen(await raw.address(gallery)) == looks[1]
    assert (await raw.rest("GET", f"/galleries/{gallery['id']}"))["changedCount"] == 0


async def test_a_photo_without_galleries_keeps_no_old_look(raw: Raw) -> None:
    await raw.develop()
    assert await raw.api.services.store.stat(raw.embedded.key) is None


async def test_taking_a_photo_out_and_closing_kill_its_addresses(raw: Raw) -> None:
    gallery, photo = await raw.share(), {"assetIds": [str(raw.asset.id)]}
    address = await raw.address(gallery)
    found = [(await raw.api.client.get(address)).status_code]
    for method, path, body in (("DELETE", "/assets", photo), ("POST", "/assets", photo), ("POST", ":unpublish", None)):
        await raw.rest(method, f"/galleries/{gallery['id']}{path}", body)
        found.append((await raw.api.client.get(address)).status_code)
    assert found == [200, 404, 200, 404]
