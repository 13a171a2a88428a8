"""One file, and a server that says all that a server may say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kilo_gql.errors import Unavailable
from kilo_gql.importing import transfer
from kilo_gql.importing.board import Board
from kilo_gql.importing.client import Client, Refused, Token, open_http
from kilo_gql.importing.scan import scan

BODY = bytes(range(256)) * 40
Answer = tuple[int, dict[str, str]]


class Server:
    """Speaks HTTP/1.1 and answers from a list; ``asked`` are method and offset of what came."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int | None]] = []
        self.got = bytearray()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        offset = headers.get("upload-offset")
        self.asked.append((head[0].split()[0], None if offset is None else int(offset)))
        status, told = self.answers.pop(0)
        if status == 204:
            self.got += body
        lines = [f"HTTP/1.1 {status} Said", "Content-Length: 0", "Connection: close"]
        writer.write("\r\n".join([*lines, *(f"{k}: {v}" for k, v in told.items()), "", ""]).encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def sending(
    server: Server, folder: Path, *, patience: float = 60, notice: Callable[[str | None], None] = lambda _: None
) -> AsyncIterator[Callable[[int], object]]:
    """A function that sends a file from an offset on."""
    (folder / "a.jpg").write_bytes(BODY)
    board = Board.of(scan([folder]))
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening, open_http(url) as http:
        client = Client(http, Token("none"), notice, patience)
        yield lambda received: transfer.send(client, board, board.items[0], f"{url}/uploads/1", received)


def at(offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset)}


WHOLE = len(BODY)


@pytest.mark.parametrize(
    ("received", "answers", "asked"),
    [
        (0, [(204, at(WHOLE))], [("PATCH", 0)]),
        (100, [(204, at(WHOLE))], [("PATCH", 100)]),
        (WHOLE, [], []),
        # what the server made of it counts, not what was sent
        (0, [(204, at(4000)), (204, at(WHOLE))], [("PATCH", 0), ("PATCH", 4000)]),
        (0, [(409, {}), (200, at(300)), (204, at(WHOLE))], [("PATCH", 0), ("HEAD", None), ("PATCH", 300)]),
        (0, [(423, {}), (200, at(WHOLE))], [("PATCH", 0), ("HEAD", None)]),
        (50, [(503, {}), (503, {}), (200, at(50)), (204, at(WHOLE))],
         [("PATCH", 50), ("HEAD", None), ("HEAD", None), ("PATCH", 50)]),
    ],
)  # fmt: skip
async def test_it_goes_on_where_the_server_stands(
    tmp_path: Path, received: int, answers: list[Answer], asked: list[tuple[str, int | None]]
) -> None:
    server = Server(*answers)
    async with sending(server, tmp_path) as send:
        await send(received)
    assert (server.asked, server.answers) == (asked, [])


async def test_a_full_disk_is_waited_for_and_told(tmp_path: Path) -> None:
    server, told = Server((507, {}), (200, at(0)), (204, at(WHOLE))), []
    async with sending(server, tmp_path, notice=told.append) as send:
        await send(0)
    assert told == ["The server answered 507.", None]
    assert bytes(server.got) == BODY


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_an_address_that_is_not_good_any_more(tmp_path: Path, status: int) -> None:
    server = Server((status, {}))
    async with sending(server, tmp_path) as send:
        with pytest.raises(transfer.Expired):
            await send(0)


@pytest.mark.parametrize("status", [400, 412, 413, 415])
async def test_what_repeating_does_not_mend(tmp_path: Path, status: int) -> None:
    server = Server((status, {}))
    async with sending(server, tmp_path) as send:
        with pytest.raises(Refused) as refused:
            await send(0)
    assert refused.value.answered == status
    assert server.asked == [("PATCH", 0)]


async def test_patience_ends(tmp_path: Path) -> None:
    server = Server((507, {}))
    async with sending(server, tmp_path, patience=0) as send:
        with pytest.raises(Unavailable) as gave_up:
            await send(0)
    assert gave_up.value.code == "server_unreachable"
    assert "The server answered 507." in gave_up.value.message
