"""Clients' choices on the photographer's photos, and on their way back to the editor, through both doors."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.models import Asset, FileKind, Gallery, GalleryAsset, GallerySection, Project
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.choices import Visitors
from tests.support.doors import Door
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.sharing import visitor
from tests.support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Names as they come, and as no spreadsheet, header or archive may take them.
NAMES = ("IMG_1.CR3", "IMG 2.JPG", '=cmd|" /C calc"!A1.jpg', "../../Ärger\u202e.jpg", "img_1.jpg")


class Delivered:
    """A gallery of photos with these names, and its visitors."""

    def __init__(self, ada: UserActor, project: Project, photos: list[Asset], gallery: Gallery, db: Any) -> None:
        self.ada, self.project, self.photos, self.gallery = ada, project, photos, gallery
        self.visitors = Visitors(db, gallery)


@pytest_asyncio.fixture(loop_scope="module")
async def delivered(api: Api, make: Make) -> Delivered:
    ada = await make.user()
    project = await make.project(ada)
    photos = [await make.asset(project, name) for name in NAMES]
    for photo in photos:
        await make.file(photo, FileKind.PREVIEW, width_px=2048, height_px=1365)
    db = api.services.db
    gallery = await make_gallery(db, project, photos, title="Anna & Ben")
    return Delivered(ada, project, photos, gallery, db)


async def test_choices_are_facts_about_a_photo(door: Door, delivered: Delivered, api: Api) -> None:
    photo, other, *_ = delivered.photos
    visitors = delivered.visitors
    anna, nobody = await visitors.guest("Anna"), await visitors.guest(None)
    await visitors.heart(anna, photo)
    await visitors.heart(nobody, photo)
    album = await visitors.select(anna, "Album", photo, submitted=True)
    said = await visitors.comment(anna, photo, "This one!")
    await visitors.comment(anna, photo, "Really", parent_id=said.id)
    await visitors.comment(anna, photo, "Gone", deleted_at=visitors.now)
    found = (await door.call("get_client_choices", delivered.ada, assetId=photo.id)).ok
    assert (found["favoriteCount"], found["selectionCount"], found["commentCount"], found["openThreads"]) == (
        2,
        1,
        2,
        1,
    )
    assert {(one["guestId"], one["guestName"]) for one in found["favorites"]} == {
        (str(anna.id), "Anna"),
        (str(nobody.id), None),
    }
    [chosen] = found["selections"]
    assert (chosen["listId"], chosen["listTitle"], chosen["guestName"]) == (str(album.id), "Album", "Anna")
    assert chosen["submittedAt"] is not None
    empty = (await door.call("get_client_choices", delivered.ada, assetId=other.id)).ok
    assert empty == {
        "favoriteCount": 0, "favorites": [], "selectionCount": 0, "selections": [], "commentCount": 0, "openThreads": 0,
    }  # fmt: skip


async def test_photos_are_found_by_what_clients_chose(door: Door, delivered: Delivered, make: Make) -> None:
    a, b, c, *_ = delivered.photos
    elsewhere = await make.asset(delivered.project, "elsewhere.jpg")
    visitors = delivered.visitors
    anna, ben = await visitors.guest("Anna"), await visitors.guest("Ben")
    await visitors.heart(anna, a, b)
    await visitors.heart(ben, b)
    album = await visitors.select(anna, "Album", c)
    await visitors.comment(ben, c, "Brighter?")
    await visitors.comment(ben, a, "Fine now", resolved_at=visitors.now)

    async def found(**filters: Any) -> set[str]:
        answer = await door.call("list_assets", delivered.ada, projectId=delivered.project.id, **filters)
        return {item["filename"] for item in answer.ok["items"]}

    assert await found(clientFavoritesMin=1) == {a.filename, b.filename}
    assert await found(clientFavoritesMin=2) == {b.filename}
    assert await found(clientListId=album.id) == {c.filename}
    assert await found(clientCommented=True) == {c.filename}
    assert await found(clientCommented=False, galleryId=delivered.gallery.id) == set(NAMES) - {c.filename}
    assert await found(galleryId=delivered.gallery.id) == set(NAMES)
    assert elsewhere.filename in await found(clientCommented=False)
    refused = await door.call("list_assets", delivered.ada, projectId=delivered.project.id, clientFavoritesMin=0)
    assert (refused.code, refused.error and refused.error["details"]) == (
        "bad_request",
        {"field": "clientFavoritesMin"},
    )


async def test_choices_of_a_list_cost_no_more_for_more_photos(api: Api, make: Make, delivered: Delivered) -> None:
    anna = await delivered.visitors.guest("Anna")
    await delivered.visitors.heart(anna, *delivered.photos)
    document = """query ($id: UUID!, $n: Int!) { assets(projectId: $id, first: $n) { nodes { clientChoices {
        favoriteCount favorites { guestName } selections { listTitle } openThreads } } } }"""

    async def asked(first: int) -> int:
        with statements(api.services.db) as made:
            variables = {"id": str(delivered.project.id), "n": first}
            answer = (await api.post_graphql(document, variables, actor=delivered.ada)).json()
        assert [node["clientChoices"]["favoriteCount"] for node in answer["data"]["assets"]["nodes"]] == [1] * first
        return len(made)

    await asked(1)  # whoever asks is looked up once
    assert await asked(1) == await asked(5)


async def test_lists_for_the_editor(door: Door, delivered: Delivered) -> None:
    visitors = delivered.visitors
    anna, ben = await visitors.guest("Anna"), await visitors.guest("=Ben")
    await visitors.heart(ben, *reversed(delivered.photos))
    await visitors.heart(anna, delivered.photos[1])
    await visitors.comment(anna, delivered.photos[0], "Line one\nline two")
    found = (await door.call("gallery_choices", delivered.ada, galleryId=delivered.gallery.id)).ok
    assert found["count"] == 5
    assert [(photo["number"], photo["filename"], photo["count"]) for photo in found["photos"]] == [
        (1, NAMES[0], 1), (2, NAMES[1], 2), (3, NAMES[2], 1), (4, NAMES[3], 1), (5, NAMES[4], 1),
    ]  # fmt: skip
    assert found["photos"][0]["comments"] == ["Anna: Line one\nline two"]
    assert found["lightroom"].startswith("IMG_1, IMG 2, ")
    assert found["captureOne"].startswith('IMG_1 "IMG 2" ')
    assert found["finder"].startswith('IMG_1 OR "IMG 2" OR ')
    assert found["text"].splitlines()[:2] == ["IMG_1.CR3", "IMG 2.JPG"]
    assert found["csv"].startswith("\ufeffnumber,filename,count,guests,comments,assetId\r\n")
    rows = list(csv.reader(io.StringIO(found["csv"].removeprefix("\ufeff"), newline="")))
    assert rows[1] == ["1", "IMG_1.CR3", "1", "'=Ben", "Anna: Line one\nline two", str(delivered.photos[0].id)]
    assert rows[3][1] == f"'{NAMES[2]}"
    only = (await door.call("gallery_choices", delivered.ada, galleryId=delivered.gallery.id, guestId=anna.id)).ok
    assert only["names"] == ["IMG 2"]


async def test_photos_have_the_numbers_that_guests_read(door: Door, delivered: Delivered, make: Make) -> None:
    """By sections, and without those that are not shown."""
    a, b, c, d, e = delivered.photos
    visitors = delivered.visitors
    anna = await visitors.guest("Anna")
    await visitors.heart(anna, a, c, e)
    section = GallerySection(
        id=uuid7(), project_id=delivered.project.id, gallery_id=delivered.gallery.id, title="Party", position=0
    )
    await make.rows(section)
    async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        for photo, changed in ((a, {"section_id": section.id}), (b, {"pinned_sha256": None})):
            await tx.session.execute(update(GalleryAsset).where(GalleryAsset.asset_id == photo.id).values(**changed))
        await tx.session.commit()
    found = (await door.call("gallery_choices", delivered.ada, galleryId=delivered.gallery.id)).ok["photos"]
    assert [(photo["number"], photo["filename"]) for photo in found] == [
        (1, c.filename), (3, e.filename), (4, a.filename),
    ]  # fmt: skip
    shared = await door.call(
        "shared_photos", visitor(make.db, delivered.gallery), shareSlug=delivered.gallery.share_slug
    )
    assert [photo["assetId"] for photo in shared.ok["items"]] == [str(photo.id) for photo in (c, d, e, a)]


async def test_selections_and_open_threads_are_sources_too(door: Door, delivered: Delivered) -> None:
    visitors, gallery = delivered.visitors, delivered.gallery
    anna = await visitors.guest("Anna")
    album = await visitors.select(anna, "Album", delivered.photos[2])
    await visitors.comment(anna, delivered.photos[1], "Brighter?")
    await visitors.comment(anna, delivered.photos[0], "Done", resolved_at=visitors.now)
    chosen = await door.call(
        "gallery_choices", delivered.ada, galleryId=gallery.id, source="selection", listId=album.id
    )
    assert [photo["filename"] for photo in chosen.ok["photos"]] == [NAMES[2]]
    said = await door.call("gallery_choices", delivered.ada, galleryId=gallery.id, source="comments")
    assert [photo["filename"] for photo in said.ok["photos"]] == [NAMES[1]]
    refused = await door.call("gallery_choices", delivered.ada, galleryId=gallery.id, source="selection")
    assert (refused.code, refused.error and refused.error["details"]) == ("bad_request", {"field": "listId"})


async def _file(api: Api, delivered: Delivered, kind: str) -> Any:
    path = f"/galleries/{delivered.gallery.id}/choices?format={kind}"
    return await api.rest("GET", path, None, actor=delivered.ada)


async def test_files_have_names_that_end_no_header(api: Api, delivered: Delivered) -> None:
    await delivered.visitors.heart(await delivered.visitors.guest("Anna"), *delivered.photos)
    for kind, name in (("csv", "Anna _ Ben csv.csv"), ("lightroom", "Anna _ Ben lightroom.txt")):
        answer = await _file(api, delivered, kind)
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}"')
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await _file(api, delivered, "json")).json()["count"] == 5


@pytest.mark.exiftool
async def test_sidecars_say_the_choice_and_keep_the_rest(
    api: Api, make: Make, delivered: Delivered, tmp_path: Path
) -> None:
    """What came with a photo stays, what the photographer rejected stays rejected."""
    a, b, *_ = delivered.photos
    existing = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+0.50"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    key = f"{delivered.project.id}/{a.id}/own.xmp"
    await api.services.store.put_bytes(key, existing, "application/rdf+xml")
    await make.file(a, FileKind.SIDECAR, key=key, variant="img_1.xmp")
    await make.rating(b, delivered.ada, rejected=True)
    await delivered.visitors.heart(await delivered.visitors.guest("Anna"), *delivered.photos)
    answer = await _file(api, delivered, "xmp")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.namelist() == [
            "IMG_1.xmp", "IMG 2.xmp", "=cmd__ _C calc_!A1.xmp", "_.._Ärger.xmp", "img_1 (2).xmp",
        ]  # fmt: skip
        (tmp_path / "a.xmp").write_bytes(opened.read("IMG_1.xmp"))
        (tmp_path / "b.xmp").write_bytes(opened.read("IMG 2.xmp"))
    read = subprocess.run(
        ["exiftool", "-j", "-Rating", "-Label", "-Subject", "-Exposure2012", "a.xmp", "b.xmp"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    first, second = json.loads(read.stdout)
    assert (first["Rating"], first["Label"], first["Subject"]) == (5, "Green", "Client favorite")
    assert str(first["Exposure2012"]) in ("+0.50", "0.5")
    assert second["Rating"] == -1


async def test_what_a_file_says_of_its_stars_is_taken_if_it_is_stars(
    door: Door, api: Api, delivered: Delivered, make: Make
) -> None:
    """A file may say anything, and one photo must not take the others' choices with it."""
    said = {"--5": None, "-1": -1, "3": 3, "9" * 5000: None, "2.5": None}
    await delivered.visitors.heart(await delivered.visitors.guest("Anna"), *delivered.photos)
    for photo, own in zip(delivered.photos, said, strict=True):
        async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
            row = await tx.session.get_one(Asset, photo.id)
            row.xmp = {"xmp:Rating": own}
            await tx.session.commit()
        sidecar = await api.rest("GET", f"/assets/{photo.id}/sidecar", None, actor=delivered.ada)
        assert (sidecar.status_code, said[own] is not None) == (200, b"xmp:Rating" in sidecar.content)
    assert (await door.call("gallery_choices", delivered.ada, galleryId=delivered.gallery.id)).ok["count"] == 5


