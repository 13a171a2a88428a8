"""Choosing for the photographer: lists, answers and their end, through both doors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kilo_gql.models import Cluster, ClusterKind, ClusterMember, GalleryActivity, SelectedAsset, Selection
from kilo_gql.models.base import uuid7
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.sharing import Shown, rows_of, show, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(door: Door, shown: Shown, **wanted: Any) -> Any:
    """A list's id."""
    made = await door.call(
        "create_selection_list", shown.owner, galleryId=shown.gallery.id, **{"title": "Album", **wanted}
    )
    return made.ok["id"]


async def choose(door: Door, shown: Shown, who: str | None, list_id: Any, number: int, selected: bool = True) -> Any:
    return await door.call(
        "select_asset", who, shareSlug=shown.slug, listId=list_id, assetId=shown.photos[number].id, selected=selected
    )


async def send(door: Door, shown: Shown, who: str, list_id: Any, **more: Any) -> Any:
    return await door.call("submit_selection", who, shareSlug=shown.slug, listId=list_id, **more)


async def test_a_choice_is_made_sent_and_stands(door: Door, make: Make) -> None:
    shown = await show(make, 4)
    list_id = await ask(door, shown, minCount=2, maxCount=3, message="For the book")
    guest_id = uuid7()
    ada = visitor(make.db, shown.gallery, guest_id=guest_id)
    await door.call("name_guest", ada, shareSlug=shown.slug, name="Ada")
    [empty] = (await door.call("shared_lists", ada, shareSlug=shown.slug)).ok
    assert empty == {
        "id": list_id, "title": "Album", "message": "For the book", "minCount": 2, "maxCount": 3, "deadline": None,
        "count": 0, "state": "open", "submittedAt": None,
    }  # fmt: skip
    assert (await choose(door, shown, ada, list_id, 2)).ok["count"] == 1
    assert (await choose(door, shown, ada, list_id, 2)).ok["count"] == 1
    few = await send(door, shown, ada, list_id)
    assert (few.code, few.error["details"]) == ("selection_incomplete", {"count": 1, "min": 2})
    assert (await choose(door, shown, ada, list_id, 0)).ok["count"] == 2
    assert (await choose(door, shown, ada, list_id, 1)).ok["count"] == 3
    full = await choose(door, shown, ada, list_id, 3)
    assert (full.code, full.error["details"]) == ("selection_full", {"count": 3, "max": 3})
    assert (await choose(door, shown, ada, list_id, 1, selected=False)).ok["count"] == 2
    only = (await door.call("shared_photos", ada, shareSlug=shown.slug, listId=list_id)).ok["items"]
    assert [one["number"] for one in only] == [1, 3]
    assert [one["lists"] for one in only] == [[list_id], [list_id]]
    sent = (await send(door, shown, ada, list_id, message="These\u202e two")).ok
    assert (sent["state"], sent["count"]) == ("submitted", 2)
    for late in (await choose(door, shown, ada, list_id, 3), await send(door, shown, ada, list_id)):
        assert late.code == "selection_submitted"
    gallery: dict[str, Any] = {"galleryId": shown.gallery.id, "listId": list_id}
    [answer] = (await door.call("list_selections", shown.owner, **gallery)).ok["items"]
    assert (answer["guestName"], answer["count"], answer["message"]) == ("Ada", 2, "These two")
    assert answer["assetIds"] == [str(shown.photos[2].id), str(shown.photos[0].id)]
    opened = await door.call("reopen_selection", shown.owner, **gallery, guestId=guest_id)
    assert opened.ok["submittedAt"] is None
    assert (await choose(door, shown, ada, list_id, 3)).ok["count"] == 3
    submitted = [
        line
        for line in await rows_of(make.db, GalleryActivity, kind="submitted")
        if line.gallery_id == shown.gallery.id
    ]
    assert [line.details for line in submitted] == [{"listId": list_id, "title": "Album", "count": 2}]


