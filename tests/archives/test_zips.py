"""Archives that are computed, not made: every reader takes them, and any part of them is the part it says."""

from __future__ import annotations

import io
import random
import subprocess
import zipfile
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kilo_gql.archives import respond_zip
from kilo_gql.zips import ZipEntry, ZipLayout, of_bytes, safe_names

NOON = datetime(2026, 5, 4, 12, 30, 17, tzinfo=UTC)
GIB = 1 << 30


def entry(name: str, data: bytes, pieces: int = 7) -> ZipEntry:
    """An entry that arrives in pieces of a few bytes."""

    async def content(start: int, end: int) -> AsyncIterator[bytes]:
        for at in range(start, end, pieces):
            yield data[at : min(at + pieces, end)]

    return ZipEntry(name, len(data), zlib.crc32(data), NOON, content)


async def whole(layout: ZipLayout, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in layout.stream(start, end)])


FILES = {"a.jpg": b"first picture", "day one/ü – 日本.jpg": bytes(range(256)) * 3, "empty.txt": b""}


async def test_every_entry_comes_back() -> None:
    layout = ZipLayout([entry(name, data) for name, data in FILES.items()])
    made = await whole(layout)
    assert len(made) == layout.size
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert opened.testzip() is None
        assert {info.filename: opened.read(info) for info in opened.infolist()} == FILES
        assert [info.date_time for info in opened.infolist()] == [(2026, 5, 4, 12, 30, 16)] * 3
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}


async def test_an_empty_archive_is_one() -> None:
    layout = ZipLayout([])
    with zipfile.ZipFile(io.BytesIO(await whole(layout))) as opened:
        assert (opened.namelist(), layout.size) == ([], 22)


@pytest.mark.parametrize("seed", range(20))
async def test_any_part_is_the_part(seed: int) -> None:
    chance = random.Random(seed)
    entries = [entry(f"{n}.bin", chance.randbytes(chance.randrange(60)), chance.randrange(1, 9)) for n in range(9)]
    layout = ZipLayout(entries)
    made = await whole(layout)
    for _ in range(200):
        start, end = sorted((chance.randrange(layout.size + 1), chance.randrange(layout.size + 9)))
        assert await whole(layout, start, end) == made[start:end], (seed, start, end)


async def test_a_file_shorter_than_said_breaks_the_stream_instead_of_the_archive() -> None:
    short = entry("a.jpg", b"123")
    layout = ZipLayout([ZipEntry("a.jpg", 5, short.crc32, NOON, lambda start, end: short.content(start, min(end, 3)))])
    with pytest.raises(ValueError, match=r"a\.jpg"):
        await whole(layout)


