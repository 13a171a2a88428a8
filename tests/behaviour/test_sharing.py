"""A gallery before its guests, through both doors: who is told what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from kilo_gql.access import Perm, System
from kilo_gql.models import FileKind, Gallery, GalleryAsset, GallerySection
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.sharing import PASSWORD, PASSWORD_HASH, show, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_open_gallery_shows_itself(door: Door, make: Make) -> None:
    shown = await show(make, title="Ada & Grace", message="Choose 40.")
    told = (await door.call("open_gallery", None, shareSlug=shown.slug)).ok
    token = told.pop("token")
    guest = told.pop("guest")
    told.pop("assets", None)
    assert token.startswith("kgt_")
    assert (guest["name"], guest["email"]) == (None, None)
    assert told == {
        "title": "Ada & Grace", "requiresAuth": False, "galleryId": str(shown.gallery.id), "message": "Choose 40.",
        "coverAssetId": None, "expiresAt": None, "photoCount": 3, "sections": [], "downloads": "none",
        "favoritesAllowed": True, "commentsAllowed": True, "preview": False, "lists": [],
    }  # fmt: skip


async def test_before_the_password_nothing_but_the_title_is_told(door: Door, make: Make) -> None:
    shown = await show(make, title="Ada & Grace", message="Secret", password_hash=PASSWORD_HASH)
    answer = await door.call("open_gallery", None, shareSlug=shown.slug)
    told = {name: value for name, value in answer.ok.items() if value}
    assert told == {"title": "Ada & Grace", "requiresAuth": True, "downloads": "none"}
    for hidden in (shown.gallery.id, shown.project.id, shown.owner.user_id, *(photo.id for photo in shown.photos)):
        assert str(hidden) not in answer.text
    assert "Secret" not in answer.text
    assert "/g/" not in answer.text


async def test_the_contracts_paths_work_as_it_says(api: Api, make: Make) -> None:
    shown = await show(make, 2, password_hash=PASSWORD_HASH)
    share = f"/share/{shown.slug}"
    locked = (await api.rest("GET", share)).json()
    assert (locked["requiresAuth"], locked["token"], locked["assets"]) == (True, None, [])
    refused = await api.rest("POST", f"{share}/favorite", {"assetId": str(shown.photos[0].id), "favorite": True})
    assert (refused.status_code, refused.json()["code"]) == (401, "gallery_locked")
    let_in = await api.rest("POST", f"{share}/auth", {"password": PASSWORD})
    token = let_in.json()["token"]
    heart = {"assetId": str(shown.photos[0].id), "favorite": True}
    assert (await api.rest("POST", f"{share}/favorite", heart, actor=token)).json()["ok"] is True
    said = await api.rest(
        "POST", f"{share}/comment", {"assetId": str(shown.photos[1].id), "text": "Lovely"}, actor=token
    )
    assert said.status_code == 201
    gallery = (await api.rest("GET", share, actor=token)).json()
    assert [one["assetId"] for one in gallery["assets"]] == [str(photo.id) for photo in shown.photos]
    assert [one["favoriteCount"] for one in gallery["assets"]] == [1, 0]
    assert [one["commentsCount"] for one in gallery["assets"]] == [0, 1]
    assert [one["favorite"] for one in gallery["assets"]] == [True, False]
    base = f"{api.services.settings.base_url}/g/{shown.slug}/media/{shown.photos[0].id}/preview-"
    assert gallery["assets"][0]["previewUrl"].startswith(base)
    assert "?k=" in gallery["assets"][0]["previewUrl"]


async def test_wrong_expired_unpublished_and_deleted_answer_alike(
    api: Api, door: Door, make: Make, clock: Clock
) -> None:
    db = make.db
    shown = await show(make)
    closed = [
        await make_gallery(db, shown.project, shown.photos, published_at=None),
        await make_gallery(db, shown.project, shown.photos, expires_at=clock.now - timedelta(seconds=1)),
        await make_gallery(
            db, shown.project, shown.photos, expires_at=clock.now - timedelta(seconds=1), password_hash=PASSWORD_HASH
        ),
    ]
    deleted = await show(make)
    await door.call("delete_project", deleted.owner, projectId=deleted.project.id)
    answers = []
    for slug in ["A" * 24, "short", "%00", *(gallery.share_slug for gallery in closed), deleted.slug]:
        if door.name == "rest" and slug == "%00":
            continue
        for operation, more in (
            ("open_gallery", {}),
            ("authenticate_guest", {"password": PASSWORD}),
            ("favorite_asset", {"assetId": shown.photos[0].id, "favorite": True}),
        ):
            answer = await door.call(operation, None, shareSlug=slug, **more)
            assert (answer.code, operation) == ("not_found", operation)
            steady = {n: v for n, v in answer.headers.items() if n not in ("x-request-id", "server-timing", "date")}
            answers.append((operation, answer.text.replace(operation, ""), tuple(sorted(steady.items()))))
    assert len({(operation, text, headers) for operation, text, headers in answers}) == 3


async def test_members_look_at_a_preview_and_do_nothing(door: Door, make: Make) -> None:
    shown = await show(make, published_at=None, password_hash=PASSWORD_HASH)
    told = (await door.call("open_gallery", shown.owner, shareSlug=shown.slug)).ok
    assert (told["preview"], told["requiresAuth"], told["token"], told["guest"]) == (True, False, None, None)
    assert len((await door.call("shared_photos", shown.owner, shareSlug=shown.slug)).ok["items"]) == 3
    for operation, more in (
        ("favorite_asset", {"assetId": shown.photos[0].id, "favorite": True}),
        ("comment_asset", {"assetId": shown.photos[0].id, "text": "Mine"}),
        ("authenticate_guest", {"password": PASSWORD}),
        ("name_guest", {"name": "Ada"}),
    ):
        refused = await door.call(operation, shown.owner, shareSlug=shown.slug, **more)
        assert (refused.code, operation) == ("preview_only", operation)
    assert (await door.call("record_visit", shown.owner, shareSlug=shown.slug)).error is None
    assert (await door.call("list_gallery_activity", shown.owner, galleryId=shown.gallery.id)).ok["items"] == []


async def test_a_session_is_worth_nothing_once_the_gallery_moved_on(door: Door, make: Make) -> None:
    shown = await show(make, password_hash=PASSWORD_HASH)
    token = (await door.call("authenticate_guest", None, shareSlug=shown.slug, password=PASSWORD)).ok["token"]
    assert (await door.call("shared_photos", token, shareSlug=shown.slug)).error is None
    earlier = visitor(make.db, shown.gallery, version=shown.gallery.version - 1)
    assert (await door.call("shared_photos", earlier, shareSlug=shown.slug)).code == "gallery_locked"
    another = await show(make, password_hash=PASSWORD_HASH)
    assert (await door.call("shared_photos", token, shareSlug=another.slug)).code == "gallery_locked"
    changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    assert (await door.call("shared_photos", changed, shareSlug=shown.slug)).code == "token_invalid"


async def test_whoever_comes_back_with_the_password_is_who_they_were(door: Door, make: Make) -> None:
    shown = await show(make, password_hash=PASSWORD_HASH)
    guest_id = uuid7()
    old = visitor(make.db, shown.gallery, guest_id=guest_id, version=0)
    token = (await door.call("authenticate_guest", old, shareSlug=shown.slug, password=PASSWORD)).ok["token"]
    told = (await door.call("open_gallery", token, shareSlug=shown.slug)).ok
    assert told["guest"]["id"] == str(guest_id)


async def test_photos_come_in_order_page_by_page(door: Door, make: Make) -> None:
    shown = await show(make, 5)
    ids = [str(photo.id) for photo in shown.photos]
    found, cursor = [], None
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = (await door.call("shared_photos", None, shareSlug=shown.slug, limit=2, **more)).ok
        found += page["items"]
        cursor = page["nextCursor"]
        if len(page["items"]) < 2 or cursor is None:
            break
    assert [one["assetId"] for one in found] == ids
    assert [one["number"] for one in found] == [1, 2, 3, 4, 5]
    assert [one["previousId"] for one in found] == [None, *ids[:-1]]
    assert [one["nextId"] for one in found] == [*ids[1:], None]
    assert {one["filename"] for one in found} == {None}
    one = (await door.call("shared_photo", None, shareSlug=shown.slug, assetId=ids[2])).ok
    assert one == found[2]


async def test_photos_stand_under_their_headings(door: Door, make: Make) -> None:
    shown = await show(make, 4)
    gallery, ids = shown.gallery, [str(photo.id) for photo in shown.photos]
    made = [
        GallerySection(id=uuid7(), project_id=shown.project.id, gallery_id=gallery.id, title=title, position=position)
        for position, title in enumerate(("Ceremony", "Empty", "Party"))
    ]
    await make.rows(*made)
    async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        for number, section in ((0, made[2]), (1, made[0]), (3, made[0])):
            photo = GalleryAsset.asset_id == shown.photos[number].id
            await tx.session.execute(update(GalleryAsset).where(photo).values(section_id=section.id))
        cover = update(Gallery).where(Gallery.id == gallery.id).values(cover_asset_id=shown.photos[3].id)
        await tx.session.execute(cover)
        await tx.session.commit()
    told = (await door.call("open_gallery", None, shareSlug=shown.slug)).ok
    assert told["coverAssetId"] == ids[3]
    assert [(one["title"], one["photoCount"]) for one in told["sections"]] == [("Ceremony", 2), ("Party", 1)]
    first = (await door.call("shared_photos", None, shareSlug=shown.slug, limit=3)).ok
    rest = (await door.call("shared_photos", None, shareSlug=shown.slug, limit=3, cursor=first["nextCursor"])).ok
    photos = [*first["items"], *rest["items"]]
    assert [one["assetId"] for one in photos] == [ids[2], ids[1], ids[3], ids[0]]
    assert [one["number"] for one in photos] == [1, 2, 3, 4]
    under = (await door.call("shared_photos", None, shareSlug=shown.slug, sectionId=made[0].id)).ok["items"]
    assert [(one["assetId"], one["number"]) for one in under] == [(ids[1], 2), (ids[3], 3)]


async def test_what_is_thrown_away_or_not_in_the_gallery_is_not_there(door: Door, make: Make) -> None:
    shown = await show(make)
    outside = await make.asset(shown.project)
    await door.call("trash_assets", shown.owner, projectId=shown.project.id, ids=[shown.photos[1].id])
    page = (await door.call("shared_photos", None, shareSlug=shown.slug)).ok
    assert [(one["assetId"], one["number"]) for one in page["items"]] == [
        (str(shown.photos[0].id), 1),
        (str(shown.photos[2].id), 2),
    ]
    assert (await door.call("open_gallery", None, shareSlug=shown.slug)).ok["photoCount"] == 2
    for asset in (outside, shown.photos[1]):
        for operation, more in (
            ("shared_photo", {}),
            ("favorite_asset", {"favorite": True}),
            ("comment_asset", {"text": "x"}),
        ):
            refused = await door.call(operation, None, shareSlug=shown.slug, assetId=asset.id, **more)
            assert refused.code == "not_found"


async def test_names_are_shown_only_where_the_photographer_says_so(door: Door, make: Make) -> None:
    shown = await show(make, 1, filenames_shown=True)
    [photo] = (await door.call("shared_photos", None, shareSlug=shown.slug)).ok["items"]
    assert photo["filename"] == shown.photos[0].filename


async def test_nothing_about_camera_place_or_people_is_told(api: Api, make: Make) -> None:
    owner = await make.user("photographer@example.org")
    project = await make.project(owner, "Project nobody sees")
    photo = await make.asset(
        project, "Secret_Name.CR3", camera_make="Canonesque", camera_model="R5", camera_serial="SERIAL77",
        gps_latitude=48.123456, gps_longitude=11.654321, exif={"Owner": "Mallory"}, title="Inner title",
    )  # fmt: skip
    await make.file(photo, FileKind.PREVIEW)
    gallery: Gallery = await make_gallery(make.db, project, [photo])
    other = visitor(make.db, gallery)
    named = {"name": "Grace", "email": "grace@example.org"}
    assert (await api.rest("PUT", f"/share/{gallery.share_slug}/guest", named, actor=other)).is_success
    comment = {"assetId": str(photo.id), "text": "Hello"}
    assert (await api.rest("POST", f"/share/{gallery.share_slug}/comment", comment, actor=other)).is_success
    paths = ("", "/photos", f"/photos/{photo.id}", f"/comments?assetId={photo.id}", "/lists")
    told = [(await api.rest("GET", f"/share/{gallery.share_slug}{path}")).text for path in paths]
    secrets = (
        "Secret_Name", "SERIAL77", "Canonesque", "48.12", "11.65", "Mallory", "photographer@", "grace@", "Inner title",
        "nobody sees", str(project.id), str(owner.user_id), str(api.services.settings.home),
    )  # fmt: skip
    assert [
        (path, secret) for path, text in zip(paths, told, strict=True) for secret in secrets if secret in text
    ] == []
    assert "Hello" in told[3]
