"""How pages are sent: what they may do in a browser, how long they are kept, how large they are."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import pytest

from kilo_gql.gallery_pages import assets
from tests.gallery_pages.conftest import PASSWORD, Stage
from tests.support.html import Element

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'nonce-{}'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def _everything(stage: Stage) -> list[str]:
    opened, locked = await stage.gallery(), await stage.gallery(password=PASSWORD)
    home, photo = f"/g/{opened.share_slug}", stage.photos[0].id
    return [
        home, f"{home}/photos/{photo}", f"{home}/compare?a={photo}&b={stage.photos[1].id}", f"{home}/guest",
        f"{home}/downloads", f"/g/{locked.share_slug}", "/g/nothing", f"{home}/compare",
    ]  # fmt: skip


async def test_what_a_page_may_do(stage: Stage) -> None:
    nonces = set()
    for address in await _everything(stage):
        page = await stage.browser().get(address)
        [nonce] = re.findall(r"'nonce-([\w-]{22})'", page.headers["content-security-policy"])
        nonces.add(nonce)
        assert page.headers["content-security-policy"] == POLICY.format(nonce)
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-robots-tag"] == "noindex, nofollow, noarchive"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["permissions-policy"].startswith("camera=(), microphone=(), geolocation=()")
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        # the policy is kept by every page: no script or style in it, but for the one with the nonce
        assert [one for one in page.root.all("script") if "src" not in one or one.text] == []
        assert [one["nonce"] for one in page.root.all("style")] in ([], [nonce])
        assert [
            one
            for one in _elements(page.root)
            if any(name == "style" or name.startswith("on") for name in one.attributes)
        ] == []
    assert len(nonces) == 8


def _has_inline(element: Element) -> bool:
    return any(name == "style" or name.startswith("on") for name in element.attributes)


def _elements(element: Element) -> Iterator[Element]:
    yield element
    for child in element.children:
        yield from _elements(child)


async def test_nothing_comes_from_elsewhere(stage: Stage) -> None:
    for address in await _everything(stage):
        page = await stage.browser().get(address)
        loaded = [
            one[name] for one in _elements(page.root) for name in ("src", "href", "action", "formaction") if name in one
        ]
        assert [one for one in loaded if not one.startswith(("/g/", "/g-assets/", "#"))] == []


async def test_pages_are_compressed_for_who_reads_that(stage: Stage) -> None:
    gallery = await stage.gallery()
    browser, home = stage.browser(), f"/g/{gallery.share_slug}"
    coded = await browser.get(home, **{"accept-encoding": "br, gzip"})
    assert (coded.headers["content-encoding"], coded.headers["vary"]) == ("gzip", "accept-encoding, cookie")
    for refused in ("identity", "gzip;q=0", "br"):
        assert "content-encoding" not in (await browser.get(home, **{"accept-encoding": refused})).headers


async def test_assets_are_kept_for_ever_and_never_mixed(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get("/g/nothing")
    sheets = [link["href"] for link in page.root.all("link", rel="stylesheet")]
    assert sheets == [f"{assets.BASE}/{name}.css" for name in ("tokens", "base", "gallery", "photo")]
    kept = await browser.get(sheets[0])
    assert (kept.status, kept.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert kept.response.content == (assets.FOLDER / "static" / "tokens.css").read_bytes()
    older = await browser.get("/g-assets/0123456789abcdef/tokens.css")
    assert (older.status, older.headers["cache-control"]) == (200, "no-store")
    for name in ("nothing.js", "..%2ftemplates%2fbase.html", "__init__.py"):
        assert (await browser.get(f"/g-assets/{assets.DIGEST}/{name}")).status == 404


async def test_every_module_of_a_page_is_named_by_it(stage: Stage) -> None:
    gallery = await stage.gallery()
    page = await stage.browser().get(f"/g/{gallery.share_slug}")
    [entry] = [one["src"].rpartition("/")[2] for one in page.root.all("script")]
    named = {one["href"].rpartition("/")[2] for one in page.root.all("link", rel="modulepreload")}
    assert named | {entry} == _modules(entry)


def _modules(name: str) -> set[str]:
    """A module and everything that it loads."""
    found, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += re.findall(r'(?:from|import) "\./([\w.]+)"', assets.ASSETS[one].content.decode())
    return found


async def test_the_first_view_of_two_hundred_photos_is_small(stage: Stage) -> None:
    photos = await stage.more(*(f"SMALL_{number:03}.JPG" for number in range(200)))
    gallery = await stage.gallery(photos)
    page = await stage.browser().get(f"/g/{gallery.share_slug}")
    files = {one["href"] for one in page.root.all("link")} | {one["src"] for one in page.root.all("script")}
    sent = len(gzip.compress(page.response.content, 5)) + sum(
        len(assets.ASSETS[one.rpartition("/")[2]].compressed) for one in files
    )
    assert len(page.numbers) == 200
    assert sent < 150_000