def _zeros(size: int) -> ZipEntry:
    async def content(start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            piece = min(1 << 20, end - start)
            yield bytes(piece)
            start += piece

    crc, left = 0, size
    while left:
        piece = bytes(min(1 << 26, left))
        crc, left = zlib.crc32(piece, crc), left - len(piece)
    return ZipEntry("zeros.bin", size, crc, NOON, content)


async def test_more_than_four_gibibytes(tmp_path: Path) -> None:
    """Written as a file with a hole: only headers and the directory take room."""
    large = _zeros(4 * GIB + 5)
    layout = ZipLayout([of_bytes("before.txt", b"before", NOON), large, of_bytes("after.txt", b"after", NOON)])
    path = tmp_path / "large.zip"
    front, tail = await whole(layout, 0, 4096), await whole(layout, 4 * GIB)
    with path.open("wb") as file:
        file.write(front)
        file.seek(4 * GIB)
        file.write(tail)
    assert path.stat().st_size == layout.size
    with zipfile.ZipFile(path) as opened:
        assert [info.file_size for info in opened.infolist()] == [6, 4 * GIB + 5, 5]
        assert (opened.read("before.txt"), opened.read("after.txt")) == (b"before", b"after")


async def test_more_entries_than_sixteen_bits_count() -> None:
    layout = ZipLayout([of_bytes(f"{n}.txt", b"", NOON) for n in range(70_000)])
    with zipfile.ZipFile(io.BytesIO(await whole(layout))) as opened:
        assert len(opened.namelist()) == 70_000


@pytest.mark.exiftool
async def test_unzip_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "made.zip"
    path.write_bytes(await whole(ZipLayout([entry(name, data) for name, data in FILES.items()])))
    done = subprocess.run(["unzip", "-tq", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.startswith("No errors detected")) == (0, True)


def test_names_are_safe_on_every_system() -> None:
    hostile = {
        "../../etc/passwd": "file/file/etc/passwd",
        "C:\\Windows\\a.jpg": "C__Windows_a.jpg",
        "con.jpg": "_con.jpg",
        "Lpt1": "_Lpt1",
        "nul .tar.gz": "_nul .tar.gz",
        "a\0b\r\nc\u202egpj.exe": "abcgpj.exe",
        "trailing. . ": "trailing",
        "...": "file",
        "": "file",
        'wh<a>t?"*|.jpg': "wh_a_t____.jpg",
        "/absolute/name.jpg": "file/absolute/name.jpg",
        "day/ü.jpg": "day/ü.jpg",
    }
    assert {name: safe_names([name])[0] for name in hostile} == hostile


def test_names_differ_also_where_case_does_not_count() -> None:
    assert safe_names(["A.jpg", "a.JPG", "a.jpg", "ä.jpg", "a\u0308.jpg", "x/a.jpg", "STRASSE", "straße"]) == [
        "A.jpg", "a (2).JPG", "a (3).jpg", "ä.jpg", "ä (2).jpg", "x/a.jpg", "STRASSE", "straße (2)",
    ]  # fmt: skip


def test_many_of_one_name() -> None:
    """Each in a step, not in as many as there were before: with that, these would take many minutes."""
    made = safe_names(["a.jpg", "a (3).jpg", *["A.jpg"] * 60_000])
    assert made[:5] == ["a.jpg", "a (3).jpg", "A (2).jpg", "A (4).jpg", "A (5).jpg"]
    assert (made[-1], len({name.casefold() for name in made})) == ("A (60002).jpg", 60_002)


def test_long_names_end_in_time() -> None:
    [name] = safe_names(["日" * 300 + ".jpg"])
    assert (len(name.encode()) <= 200, name[-4:]) == (True, ".jpg")
    [name] = safe_names(["x" * 300 + "." + "y" * 40])
    assert len(name) == 200


# --- over HTTP -------------------------------------------------------------------------------------------------------


@pytest.fixture
def site() -> Starlette:
    async def serve(request: Request) -> Response:
        return respond_zip(
            request, ZipLayout([entry(name, data) for name, data in FILES.items()]), "Anna & Ben\r\n.zip"
        )

    return Starlette(routes=[Route("/zip", serve)])


async def test_a_broken_download_goes_on(site: Starlette) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://here") as client:
        full = await client.get("/zip")
        assert (full.status_code, full.headers["content-length"]) == (200, str(len(full.content)))
        assert (
            full.headers["content-disposition"]
            == "attachment; filename=\"Anna _ Ben.zip\"; filename*=UTF-8''Anna%20%26%20Ben.zip"
        )
        rest = await client.get("/zip", headers={"range": "bytes=100-", "if-range": full.headers["etag"]})
        assert (rest.status_code, rest.content) == (206, full.content[100:])
        assert rest.headers["content-range"] == f"bytes 100-{len(full.content) - 1}/{len(full.content)}"
        other = await client.get("/zip", headers={"range": "bytes=100-", "if-range": '"another"'})
        assert (other.status_code, other.content) == (200, full.content)
        beyond = await client.get("/zip", headers={"range": f"bytes={len(full.content)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(full.content)}")
        head = await client.head("/zip", headers={"range": "bytes=1-2"})
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(full.content)), b"")
