"""What visitors see: the password, the photos, nothing yet, nothing at all, and a preview."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from kilo_gql import tokens
from kilo_gql.access import Perm, System
from kilo_gql.models import (
    DownloadPolicy,
    Gallery,
    GalleryAsset,
    GallerySection,
    ProjectStatus,
    SelectionList,
    Session,
    SessionKind,
)
from kilo_gql.models.base import uuid7
from tests.gallery_pages.conftest import ORIGIN, PASSWORD, Browser, Stage
from tests.support.clock import Clock

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNSTABLE = ("x-request-id", "server-timing", "date", "content-security-policy")


async def test_an_open_gallery_shows_its_photos(stage: Stage) -> None:
    gallery = await stage.gallery(title="Anna & Ben", message="Thank you.\nTake your time.")
    page = await stage.browser().get(f"/g/{gallery.share_slug}")
    assert (page.status, page.state, page.numbers) == (200, "open", ["p1", "p2", "p3"])
    assert page.root.one("title").text == "Anna & Ben"
    assert page.root.one("p", class_="message").text == "Thank you. Take your time."
    assert page.root.one("p", class_="facts").text == "3 photos"
    photo = page.root.all("li", class_="photo")[1]
    assert photo["data-asset-id"] == str(stage.photos[1].id)
    image = photo.one("img")
    assert (image["alt"], image["width"], image["height"]) == ("Photo 2", "512", "341")
    base = f"/g/{gallery.share_slug}/media/{stage.photos[1].id}"
    assert image["src"].startswith(f"{base}/thumbnail-")
    assert [part.split()[1] for part in image["srcset"].split(", ")] == ["512w", "2048w"]
    assert "IMG_2" not in page.response.text


async def test_a_link_in_a_message_has_a_card_unless_it_is_locked(stage: Stage) -> None:
    async def card(slug: str) -> dict[str, str]:
        page = await stage.browser().get(f"/g/{slug}")
        return {meta["property"]: meta["content"] for meta in page.root.all("meta") if "property" in meta}

    opened, locked = await stage.gallery(title="Lake"), await stage.gallery(title="Lake", password=PASSWORD)
    assert await card(opened.share_slug) == {
        "og:type": "website",
        "og:title": "Lake",
        "og:image": f"{ORIGIN}/g/{opened.share_slug}/card.jpg",
        "og:image:width": "1200",
        "og:image:height": "630",
    }
    assert await card(locked.share_slug) == {"og:type": "website", "og:title": "Lake"}


async def test_before_the_password_only_the_title_is_told(stage: Stage) -> None:
    gallery = await stage.gallery(title="Anna & Ben", message="for friends", password=PASSWORD)
    page = await stage.browser().get(f"/g/{gallery.share_slug}")
    assert (page.status, page.state) == (200, "locked")
    assert page.root.one("h1").text == "Anna & Ben"
    assert page.root.all("img") == []
    told = page.response.text.replace(gallery.share_slug, "")
    assert [one for one in (*(str(photo.id) for photo in stage.photos), "media", "for friends") if one in told] == []
    assert "set-cookie" not in page.headers
    inside = await stage.browser().get(f"/g/{gallery.share_slug}/photos/{stage.photos[0].id}")
    assert (inside.status, inside.state, inside.address) == (200, "locked", f"/g/{gallery.share_slug}")


async def test_what_is_closed_answers_like_what_never_was(stage: Stage) -> None:
    now = stage.make.db.house.clock()
    gone = await stage.make.project(stage.owner, status=ProjectStatus.DELETED)
    elsewhere = replace(stage, project=gone)
    slugs = [
        (await stage.gallery(published_at=None)).share_slug,
        (await stage.gallery(expires_at=now - timedelta(seconds=1))).share_slug,
        (await elsewhere.gallery([])).share_slug,
        "nothing-here",
        "x" * 33,
        "a%00b",
        "%F0%9F%93%B7",
    ]
    answers = [await stage.browser().get(f"/g/{slug}") for slug in slugs]
    assert {answer.status for answer in answers} == {404}
    assert {answer.state for answer in answers} == {"missing"}
    assert len({answer.response.text for answer in answers}) == 1
    assert len({str(sorted(_stable(answer.headers))) for answer in answers}) == 1


def _stable(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name not in UNSTABLE]


async def test_nothing_is_in_it_yet(stage: Stage) -> None:
    gallery = await stage.gallery([])
    page = await stage.browser().get(f"/g/{gallery.share_slug}")
    assert (page.status, page.state, page.numbers) == (200, "open", [])
    assert page.root.one("div", class_="empty").one("h2").text == "The photos are on their way"
    assert page.root.all("form", id="compare") == page.root.all("p", class_="facts") == []


async def test_headings_and_one_section_alone(stage: Stage) -> None:
    gallery = await stage.gallery()
    sections = [
        GallerySection(id=uuid7(), project_id=gallery.project_id, gallery_id=gallery.id, title=title, position=place)
        for place, title in enumerate(("Ceremony", "Party"))
    ]
    await stage.make.rows(*sections)
    async with stage.make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        here = GalleryAsset.gallery_id == gallery.id
        first = GalleryAsset.asset_id == stage.photos[0].id
        await tx.session.execute(update(GalleryAsset).where(here, first).values(section_id=sections[1].id))
        await tx.session.execute(update(GalleryAsset).where(here, ~first).values(section_id=sections[0].id))
        await tx.session.commit()
    page = await stage.browser().get(f"/g/{gallery.share_slug}")
    groups = page.root.all("section", class_="group")
    assert [group.one("h2").text for group in groups] == ["Ceremony", "Party"]
    assert [len(group.all("li", class_="photo")) for group in groups] == [2, 1]
    alone = await stage.browser().get(f"/g/{gallery.share_slug}?section={sections[1].id}")
    assert alone.numbers == ["p3"]


async def test_many_photos_come_page_by_page(stage: Stage) -> None:
    photos = await stage.more(*(f"MANY_{number:03}.JPG" for number in range(205)))
    gallery = await stage.gallery(photos)
    browser = stage.browser()
    page = await browser.get(f"/g/{gallery.share_slug}")
    assert page.numbers == [f"p{number}" for number in range(1, 201)]
    more = await browser.get(page.root.one("a", id="more")["href"])
    assert more.numbers == ["p201", "p202", "p203", "p204", "p205"]
    assert more.root.all("a", id="more") == []
    late = await browser.get(f"/g/{gallery.share_slug}/photos/{photos[203].id}")
    back = await browser.get(late.root.one("a", class_="close")["href"])
    assert back.numbers == ["p204", "p205"]


async def test_one_photo_leads_to_its_neighbours(stage: Stage) -> None:
    gallery = await stage.gallery(filenames_shown=True)
    base = f"/g/{gallery.share_slug}/photos"
    page = await stage.browser().get(f"{base}/{stage.photos[1].id}")
    main = page.root.one("main")
    assert main.one("a", class_="previous")["href"] == f"{base}/{stage.photos[0].id}"
    assert main.one("a", class_="next")["href"] == f"{base}/{stage.photos[2].id}"
    assert main.one("p", class_="position").text == "2 of 3"
    assert main.all("bdi", class_="filename")[0].text == "IMG_2.JPG"
    assert main.one("a", class_="close")["href"] == f"/g/{gallery.share_slug}#p2"
    assert (await stage.browser().get(f"{base}/{uuid7()}")).status == 404
    assert (await stage.browser().get(f"{base}/1")).status == 404


@pytest.mark.parametrize("count", [2, 3, 4])
async def test_two_to_four_side_by_side(stage: Stage, count: int) -> None:
    photos = [*stage.photos, *await stage.more("IMG_4.JPG")]
    gallery = await stage.gallery(photos)
    query = "&".join(f"photo={photo.id}" for photo in photos[:count])
    page = await stage.browser().get(f"/g/{gallery.share_slug}/compare?{query}")
    compared = page.root.one("ol", class_=f"of-{count}")
    assert [one["data-asset-id"] for one in compared.children] == [str(photo.id) for photo in photos[:count]]
    by_letters = "&".join(f"{letter}={photo.id}" for letter, photo in zip("abcd", photos[:count], strict=False))
    again = await stage.browser().get(f"/g/{gallery.share_slug}/compare?{by_letters}")
    assert again.root.one("ol", class_=f"of-{count}").skeleton == compared.skeleton


async def test_one_photo_is_not_compared(stage: Stage) -> None:
    gallery = await stage.gallery()
    page = await stage.browser().get(f"/g/{gallery.share_slug}/compare?photo={stage.photos[0].id}")
    assert page.status == 400
    assert page.root.one("p", role="alert").text == "Two to four photos can be compared."


async def test_downloads_are_offered_as_far_as_they_go(stage: Stage) -> None:
    for policy, sizes in (
        (DownloadPolicy.NONE, []),
        (DownloadPolicy.WEB, ["web"]),
        (DownloadPolicy.FULL, ["web", "full"]),
        (DownloadPolicy.ORIGINAL, ["web", "full", "original"]),
    ):
        gallery = await stage.gallery(downloads=policy)
        page = await stage.browser().get(f"/g/{gallery.share_slug}/downloads")
        assert [field["value"] for field in page.root.all("input", name="rendition")] == sizes
        grid = await stage.browser().get(f"/g/{gallery.share_slug}")
        assert len(grid.root.all("a", class_="download")) == (1 if sizes else 0)


async def test_a_download_that_is_not_offered_is_refused_in_words(stage: Stage) -> None:
    gallery = await stage.gallery(downloads=DownloadPolicy.WEB)
    page = await stage.browser().get(f"/g/{gallery.share_slug}/downloads?of=all&rendition=full")
    assert (page.status, page.root.one("p", id="notice").text) == (
        403,
        "The photographer does not offer this download.",
    )
    nonsense = await stage.browser().get(f"/g/{gallery.share_slug}/downloads?of=x&rendition=web")
    assert (nonsense.status, nonsense.root.one("p", id="notice").text) == (
        400,
        "Choose which photos, and in which size.",
    )


async def test_a_download_is_waited_for(stage: Stage) -> None:
    gallery = await stage.gallery(downloads=DownloadPolicy.WEB)
    browser, address = stage.browser(), f"/g/{gallery.share_slug}/downloads?of=all&rendition=web"
    await browser.get(f"/g/{gallery.share_slug}")
    page = await browser.get(address)
    assert (page.status, page.root.one("progress")["value"]) == (200, "0")
    assert page.root.one("noscript").one("meta")["content"] == f"4;url={address}&waited=1"
    assert (await browser.get(address, accept="application/json")).response.json() == {"ready": None, "percent": 0}


async def test_a_member_sees_a_preview_and_does_nothing(stage: Stage) -> None:
    gallery = await stage.gallery(password=PASSWORD, published_at=None)
    ours = {"project_id": gallery.project_id, "gallery_id": gallery.id}
    album = SelectionList(id=uuid7(), title="Album", position=0, created_at=gallery.created_at, **ours)
    await stage.make.rows(album)
    browser = await _member(stage)
    page = await browser.get(f"/g/{gallery.share_slug}")
    assert (page.status, page.state, page.numbers) == (200, "open", ["p1", "p2", "p3"])
    assert page.root.one("p", class_="banner").text.startswith("Preview:")
    assert {button.attributes.get("disabled") for button in page.root.all("button", class_="favorite")} == {""}
    assert page.root.all("aside", id="selection-bar") == []
    assert "set-cookie" not in page.headers
    photo = f"/g/{gallery.share_slug}/photos/{stage.photos[0].id}"
    refused = await browser.post(f"{photo}/favorite", {"favorite": "true"}, accept="application/json")
    assert (refused.status, refused.response.json()["code"]) == (403, "preview_only")


async def test_a_guests_session_that_ended_does_not_keep_a_member_out(stage: Stage) -> None:
    gallery = await stage.gallery()
    browser = await _member(stage, first=f"/g/{gallery.share_slug}")
    assert "kilo_guest" in browser.client.cookies
    async with stage.make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.session.execute(
            update(Gallery).where(Gallery.id == gallery.id).values(published_at=None, version=Gallery.version + 1)
        )
        await tx.session.commit()
    page = await browser.get(f"/g/{gallery.share_slug}")
    assert (page.status, len(page.root.all("p", class_="banner"))) == (200, 1)
    assert "kilo_guest" not in browser.client.cookies


async def _member(stage: Stage, first: str | None = None) -> Browser:
    browser = stage.browser()
    if first is not None:
        await browser.get(first)
    now, secret = stage.make.db.house.clock(), tokens.random_token(tokens.COOKIE_PREFIX)
    session = Session(
        id=uuid7(), user_id=stage.owner.user_id, kind=SessionKind.COOKIE, token_hash=tokens.digest(secret),
        last_seen_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    await stage.make.rows(session)
    browser.client.cookies.set("kilo_session", secret)
    return browser


async def test_the_cookie_is_this_gallerys_and_lasts(stage: Stage) -> None:
    gallery = await stage.gallery()
    db = stage.make.db
    before, clock = db.house, Clock()
    db.house = replace(before, clock=clock)
    try:
        browser, path = stage.browser(), f"/g/{gallery.share_slug}"
        cookie = (await browser.get(path)).headers["set-cookie"]
        assert cookie.startswith("kilo_guest=kgt_")
        assert cookie.endswith(f"; HttpOnly; Max-Age=5184000; Path={path}; SameSite=lax")
        assert "set-cookie" not in (await browser.get(path)).headers
        clock.advance(29 * 86_400)
        assert "set-cookie" not in (await browser.get(path)).headers
        clock.advance(2 * 86_400)
        renewed = (await browser.get(path)).headers["set-cookie"]
        assert renewed.partition(";")[0] != cookie.partition(";")[0]
    finally:
        db.house = before
