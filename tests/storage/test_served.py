"""Stored files over HTTP: ranges, headers, and addresses that carry their own permission."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from kilo_gql.config import Settings
from kilo_gql.disposition import content_disposition, safe_type
from kilo_gql.errors import KiloError
from kilo_gql.metrics import Metrics
from kilo_gql.middleware import Surround
from kilo_gql.objects import Unsatisfiable, signed_objects, single_range
from kilo_gql.rest.machinery import problem
from kilo_gql.signed_urls import Signer
from kilo_gql.storage import Store, open_store
from tests.support.raw_http import Answer, ask, listening
from tests.support.uploads import whole

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
PHOTO = "p1/a1/f1.jpg"
DATA = bytes(range(256)) * 2000


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, KiloError)
    return problem(error, request.scope["kilo_request_id"])


@dataclass
class Place:
    """The served store; ``now`` can be turned."""

    store: Store
    settings: Settings
    root: Path
    port: int = 0
    now: datetime = NOW

    async def ask(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """Ask for the path and query of a whole address, unchanged."""
        return await ask(self.port, method, url.removeprefix(self.settings.base_url), headers, body)

    async def url(self, key: str = PHOTO, content_type: str = "image/jpeg", filename: str | None = None) -> str:
        return await self.store.signed_get(key, expires_at=LATER, content_type=content_type, filename=filename)

    def stored(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


@pytest_asyncio.fixture
async def place(local: Store, local_settings: Settings) -> AsyncIterator[Place]:
    made = Place(local, local_settings, local_settings.object_root)
    signer = Signer.of(local_settings)
    app = Starlette(
        routes=[signed_objects(lambda request: local, signer, lambda: made.now)],
        middleware=[Middleware(Surround, build="test", metrics=Metrics())],
        exception_handlers={KiloError: refused},
    )
    await local.put_bytes(PHOTO, DATA, "image/jpeg")
    async with listening(app) as made.port:
        yield made


async def test_a_signed_address_is_answered_with_the_file(place: Place) -> None:
    answer = await place.ask("GET", await place.url(filename="Wedding 001.jpg"))
    assert (answer.status, answer.body) == (200, DATA)
    kept = {name: value for name, value in answer.headers.items() if name not in ("date", "server", "etag")}
    for name in ("x-request-id", "kilo-build", "server-timing", "connection"):
        kept.pop(name, None)
    assert kept == {
        "content-type": "image/jpeg",
        "content-length": "512000",
        "content-disposition": 'inline; filename="Wedding 001.jpg"',
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "same-site",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cache-control": "private, max-age=600",
        "accept-ranges": "bytes",
    }
    head = await place.ask("HEAD", await place.url())
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "512000")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)), ("bytes=5-", (5, 1000)), ("bytes=-5", (995, 1000)), ("bytes=-5000", (0, 1000)),
        ("bytes=10-5000", (10, 1000)), ("BYTES=1-2", (1, 3)), ("bytes= 1-2 ", (1, 3)), (None, None), ("", None),
        ("bytes=", None), ("bytes=-", None), ("bytes=5-4", None), ("bytes=0-0,2-3", None), ("bytes=a-b", None),
        ("items=0-5", None), ("bytes 0-5", None), ("bytes=0-5;", None), ("bytes=+1-2", None), ("bytes=1 -2", None),
        (f"bytes={'9' * 5000}-", None), ("bytes=\u0661-", None),
    ],
)  # fmt: skip
def test_one_range_or_the_whole(header: str | None, expected: tuple[int, int] | None) -> None:
    assert single_range(header, 1000) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=1000-", 1000), ("bytes=-0", 1000), ("bytes=0-", 0)])
def test_a_range_after_the_end(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        single_range(header, size)


async def test_ranges_over_http(place: Place) -> None:
    url = await place.url()
    part = await place.ask("GET", url, {"Range": "bytes=300000-300009"})
    assert (part.status, part.body) == (206, DATA[300_000:300_010])
    assert part.headers["content-range"] == "bytes 300000-300009/512000"
    beyond = await place.ask("GET", url, {"Range": "bytes=512000-"})
    assert (beyond.status, beyond.body, beyond.headers["content-range"]) == (416, b"", "bytes */512000")
    several = await place.ask("GET", url, {"Range": "bytes=0-1,5-6"})
    assert (several.status, several.body) == (200, DATA)
    tag = part.headers["etag"]
    for condition, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200), ("Mon, 01 Jun 2026 12:00:00 GMT", 200)):
        answer = await place.ask("GET", url, {"Range": "bytes=0-9", "If-Range": condition})
        assert answer.status == status
    for known, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"x"', 200)):
        answer = await place.ask("GET", url, {"If-None-Match": known})
        assert (answer.status, len(answer.body)) == (status, 0 if status == 304 else len(DATA))
    head = await place.ask("HEAD", url, {"Range": "bytes=0-9"})
    assert (head.status, head.headers["content-length"]) == (200, "512000")


async def test_a_file_that_is_gone_is_an_error_and_no_broken_answer(place: Place) -> None:
    url = await place.url()
    await place.store.delete([PHOTO])
    answer = await place.ask("GET", url)
    assert (answer.status, answer.code) == (404, "object_missing")


@pytest.mark.parametrize(
    ("content_type", "answered", "kind"),
    [
        ("image/jpeg", "image/jpeg", "inline"),
        ("image/png", "image/png", "inline"),
        ("image/webp", "image/webp", "inline"),
        ("image/avif", "image/avif", "inline"),
        ("image/x-canon-cr3", "image/x-canon-cr3", "attachment"),
        ("application/zip", "application/zip", "attachment"),
        ("image/svg+xml", "application/octet-stream", "attachment"),
        ("text/html", "application/octet-stream", "attachment"),
        ("application/xhtml+xml", "application/octet-stream", "attachment"),
        ("text/xml", "application/octet-stream", "attachment"),
        ("image/jpeg\r\nSet-Cookie: a=b", "application/octet-stream", "attachment"),
        ("image/x-a\n", "application/octet-stream", "attachment"),
    ],
)
async def test_only_pictures_are_shown(place: Place, content_type: str, answered: str, kind: str) -> None:
    assert (safe_type(content_type), content_disposition(content_type)) == (answered, kind)
    answer = await place.ask("GET", await place.url(content_type=content_type))
    assert (answer.headers["content-type"], answer.headers["content-disposition"]) == (answered, kind)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        ("a.jpg", 'filename="a.jpg"'),
        ("Jürgen & Co.jpg", "filename=\"Jurgen _ Co.jpg\"; filename*=UTF-8''J%C3%BCrgen%20%26%20Co.jpg"),
        ("写真.jpg", "filename=\".jpg\"; filename*=UTF-8''%E5%86%99%E7%9C%9F.jpg"),
        ('x"; filename="evil.exe', "filename=\"x__ filename__evil.exe\"; "
         "filename*=UTF-8''x%22%3B%20filename%3D%22evil.exe"),
        ("a\r\nSet-Cookie: x=y.jpg", "filename=\"aSet-Cookie_ x_y.jpg\"; filename*=UTF-8''aSet-Cookie%3A%20x%3Dy.jpg"),
        ("../../etc/passwd", 'filename="passwd"'),
        ("C:\\x\\y.jpg", 'filename="y.jpg"'),
        ("photo\u202egpj.exe", 'filename="photogpj.exe"'),
        ("%41.jpg", "filename=\"_41.jpg\"; filename*=UTF-8''%2541.jpg"),
        (".. . ", 'filename="file"'),
        ("", 'filename="file"'),
        ("x" * 300 + ".jpg", f'filename="{"x" * 146}.jpg"'),
    ],
)  # fmt: skip
async def test_no_name_ends_the_header(place: Place, filename: str, value: str) -> None:
    assert content_disposition("image/jpeg", filename) == f"inline; {value}"
    answer = await place.ask("GET", await place.url(filename=filename))
    assert answer.headers["content-disposition"] == f"inline; {value}"
    assert "set-cookie" not in answer.headers


async def test_a_file_is_put_once(place: Place) -> None:
    signed = await place.store.signed_put("p1/a1/f2.jpg", size=500_000, expires_at=LATER, content_type="image/jpeg")
    assert signed.headers == {"Content-Type": "image/jpeg"}
    answer = await place.ask("PUT", signed.url, dict(signed.headers), b"2" * 500_000)
    assert (answer.status, answer.body) == (201, b"")
    assert await whole(place.store, "p1/a1/f2.jpg") == b"2" * 500_000
    again = await place.ask("PUT", signed.url, {**signed.headers, "Content-Length": "500000"})
    assert (again.status, again.code) == (409, "storage_conflict")
    assert await whole(place.store, "p1/a1/f2.jpg") == b"2" * 500_000
    assert [one async for one in place.store.leftovers()] == []


# --- what must be refused -------------------------------------------------------------------------------------------

NEW = "p1/a1/new.jpg"
JPEG = {"Content-Type": "image/jpeg"}
HTML = {"Content-Type": "text/html"}
CHUNKED = {"Transfer-Encoding": "chunked", **JPEG}
CHUNK = b"3e8\r\n" + b"1" * 1000 + b"\r\n"
#: The codes of the refusals.
INVALID, EXPIRED, TAKEN = "signature_invalid", "link_expired", "storage_conflict"
TOO_LONG, WRONG_SIZE = "upload_too_long", "size_mismatch"

Attempt = tuple[str, str, dict[str, str], bytes, str]


def edited(url: str, **changes: str | None) -> str:
    """The same address with parameters replaced (None: removed)."""
    address = urlsplit(url)
    named: dict[str, str | None] = {**dict(parse_qsl(address.query, keep_blank_values=True)), **changes}
    return f"{address.path}?{urlencode({name: value for name, value in named.items() if value is not None})}"


def paths(key: str) -> dict[str, str]:
    """Other ways to write a path; none of them may reach a file."""
    return {
        "up": f"p1/../{key}",
        "up encoded": f"p1/%2e%2e/{key}",
        "up encoded twice": f"p1/%252e%252e/{key}",
        "up with encoded slashes": f"..%2f..%2f{key}",
        "up in UTF-8 of two bytes": f"%c0%ae%c0%ae/{key}",
        "dot": f"./{key}",
        "double slash": f"/{key}",
        "double slash inside": key.replace("/", "//", 1),
        "backslash": key.replace("/", "\\"),
        "NUL at the end": f"{key}%00",
        "NUL inside": key.replace("/", "%00/", 1),
        "newline": f"{key}%0a",
        "slash at the end": f"{key}/",
        "other case": key.upper(),
        "the marker": ".kilo-store",
        "the folder of uploads": "incoming/x.1",
        "/etc/passwd": "/etc/passwd",
        "up to /etc/passwd": "../../../../etc/passwd",
        "nothing": "",
        "other asset": key.replace("a1", "a2"),
        "other project": key.replace("p1", "p2"),
    }


async def abuses(place: Place) -> dict[str, Attempt]:
    """By name: method, address, headers, body, and the code it must be refused with."""
    get = await place.url(filename="a.jpg")
    put = (await place.store.signed_put(NEW, size=1000, expires_at=LATER, content_type="image/jpeg")).url
    taken = (await place.store.signed_put(PHOTO, size=1000, expires_at=LATER, content_type="image/jpeg")).url
    stale = {"expires_at": NOW - timedelta(seconds=1), "content_type": "image/jpeg"}
    old = await place.store.signed_get(PHOTO, **stale)
    old_put = (await place.store.signed_put(NEW, size=1000, **stale)).url
    signature = dict(parse_qsl(urlsplit(get).query))["signature"]
    ours = Signer.of(place.settings)
    abroad = replace(ours, base_url="https://elsewhere.example")
    other_host = replace(ours, base_url="http://127.0.0.1:9999")
    other_key = replace(ours, secret=place.settings.key("another purpose"))
    body, query = b"1" * 1000, get.partition("?")[2]

    def signed_by(signer: Signer, url: str) -> str:
        return signer.url(ours.verify("GET", PHOTO, urlsplit(url).query, NOW)).removeprefix(signer.base_url)

    found: dict[str, Attempt] = {
        f"GET path: {name}": ("GET", f"/objects/{path}?{query}", {}, b"", INVALID)
        for name, path in paths(PHOTO).items()
    }
    found |= {
        f"PUT path: {name}": ("PUT", f"/objects/{path}?{put.partition('?')[2]}", JPEG, body, INVALID)
        for name, path in paths(NEW).items()
    }
    found |= {
        "GET: expired": ("GET", old, {}, b"", EXPIRED),
        "HEAD: expired": ("HEAD", old, {}, b"", EXPIRED),
        "PUT: expired": ("PUT", old_put, JPEG, body, EXPIRED),
        "GET: longer life": ("GET", edited(old, expires="1999999999"), {}, b"", INVALID),
        "GET: life in another script": ("GET", edited(get, expires="\u0661\u0669"), {}, b"", INVALID),
        "GET: negative life": ("GET", edited(get, expires="-1"), {}, b"", INVALID),
        "GET: endless number": ("GET", edited(get, expires="9" * 5000), {}, b"", INVALID),
        "GET: life with a sign": ("GET", edited(get, expires="+1999999999"), {}, b"", INVALID),
        "GET: no life": ("GET", edited(get, expires=None), {}, b"", INVALID),
        "GET: other type": ("GET", edited(get, type="text/html"), {}, b"", INVALID),
        "GET: other name": ("GET", edited(get, name="b.jpg"), {}, b"", INVALID),
        "GET: no name": ("GET", edited(get, name=None), {}, b"", INVALID),
        "GET: a size": ("GET", edited(get, size="1000"), {}, b"", INVALID),
        "GET: something more": ("GET", edited(get, more="1"), {}, b"", INVALID),
        "GET: doubled parameter": ("GET", f"{get}&type=image%2Fjpeg", {}, b"", INVALID),
        "GET: doubled signature": ("GET", f"{get}&signature={signature}", {}, b"", INVALID),
        "GET: a hundred parameters": ("GET", get + "&a=1" * 100, {}, b"", INVALID),
        "GET: no signature": ("GET", edited(get, signature=None), {}, b"", INVALID),
        "GET: empty signature": ("GET", edited(get, signature=""), {}, b"", INVALID),
        "GET: shorter signature": ("GET", edited(get, signature=signature[:-1]), {}, b"", INVALID),
        "GET: padded signature": ("GET", edited(get, signature=f"{signature}="), {}, b"", INVALID),
        "GET: signature in other letters": ("GET", edited(get, signature=signature.swapcase()), {}, b"", INVALID),
        "GET: signature beyond ASCII": ("GET", edited(get, signature="é" * 43), {}, b"", INVALID),
        "GET: no query": ("GET", f"/objects/{PHOTO}", {}, b"", INVALID),
        "GET: empty query": ("GET", f"/objects/{PHOTO}?", {}, b"", INVALID),
        "GET: a broken query": ("GET", f"/objects/{PHOTO}?expires", {}, b"", INVALID),
        "GET: a query that is no UTF-8": ("GET", f"{edited(get, name=None)}&name=%ff", {}, b"", INVALID),
        "GET: of another host": ("GET", signed_by(other_host, get), {}, b"", INVALID),
        "GET: of another installation": ("GET", signed_by(abroad, get), {}, b"", INVALID),
        "GET: signed for another purpose": ("GET", signed_by(other_key, get), {}, b"", INVALID),
        "GET: with an address for PUT": ("GET", put, {}, b"", INVALID),
        "HEAD: with an address for PUT": ("HEAD", put, {}, b"", INVALID),
        "PUT: with an address for GET": ("PUT", get, JPEG, body, INVALID),
        "PUT: other size": ("PUT", edited(put, size="1001"), JPEG, b"1" * 1001, INVALID),
        "PUT: no size": ("PUT", edited(put, size=None), JPEG, body, INVALID),
        "PUT: size 0": ("PUT", edited(put, size="0"), JPEG, b"", INVALID),
        "PUT: other type in the query": ("PUT", edited(put, type="text/html"), HTML, body, INVALID),
        "PUT: other type in the header": ("PUT", put, HTML, body, INVALID),
        "PUT: no type": ("PUT", put, {}, body, INVALID),
        "PUT: longer body": ("PUT", put, JPEG, b"1" * 1001, WRONG_SIZE),
        "PUT: much longer body": ("PUT", put, JPEG, b"1" * 30_000, WRONG_SIZE),
        "PUT: shorter body": ("PUT", put, JPEG, b"1" * 999, WRONG_SIZE),
        "PUT: empty body": ("PUT", put, {"Content-Length": "0", **JPEG}, b"", WRONG_SIZE),
        "PUT: longer than said, in chunks": ("PUT", put, CHUNKED, CHUNK + b"1\r\n1\r\n0\r\n\r\n", TOO_LONG),
        "PUT: many chunks too many": ("PUT", put, CHUNKED, CHUNK * 50 + b"0\r\n\r\n", TOO_LONG),
        "PUT: shorter, in chunks": ("PUT", put, CHUNKED, b"1\r\n1\r\n0\r\n\r\n", WRONG_SIZE),
        "PUT: over a file that is there": ("PUT", taken, JPEG, body, TAKEN),
        "PUT: over it, in chunks": ("PUT", taken, CHUNKED, CHUNK + b"0\r\n\r\n", TAKEN),
    }  # fmt: skip
    return found


STATUS = {INVALID: 403, EXPIRED: 410, WRONG_SIZE: 400, TOO_LONG: 413, TAKEN: 409}


async def test_everything_else_is_refused_and_nothing_is_stored(place: Place) -> None:
    attempts, before, answered = await abuses(place), place.stored(), {}
    assert len(attempts) == 90
    for name, (method, url, headers, body, _) in attempts.items():
        answer = await place.ask(method, url, headers, body)
        answered[name] = (answer.status, answer.code)
        assert DATA[:100] not in answer.body, name
        assert place.stored() == before, name
    assert answered == {
        name: (STATUS[code], code if method != "HEAD" else None) for name, (method, _, _, _, code) in attempts.items()
    }


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_not_there(place: Place, method: str) -> None:
    before = place.stored()
    assert (await place.ask(method, await place.url())).status == 405
    assert place.stored() == before


async def test_a_link_ends_at_its_time(place: Place) -> None:
    url = await place.url()
    place.now = LATER - timedelta(seconds=1)
    assert (await place.ask("GET", url)).headers["cache-control"] == "private, max-age=1"
    place.now = LATER
    assert (await place.ask("GET", url)).code == EXPIRED


# --- a bucket's own addresses ---------------------------------------------------------------------------------------


async def test_a_bucket_signs_what_may_be_sent(s3_settings: Settings) -> None:
    """moto checks no signatures; that size, type and `If-None-Match` are signed is read from the address."""
    public = s3_settings.model_copy(update={"s3_public_url": s3_settings.s3_endpoint_url})
    store = await open_store(public, create=True)
    expires_at = datetime.now(UTC) + timedelta(minutes=10)
    signed = await store.signed_put(NEW, size=4, expires_at=expires_at, content_type="image/jpeg")
    query = dict(parse_qsl(urlsplit(signed.url).query))
    assert query["X-Amz-SignedHeaders"] == "content-length;content-type;host;if-none-match"
    assert int(query["X-Amz-Expires"]) in (599, 600)
    async with httpx.AsyncClient() as client:
        assert (await client.put(signed.url, content=b"1234", headers=dict(signed.headers))).status_code == 200
        assert (await client.put(signed.url, content=b"5678", headers=dict(signed.headers))).status_code == 412
        url = await store.signed_get(NEW, expires_at=expires_at, content_type="text/html", filename="ü.html")
        answer = await client.get(url, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"23")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (
        answer.headers["content-disposition"] == f"attachment; filename=\"u.html\"; filename*=UTF-8''{quote('ü.html')}"
    )
    await store.aclose()


async def test_a_bucket_that_browsers_do_not_reach_is_served_by_us(s3_settings: Settings) -> None:
    store = await open_store(s3_settings, create=True)
    signer = Signer.of(s3_settings)
    signed = await store.signed_put(NEW, size=4, expires_at=LATER, content_type="image/jpeg")
    assert signer.verify("PUT", NEW, urlsplit(signed.url).query, NOW).size == 4
    url = await store.signed_get(NEW, expires_at=LATER, content_type="image/jpeg")
    app = Starlette(
        routes=[signed_objects(lambda request: store, signer, lambda: NOW)],
        middleware=[Middleware(Surround, build="test", metrics=Metrics())],
        exception_handlers={KiloError: refused},
    )
    async with listening(app) as port:
        for status in (201, 409):
            path = signed.url.removeprefix(s3_settings.base_url)
            assert (await ask(port, "PUT", path, dict(signed.headers), b"1234")).status == status
        answer = await ask(port, "GET", url.removeprefix(s3_settings.base_url), {"Range": "bytes=-2"})
    assert (answer.status, answer.body, answer.headers["content-range"]) == (206, b"34", "bytes 2-3/4")
    assert [one async for one in store.leftovers()] == []
    await store.aclose()
