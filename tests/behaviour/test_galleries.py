"""Client galleries through both doors, as their owners see them."""

from __future__ import annotations

import asyncio
import base64
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.models import (
    Asset,
    Base,
    FileKind,
    Gallery,
    GalleryAsset,
    GalleryFavorite,
    GalleryFile,
    IdempotencyKey,
    Project,
    Role,
)
from kilo_gql.models.base import uuid7
from kilo_gql.tokens import password_matches
from tests.support import pictures
from tests.support.api import Api
from tests.support.choices import Visitors
from tests.support.doors import Door
from tests.support.files import put
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.statements import statements
from tests.support.traces import queued, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN_MARK = {
    "kind": "text", "text": "{gallery}", "position": "center", "opacity": 0.35, "size": 0.4, "margin": 0.03,
    "angle": 0.0,
}  # fmt: skip

BELOW = """
query ($id: UUID!) { gallery(id: $id) {
    watermarkSettings { kind text position opacity size margin angle } sections { id title assetCount }
} }
"""
ENUMS = ("kind", "position")


class Studio:
    """A project of Ada's, and what is asked about it."""

    def __init__(self, door: Door, make: Make, ada: UserActor, project: Project) -> None:
        self.door, self.make, self.ada, self.project = door, make, ada, project

    async def photos(self, count: int, **columns: Any) -> list[Asset]:
        return [await self.make.asset(self.project, f"{number}.jpg", **columns) for number in range(count)]

    async def create(self, photos: list[Asset], **fields: Any) -> dict[str, Any]:
        wanted = {"title": "Wedding", "assetIds": ids(photos), **fields}
        return await self.ok("create_gallery", projectId=self.project.id, **wanted)

    async def ok(self, operation: str, **arguments: Any) -> Any:
        return await self.whole((await self.door.call(operation, self.ada, **arguments)).ok)

    async def whole(self, answer: Any) -> Any:
        """An answer with what a gallery holds: GraphQL's door selects nothing below a thing with an id."""
        if isinstance(answer, dict) and "items" in answer:
            return {**answer, "items": [await self.whole(item) for item in answer["items"]]}
        if not isinstance(answer, dict) or "shareSlug" not in answer or "sections" in answer:
            return answer
        found = (await self.door.api.graphql(BELOW, {"id": answer["id"]}, actor=self.ada))["data"]["gallery"]
        mark = {name: value.lower() if name in ENUMS else value for name, value in found["watermarkSettings"].items()}
        return {**answer, "watermarkSettings": mark, "sections": found["sections"]}

    async def code(self, operation: str, **arguments: Any) -> str | None:
        return (await self.door.call(operation, self.ada, **arguments)).code

    async def order(self, gallery: dict[str, Any]) -> list[str]:
        page = await self.ok("list_gallery_assets", galleryId=gallery["id"], limit=200)
        return [item["assetId"] for item in page["items"]]

    async def rows(self, model: type[Base], *conditions: Any) -> list[Any]:
        async with self.make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return list(await tx.scalars(select(model).where(*conditions)))

    async def row(self, gallery: dict[str, Any]) -> Gallery:
        [row] = await self.rows(Gallery, Gallery.id == gallery["id"])
        return row

    async def events(self) -> list[dict[str, Any]]:
        return [changed for name, changed in await told(self.make.db, self.project.id) if name == "gallery.updated"]


def ids(photos: list[Asset]) -> list[str]:
    return [str(photo.id) for photo in photos]


@pytest_asyncio.fixture(loop_scope="module")
async def studio(door: Door, make: Make) -> Studio:
    ada = await make.user()
    return Studio(door, make, ada, await make.project(ada))


# --- making one ------------------------------------------------------------------------------------------------------


