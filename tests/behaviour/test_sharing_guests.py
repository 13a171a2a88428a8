"""What guests say they are and like, through both doors, and what the photographer reads of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kilo_gql.domain import favorites, guest_rows, sharing
from kilo_gql.models import GalleryActivity, GalleryFavorite, GalleryGuest, OutboxEvent, ProjectEvent
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.sharing import Shown, rows_of, show, visitor
from tests.support.wait import until_seen

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def told(make: Make, shown: Shown) -> list[tuple[str, dict[str, Any]]]:
    """The events of a project, in order, once the relay has numbered all of them."""

    async def numbered() -> bool:
        return not await rows_of(make.db, OutboxEvent, project_id=shown.project.id)

    await until_seen(numbered, 10)
    found = await rows_of(make.db, ProjectEvent, project_id=shown.project.id)
    return [(row.name, row.changed) for row in sorted(found, key=lambda row: row.seq)]


async def heart(door: Door, shown: Shown, who: str | None, number: int = 0, favorite: bool = True) -> Any:
    return await door.call(
        "favorite_asset", who, shareSlug=shown.slug, assetId=shown.photos[number].id, favorite=favorite
    )


async def mine(door: Door, shown: Shown, who: str | None) -> list[bool]:
    page = (await door.call("shared_photos", who, shareSlug=shown.slug)).ok
    return [one["favorite"] for one in page["items"]]


async def test_each_guest_has_their_own_hearts(door: Door, make: Make) -> None:
    shown = await show(make)
    ada, grace = visitor(make.db, shown.gallery), visitor(make.db, shown.gallery)
    photo = str(shown.photos[0].id)
    assert (await heart(door, shown, ada)).ok == {
        "ok": True, "assetId": photo, "favorite": True, "favoriteCount": 1,
    }  # fmt: skip
    assert (await heart(door, shown, grace)).ok["favoriteCount"] == 2
    assert (await heart(door, shown, grace, 1)).ok["favoriteCount"] == 1
    assert await mine(door, shown, ada) == [True, False, False]
    assert await mine(door, shown, grace) == [True, True, False]
    assert await mine(door, shown, None) == [False, False, False]
    assert (await heart(door, shown, ada, favorite=False)).ok["favoriteCount"] == 1
    assert await mine(door, shown, ada) == [False, False, False]
    assert await mine(door, shown, grace) == [True, True, False]
    only = (await door.call("shared_photos", grace, shareSlug=shown.slug, favorites=True)).ok
    assert [(one["assetId"], one["number"]) for one in only["items"]] == [
        (str(shown.photos[0].id), 1), (str(shown.photos[1].id), 2),
    ]  # fmt: skip


async def test_a_heart_said_twice_is_one_and_tells_once(door: Door, make: Make) -> None:
    shown = await show(make)
    guest_id = uuid7()
    ada = visitor(make.db, shown.gallery, guest_id=guest_id)
    for _ in range(2):
        assert (await heart(door, shown, ada)).ok["favoriteCount"] == 1
    photo = str(shown.photos[0].id)
    deed = {"activity": "favorited", "guestId": str(guest_id), "assetIds": [photo]}
    assert await told(make, shown) == [("gallery.updated", deed), ("asset.updated", {"clientFavorites": 1})]
    assert len(await rows_of(make.db, GalleryFavorite, gallery_id=shown.gallery.id)) == 1
    assert (await heart(door, shown, ada, favorite=False)).ok["favoriteCount"] == 0
    assert (await told(make, shown))[-1] == ("asset.updated", {"clientFavorites": 0})


async def test_a_key_makes_a_heart_once(door: Door, make: Make) -> None:
    shown = await show(make)
    ada = visitor(make.db, shown.gallery)
    call = {"shareSlug": shown.slug, "assetId": shown.photos[0].id, "favorite": True}
    first = await door.call("favorite_asset", ada, key="guest-key-1", **call)
    again = await door.call("favorite_asset", ada, key="guest-key-1", **call)
    assert (first.replayed, again.replayed, first.ok) == (False, True, again.ok)


async def test_who_comes_without_a_session_shares_one_name(door: Door, make: Make) -> None:
    shown = await show(make)
    assert (await heart(door, shown, None)).ok["favoriteCount"] == 1
    assert (await heart(door, shown, None)).ok["favoriteCount"] == 1
    assert await mine(door, shown, None) == [True, False, False]
    [guest] = (await door.call("list_guests", shown.owner, galleryId=shown.gallery.id)).ok["items"]
    assert (guest["id"], guest["anonymous"]) == (str(sharing.nobody(shown.gallery.id)), True)
    refused = await door.call("name_guest", None, shareSlug=shown.slug, name="Everybody")
    assert refused.code == "guest_session_needed"


async def test_where_hearts_are_off_there_are_none(door: Door, make: Make) -> None:
    shown = await show(make, favorites_allowed=False)
    ada = visitor(make.db, shown.gallery)
    assert (await heart(door, shown, ada)).code == "favorites_closed"
    assert await rows_of(make.db, GalleryFavorite, gallery_id=shown.gallery.id) == []
    assert await rows_of(make.db, GalleryGuest, gallery_id=shown.gallery.id) == []


async def test_hearts_have_an_end(door: Door, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = await show(make)
    ada, grace = visitor(make.db, shown.gallery), visitor(make.db, shown.gallery)
    monkeypatch.setattr(favorites, "FAVORITES_MAX", 2)
    monkeypatch.setattr(favorites, "TOGETHER_MAX", 3)
    for who, number in ((ada, 0), (ada, 1), (grace, 0)):
        assert (await heart(door, shown, who, number)).error is None
    for who in (ada, grace):
        refused = await heart(door, shown, who, 2)
        assert refused.code == "too_many_favorites"
    assert len(await rows_of(make.db, GalleryFavorite, gallery_id=shown.gallery.id)) == 3
    assert len(await rows_of(make.db, GalleryActivity, gallery_id=shown.gallery.id)) == 3


async def test_guests_have_an_end(door: Door, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = await show(make)
    monkeypatch.setattr(guest_rows, "GUESTS_MAX", 1)
    ada = visitor(make.db, shown.gallery)
    assert (await heart(door, shown, ada)).error is None
    assert (await heart(door, shown, visitor(make.db, shown.gallery))).code == "gallery_crowded"
    assert (await heart(door, shown, ada, 1)).error is None
    assert len(await rows_of(make.db, GalleryGuest, gallery_id=shown.gallery.id)) == 1


async def test_fifty_hearts_at_once_are_all_counted(door: Door, make: Make) -> None:
    shown = await show(make, 1)
    guests = [visitor(make.db, shown.gallery) for _ in range(50)]
    answers = await asyncio.gather(*(heart(door, shown, who) for who in guests))
    assert sorted(answer.ok["favoriteCount"] for answer in answers) == list(range(1, 51))
    counts = [changed["clientFavorites"] for name, changed in await told(make, shown) if name == "asset.updated"]
    assert sorted(counts) == list(range(1, 51))


async def test_a_guest_says_who_they_are(door: Door, make: Make) -> None:
    shown = await show(make)
    guest_id = uuid7()
    ada = visitor(make.db, shown.gallery, guest_id=guest_id)
    said = await door.call(
        "name_guest", ada, shareSlug=shown.slug, name="  Ada\u202e\u0007 \n Lovelace ", email="Ada@Example.org"
    )
    assert said.ok == {"id": str(guest_id), "name": "Ada Lovelace", "email": "ada@example.org"}
    assert (await door.call("open_gallery", ada, shareSlug=shown.slug)).ok["guest"] == said.ok
    [guest] = (await door.call("list_guests", shown.owner, galleryId=shown.gallery.id)).ok["items"]
    assert (guest["name"], guest["email"], guest["anonymous"]) == ("Ada Lovelace", "ada@example.org", False)
    for name, email in (("", None), ("x" * 81, None), ("\u202e\u0000", None), ("Ada", "no address")):
        more = {} if email is None else {"email": email}
        refused = await door.call("name_guest", ada, shareSlug=shown.slug, name=name, **more)
        assert refused.code == ("bad_request" if email is None else "bad_email")
    assert (await door.call("open_gallery", ada, shareSlug=shown.slug)).ok["guest"] == said.ok


async def test_a_visit_is_one_for_half_an_hour(door: Door, make: Make, clock: Clock) -> None:
    shown = await show(make)
    guest_id = uuid7()
    for minutes in (0, 10, 19, 2, 0, 31):
        clock.now += timedelta(minutes=minutes)
        ada = visitor(make.db, shown.gallery, guest_id=guest_id)
        assert (await door.call("record_visit", ada, shareSlug=shown.slug)).error is None
    lines = await rows_of(make.db, GalleryActivity, gallery_id=shown.gallery.id)
    begun = min(line.at for line in lines)
    assert sorted(line.at - begun for line in lines) == [timedelta(minutes=m) for m in (0, 31, 62)]
    [guest] = await rows_of(make.db, GalleryGuest, gallery_id=shown.gallery.id)
    assert guest.last_seen_at == clock.now


async def test_the_feed_tells_what_happened_newest_first(door: Door, make: Make) -> None:
    shown = await show(make)
    ada = visitor(make.db, shown.gallery)
    await door.call("name_guest", ada, shareSlug=shown.slug, name="Ada")
    await heart(door, shown, ada, 0)
    await heart(door, shown, ada, 1)
    for favorite in (False, True, False):
        await heart(door, shown, ada, 0, favorite=favorite)
    await door.call("comment_asset", ada, shareSlug=shown.slug, assetId=shown.photos[2].id, text="Lovely")
    first = (await door.call("list_gallery_activity", shown.owner, galleryId=shown.gallery.id, limit=2)).ok
    rest = await door.call(
        "list_gallery_activity", shown.owner, galleryId=shown.gallery.id, limit=50, cursor=first["nextCursor"]
    )
    lines = [*first["items"], *rest.ok["items"]]
    assert [(line["kind"], line["guestName"], line["assetId"]) for line in lines] == [
        ("commented", "Ada", str(shown.photos[2].id)),
        ("unfavorited", "Ada", str(shown.photos[0].id)),  # to and fro leaves the last step alone
        ("favorited", "Ada", str(shown.photos[1].id)),
        ("named", "Ada", None),
    ]
    assert rest.ok["nextCursor"] is None


async def test_guests_are_counted(door: Door, make: Make) -> None:
    shown = await show(make)
    ada, grace = visitor(make.db, shown.gallery), visitor(make.db, shown.gallery)
    await heart(door, shown, ada, 0)
    await heart(door, shown, ada, 1)
    await door.call("comment_asset", ada, shareSlug=shown.slug, assetId=shown.photos[2].id, text="Lovely")
    await heart(door, shown, grace, 0)
    listed = (await door.call("list_guests", shown.owner, galleryId=shown.gallery.id)).ok["items"]
    counts = [(one["favoriteCount"], one["commentCount"], one["selectedCount"]) for one in listed]
    assert sorted(counts) == [(1, 0, 0), (2, 1, 0)]


async def test_a_project_that_is_archived_can_still_be_loved(door: Door, make: Make) -> None:
    shown = await show(make)
    await door.call("archive_project", shown.owner, projectId=shown.project.id)
    assert (await heart(door, shown, visitor(make.db, shown.gallery))).error is None
    assert len((await door.call("list_guests", shown.owner, galleryId=shown.gallery.id)).ok["items"]) == 1


async def test_other_projects_see_nothing_of_it(door: Door, make: Make) -> None:
    shown, other = await show(make), await show(make)
    await heart(door, shown, visitor(make.db, shown.gallery))
    for operation in ("list_guests", "list_gallery_activity", "list_gallery_comments"):
        assert (await door.call(operation, other.owner, galleryId=shown.gallery.id)).code == "not_found"
        assert (await door.call(operation, other.owner, galleryId=other.gallery.id)).ok["items"] == []


async def test_statements_do_not_grow_with_photos_and_guests(api: Api, make: Make) -> None:
    from tests.support.statements import statements

    shown = await show(make, 40)
    few = await show(make, 1)
    counts = []
    for one in (few, shown):
        guests = [visitor(make.db, one.gallery) for _ in range(len(one.photos))]
        for number, guest in enumerate(guests):
            body = {"assetId": str(one.photos[number].id), "favorite": True}
            await api.rest("POST", f"/share/{one.slug}/favorite", body, actor=guest)
        seen_of = []
        for path, who in (
            (f"/share/{one.slug}", guests[0]),
            (f"/share/{one.slug}/photos?limit=200", guests[0]),
            (f"/galleries/{one.gallery.id}/guests?limit=200", one.owner),
        ):
            await api.rest("GET", path, actor=who)
            with statements(make.db) as seen:
                answer = await api.rest("GET", path, actor=who)
                await asyncio.sleep(0.05)
            assert answer.is_success
            seen_of.append(len(seen))
        counts.append(seen_of)
    assert counts[0] == counts[1]