async def test_the_deadline_is_one(door: Door, make: Make, clock: Clock) -> None:
    shown = await show(make)
    list_id = await ask(door, shown, deadline=(clock.now + timedelta(hours=1)).isoformat())
    guest_id = uuid7()
    ada = visitor(make.db, shown.gallery, guest_id=guest_id)
    assert (await choose(door, shown, ada, list_id, 0)).error is None
    clock.now += timedelta(hours=1)
    for refused in (await choose(door, shown, ada, list_id, 1), await send(door, shown, ada, list_id)):
        assert refused.code == "selection_over"
    [told] = (await door.call("shared_lists", ada, shareSlug=shown.slug)).ok
    assert (told["state"], told["count"]) == ("over", 1)
    assert len(await rows_of(make.db, SelectedAsset, gallery_id=shown.gallery.id)) == 1


async def test_a_choice_takes_a_session(door: Door, make: Make) -> None:
    shown = await show(make)
    list_id = await ask(door, shown)
    assert (await choose(door, shown, None, list_id, 0)).code == "guest_session_needed"
    assert await rows_of(make.db, Selection, gallery_id=shown.gallery.id) == []


async def test_twenty_choices_at_once_keep_to_the_bound(door: Door, make: Make) -> None:
    shown = await show(make, 20)
    list_id = await ask(door, shown, maxCount=5)
    ada = visitor(make.db, shown.gallery)
    answers = await asyncio.gather(*(choose(door, shown, ada, list_id, number) for number in range(20)))
    assert sorted(answer.code or "" for answer in answers) == [*[""] * 5, *["selection_full"] * 15]
    assert len(await rows_of(make.db, SelectedAsset, gallery_id=shown.gallery.id)) == 5


async def test_answers_are_merged(door: Door, make: Make) -> None:
    shown = await show(make, 3)
    list_id = await ask(door, shown)
    guests = [visitor(make.db, shown.gallery) for _ in range(3)]
    for who, numbers in zip(guests, ((0, 1), (1,), (1, 0)), strict=True):
        for number in numbers:
            await choose(door, shown, who, list_id, number)
    await send(door, shown, guests[0], list_id)
    gallery: dict[str, Any] = {"galleryId": shown.gallery.id, "listId": list_id}
    first = (await door.call("merged_selection", shown.owner, **gallery, limit=1)).ok
    rest = (await door.call("merged_selection", shown.owner, **gallery, limit=5, cursor=first["nextCursor"])).ok
    assert [*first["items"], *rest["items"]] == [
        {"assetId": str(shown.photos[1].id), "guestCount": 3, "submittedCount": 1},
        {"assetId": str(shown.photos[0].id), "guestCount": 2, "submittedCount": 1},
    ]
    listed = (await door.call("list_selections", shown.owner, **gallery, limit=2)).ok
    more = (await door.call("list_selections", shown.owner, **gallery, limit=2, cursor=listed["nextCursor"])).ok
    assert sorted(one["count"] for one in [*listed["items"], *more["items"]]) == [1, 2, 2]


async def test_a_guest_sees_nothing_of_anothers_choice(door: Door, make: Make) -> None:
    shown = await show(make)
    list_id = await ask(door, shown)
    ada, grace = visitor(make.db, shown.gallery), visitor(make.db, shown.gallery)
    await choose(door, shown, ada, list_id, 0)
    assert [one["count"] for one in (await door.call("shared_lists", grace, shareSlug=shown.slug)).ok] == [0]
    assert (await door.call("shared_photos", grace, shareSlug=shown.slug, listId=list_id)).ok["items"] == []
    assert [one["lists"] for one in (await door.call("shared_photos", grace, shareSlug=shown.slug)).ok["items"]] == [
        [], [], [],
    ]  # fmt: skip


async def test_lists_are_set_up_changed_and_deleted(door: Door, make: Make) -> None:
    shown = await show(make)
    gallery: dict[str, Any] = {"galleryId": shown.gallery.id}
    first, second = await ask(door, shown), await ask(door, shown, title="Prints", maxCount=10)
    changed = await door.call(
        "update_selection_list", shown.owner, **gallery, listId=second, maxCount=None, minCount=1, position=0
    )
    assert (changed.ok["title"], changed.ok["minCount"], changed.ok["maxCount"]) == ("Prints", 1, None)
    for wrong in ({"minCount": 3, "maxCount": 2}, {"title": ""}, {"maxCount": 0}, {"minCount": -1}):
        refused = await door.call("update_selection_list", shown.owner, **gallery, listId=second, **wrong)
        assert (refused.code, wrong) == ("bad_request", wrong)
    ada = visitor(make.db, shown.gallery)
    await choose(door, shown, ada, first, 0)
    assert (await door.call("delete_selection_list", shown.owner, **gallery, listId=first)).error is None
    assert [one["id"] for one in (await door.call("list_selection_lists", shown.owner, **gallery)).ok] == [second]
    assert await rows_of(make.db, SelectedAsset, gallery_id=shown.gallery.id) == []
    assert (await choose(door, shown, ada, first, 0)).code == "not_found"
    other = await show(make)
    refused = await door.call("delete_selection_list", other.owner, galleryId=other.gallery.id, listId=second)
    assert refused.code == "not_found"


