"""Galleries as the domain decides them: what is chosen, what fits, what is told, and many at once."""

from __future__ import annotations

import asyncio
import base64
import struct
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from kilo_gql.access import Perm, System, TokenActor, UserActor
from kilo_gql.db import Database
from kilo_gql.domain import galleries, gallery_photos, gallery_sections
from kilo_gql.domain.asset_pages import AssetFilter
from kilo_gql.domain.galleries import NewGallery
from kilo_gql.domain.gallery_choice import Choice
from kilo_gql.domain.gallery_marks import set_gallery_watermark_image
from kilo_gql.domain.gallery_photos import AddedPhotos, GalleryOrder
from kilo_gql.domain.gallery_rows import GalleryRow
from kilo_gql.domain.gallery_settings import GalleryChange
from kilo_gql.domain.watermarks import MarkPosition, Watermark
from kilo_gql.errors import BadRequest, Conflict, Forbidden, KiloError, NotFound
from kilo_gql.models import Asset, Gallery, GalleryAsset, Project, Role
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Operation, Throat
from kilo_gql.paging import Slice
from tests.support.choices import Visitors
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.statements import statements
from tests.support.traces import queued

#: What begins like a PNG of one pixel.
_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1, 1)).decode()


@dataclass
class Desk:
    """A project of Ada's, and what she does there."""

    db: Database
    throat: Throat
    make: Make
    ada: UserActor
    project: Project

    async def photos(self, count: int) -> list[Asset]:
        return [await self.make.asset(self.project) for _ in range(count)]

    async def run(self, operation: Operation[Any], *arguments: Any, who: Any = None) -> Any:
        return (await self.throat.execute(who or self.ada, operation, *arguments)).value

    async def create(self, choice: Choice, *, published: bool = True, **settings: Any) -> GalleryRow:
        new = NewGallery(choice, GalleryChange(**{"title": "Wedding", **settings}), published)
        made: GalleryRow = await self.run(galleries.create_gallery, self.project.id, new)
        return made

    async def in_order(self, gallery_id: UUID) -> list[tuple[int, UUID]]:
        order = select(GalleryAsset.position, GalleryAsset.asset_id).where(GalleryAsset.gallery_id == gallery_id)
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return [tuple(row) for row in await tx.rows(order.order_by(GalleryAsset.position, GalleryAsset.asset_id))]  # type: ignore[misc]

    async def row(self, gallery_id: UUID) -> Gallery:
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return await tx.get(Gallery, gallery_id)

    async def renders(self) -> int:
        return len(await queued(self.db, "gallery.render"))


@pytest.fixture
async def desk(db: Database, throat: Throat, make: Make) -> Desk:
    ada = await make.user()
    return Desk(db, throat, make, ada, await make.project(ada))


def ids(photos: list[Asset]) -> list[UUID]:
    return [photo.id for photo in photos]


# --- what is chosen --------------------------------------------------------------------------------------------------


async def test_what_guests_selected_becomes_a_gallery(desk: Desk) -> None:
    photos = await desk.photos(4)
    visitors = Visitors(desk.db, await make_gallery(desk.db, desk.project, photos))
    guest = await visitors.guest("Eve")
    await visitors.heart(guest, photos[3], photos[1])
    album = await desk.create(Choice(filter=AssetFilter(client_favorites_min=1)))
    assert await desk.in_order(album.id) == [(0, photos[1].id), (1, photos[3].id)]