async def test_without_a_choice_there_are_no_sidecars(api: Api, delivered: Delivered) -> None:
    answer = await _file(api, delivered, "xmp")
    assert (answer.status_code, answer.json()["code"]) == (400, "nothing_chosen")


async def test_a_proposal_through_the_doors(door: Door, api: Api, make: Make) -> None:
    db = api.services.db
    ada = await make.user()
    culled = await Culled.of(db, ada)
    frames = await culled.photos(2)
    moment = await culled.cluster(frames, winner_asset_id=frames[0].id)
    visitors = Visitors(db, await make_gallery(db, culled.project, frames))
    await visitors.heart(await visitors.guest("Anna"), frames[1])
    [item] = (await door.call("list_gallery_proposals", ada, projectId=culled.project.id, decided=False)).ok["items"]
    assert (item["winnerAssetId"], item["favoredAssetId"], item["clusterId"], item["accepted"]) == (
        str(frames[0].id), str(frames[1].id), str(moment.id), None,
    )  # fmt: skip
    answer = await door.call("decide_gallery_proposal", ada, proposalId=item["id"], accept=True)
    decided = answer.ok.get("proposal", answer.ok)
    assert (decided["accepted"], decided["decidedBy"]) == (True, str(ada.user_id))
    waiting = await door.call("list_gallery_proposals", ada, projectId=culled.project.id, decided=False)
    assert waiting.ok["items"] == []
    regret = (await door.call("get_regret", ada, projectId=culled.project.id)).ok
    assert regret == {"clusters": 1, "disputed": 1, "rate": 1.0, "accepted": 1, "declined": 0, "undecided": 0}
