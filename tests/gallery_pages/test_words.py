"""Whatever people type stays words: in no page does it become markup, an attribute, a style or a header."""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.models import Gallery, GalleryAsset, GalleryComment, GalleryGuest, GallerySection, SelectionList
from kilo_gql.models.base import uuid7
from tests.gallery_pages.conftest import Browser, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 20261121
#: What has broken pages: each is put into all of the places, alone and after what would end the place it stands in.
TRICKS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "</title><script>1</script>",
    "</style><script>1</script>", "</textarea><b>", "--><b>", "]]><b>", "<!--", "{{ 7 * 7 }}", "{% raw %}", "${1}",
    "javascript:alert(1)", "&lt;b&gt;", "&amp;", "&#60;b&#62;", "\u2028\u2029", "\r\nset-cookie: a=b", "%0d%0aa: b",
    "url(javascript:1)", "}#gallery{display:none}", "expression(alert(1))", "@import 'x'", "\\3c script\\3e",
)  # fmt: skip
ENDS = ("", '"', "'", '">', "'>", "`", "</p>", "</li></ol>")


def hostile(count: int) -> list[str]:
    """So many different words nobody means well with; one line each."""
    every = [f"{end}{trick} {number}" for number, (end, trick) in enumerate((e, t) for e in ENDS for t in TRICKS)]
    chosen = random.Random(SEED).sample(every, len(every))
    more = (f"{first}{second}" for first, second in zip(chosen, reversed(chosen), strict=True))
    return [*chosen, *more][:count]


@dataclass
class Words:
    """Gives words away one by one."""

    left: list[str]

    def __call__(self) -> str:
        return self.left.pop()


async def _written(stage: Stage, words: Words) -> Gallery:
    """A gallery with somebody's words wherever words can stand: 200 of them."""
    photos = await stage.more(*(words() for _ in range(60)))
    gallery = await stage.gallery(photos, title=words(), message=words(), filenames_shown=True)
    ours = {"project_id": gallery.project_id, "gallery_id": gallery.id}
    now = gallery.created_at
    sections = [GallerySection(id=uuid7(), title=words(), position=place, **ours) for place in range(10)]
    lists = [
        SelectionList(
            id=uuid7(), title=words(), message=words() if place == 0 else None, position=place, created_at=now, **ours
        )
        for place in range(10)
    ]
    guests = [
        GalleryGuest(id=uuid7(), name="Rose", email=None, last_seen_at=now, created_at=now, **ours) for _ in range(59)
    ]
    comments = [
        GalleryComment(
            id=uuid7(), asset_id=photos[0].id, guest_id=guest.id, author_name=words(), text=words(), x=0.5, y=0.5,
            created_at=now, **ours,
        )
        for guest in guests
    ]  # fmt: skip
    await stage.make.rows(*sections, *lists, *guests, *comments)
    await _into_sections(stage, gallery, [section.id for section in sections])
    return gallery


async def _into_sections(stage: Stage, gallery: Gallery, sections: list[UUID]) -> None:
    async with stage.make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        rows = await tx.scalars(select(GalleryAsset).where(GalleryAsset.gallery_id == gallery.id))
        for row in sorted(rows, key=lambda row: row.position):
            row.section_id = sections[row.position % len(sections)]
        await tx.session.commit()


async def _pages(stage: Stage, gallery: Gallery, browser: Browser) -> dict[str, str]:
    home = f"/g/{gallery.share_slug}"
    grid = await browser.get(home)
    photo = grid.root.all("li", class_="photo")[0]["data-asset-id"]
    lists = [one["data-list"] for one in grid.root.one("aside", id="selection-bar").all("a")]
    compared = "&".join(f"photo={one['data-asset-id']}" for one in grid.root.all("li", class_="photo")[:4])
    return {
        "grid": home,
        "photo": f"{home}/photos/{photo}",
        "compare": f"{home}/compare?{compared}",
        "selection": f"{home}/selection/{lists[0]}",
        "guest": f"{home}/guest",
        "downloads": f"{home}/downloads",
    }


async def test_two_hundred_hostile_words_change_no_page(stage: Stage) -> None:
    bad = hostile(201)
    assert len(set(bad)) == 201
    nice, nasty = (
        await _written(stage, Words([f"word {number}" for number in range(201)])),
        await _written(stage, Words(list(bad))),
    )
    plain, attacked = stage.browser(), stage.browser()
    expected, found = await _pages(stage, nice, plain), await _pages(stage, nasty, attacked)
    read = ""
    for name, address in expected.items():
        one, other = await plain.get(address), await attacked.get(found[name])
        assert (name, other.status) == (name, 200)
        assert other.root.skeleton == one.root.skeleton, f"{name} has another structure, seed {SEED}"
        assert sorted(other.headers) == sorted(one.headers)
        read += other.root.text
    lost = [word for word in bad if " ".join(word.split()) not in read]
    assert lost == []


async def test_a_hostile_name_of_a_visitor(stage: Stage) -> None:
    gallery = await stage.gallery()
    pages = []
    for name in ("Rose", '"><script>alert(1)</script>'):
        guest, home = stage.browser(), f"/g/{gallery.share_slug}"
        await guest.get(home)
        await guest.post(f"{home}/guest", {"name": name})
        pages.append(await guest.get(home))
        assert pages[-1].root.one("a", class_="who").text == name
        assert pages[-1].root.one("form", id="guest-form").one("input", name="name")["value"] == name
    assert pages[0].root.skeleton == pages[1].root.skeleton


@pytest.mark.parametrize(
    "query", ['?after="><b>', "?only=<script>", "?section='x", "?list=%00", "?after=%00", "?x=%0d%0a"]
)
async def test_hostile_addresses(stage: Stage, query: str) -> None:
    gallery = await stage.gallery()
    page = await stage.browser().get(f"/g/{gallery.share_slug}{query}")
    assert page.status in (200, 400)
    assert (page.root.all("b"), [one for one in page.root.all("script") if "src" not in one]) == ([], [])
