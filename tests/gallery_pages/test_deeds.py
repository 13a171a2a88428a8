"""What visitors do without any script: a whole journey by forms, and what is refused on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.domain import sharing
from kilo_gql.models import ActivityKind, Gallery, GalleryActivity, SelectionList
from kilo_gql.models.base import uuid7
from tests.gallery_pages.conftest import ORIGIN, PASSWORD, Stage
from tests.support.world import state

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _list(stage: Stage, gallery: Gallery, title: str, **columns: Any) -> SelectionList:
    row = SelectionList(
        id=uuid7(), project_id=gallery.project_id, gallery_id=gallery.id, title=title,
        **{"position": 0, "created_at": gallery.created_at, **columns},
    )  # fmt: skip
    await stage.make.rows(row)
    return row


async def test_a_whole_visit_without_scripts(stage: Stage) -> None:
    gallery = await stage.gallery(password=PASSWORD)
    album = await _list(stage, gallery, "Album", min_count=1, max_count=2)
    guest, home = stage.browser(), f"/g/{gallery.share_slug}"

    wrong = await guest.submit((await guest.get(home)).form(id="password-form"), password="by the sea")
    assert (wrong.status, wrong.state) == (401, "locked")
    assert wrong.root.one("p", id="notice").text == "This is not the gallery's password."
    grid = await guest.submit(wrong.form(id="password-form"), password=PASSWORD)
    assert (grid.status, grid.state, grid.address) == (200, "open", home)

    named = await guest.submit((await guest.get(f"{home}/guest")).form(id="guest-form"), name="Rose", email="")
    assert named.root.one("a", class_="who").text == "Rose"

    heart = named.root.all("button", class_="favorite")[0]
    loved = await guest.post(
        heart["formaction"], {heart["name"]: heart["value"]}, referer=f"http://127.0.0.1:8400{home}"
    )
    heart = loved.root.all("button", class_="favorite")[0]
    assert (loved.address, heart["aria-pressed"], heart["value"], heart.text) == (home, "true", "false", "1")
    assert (await guest.get(f"{home}?only=favorites")).numbers == ["p1"]

    photo = await guest.get(f"{home}/photos/{stage.photos[0].id}")
    said = await guest.submit(photo.form(id="comment-form"), text="A little brighter?")
    [comment] = said.root.all("article", class_="comment")
    assert (comment.one("bdi").text, comment.one("p", class_="words").text) == ("Rose", "A little brighter?")
    answer = said.root.one("details", class_="answer").one("form")
    parent = answer.one("input", name="parent")["value"]
    answered = await guest.post(answer["action"], {"parent": parent, "text": "Or not."})
    assert [one.text for one in answered.root.all("p", class_="words")] == ["A little brighter?", "Or not."]
    assert (await guest.get(home)).root.all("a", class_="comment-count")[0].text == "2"
    taken_back = answered.root.all("form", class_="deed")[1]["action"]
    after = await guest.post(taken_back, {})
    assert [one.text for one in after.root.all("p", class_="words")] == ["A little brighter?"]

    for number in (0, 1):
        tick = (await guest.get(home)).root.all("button", class_="select")[number]
        await guest.post(tick["formaction"], {tick["name"]: tick["value"]})
    bar = (await guest.get(home)).root.one("aside", id="selection-bar")
    assert bar.one("span", class_="counter").text == "2 of 1–2"
    summary = await guest.get(bar.one("a")["href"])
    assert summary.numbers == ["p1", "p2"]
    sent = await guest.submit(summary.form(id="submit-form"), message="Thank you!")
    assert (sent.status, sent.address) == (200, f"{home}/selection/{album.id}")
    assert sent.root.one("p", class_="done").text.startswith("You sent this selection")
    assert sent.root.all("form", id="submit-form") == []
    assert {button.attributes.get("disabled") for button in sent.root.all("button", class_="select")} == {""}


async def test_too_many_guesses_are_told_how_long_to_wait(stage: Stage) -> None:
    gallery = await stage.gallery(password=PASSWORD)
    guest, home = stage.browser(), f"/g/{gallery.share_slug}"
    for _ in range(10):
        assert (await guest.post(f"{home}/auth", {"password": "x"})).status == 401
    page = await guest.post(f"{home}/auth", {"password": PASSWORD})
    assert (page.status, page.state) == (429, "locked")
    assert page.root.one("p", id="notice").text == "Too many wrong passwords. Try again in 15 minutes."
    assert 0 < int(page.headers["retry-after"]) <= 900


async def test_scripts_get_json(stage: Stage) -> None:
    gallery = await stage.gallery()
    album = await _list(stage, gallery, "Album", max_count=1)
    guest, home = stage.browser(accept="application/json"), f"/g/{gallery.share_slug}"
    await guest.get(home, accept="text/html")
    one, other = (str(photo.id) for photo in stage.photos[:2])

    async def post(path: str, **fields: str) -> tuple[int, Any]:
        answer = await guest.post(home + path, fields)
        return answer.status, answer.response.json()

    assert await post("/guest", name="Rose") == (200, {"name": "Rose"})
    assert await post(f"/photos/{one}/favorite", favorite="true") == (200, {"favorite": True, "favoriteCount": 1})
    assert await post(f"/selection/{album.id}/{one}", selected="true") == (200, {"selected": True, "count": 1})
    status, refused = await post(f"/selection/{album.id}/{other}", selected="true")
    assert (status, refused["code"]) == (409, "selection_full")
    status, made = await post(f"/photos/{one}/comments", text="Hello", x="0.25", y="0.5")
    assert status == 200
    facts = (await guest.get(f"{home}/photos/{one}")).response.json()
    assert facts == {
        "id": one,
        "number": 1,
        "favorite": True,
        "favoriteCount": 1,
        "commentsCount": 1,
        "lists": [str(album.id)],
    }
    page = await guest.get(f"{home}/photos/{one}", accept="text/html")
    spot = page.root.one("a", class_="spot")
    assert (spot["href"], spot.text) == (f"#c{made['id']}", "1")
    assert "#spot1{left:25.00%;top:50.00%}" in page.response.text
    status, sent = await post(f"/selection/{album.id}/submit", message="")
    assert (status, sent["count"]) == (200, 1)


async def test_a_look_is_noted_once_and_as_the_guest_who_looks(stage: Stage) -> None:
    gallery = await stage.gallery()
    guest, home = stage.browser(), f"/g/{gallery.share_slug}"
    await guest.get(home)
    assert await _visits(stage, gallery) == []
    for _ in range(2):
        assert (await guest.post(f"{home}/visit", {})).status == 204
    [visitor] = await _visits(stage, gallery)
    assert visitor != sharing.nobody(gallery.id)


async def _visits(stage: Stage, gallery: Gallery) -> list[UUID]:
    async with stage.make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        opened = GalleryActivity.kind == ActivityKind.OPENED
        return list(
            await tx.scalars(select(GalleryActivity.guest_id).where(GalleryActivity.gallery_id == gallery.id, opened))
        )


async def test_a_browser_without_cookies_is_told_so(stage: Stage) -> None:
    gallery = await stage.gallery()
    page = await stage.browser().post(f"/g/{gallery.share_slug}/guest", {"name": "Rose"})
    assert (page.status, page.root.one("p", role="alert").text) == (
        401,
        "Your browser did not keep this gallery's cookie. Allow cookies for this page, and open it again.",
    )


async def test_words_that_are_refused_are_kept_in_the_form(stage: Stage) -> None:
    gallery = await stage.gallery()
    guest, path = stage.browser(), f"/g/{gallery.share_slug}/photos/{stage.photos[0].id}"
    await guest.get(f"/g/{gallery.share_slug}")
    page = await guest.post(f"{path}/comments", {"text": "long " * 500, "x": "", "y": ""})
    assert (page.status, page.root.one("p", id="notice").text) == (400, "text has 1 to 2,000 characters.")
    assert page.root.one("form", id="comment-form").one("textarea").text == ("long " * 500).strip()
    nowhere = await guest.post(f"{path}/comments", {"text": "here", "x": "2", "y": "0"})
    assert nowhere.status == 400


async def test_an_incomplete_selection_says_what_is_missing(stage: Stage) -> None:
    gallery = await stage.gallery()
    album = await _list(stage, gallery, "Album", min_count=2)
    guest, home = stage.browser(), f"/g/{gallery.share_slug}"
    await guest.get(home)
    page = await guest.post(f"{home}/selection/{album.id}/submit", {"message": ""})
    assert (page.status, page.root.one("p", id="notice").text) == (409, "Choose 2 photos at least; there are 0.")


async def test_after_the_deadline_nothing_can_be_chosen(stage: Stage) -> None:
    gallery = await stage.gallery()
    over = stage.make.db.house.clock() - timedelta(minutes=1)
    album = await _list(stage, gallery, "Album", deadline=over)
    page = await stage.browser().get(f"/g/{gallery.share_slug}/selection/{album.id}")
    assert page.root.one("p", class_="banner").text.startswith("The time to choose is over.")
    assert page.root.all("form", id="submit-form") == []


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8400"},
    {"sec-fetch-site": ""},
    {"origin": "https://elsewhere.example"},
    {"origin": "http://127.0.0.1:8401"},
    {"origin": "null"},
    {"origin": "file://127.0.0.1:8400"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_forms_of_other_places_change_nothing(stage: Stage, headers: dict[str, str]) -> None:
    gallery = await stage.gallery()
    album = await _list(stage, gallery, "Album")
    guest, home = stage.browser(), f"/g/{gallery.share_slug}"
    await guest.get(home)
    before = await state(stage.make.db)
    photo = f"{home}/photos/{stage.photos[0].id}"
    for path, fields in {
        f"{home}/auth": {"password": PASSWORD},
        f"{home}/guest": {"name": "Rose"},
        f"{photo}/favorite": {"favorite": "true"},
        f"{photo}/comments": {"text": "hello"},
        f"{photo}/comments/{uuid7()}/delete": {},
        f"{home}/selection/{album.id}/{stage.photos[0].id}": {"selected": "true"},
        f"{home}/selection/{album.id}/submit": {},
    }.items():
        answer = await guest.client.post(path, data=fields, headers={"accept": "application/json", **headers})
        assert (path, answer.status_code, answer.json()["code"]) == (path, 403, "origin_not_allowed")
    assert await state(stage.make.db) == before


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://127.0.0.1:8400"}], ids=str)
async def test_forms_of_the_house_are_taken(stage: Stage, headers: dict[str, str]) -> None:
    gallery = await stage.gallery()
    guest, home = stage.browser(), f"/g/{gallery.share_slug}"
    await guest.get(home)
    path = f"{home}/photos/{stage.photos[0].id}/favorite"
    answer = await guest.client.post(path, data={"favorite": "true"}, headers={"accept": "application/json", **headers})
    assert (answer.status_code, answer.json()["favorite"]) == (200, True)


@pytest.mark.parametrize(
    "referer",
    [
        "https://elsewhere.example/g/{slug}",
        f"{ORIGIN}/g/another",
        f"{ORIGIN}/g/{{slug}}x",
        "//x",
        "",
    ],
)
async def test_nobody_is_led_away(stage: Stage, referer: str) -> None:
    gallery = await stage.gallery()
    guest, home = stage.browser(), f"/g/{gallery.share_slug}"
    guest.client.follow_redirects = False
    headers = {"sec-fetch-site": "same-origin", "referer": referer.format(slug=gallery.share_slug)}
    path = f"{home}/photos/{stage.photos[0].id}/favorite"
    answer = await guest.client.post(path, data={"favorite": "true"}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{home}#p1")


async def test_a_form_has_a_type_and_an_end(stage: Stage) -> None:
    gallery = await stage.gallery()
    guest = stage.browser(**{"sec-fetch-site": "same-origin", "accept": "application/json"})
    path = f"/g/{gallery.share_slug}/photos/{stage.photos[0].id}/comments"
    form = {"content-type": "application/x-www-form-urlencoded"}
    as_json = await guest.client.post(path, json={"text": "hello"})
    assert (as_json.status_code, as_json.json()["code"]) == (400, "unsupported_media_type")
    large = await guest.client.post(path, content=b"text=" + b"a" * 40_000, headers=form)
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    many = await guest.client.post(path, content=b"&".join(b"a=b" for _ in range(30)), headers=form)
    assert (many.status_code, many.json()["code"]) == (400, "bad_request")
    garbled = await guest.client.post(path, content=b"text=%ff\xff", headers=form)
    assert (garbled.status_code, garbled.json()["code"]) == (400, "bad_request")