async def test_a_legacy_program_creates_and_shares(api: Api, make: Make) -> None:
    """The contract's body alone: a gallery that guests can open, and the contract's answer."""
    ada = await make.user()
    project = await make.project(ada)
    photo = await make.asset(project)
    body = {"title": "Wedding", "assetIds": [str(photo.id)], "watermark": False, "allowDownloads": True}
    answer = await api.rest("POST", f"/projects/{project.id}/galleries", body, actor=ada)
    made = answer.json()
    assert answer.status_code == 201
    wanted = ("projectId", "title", "expiresAt", "watermark", "allowDownloads", "requiresPassword", "assetCount")
    assert {name: made[name] for name in wanted} == {
        "projectId": str(project.id), "title": "Wedding", "expiresAt": None, "watermark": False,
        "allowDownloads": True, "requiresPassword": False, "assetCount": 1,
    }  # fmt: skip
    assert (made["downloads"], made["published"]) == ("web", True)
    assert (await api.rest("GET", f"/galleries/{made['id']}", actor=ada)).json() == made


async def test_what_a_gallery_starts_with(studio: Studio) -> None:
    photos = await studio.photos(3)
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    made = await studio.create(
        list(reversed(photos)), message="Hello!\nEnjoy.", password="peonies & co", expiresAt=expires.isoformat(),
        watermark=True, watermarkSettings={"text": "© {guest}", "position": "tiled"}, downloads="full",
        commentsAllowed=False, favoritesAllowed=False, filenamesShown=True, published=False,
        coverAssetId=photos[1].id,
    )  # fmt: skip
    stamps = {name: made.pop(name) for name in ("id", "shareSlug", "shareUrl", "createdAt", "updatedAt")}
    assert made == {
        "projectId": str(studio.project.id), "createdBy": str(studio.ada.user_id), "title": "Wedding",
        "message": "Hello!\nEnjoy.", "published": False, "publishedAt": None, "expiresAt": expires,
        "requiresPassword": True, "watermark": True,
        "watermarkSettings": {**PLAIN_MARK, "text": "© {guest}", "position": "tiled"}, "hasWatermarkImage": False,
        "allowDownloads": True, "downloads": "full", "commentsAllowed": False, "favoritesAllowed": False,
        "filenamesShown": True, "coverAssetId": str(photos[1].id), "assetCount": 3, "changedCount": 0, "sections": [],
    }  # fmt: skip
    assert len(stamps["shareSlug"]) == 24
    assert stamps["shareUrl"].endswith(f"/g/{stamps['shareSlug']}")
    row = await studio.row(stamps)
    assert row.password_hash is not None
    assert row.password_hash.startswith("$argon2id$")
    assert await password_matches(row.password_hash, "peonies & co")
    assert await studio.order(stamps) == ids(photos)[::-1]
    assert await studio.events() == [{"title": "Wedding", "published": False}]


async def test_a_repeated_call_makes_one_gallery_and_keeps_no_password(studio: Studio) -> None:
    [photo] = await studio.photos(1)
    wanted = {"projectId": studio.project.id, "title": "Once", "assetIds": [photo.id], "password": "peonies"}
    first, again = [
        await studio.door.call("create_gallery", studio.ada, key="made-only-once", **wanted) for _ in range(2)
    ]
    assert (first.ok, first.replayed, again.replayed) == (again.ok, False, True)
    [kept] = await studio.rows(IdempotencyKey, IdempotencyKey.actor == studio.ada.key)
    assert "peonies" not in str(kept.response)
    assert "argon2" not in str(kept.response)
    assert len(await studio.rows(Gallery, Gallery.project_id == studio.project.id)) == 1


async def test_from_a_saved_selection(studio: Studio) -> None:
    photos = await studio.photos(4)
    for photo in (photos[2], photos[0]):
        await studio.make.rating(photo, studio.ada, picked=True)
    made = await studio.ok(
        "create_gallery", projectId=studio.project.id, title="Picks", **{"from": {"picked": True}}
    )  # fmt: skip
    assert await studio.order(made) == [str(photos[0].id), str(photos[2].id)]
    nothing = {"projectId": studio.project.id, "title": "Stars", "from": {"starred": True}}
    assert await studio.code("create_gallery", **nothing) == "no_photos"
    assert await studio.code("create_gallery", **{**nothing, "from": {"trashed": True}}) == "bad_request"
    assert await studio.code("create_gallery", **{**nothing, "assetIds": ids(photos)}) == "bad_request"
    assert len(await studio.rows(Gallery, Gallery.project_id == studio.project.id)) == 1


