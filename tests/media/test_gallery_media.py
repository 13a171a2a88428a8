"""``/g/{slug}``: the pictures of a gallery, marked and unmarked, and who is shown them."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import pyvips
from sqlalchemy import delete, select, update

from kilo_gql.access import Perm, System
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_renders, gallery_work
from kilo_gql.domain.watermarks import MarkKind, MarkPosition, Watermark, version_of
from kilo_gql.models import (
    Asset,
    AssetFile,
    DownloadPolicy,
    FileKind,
    GalleryActivity,
    GalleryAsset,
    GalleryFavorite,
    GalleryFile,
    GallerySection,
    Job,
    Queue,
)
from kilo_gql.models.base import uuid7
from tasks import gallery_render
from tasks.runner import Runner
from tests.support import pictures
from tests.support.api import Api
from tests.support.doors import Door
from tests.support.files import put
from tests.support.galleries import gallery_asset_row
from tests.support.gallery_shoot import Shown, a_runner, drain, make_shown, pixels, put_pictures
from tests.support.make import Make
from tests.support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(api: Api) -> AsyncIterator[Runner]:
    async with a_runner(api) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def shown(api: Api, runner: Runner) -> Shown:
    return await make_shown(api, runner)


@asynccontextmanager
async def _writing(shown: Shown) -> AsyncIterator[Tx]:
    async with shown.api.services.db.transaction(System("test"), Perm.SYSTEM) as tx:
        yield tx
        await tx.write_outbox()
        await tx.session.commit()


def a_mark(**values: Any) -> dict[str, Any]:
    """Columns of a gallery with this mark."""
    mark = Watermark(**{"text": "PROOF {guest}", "size": 0.6, "opacity": 0.8, **values})
    return {"watermark": True, "watermark_settings": asdict(mark), "watermark_version": version_of(mark, None)}


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


# --- unmarked --------------------------------------------------------------------------------------------------------


async def test_an_open_gallery_shows_its_pictures_to_anybody(shown: Shown) -> None:
    one = (await shown.pictures())[shown.assets[0].id]
    assert (one.width_px, one.height_px) == (640, 427)
    found = await shown.get(one.preview_url)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")
    named = {
        "cache-control": "private, max-age=60, must-revalidate",
        "content-disposition": "inline",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
    }
    assert {name: found.headers[name] for name in named} == named
    small = await shown.get(one.thumbnail_url)
    assert (small.status_code, small.headers["content-type"], pixels(small).shape) == (200, "image/webp", (342, 512, 3))
    assert await shown.files() == []  # they are the photo's own


async def test_a_picture_is_one_statement(api: Api, shown: Shown) -> None:
    one = (await shown.pictures())[shown.assets[0].id]
    await shown.get(one.preview_url)
    with statements(api.services.db) as seen:
        assert (await api.client.get(one.preview_url)).status_code == 200
        await asyncio.sleep(0.05)
    assert len(seen) == 1


async def test_it_is_asked_again_with_its_tag(shown: Shown) -> None:
    one = (await shown.pictures())[shown.assets[0].id]
    tag = (await shown.get(one.preview_url)).headers["etag"]
    same = await shown.get(one.preview_url, if_none_match=tag)
    assert (same.status_code, same.content) == (304, b"")
    await shown.set(published_at=None)
    assert code(await shown.get(one.preview_url, if_none_match=tag)) == (404, "not_found")


async def test_a_photo_that_changed_is_shown_as_it_is_pinned(api: Api, make: Make, shown: Shown) -> None:
    asset = shown.assets[0]
    before = pixels(await shown.get((await shown.pictures())[asset.id].preview_url))
    small_before = pixels(await shown.get((await shown.pictures())[asset.id].thumbnail_url))
    async with _writing(shown) as tx:
        await tx.session.execute(
            update(AssetFile)
            .where(AssetFile.asset_id == asset.id, AssetFile.kind == FileKind.PREVIEW)
            .values(variant="pin-0123456789abcdef")
        )
        await tx.session.execute(
            delete(AssetFile).where(AssetFile.asset_id == asset.id, AssetFile.kind == FileKind.THUMBNAIL)
        )
    await put_pictures(make, api, asset, 99, original=False)
    one = (await shown.pictures())[asset.id]
    assert np.array_equal(pixels(await shown.get(one.preview_url)), before)
    small = pixels(await shown.get(one.thumbnail_url))
    assert small.shape == small_before.shape
    assert np.abs(small.astype(int) - small_before).mean() < 3
    assert [file.rendition for file in await shown.files()] == ["thumbnail"]


# --- marked ----------------------------------------------------------------------------------------------------------


async def test_a_marked_gallery_has_no_unmarked_pixel(api: Api, runner: Runner) -> None:
    shown = await make_shown(api, runner, count=1)
    plain = (await shown.pictures())[shown.assets[0].id]
    bare = {url.split("/")[-1].split("-")[0]: url for url in (plain.thumbnail_url, plain.preview_url)}
    before = {name: pixels(await shown.get(url)) for name, url in bare.items()}
    await shown.set(**a_mark())
    marked = (await shown.pictures())[shown.assets[0].id]
    for name, url in (("thumbnail", marked.thumbnail_url), ("preview", marked.preview_url)):
        assert code(await shown.get(bare[name])) == (404, "not_found")
        after = pixels(await shown.get(url))
        assert after.shape == before[name].shape
        changed = np.abs(after.astype(int) - before[name]).max(axis=2) > 40
        height, width = changed.shape
        middle = changed[int(height * 0.42) : int(height * 0.58), width // 4 : 3 * width // 4]
        assert middle.mean() > 0.1, name
        assert changed[: height // 4].mean() < 0.01, name
    card = pixels(await shown.get(f"/g/{shown.gallery.share_slug}/card.jpg"))
    assert card.shape == (630, 1200, 3)
    assert sorted(file.rendition for file in await shown.files()) == ["card", "preview", "thumbnail"]


@pytest.mark.parametrize("rendition", ["web", "full"])
async def test_what_is_taken_home_is_marked_as_well(shown: Shown, rendition: str) -> None:
    await shown.set(downloads=DownloadPolicy.FULL)
    path = f"/g/{shown.gallery.share_slug}/download/{shown.assets[0].id}?rendition={rendition}"
    before = pixels(await shown.get(path)).astype(int)
    await shown.set(**a_mark())
    after = pixels(await shown.get(path))
    changed = np.abs(after - before).max(axis=2) > 40
    assert changed[180:247, 160:480].mean() > 0.1
    assert changed[:100].mean() < 0.01


async def test_a_mark_that_is_a_picture(api: Api, runner: Runner) -> None:
    key = f"{uuid7()}/galleries/{uuid7()}/{uuid7()}.png"
    green = pyvips.Image.new_from_array(np.full((40, 80, 3), (0, 255, 0), np.uint8)).copy(interpretation="srgb")
    await api.services.store.put_bytes(key, green.pngsave_buffer(), "image/png")
    mark = a_mark(kind=MarkKind.IMAGE, position=MarkPosition.BOTTOM_RIGHT, size=0.25, margin=0.0, opacity=1.0)
    shown = await make_shown(api, runner, count=1, watermark_key=key, **mark)
    found = pixels(await shown.get((await shown.pictures())[shown.assets[0].id].preview_url))
    corner = found[427 - 78 :, 640 - 158 :].reshape(-1, 3).astype(int)
    assert np.abs(corner - (0, 255, 0)).mean() < 4  # but for what JPEG does to green


async def test_a_mark_names_its_guest(api: Api, runner: Runner) -> None:
    shown = await make_shown(api, runner, count=1, **a_mark(text="{guest}"))
    ada, bob, unnamed = [await shown.guest(name) for name in ("Ada Lovelace", "Bob", None)]
    asset_id = shown.assets[0].id
    addresses = [(await shown.pictures(guest))[asset_id] for guest in (ada, bob, unnamed, None)]
    assert len({one.preview_url for one in addresses}) == 3  # who has no name shares one
    assert len({one.thumbnail_url for one in addresses}) == 1
    first = pixels(await shown.get(addresses[0].preview_url, ada))
    second = pixels(await shown.get(addresses[1].preview_url, bob))
    assert np.abs(first.astype(int) - second).max() > 60
    for wrong in (bob, unnamed, None):
        assert code(await shown.get(addresses[0].preview_url, wrong)) == (404, "not_found")
    await shown.get(addresses[2].preview_url)
    assert [file.guest_id for file in await shown.files()] == [ada.guest_id, bob.guest_id, None]


async def test_another_mark_is_another_picture(api: Api, runner: Runner) -> None:
    shown = await make_shown(api, runner, count=1, **a_mark())
    asset_id = shown.assets[0].id
    first = (await shown.pictures())[asset_id].preview_url
    await shown.get(first)
    await shown.set(**a_mark(opacity=0.3))
    second = (await shown.pictures())[asset_id].preview_url
    assert code(await shown.get(first)) == (404, "not_found")
    assert (await shown.get(second)).status_code == 200
    [file] = await shown.files()  # the earlier one is gone
    assert second.endswith(f"preview-{file.basis[:16]}")


async def test_a_gallery_is_made_before_anybody_asks(api: Api, runner: Runner) -> None:
    shown = await make_shown(api, runner, count=3, **a_mark())
    async with _writing(shown) as tx:
        await gallery_renders.request_renders(tx, shown.gallery)
    await drain(runner)
    made = [(file.asset_id, file.rendition) for file in await shown.files()]
    first, second, third = (asset.id for asset in shown.assets)
    assert made == [
        (first, "card"), (first, "preview"), (first, "thumbnail"), (second, "preview"), (second, "thumbnail"),
        (third, "preview"), (third, "thumbnail"),
    ]  # fmt: skip
    for one in (await shown.pictures()).values():
        assert (await api.client.get(one.preview_url)).status_code == 200
        assert (await api.client.get(one.thumbnail_url)).status_code == 200


async def test_a_large_gallery_is_made_in_turns(api: Api, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_render, "TURN", 0.0)
    monkeypatch.setattr(gallery_render, "BATCH", 2)
    shown = await make_shown(api, runner, count=3, downloads=DownloadPolicy.WEB, **a_mark())
    async with _writing(shown) as tx:
        await gallery_renders.request_renders(tx, shown.gallery)
    await drain(runner)
    asked = {"of": "all", "rendition": "web"}
    slug = shown.gallery.share_slug
    await api.rest("POST", f"/share/{slug}/downloads", asked)
    assert await runner.run_next(Queue.CPU)
    half = (await api.rest("POST", f"/share/{slug}/downloads", asked)).json()  # asking again queues nothing twice
    assert (half["ready"], half["progress"]) == (False, 2 / 3)
    await drain(runner)
    assert (await api.rest("POST", f"/share/{slug}/downloads", asked)).json()["ready"]
    async with api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        told = select(Job.result).where(Job.project_id == shown.project.id).order_by(Job.id)
        assert [result["made"] for result in await tx.scalars(told)] == [2, 2, 2, 1, 2, 1]


async def test_what_is_handed_out_no_more_goes(api: Api, runner: Runner) -> None:
    shown = await make_shown(api, runner, count=2, downloads=DownloadPolicy.WEB, **a_mark())
    for one in (await shown.pictures()).values():
        assert (await shown.get(one.preview_url)).status_code == 200
    download = f"/g/{shown.gallery.share_slug}/download/{shown.assets[0].id}?rendition=web"
    assert (await shown.get(download)).status_code == 200
    marked = [file.key for file in await shown.files()]
    assert len(marked) == 3
    await shown.set(watermark=False)
    assert (await shown.get(download)).status_code == 200  # its own basis: made anew
    async with _writing(shown) as tx:
        await gallery_renders.request_renders(tx, await shown.fresh())
    await drain(runner)
    await drain(runner, Queue.IO)
    left = [(file.asset_id, file.rendition) for file in await shown.files()]
    assert left == [(shown.assets[0].id, "card"), (shown.assets[0].id, "web")]
    assert [await api.services.store.stat(key) for key in marked] == [None] * 3


async def test_named_files_are_swept(api: Api, runner: Runner) -> None:
    shown = await make_shown(api, runner, count=1, **a_mark())
    ada = await shown.guest("Ada")
    url = (await shown.pictures(ada))[shown.assets[0].id]
    await shown.get(url.preview_url, ada)
    await shown.get(url.thumbnail_url, ada)
    async with _writing(shown) as tx:
        assert await gallery_work.sweep_named(tx) == 0
        ours = update(GalleryFile).where(GalleryFile.gallery_id == shown.gallery.id)
        await tx.session.execute(ours.values(created_at=tx.now - timedelta(days=7, seconds=1)))
        assert await gallery_work.sweep_named(tx) == 1
    assert [file.rendition for file in await shown.files()] == ["thumbnail"]


# --- the card --------------------------------------------------------------------------------------------------------


async def test_the_card_is_for_open_galleries_alone(shown: Shown) -> None:
    path = f"/g/{shown.gallery.share_slug}/card.jpg"
    found = await shown.get(path)
    assert (found.status_code, pixels(found).shape) == (200, (630, 1200, 3))
    now = shown.api.services.db.house.clock()
    for closed in ({"password_hash": "x"}, {"published_at": None}, {"expires_at": now - timedelta(seconds=1)}):
        await shown.set(**{"password_hash": None, "published_at": now, "expires_at": None, **closed})
        assert code(await shown.get(path)) == (404, "not_found")


# --- taking home -----------------------------------------------------------------------------------------------------


async def test_nothing_is_taken_home_unless_it_is_offered(shown: Shown) -> None:
    path = f"/g/{shown.gallery.share_slug}/download/{shown.assets[0].id}?rendition="
    for policy, allowed in (("none", 0), ("web", 1), ("full", 2), ("original", 3)):
        await shown.set(downloads=DownloadPolicy(policy))
        answers = [(await shown.get(path + one)).status_code for one in ("web", "full", "original")]
        assert answers == [200] * allowed + [403] * (3 - allowed), policy
    await shown.set(**a_mark())
    assert code(await shown.get(path + "original")) == (403, "download_not_allowed")
    assert code(await shown.get(path + "preview")) == (400, "bad_request")


async def test_a_file_to_take_home(shown: Shown) -> None:
    await shown.set(downloads=DownloadPolicy.FULL, title="Böhm & Söhne")
    path = f"/g/{shown.gallery.share_slug}/download/{shown.assets[1].id}?rendition=full"
    found = await shown.get(path)
    assert pixels(found).shape == (427, 640, 3)
    assert found.headers["content-disposition"].startswith('attachment; filename="Bohm _ Sohne-0002.jpg"')
    assert b"Secret Camera Works" not in found.content
    await shown.set(filenames_shown=True)
    named = await shown.get(path)
    assert named.headers["content-disposition"] == 'attachment; filename="DSC_0001.jpg"'


async def test_all_pixels_are_of_the_approved_look(api: Api, make: Make, shown: Shown) -> None:
    await shown.set(downloads=DownloadPolicy.FULL)
    asset = shown.assets[0]
    developed = pictures.image(pictures.pixels(900, 600)).jpegsave_buffer(keep="none")
    await put(make, api.services.store, asset, FileKind.FULL, developed)
    path = f"/g/{shown.gallery.share_slug}/download/{asset.id}?rendition=full"
    assert pixels(await shown.get(path)).shape == (600, 900, 3)  # what the photographer developed and approved
    approved = pixels(await shown.get((await shown.pictures())[asset.id].preview_url)).astype(int)
    async with _writing(shown) as tx:  # developed once more since then
        of_asset = AssetFile.asset_id == asset.id
        await tx.session.execute(
            update(AssetFile).where(of_asset, AssetFile.kind == FileKind.PREVIEW).values(variant="pin-0123456789abcdef")
        )
        await tx.session.execute(delete(AssetFile).where(of_asset, AssetFile.kind == FileKind.THUMBNAIL))
        await tx.session.execute(delete(GalleryFile).where(GalleryFile.gallery_id == shown.gallery.id))
    await put_pictures(make, api, asset, 99, original=False)
    found = pixels(await shown.get(path))
    assert found.shape == approved.shape
    assert np.abs(found - approved).mean() < 2


async def test_an_archive_is_prepared_and_goes_on_where_it_broke(shown: Shown) -> None:
    await shown.set(downloads=DownloadPolicy.ORIGINAL, filenames_shown=True)
    asked = {"of": "all", "rendition": "original"}
    slug, rest = shown.gallery.share_slug, shown.api.rest
    first = (await rest("POST", f"/share/{slug}/downloads", asked)).json()
    assert first == {
        "ready": False, "progress": 0.0, "photoCount": 2, "substituteCount": 0, "byteSize": None, "url": None,
    }  # fmt: skip
    pending = await shown.api.client.get(f"/g/{slug}/download.zip?of=all&rendition=original")
    assert (code(pending), pending.headers["retry-after"]) == ((503, "download_pending"), "3")
    await drain(shown.runner)
    ready = (await rest("POST", f"/share/{slug}/downloads", asked)).json()
    assert (ready["ready"], ready["progress"], ready["substituteCount"]) == (True, 1.0, 0)
    url = ready["url"].removeprefix(shown.api.services.db.house.base_url)
    whole = await shown.api.client.get(url)
    assert whole.headers["content-disposition"] == 'attachment; filename="Wedding.zip"'
    archive = zipfile.ZipFile(io.BytesIO(whole.content))
    assert (archive.namelist(), archive.testzip()) == (["DSC_0000.jpg", "DSC_0001.jpg"], None)
    assert sum(info.file_size for info in archive.infolist()) == ready["byteSize"]
    rest_of = await shown.api.client.get(url, headers={"range": "bytes=1000-", "if-range": whole.headers["etag"]})
    assert (rest_of.status_code, rest_of.content) == (206, whole.content[1000:])
    async with shown.api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        noted = await tx.scalars(select(GalleryActivity).where(GalleryActivity.gallery_id == shown.gallery.id))
        assert [(line.kind, line.details) for line in noted] == [
            ("downloaded", {"of": "all", "rendition": "original", "photos": 2})
        ]


async def test_a_raw_file_is_handed_out_as_a_picture(api: Api, runner: Runner, make: Make) -> None:
    shown = await make_shown(api, runner, count=1, downloads=DownloadPolicy.ORIGINAL)
    raw = await make.asset(shown.project, "X.DNG", format="dng")
    await put_pictures(make, api, raw, 7)
    async with _writing(shown) as tx:
        original = (AssetFile.asset_id == raw.id) & (AssetFile.kind == FileKind.ORIGINAL)
        await tx.session.execute(delete(AssetFile).where(original))
        preview = (AssetFile.asset_id == raw.id) & (AssetFile.kind == FileKind.PREVIEW)
        sha256 = await tx.scalar(select(AssetFile.sha256).where(preview))
        tx.add(gallery_asset_row(shown.gallery, raw, 1, pinned_sha256=sha256))
    embedded = pictures.jpeg()
    await put(
        make, api.services.store, raw, FileKind.ORIGINAL, pictures.dng(embedded), content_type="image/x-adobe-dng"
    )
    slug = shown.gallery.share_slug
    found = await shown.get(f"/g/{slug}/download/{raw.id}?rendition=original")
    assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")
    asked = {"of": "photo", "rendition": "original", "assetId": str(raw.id)}
    assert (await api.rest("POST", f"/share/{slug}/downloads", asked)).json()["substituteCount"] == 1


async def test_both_doors_prepare_downloads(shown: Shown, door: Door) -> None:
    await shown.set(downloads=DownloadPolicy.FULL)
    asked = {"shareSlug": shown.gallery.share_slug, "of": "photo", "rendition": "full"}
    photo = {"assetId": shown.assets[0].id}
    first = (await door.call("request_download", None, **asked, **photo)).ok
    assert (first["ready"], first["url"]) == (False, None)
    await drain(shown.runner)
    ready = (await door.call("request_download", None, **asked, **photo)).ok
    found = await shown.api.client.get(ready["url"])
    assert (found.status_code, len(found.content)) == (200, ready["byteSize"])
    for wrong, code_ in (
        (photo | {"assetId": uuid7()}, "not_found"),
        ({}, "bad_request"),
        (photo | {"listId": uuid7()}, "bad_request"),
        (photo | {"rendition": "card"}, "bad_request"),
        (photo | {"rendition": "original"}, "download_not_allowed"),
    ):
        assert (await door.call("request_download", None, **{**asked, **wrong})).code == code_


async def test_favorites_and_a_list_are_the_guests_own(shown: Shown) -> None:
    await shown.set(downloads=DownloadPolicy.WEB)
    ada = await shown.guest("Ada")
    slug = shown.gallery.share_slug
    favorites = f"/g/{slug}/download.zip?of=favorites&rendition=web"
    assert code(await shown.get(favorites, ada)) == (409, "nothing_to_download")
    common = {"project_id": shown.project.id, "gallery_id": shown.gallery.id}
    now = shown.api.services.db.house.clock()
    await Make(shown.api.services.db).rows(
        GalleryFavorite(**common, asset_id=shown.assets[1].id, guest_id=ada.guest_id, created_at=now)
    )
    asked = {"of": "favorites", "rendition": "web"}
    token = shown.token(ada)
    assert (await shown.api.rest("POST", f"/share/{slug}/downloads", asked, actor=token)).json()["photoCount"] == 1
    await drain(shown.runner)
    found = await shown.get(favorites, ada)
    assert zipfile.ZipFile(io.BytesIO(found.content)).namelist() == ["Wedding-0002.jpg"]
    bob = await shown.guest("Bob")
    assert code(await shown.get(favorites, bob)) == (409, "nothing_to_download")
    unknown = f"/g/{slug}/download.zip?of=list&rendition=web&list={uuid7()}"
    assert code(await shown.get(unknown, ada)) == (404, "not_found")


async def test_a_member_looks_and_takes_nothing(shown: Shown) -> None:
    await shown.set(downloads=DownloadPolicy.WEB, published_at=None)
    one = (await shown.pictures())[shown.assets[0].id]
    assert (await shown.get(one.preview_url, shown.owner)).status_code == 200
    assert code(await shown.get(one.preview_url)) == (404, "not_found")
    stranger = await Make(shown.api.services.db).user()
    assert code(await shown.get(one.preview_url, stranger)) == (404, "not_found")
    path = f"/g/{shown.gallery.share_slug}/download/{shown.assets[0].id}?rendition=web"
    assert code(await shown.get(path, shown.owner)) == (403, "preview_only")


async def test_a_members_preview_has_addresses_that_open(shown: Shown) -> None:
    """Of a gallery that is closed and locked: whoever may look at the list may look at its pictures."""
    await shown.set(published_at=None, password_hash="no hash")
    gallery = (await shown.api.rest("GET", f"/share/{shown.gallery.share_slug}", actor=shown.owner)).json()
    assert (gallery["preview"], len(gallery["assets"])) == (True, 2)
    base = shown.api.services.db.house.base_url
    for photo in gallery["assets"]:
        for name in ("thumbnailUrl", "previewUrl"):
            assert (await shown.get(photo[name].removeprefix(base))).status_code == 200


async def test_files_are_named_by_the_numbers_that_the_page_shows(shown: Shown, make: Make) -> None:
    """Headings come before positions, and what is not shown has no number."""
    await shown.set(downloads=DownloadPolicy.WEB)
    gone, first = shown.assets
    late = await make.asset(shown.project, "C.JPG")
    await put_pictures(make, shown.api, late, 7)
    section = GallerySection(
        id=uuid7(), project_id=shown.project.id, gallery_id=shown.gallery.id, title="Party", position=0
    )
    await make.rows(section)
    await make.rows(gallery_asset_row(shown.gallery, late, 2, pinned_sha256=await _look_of(shown, late)))
    async with _writing(shown) as tx:
        await tx.session.execute(update(Asset).where(Asset.id == gone.id).values(trashed_at=tx.now))
        place = update(GalleryAsset).where(GalleryAsset.asset_id == first.id)
        await tx.session.execute(place.values(section_id=section.id))
    slug = shown.gallery.share_slug
    photos = (await shown.api.rest("GET", f"/share/{slug}")).json()["assets"]
    assert [(one["number"], one["assetId"]) for one in photos] == [(1, str(late.id)), (2, str(first.id))]
    asked = {"of": "all", "rendition": "web"}
    await shown.api.rest("POST", f"/share/{slug}/downloads", asked)
    await drain(shown.runner)
    whole = await shown.api.client.get(f"/g/{slug}/download.zip", params=asked)
    assert zipfile.ZipFile(io.BytesIO(whole.content)).namelist() == ["Wedding-0001.jpg", "Wedding-0002.jpg"]
    one = await shown.api.client.get(f"/g/{slug}/download/{first.id}?rendition=web")
    assert one.headers["content-disposition"] == 'attachment; filename="Wedding-0002.jpg"'


async def _look_of(shown: Shown, asset: Asset) -> str:
    async with _writing(shown) as tx:
        look = select(AssetFile.sha256).where(AssetFile.asset_id == asset.id, AssetFile.kind == FileKind.PREVIEW)
        return str(await tx.scalar(look))


async def test_a_download_is_one_for_half_an_hour(shown: Shown) -> None:
    """Whoever fetches the same again and again does not fill the feed."""
    await shown.set(downloads=DownloadPolicy.WEB)
    guest = await shown.guest("Anna")
    first, second = (f"/g/{shown.gallery.share_slug}/download/{one.id}?rendition=web" for one in shown.assets)
    for path in (first, first, second, first):
        assert (await shown.get(path, guest)).status_code == 200
    async with _writing(shown) as tx:
        noted = await tx.scalars(select(GalleryActivity).where(GalleryActivity.gallery_id == shown.gallery.id))
        assert [(line.kind, line.asset_id) for line in sorted(noted, key=lambda line: line.id)] == [
            ("downloaded", one.id) for one in shown.assets
        ]