async def test_picks_are_ones_own(desk: Desk) -> None:
    [photo, other] = await desk.photos(2)
    bob = await desk.make.member(desk.project.id, Role.EDITOR)
    await desk.make.rating(photo, desk.ada, picked=True)
    await desk.make.rating(other, bob, picked=True)
    made = await desk.create(Choice(filter=AssetFilter(picked=True)))
    assert await desk.in_order(made.id) == [(0, photo.id)]


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"asset_ids": [uuid7()], "filter": AssetFilter()},
        {"filter": AssetFilter(trashed=True)},
        {"filter": AssetFilter(quarantined=True)},
    ],
)
def test_a_choice_is_one_thing(choice: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        Choice(**choice)


async def test_an_id_twice_is_one_photo(desk: Desk) -> None:
    [photo] = await desk.photos(1)
    made = await desk.create(Choice([photo.id, photo.id]))
    assert (made.asset_count, await desk.in_order(made.id)) == (1, [(0, photo.id)])


async def test_a_gallery_of_5000(desk: Desk) -> None:
    """The most there can be: chosen, put in order backwards, taken out."""
    rows = [
        {
            "id": uuid7(), "project_id": desk.project.id, "status": "ready", "filename": f"{number}.jpg",
            "stem": str(number), "format": "jpeg", "added_by": desk.ada.user_id, "ingested_at": desk.db.house.clock(),
            "updated_at": desk.db.house.clock(), "created_at": desk.db.house.clock(), "exif": {}, "iptc": {},
            "xmp": {}, "flags": {}, "keywords": [], "remarks": [], "unpaired": False, "orientation": 1,
            "preview_ready": True, "metadata_ready": True, "signals_ready": False, "embedding_ready": False,
        }
        for number in range(5_001)
    ]  # fmt: skip
    async with desk.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.insert(Asset, rows)
        await tx.session.commit()
    all_ids = [row["id"] for row in rows]
    with pytest.raises(Conflict) as full:
        await desk.create(Choice(filter=AssetFilter()))
    assert (full.value.code, full.value.details) == ("gallery_full", {"count": 5_001, "max": 5_000})
    made = await desk.create(Choice(all_ids[:5_000]))
    assert made.asset_count == 5_000
    with pytest.raises(Conflict, match="5,000"):
        await desk.run(gallery_photos.add_gallery_assets, made.id, AddedPhotos(Choice(all_ids[5_000:])))
    backwards = all_ids[4_999::-1]
    await desk.run(gallery_photos.arrange_gallery, made.id, backwards)
    assert await desk.in_order(made.id) == list(enumerate(backwards))
    left = await desk.run(gallery_photos.remove_gallery_assets, made.id, all_ids[:4_999])
    assert (left.asset_count, await desk.in_order(made.id)) == (1, [(0, all_ids[4_999])])


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_adding_from_many_sides_gives_each_photo_one_place(desk: Desk) -> None:
    photos = await desk.photos(12)
    gallery = await desk.create(Choice(ids(photos[:1])))
    calls = [AddedPhotos(Choice(ids(photos[start : start + 4]))) for start in range(0, 12, 2)]
    await asyncio.gather(*(desk.run(gallery_photos.add_gallery_assets, gallery.id, added) for added in calls))
    found = await desk.in_order(gallery.id)
    assert [position for position, _ in found] == list(range(12))
    assert {id_ for _, id_ in found} == set(ids(photos))


async def test_the_limit_holds_for_calls_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kilo_gql.domain.gallery_choice.ASSETS_MAX", 5)
    photos = await desk.photos(11)
    gallery = await desk.create(Choice(ids(photos[:1])))
    calls = [AddedPhotos(Choice(ids(photos[start : start + 2]))) for start in range(1, 11, 2)]
    answers = await asyncio.gather(
        *(desk.run(gallery_photos.add_gallery_assets, gallery.id, added) for added in calls), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, KiloError)]
    assert ([error.code for error in refused], len(await desk.in_order(gallery.id))) == (["gallery_full"] * 3, 5)


async def test_two_changes_at_once_are_both_there(desk: Desk) -> None:
    gallery = await desk.create(Choice(ids(await desk.photos(1))))
    changes = (GalleryChange(title="Later"), GalleryChange(password="peonies"), GalleryChange(comments_allowed=False))
    await asyncio.gather(*(desk.run(galleries.update_gallery, gallery.id, change) for change in changes))
    now = await desk.run(galleries.get_gallery, gallery.id)
    assert (now.title, now.requires_password, now.comments_allowed) == ("Later", True, False)


# --- what it costs ---------------------------------------------------------------------------------------------------


async def test_statements_do_not_grow_with_photos(desk: Desk) -> None:
    photos = await desk.photos(41)
    counts: list[list[int]] = []
    for more in (photos[1:2], photos[1:2], photos[1:]):  # in the first round the connection meets its types
        gallery_id = (await desk.create(Choice(ids(photos[:1])))).id
        both = ids([*more, photos[0]])
        calls: list[tuple[Operation[Any], tuple[Any, ...]]] = [
            (galleries.create_gallery, (desk.project.id, NewGallery(Choice(both), GalleryChange(title="x")))),
            (gallery_photos.add_gallery_assets, (gallery_id, AddedPhotos(Choice(ids(more))))),
            (gallery_photos.list_gallery_assets, (gallery_id, Slice())),
            (gallery_photos.arrange_gallery, (gallery_id, both)),
            (gallery_photos.sort_gallery, (gallery_id, GalleryOrder.NAME)),
            (gallery_sections.place_gallery_assets, (gallery_id, both)),
            (gallery_photos.remove_gallery_assets, (gallery_id, ids(more))),
            (galleries.get_gallery, (gallery_id,)),
            (galleries.delete_gallery, (gallery_id,)),
        ]
        counts.append([await _cost(desk, operation, arguments) for operation, arguments in calls])
    assert counts[1] == counts[2]