async def test_of_a_pair_the_photo_is_shown(studio: Studio) -> None:
    raw = await studio.make.asset(studio.project, "a.cr3", format="cr3")
    jpeg = await studio.make.asset(studio.project, "a.jpg", parent_id=raw.id)
    made = await studio.create([jpeg, raw])
    assert (made["assetCount"], await studio.order(made)) == (1, [str(raw.id)])


@pytest.mark.parametrize(
    "columns", [{"status": "processing"}, {"status": "quarantined"}, {"trashed_at": datetime(2026, 1, 1, tzinfo=UTC)}]
)
async def test_what_cannot_be_shown_is_refused(studio: Studio, columns: dict[str, Any]) -> None:
    good, bad = *await studio.photos(1), *await studio.photos(1, **columns)
    answer = await studio.door.call(
        "create_gallery", studio.ada, projectId=studio.project.id, title="No", assetIds=ids([good, bad])
    )
    assert answer.error is not None
    assert (answer.code, answer.error["details"]) == ("asset_not_found", {"assetIds": [str(bad.id)]})
    assert await studio.rows(Gallery, Gallery.project_id == studio.project.id) == []


async def test_photos_of_another_project_are_not_there(studio: Studio) -> None:
    other = await studio.make.project(studio.ada)
    theirs = await studio.make.asset(other)
    gallery = await studio.create(await studio.photos(1))
    assert await studio.code("add_gallery_assets", galleryId=gallery["id"], assetIds=[theirs.id]) == "asset_not_found"
    assert len(await studio.order(gallery)) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "t" * 201}, "title"),
        ({"message": "m" * 5001}, "message"),
        ({"password": "abc"}, "password"),
        ({"password": "p" * 201}, "password"),
        ({"password": "a\x00bcd"}, "password"),
        ({"watermarkSettings": {"opacity": 2}}, "watermarkSettings.opacity"),
        ({"watermarkSettings": {"text": " "}}, "watermarkSettings.text"),
        ({"watermarkSettings": {"kind": "image"}}, "watermarkSettings.kind"),
        ({"downloads": "none", "allowDownloads": True}, "downloads"),
        ({"downloads": "original", "watermark": True}, "downloads"),
    ],
)
async def test_settings_that_are_refused(studio: Studio, fields: dict[str, Any], field: str) -> None:
    photos = await studio.photos(1)
    wanted = {"title": "Wedding", "assetIds": ids(photos), **fields}
    refused = await studio.door.call("create_gallery", studio.ada, projectId=studio.project.id, **wanted)
    assert refused.error is not None
    assert refused.error["details"]["field"] == field
    assert await studio.rows(Gallery, Gallery.project_id == studio.project.id) == []
    gallery = await studio.create(photos)
    refused = await studio.door.call("update_gallery", studio.ada, galleryId=gallery["id"], **fields)
    assert refused.error is not None
    assert refused.error["details"]["field"] == field
    assert await studio.ok("get_gallery", galleryId=gallery["id"]) == gallery


# --- setting one -----------------------------------------------------------------------------------------------------


async def test_a_change_names_only_what_it_changes(studio: Studio) -> None:
    gallery = await studio.create(await studio.photos(1), message="Hello", expiresAt="2030-01-01T00:00:00Z")
    changed = await studio.ok("update_gallery", galleryId=gallery["id"], title="Later", expiresAt=None)
    different = {name for name, value in changed.items() if gallery[name] != value}
    assert different == {"title", "expiresAt", "updatedAt"}
    assert (changed["title"], changed["expiresAt"], changed["message"]) == ("Later", None, "Hello")
    assert (await studio.events())[1:] == [{"title": "Later", "expiresAt": None}]
    assert await studio.ok("update_gallery", galleryId=gallery["id"], title="Later") == changed
    assert len(await studio.events()) == 2


async def test_downloads_in_one_word_and_in_four(studio: Studio) -> None:
    gallery = await studio.create(await studio.photos(1))

    async def after(**fields: Any) -> tuple[bool, str]:
        now = await studio.ok("update_gallery", galleryId=gallery["id"], **fields)
        return now["allowDownloads"], now["downloads"]

    assert (gallery["allowDownloads"], gallery["downloads"]) == (False, "none")
    assert await after(allowDownloads=True) == (True, "web")
    assert await after(downloads="original") == (True, "original")
    assert await after(allowDownloads=True) == (True, "original")
    assert await studio.code("update_gallery", galleryId=gallery["id"], watermark=True) == "watermark_forbids_original"
    assert await after(downloads="full", watermark=True) == (True, "full")
    assert await after(allowDownloads=False) == (False, "none")