async def test_twenty_lists_are_enough(door: Door, make: Make) -> None:
    shown = await show(make)
    for _ in range(20):
        await ask(door, shown)
    refused = await door.call("create_selection_list", shown.owner, galleryId=shown.gallery.id, title="One more")
    assert refused.code == "too_many_lists"
    assert len((await door.call("shared_lists", None, shareSlug=shown.slug)).ok) == 20


async def test_what_is_sent_is_proposed_until_it_is_opened_again(door: Door, make: Make) -> None:
    shown = await show(make, 2)
    now, moment = make.db.house.clock(), uuid7()
    winner, other = shown.photos
    inside = {"project_id": shown.project.id, "kind": ClusterKind.MOMENT}
    await make.rows(
        Cluster(id=moment, size=2, winner_asset_id=winner.id, sort_at=now, created_at=now, updated_at=now, **inside),
        *(ClusterMember(cluster_id=moment, asset_id=one.id, place=n, **inside) for n, one in enumerate(shown.photos)),
    )  # fmt: skip

    async def proposed() -> list[str]:
        found = await door.call("list_gallery_proposals", shown.owner, projectId=shown.project.id)
        return [one["favoredAssetId"] for one in found.ok["items"]]

    list_id, guest_id = await ask(door, shown), uuid7()
    ada = visitor(make.db, shown.gallery, guest_id=guest_id)
    heart: dict[str, Any] = {"shareSlug": shown.slug, "assetId": other.id}
    assert (await door.call("favorite_asset", ada, **heart, favorite=True)).error is None
    assert await proposed() == [str(other.id)]
    assert (await door.call("favorite_asset", ada, **heart, favorite=False)).error is None
    assert await proposed() == []
    assert (await choose(door, shown, ada, list_id, 1)).error is None
    assert await proposed() == []
    assert (await send(door, shown, ada, list_id)).error is None
    assert await proposed() == [str(other.id)]
    gallery: dict[str, Any] = {"galleryId": shown.gallery.id, "listId": list_id}
    assert (await door.call("reopen_selection", shown.owner, **gallery, guestId=guest_id)).error is None
    assert await proposed() == []
    assert (await send(door, shown, ada, list_id)).error is None
    assert (await door.call("delete_selection_list", shown.owner, **gallery)).error is None
    assert await proposed() == []


async def test_a_photo_that_is_shown_no_more_does_not_count(door: Door, make: Make) -> None:
    """Nobody can take out what they do not see; once it is back, it is chosen as before."""
    shown = await show(make, 3)
    list_id = await ask(door, shown, minCount=2, maxCount=2)
    ada = visitor(make.db, shown.gallery)
    for number in (0, 1):
        await choose(door, shown, ada, list_id, number)
    await door.call("trash_assets", shown.owner, projectId=shown.project.id, ids=[str(shown.photos[0].id)])
    [left] = (await door.call("shared_lists", ada, shareSlug=shown.slug)).ok
    assert left["count"] == 1
    assert (await send(door, shown, ada, list_id)).code == "selection_incomplete"
    assert (await choose(door, shown, ada, list_id, 2)).ok["count"] == 2
    await door.call("restore_assets", shown.owner, projectId=shown.project.id, ids=[str(shown.photos[0].id)])
    assert (await send(door, shown, ada, list_id)).code == "selection_full"
    assert (await choose(door, shown, ada, list_id, 0, selected=False)).ok["count"] == 2
    assert (await send(door, shown, ada, list_id)).ok["state"] == "submitted"
