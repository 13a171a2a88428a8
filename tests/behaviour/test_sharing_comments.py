"""What guests and photographers say about photos, through both doors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kilo_gql.domain import gallery_comments
from kilo_gql.models import GalleryComment
from kilo_gql.models.base import uuid7
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.sharing import Shown, rows_of, show, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def say(door: Door, shown: Shown, who: str | None, text: str = "Lovely", number: int = 0, **more: Any) -> Any:
    return await door.call(
        "comment_asset", who, shareSlug=shown.slug, assetId=shown.photos[number].id, text=text, **more
    )


async def read(door: Door, shown: Shown, who: str | None = None, number: int = 0) -> list[dict[str, Any]]:
    found = await door.call("shared_comments", who, shareSlug=shown.slug, assetId=shown.photos[number].id)
    return list(found.ok)


async def test_a_thread_of_a_guest_and_the_photographer(door: Door, make: Make) -> None:
    shown = await show(make)
    ada, grace = visitor(make.db, shown.gallery), visitor(make.db, shown.gallery)
    await door.call("name_guest", ada, shareSlug=shown.slug, name="Ada")
    begun = (await say(door, shown, ada, "Brighter,\nplease", x=0.25, y=0.5)).ok["commentId"]
    gallery: dict[str, Any] = {"galleryId": shown.gallery.id}
    answer = (await door.call("reply_comment", shown.owner, **gallery, commentId=begun, text="Done")).ok
    assert (answer["parentId"], answer["authorName"], answer["guestId"]) == (begun, "Ada", None)
    third = (await say(door, shown, grace, "Mine too", parentId=answer["id"])).ok["commentId"]
    thread = await read(door, shown, ada)
    assert [(c["id"], c["parentId"], c["authorName"], c["byPhotographer"], c["mine"], c["text"]) for c in thread] == [
        (begun, None, "Ada", False, True, "Brighter,\nplease"),
        (answer["id"], begun, "Ada", True, False, "Done"),
        (third, begun, None, False, False, "Mine too"),  # an answer to an answer is in the same thread
    ]
    assert [(c["x"], c["y"]) for c in thread] == [(0.25, 0.5), (None, None), (None, None)]
    done = (await door.call("resolve_comment", shown.owner, **gallery, commentId=third, resolved=True)).ok
    assert (done["id"], done["resolvedBy"]) == (begun, str(shown.owner.user_id))
    assert [c["resolved"] for c in await read(door, shown)] == [True, False, False]
    assert (await door.call("list_gallery_comments", shown.owner, **gallery, open=True)).ok["items"] == []
    [found] = (await door.call("list_gallery_comments", shown.owner, **gallery, open=False)).ok["items"]
    assert found["id"] == begun
    again = (await door.call("resolve_comment", shown.owner, **gallery, commentId=begun, resolved=False)).ok
    assert (again["resolvedAt"], again["resolvedBy"]) == (None, None)


async def test_a_guest_takes_back_their_own_words_alone(door: Door, make: Make) -> None:
    shown = await show(make)
    ada, grace = visitor(make.db, shown.gallery), visitor(make.db, shown.gallery)
    own = (await say(door, shown, ada, "Mine")).ok["commentId"]
    nobodys = (await say(door, shown, None, "Nobody's")).ok["commentId"]
    await say(door, shown, grace, "An answer", parentId=own)
    for who, comment, code in (
        (grace, own, "not_found"),
        (None, own, "guest_session_needed"),
        (None, nobodys, "guest_session_needed"),
        (ada, uuid7(), "not_found"),
    ):
        refused = await door.call("delete_own_comment", who, shareSlug=shown.slug, commentId=comment)
        assert refused.code == code
    assert (await door.call("delete_own_comment", ada, shareSlug=shown.slug, commentId=own)).error is None
    told = [(c["text"], c["deleted"]) for c in await read(door, shown)]
    assert told == [("", True), ("Nobody's", False), ("An answer", False)]
    [row] = await rows_of(make.db, GalleryComment, text="", gallery_id=shown.gallery.id)
    assert str(row.id) == own
    [photo, *_] = (await door.call("shared_photos", None, shareSlug=shown.slug)).ok["items"]
    assert photo["commentsCount"] == 2


async def test_the_photographer_takes_away_any_words(door: Door, make: Make) -> None:
    shown = await show(make)
    comment = (await say(door, shown, None, "Rude")).ok["commentId"]
    gone = await door.call("delete_comment", shown.owner, galleryId=shown.gallery.id, commentId=comment)
    assert gone.error is None
    assert [(c["text"], c["deleted"]) for c in await read(door, shown)] == [("", True)]


async def test_words_are_cleaned_and_otherwise_as_typed(door: Door, make: Make) -> None:
    shown = await show(make)
    typed = "  <b>=1+1</b>\r\n\u202eevil\u2066 cafe\u0301 \u0000\u001b[31m\U0001f469\u200d\U0001f467"
    await say(door, shown, None, typed)
    [comment] = await read(door, shown)
    assert comment["text"] == "<b>=1+1</b>\nevil caf\u00e9 [31m\U0001f469\u200d\U0001f467"
    for text in ("", "   ", "\u202e\u0007", "x" * 2001):
        refused = await say(door, shown, None, text)
        assert refused.code == "bad_request"
    assert (await say(door, shown, None, "x" * 2000)).error is None
    wrong: list[dict[str, Any]] = [{"x": 1.5, "y": 0.5}, {"x": 0.5}, {"x": -0.1, "y": 0.0}]
    for spot in wrong:
        assert (await say(door, shown, None, **spot)).code == "bad_request"
    assert len(await read(door, shown)) == 2


async def test_where_comments_are_off_there_are_none(door: Door, make: Make) -> None:
    shown = await show(make, comments_allowed=False)
    assert (await say(door, shown, None)).code == "comments_closed"
    assert await read(door, shown) == []


async def test_an_answer_belongs_to_its_photo_and_gallery(door: Door, make: Make) -> None:
    shown, other = await show(make), await show(make)
    comment = (await say(door, shown, None)).ok["commentId"]
    assert (await say(door, shown, None, number=1, parentId=comment)).code == "not_found"
    assert (await say(door, other, None, parentId=comment)).code == "not_found"
    for operation, more in (("reply_comment", {"text": "x"}), ("resolve_comment", {"resolved": True})):
        refused = await door.call(operation, other.owner, galleryId=other.gallery.id, commentId=comment, **more)
        assert refused.code == "not_found"
    assert len(await rows_of(make.db, GalleryComment, gallery_id=shown.gallery.id)) == 1


async def test_comments_have_an_end(door: Door, make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = await show(make)
    monkeypatch.setattr(gallery_comments, "HOURLY_MAX", 3)
    monkeypatch.setattr(gallery_comments, "PHOTO_MAX", 5)
    guest_id = uuid7()
    ada = visitor(make.db, shown.gallery, guest_id=guest_id)
    answers = await asyncio.gather(*(say(door, shown, ada) for _ in range(10)))
    assert sorted(answer.code or "" for answer in answers) == ["", "", "", *["too_many_comments"] * 7]
    assert len(await rows_of(make.db, GalleryComment, gallery_id=shown.gallery.id)) == 3
    clock.now += timedelta(hours=1, seconds=1)
    ada = visitor(make.db, shown.gallery, guest_id=guest_id)
    for code in (None, None, "comments_full"):
        assert (await say(door, shown, ada)).code == code
    assert (await say(door, shown, ada, number=1)).code is None