async def test_another_password_ends_the_sessions_of_guests(studio: Studio) -> None:
    gallery = await studio.create(await studio.photos(1))
    versions = [(await studio.row(gallery)).version]
    for fields in (
        {"password": None},
        {"password": "peonies"},
        {"title": "x"},
        {"password": "peonies2"},
        {"password": None},
    ):
        shown = await studio.ok("update_gallery", galleryId=gallery["id"], **fields)
        versions.append((await studio.row(gallery)).version)
    assert versions == [1, 1, 2, 2, 3, 4]
    assert shown["requiresPassword"] is False
    assert "peonies" not in str(await studio.events())


async def test_publishing_closing_and_sending_out(studio: Studio) -> None:
    gallery = await studio.create(await studio.photos(1))
    closed = await studio.ok("unpublish_gallery", galleryId=gallery["id"])
    assert (closed["published"], closed["publishedAt"]) == (False, None)
    assert await studio.ok("unpublish_gallery", galleryId=gallery["id"]) == closed
    opened = await studio.ok("publish_gallery", galleryId=gallery["id"])
    assert opened["published"] is True
    assert await studio.ok("publish_gallery", galleryId=gallery["id"]) == opened
    await studio.ok("end_gallery_sessions", galleryId=gallery["id"])
    assert (await studio.row(gallery)).version == 3
    assert (await studio.events())[1:] == [{"published": False}, {"published": True}, {"sessionsEnded": True}]


async def test_an_archived_project_keeps_its_galleries_as_they_are(studio: Studio) -> None:
    gallery = await studio.create(await studio.photos(1))
    await studio.ok("archive_project", projectId=studio.project.id)
    assert await studio.code("update_gallery", galleryId=gallery["id"], title="x") == "project_archived"
    assert await studio.ok("get_gallery", galleryId=gallery["id"]) == gallery


async def test_a_projects_galleries_page_by_page(studio: Studio) -> None:
    photos = await studio.photos(1)
    made = [await studio.create(photos, title=str(number)) for number in range(3)]
    first = await studio.ok("list_galleries", projectId=studio.project.id, limit=2)
    rest = await studio.ok("list_galleries", projectId=studio.project.id, limit=2, cursor=first["nextCursor"])
    assert (first["items"], rest["items"], rest["nextCursor"]) == ([made[2], made[1]], [made[0]], None)


async def test_deleting_takes_what_was_made_for_it(studio: Studio, api: Api) -> None:
    photos = await studio.photos(2)
    gallery = await studio.create(photos)
    row = await studio.row(gallery)
    file = GalleryFile(
        id=uuid7(), project_id=studio.project.id, gallery_id=row.id, asset_id=photos[0].id, rendition="preview",
        basis="b", key=f"{studio.project.id}/{photos[0].id}/{uuid7()}.jpg", content_type="image/jpeg", byte_size=1,
        sha256="0" * 64, crc32=0,
    )  # fmt: skip
    await studio.make.rows(file)
    await studio.door.call("delete_gallery", studio.ada, galleryId=gallery["id"])
    assert await studio.code("get_gallery", galleryId=gallery["id"]) == "not_found"
    assert (await studio.rows(GalleryFile), await studio.rows(GalleryAsset, GalleryAsset.gallery_id == row.id)) == (
        [],
        [],
    )
    assert [job["keys"] for job in await queued(api.services.db, "asset.purge") if "keys" in job][-1] == [file.key]
    assert (await studio.events())[-1] == {"deleted": True}
    assert (await studio.ok("get_asset", assetId=photos[0].id))["id"] == str(photos[0].id)


# --- its mark --------------------------------------------------------------------------------------------------------