async def _cost(desk: Desk, operation: Operation[Any], arguments: tuple[Any, ...]) -> int:
    with statements(desk.db) as seen:
        await desk.run(operation, *arguments)
        await asyncio.sleep(0.02)
    return len(seen)


# --- what follows ----------------------------------------------------------------------------------------------------


async def test_pictures_are_made_when_guests_see_other_ones(desk: Desk) -> None:
    photos = await desk.photos(2)
    draft = await desk.create(Choice(ids(photos[:1])), published=False)
    await desk.run(galleries.update_gallery, draft.id, GalleryChange(watermark=True))
    assert await desk.renders() == 0
    await desk.run(galleries.publish_gallery, draft.id)
    assert await desk.renders() == 1
    await desk.run(galleries.update_gallery, draft.id, GalleryChange(message="Hello"))
    assert await desk.renders() == 1
    other = await desk.create(Choice(ids(photos[:1])))
    assert await desk.renders() == 2
    await desk.run(gallery_photos.add_gallery_assets, other.id, AddedPhotos(Choice(ids(photos[1:]))))
    assert await desk.renders() == 2  # one that waits is enough


async def test_the_marks_version_is_that_of_its_settings(desk: Desk) -> None:
    gallery = await desk.create(Choice(ids(await desk.photos(1))))
    versions = [(await desk.row(gallery.id)).watermark_version]
    marks = (Watermark(text="A"), Watermark(text="A", position=MarkPosition.TILED), Watermark(text="A"), Watermark())
    for mark in marks:
        await desk.run(galleries.update_gallery, gallery.id, GalleryChange(watermark_settings=mark))
        versions.append((await desk.row(gallery.id)).watermark_version)
    assert (versions[1] == versions[3], versions[0] == versions[4], len(set(versions))) == (True, True, 3)


async def test_a_token_of_galleries_alone(desk: Desk) -> None:
    """A program that may manage galleries, and nothing else."""
    photos = await desk.photos(1)
    token = TokenActor(desk.ada.user_id, uuid7(), ("gallery.*",))
    new = NewGallery(Choice(ids(photos)), GalleryChange(title="Wedding"))
    made = await desk.run(galleries.create_gallery, desk.project.id, new, who=token)
    assert made.asset_count == 1
    reader = TokenActor(desk.ada.user_id, uuid7(), ("gallery.read",))
    assert (await desk.run(galleries.get_gallery, made.id, who=reader)).id == made.id
    with pytest.raises(Forbidden) as refused:
        await desk.run(galleries.delete_gallery, made.id, who=reader)
    assert refused.value.code == "scope_missing"


async def test_a_section_of_another_gallery_is_not_there(desk: Desk) -> None:
    photos = await desk.photos(1)
    one, other = [await desk.create(Choice(ids(photos))) for _ in range(2)]
    with_section = await desk.run(gallery_sections.create_gallery_section, one.id, "Party")
    section_id = with_section.sections[0].id
    for operation, arguments in (
        (gallery_sections.rename_gallery_section, (section_id, "x")),
        (gallery_sections.delete_gallery_section, (section_id,)),
        (gallery_sections.place_gallery_assets, (ids(photos), section_id)),
        (gallery_photos.add_gallery_assets, (AddedPhotos(Choice(ids(photos)), section_id),)),
    ):
        with pytest.raises(NotFound):
            await desk.run(operation, other.id, *arguments)
    assert (await desk.run(galleries.get_gallery, one.id)).sections == with_section.sections


async def test_a_mark_for_a_gallery_that_goes_meanwhile(desk: Desk) -> None:
    """Its picture is stored before the gallery is held."""
    gallery = await desk.create(Choice(ids(await desk.photos(1))))

    class Store:
        async def signed_get(self, key: str, **_: Any) -> str:
            return key

        async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
            await desk.run(galleries.delete_gallery, gallery.id)

    desk.db.house = replace(desk.db.house, links=Store())
    with pytest.raises(NotFound):
        await desk.run(set_gallery_watermark_image, gallery.id, _PNG)