def png(width: int = 2, height: int = 2) -> bytes:
    """A PNG as far as its head goes."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(9)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_a_picture_becomes_the_mark(studio: Studio, api: Api) -> None:
    gallery = await studio.create(await studio.photos(1), watermark=True)
    versions = [(await studio.row(gallery)).watermark_version]
    keys = []
    for data in (png(), png(3, 3)):
        marked = await studio.ok("set_gallery_watermark_image", galleryId=gallery["id"], pngBase64=encoded(data))
        assert (marked["hasWatermarkImage"], marked["watermarkSettings"]) == (True, {**PLAIN_MARK, "kind": "image"})
        row = await studio.row(gallery)
        assert row.watermark_key is not None
        assert b"".join([part async for part in api.services.store.stream(row.watermark_key)]) == data
        versions.append(row.watermark_version)
        keys.append(row.watermark_key)
    bare = await studio.ok("set_gallery_watermark_image", galleryId=gallery["id"], pngBase64=None)
    assert (bare["hasWatermarkImage"], bare["watermarkSettings"]) == (False, PLAIN_MARK)
    versions.append((await studio.row(gallery)).watermark_version)
    assert (len(set(versions)), versions[3]) == (3, versions[0])
    discarded = [key for job in await queued(api.services.db, "asset.purge") for key in job.get("keys", ())]
    assert [key for key in discarded if key in keys] == keys
    assert all(key.startswith(f"{studio.project.id}/galleries/{gallery['id']}/") for key in keys)


@pytest.mark.parametrize(
    "sent",
    [
        "%%%",
        encoded(b""),
        encoded(pictures.jpeg()),
        encoded(png(4097, 1)),
        encoded(png(0, 5)),
        encoded(bytes(2**21 + 1)),
    ],
    ids=["no base64", "empty", "a jpeg", "too wide", "no width", "too long"],
)
async def test_what_is_no_png_for_a_mark(studio: Studio, sent: str) -> None:
    gallery = await studio.create(await studio.photos(1))
    answer = await studio.door.call("set_gallery_watermark_image", studio.ada, galleryId=gallery["id"], pngBase64=sent)
    assert answer.error is not None
    assert (answer.code, answer.error["details"]) == ("bad_watermark", {"field": "pngBase64"})
    assert (await studio.row(gallery)).watermark_key is None


async def test_the_largest_png_gets_in(studio: Studio) -> None:
    gallery = await studio.create(await studio.photos(1))
    data = png(4096, 4096) + bytes((2 << 20) - len(png()))
    marked = await studio.ok("set_gallery_watermark_image", galleryId=gallery["id"], pngBase64=encoded(data))
    assert marked["hasWatermarkImage"] is True


# --- its photos ------------------------------------------------------------------------------------------------------


async def test_adding_and_taking_out(studio: Studio) -> None:
    photos = await studio.photos(4)
    gallery = await studio.create(photos[:2], coverAssetId=photos[0].id)
    added = await studio.ok("add_gallery_assets", galleryId=gallery["id"], assetIds=ids([photos[3], photos[1]]))
    assert (added["assetCount"], await studio.order(gallery)) == (3, ids([photos[0], photos[1], photos[3]]))
    taken = await studio.ok(
        "remove_gallery_assets", galleryId=gallery["id"], assetIds=ids([photos[0], photos[2]])
    )  # fmt: skip
    assert (taken["assetCount"], taken["coverAssetId"]) == (2, None)
    assert await studio.order(gallery) == ids([photos[1], photos[3]])
    await studio.ok("add_gallery_assets", galleryId=gallery["id"], assetIds=ids([photos[0]]))
    assert await studio.order(gallery) == ids([photos[1], photos[3], photos[0]])
    assert (await studio.events())[1:] == [{"assetsAdded": 1}, {"assetsRemoved": 1}, {"assetsAdded": 1}]
    assert await studio.code("add_gallery_assets", galleryId=gallery["id"], assetIds=[]) == "no_photos"


async def test_what_guests_chose_stays_when_a_photo_leaves(studio: Studio) -> None:
    [photo, other] = await studio.photos(2)
    gallery = await make_gallery(studio.make.db, studio.project, [photo, other])
    visitors = Visitors(studio.make.db, gallery)
    await visitors.heart(await visitors.guest("Eve"), photo)
    await studio.ok("remove_gallery_assets", galleryId=gallery.id, assetIds=[photo.id])
    assert [row.asset_id for row in await studio.rows(GalleryFavorite, GalleryFavorite.gallery_id == gallery.id)] == [
        photo.id
    ]


async def test_a_gallery_is_full_at_5000(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = await studio.photos(3)
    gallery = await studio.create(photos[:2])
    too_many = [str(uuid7()) for _ in range(5_001)]
    answer = await studio.door.call("add_gallery_assets", studio.ada, galleryId=gallery["id"], assetIds=too_many)
    assert answer.error is not None
    assert (answer.code, answer.error["details"]) == ("gallery_full", {"count": 5_001, "max": 5_000})
    monkeypatch.setattr("kilo_gql.domain.gallery_choice.ASSETS_MAX", 2)
    added = {"galleryId": gallery["id"], "assetIds": ids(photos[2:])}
    assert await studio.code("add_gallery_assets", **added) == "gallery_full"
    assert len(await studio.order(gallery)) == 2


async def test_trashed_photos_are_not_counted_and_come_back(studio: Studio) -> None:
    photos = await studio.photos(2)
    gallery = await studio.create(photos)
    await studio.ok("create_gallery_section", galleryId=gallery["id"], title="All")
    section = (await studio.ok("get_gallery", galleryId=gallery["id"]))["sections"][0]["id"]
    await studio.ok("place_gallery_assets", galleryId=gallery["id"], assetIds=ids(photos), sectionId=section)
    counts = []
    for operation in ("trash_assets", "restore_assets", "trash_assets", "purge_assets"):
        await studio.door.call(operation, studio.ada, projectId=studio.project.id, ids=[photos[0].id])
        now = await studio.ok("get_gallery", galleryId=gallery["id"])
        page = await studio.ok("list_gallery_assets", galleryId=gallery["id"])
        counts.append((now["assetCount"], now["sections"][0]["assetCount"], [item["shown"] for item in page["items"]]))
    assert counts == [(1, 1, [False, True]), (2, 2, [True, True]), (1, 1, [False, True]), (1, 1, [True])]


async def test_order(studio: Studio) -> None:
    day = datetime(2026, 5, 1, tzinfo=UTC)
    photos = [
        await studio.make.asset(studio.project, name, captured_at=day + timedelta(hours=hour))
        for name, hour in (("c.jpg", 1), ("A.jpg", 3), ("b.jpg", 2))
    ]
    c, a, b = ids(photos)
    gallery = await studio.create(photos)
    for fields, order in (
        ({"by": "name"}, [a, b, c]),
        ({"by": "name", "descending": True}, [c, b, a]),
        ({"by": "captured_at"}, [c, b, a]),
    ):
        await studio.ok("sort_gallery", galleryId=gallery["id"], **fields)
        assert await studio.order(gallery) == order
    await studio.ok("arrange_gallery", galleryId=gallery["id"], assetIds=[a])
    assert await studio.order(gallery) == [a, c, b]
    unknown = {"galleryId": gallery["id"], "assetIds": [b, str(uuid7())]}
    assert await studio.code("arrange_gallery", **unknown) == "asset_not_found"
    assert await studio.order(gallery) == [a, c, b]


async def test_sections(studio: Studio) -> None:
    photos = await studio.photos(3)
    gallery = {"galleryId": (await studio.create(photos))["id"]}
    for title in ("Ceremony", "Party", "Portraits"):
        now = await studio.ok("create_gallery_section", **gallery, title=title)
    ceremony, party, portraits = (section["id"] for section in now["sections"])
    await studio.ok("place_gallery_assets", **gallery, assetIds=ids(photos[:2]), sectionId=party)
    await studio.ok("place_gallery_assets", **gallery, assetIds=ids(photos[:1]), sectionId=portraits)
    await studio.ok("rename_gallery_section", **gallery, sectionId=party, title="Dancing")
    now = await studio.ok("arrange_gallery_sections", **gallery, sectionIds=[portraits, party])
    assert now["sections"] == [
        {"id": portraits, "title": "Portraits", "assetCount": 1},
        {"id": party, "title": "Dancing", "assetCount": 1},
        {"id": ceremony, "title": "Ceremony", "assetCount": 0},
    ]
    now = await studio.ok("delete_gallery_section", **gallery, sectionId=party)
    assert ([section["id"] for section in now["sections"]], now["assetCount"]) == ([portraits, ceremony], 3)
    page = await studio.ok("list_gallery_assets", **gallery)
    assert [item["sectionId"] for item in page["items"]] == [portraits, None, None]
    assert await studio.code("rename_gallery_section", **gallery, sectionId=party, title="x") == "not_found"
    assert await studio.code("arrange_gallery_sections", **gallery, sectionIds=[party]) == "not_found"
    other = (await studio.create(photos))["id"]
    theirs = {"galleryId": other, "assetIds": ids(photos[:1]), "sectionId": portraits}
    assert await studio.code("place_gallery_assets", **theirs) == "not_found"


async def test_a_gallery_has_at_most_100_sections(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = await studio.create(await studio.photos(1))
    monkeypatch.setattr("kilo_gql.domain.gallery_sections.SECTIONS_MAX", 1)
    await studio.ok("create_gallery_section", galleryId=gallery["id"], title="One")
    assert await studio.code("create_gallery_section", galleryId=gallery["id"], title="Two") == "too_many_sections"
    assert len((await studio.ok("get_gallery", galleryId=gallery["id"]))["sections"]) == 1


async def test_a_page_of_its_photos(studio: Studio) -> None:
    photos = await studio.photos(3)
    preview = await studio.make.file(photos[0], FileKind.PREVIEW, sha256="ab" * 32)
    gallery = await studio.create(photos)
    first = await studio.ok("list_gallery_assets", galleryId=gallery["id"], limit=2)
    rest = await studio.ok("list_gallery_assets", galleryId=gallery["id"], limit=2, cursor=first["nextCursor"])
    assert [item["position"] for item in (*first["items"], *rest["items"])] == [0, 1, 2]
    assert rest["nextCursor"] is None
    address = f"/media/{photos[0].id}/preview-{(preview.sha256 or '')[:16]}"
    shown = first["items"][0]
    assert (shown["pinnedUrl"].endswith(address), shown["presentUrl"]) == (True, shown["pinnedUrl"])
    assert (first["items"][1]["pinnedUrl"], shown["changedAt"], shown["sectionId"]) == (None, None, None)


async def test_kept_looks_are_not_among_a_photos_files(studio: Studio, api: Api) -> None:
    [photo] = await studio.photos(1)
    for variant in ("", "pin-0123456789abcdef"):
        await put(
            studio.make,
            api.services.store,
            photo,
            FileKind.PREVIEW,
            pictures.jpeg() + variant.encode(),
            variant=variant,
        )
    listed = await studio.ok("list_asset_files", assetId=photo.id)
    files = listed["files"] if isinstance(listed, dict) else listed
    assert [file["kind"] for file in files] == ["preview"]


# --- what it costs ---------------------------------------------------------------------------------------------------


async def test_the_photos_of_a_page_come_in_one_batch(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    photos = [await make.asset(project) for _ in range(20)]
    gallery = await make_gallery(make.db, project, photos)
    query = "query($id: UUID!, $n: Int!) { galleryAssets(galleryId: $id, first: $n) { nodes { asset { filename } } } }"
    counts = []
    for first in (1, 2, 20):
        with statements(make.db) as seen:
            answer = await api.graphql(query, {"id": str(gallery.id), "n": first}, actor=ada)
            await asyncio.sleep(0.02)
        nodes = answer["data"]["galleryAssets"]["nodes"]
        assert [node["asset"]["filename"] for node in nodes] == [photo.filename for photo in photos[:first]]
        # whoever asks is looked up every five seconds, and the relay works beside us
        counts.append(len([one for one in seen if one.startswith(("SELECT galler", "SELECT assets"))]))
    assert counts == [3, 3, 3]


async def test_a_viewer_reads_and_does_not_change(studio: Studio) -> None:
    gallery = await studio.create(await studio.photos(1))
    viewer = await studio.make.member(studio.project.id, Role.VIEWER)
    seen = (await studio.door.call("get_gallery", viewer, galleryId=gallery["id"])).ok
    assert seen == {name: gallery[name] for name in seen}
    assert (await studio.door.call("update_gallery", viewer, galleryId=gallery["id"], title="x")).code == "forbidden"
