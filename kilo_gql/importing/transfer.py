"""One file to its upload address, by tus 1.0.0 (core protocol): cut anywhere, it goes on where the server stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import httpx

from kilo_gql.errors import Conflict
from kilo_gql.importing.board import Board, Item
from kilo_gql.importing.client import Backoff, Client, Refused

#: Bytes of one request at most, as proxies let through, and of one read.
_PIECE: Final = 64 << 20
_BLOCK: Final = 1 << 20
_VERSION: Final = {"Tus-Resumable": "1.0.0"}

#: The address is not good any more: the file has to be prepared again.
_EXPIRED: Final = frozenset((401, 403, 404, 410))
#: Somebody else wrote, something got lost, or there is no room at the moment: ask where it stands and go on from there.
_AGAIN: Final = frozenset((408, 409, 423, 429, 460, 500, 502, 503, 504, 507))


class Expired(Exception):
    """The upload address is not good (any more)."""


async def send(client: Client, board: Board, item: Item, url: str, received: int) -> None:
    """Send what the server does not have; returns when it has all.

    Raises Expired, OSError, Conflict ``file_changed``, Refused, and Unavailable when patience is at its end.
    """
    backoff = Backoff(client.patience)
    offset, lost = received, False
    while offset < item.found.size:
        refused = None
        try:
            if lost:
                before, offset = offset, await _offset(client, url)
                board.progressed(item, offset)
                lost = False
                if offset > before:
                    backoff.progress()
                continue
            response = await _patch(client, board, item, url, offset)
            if response.status_code == 204:
                offset = int(response.headers["upload-offset"])
                board.progressed(item, offset)
                backoff.progress()
                client.notice(None)
                continue
            refused = _judged(response)
            client.notice(refused.message)
        except httpx.TransportError as error:
            client.notice(f"The connection was lost ({type(error).__name__}); going on where it was.")
        lost = True
        await client.again(backoff, refused)


async def _patch(client: Client, board: Board, item: Item, url: str, offset: int) -> httpx.Response:
    size = min(_PIECE, item.found.size - offset)
    headers = {
        **_VERSION,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(size),
    }
    return await client.http.patch(url, headers=headers, content=_body(board, item, offset, size))


async def _body(board: Board, item: Item, offset: int, size: int) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(item.path.open, "rb", buffering=0) as file:
        file.seek(offset)
        end = offset + size
        while offset < end:
            block = await asyncio.to_thread(file.read, min(_BLOCK, end - offset))
            if not block:
                raise changed(item)
            yield block
            offset += len(block)
            board.progressed(item, offset)


async def _offset(client: Client, url: str) -> int:
    response = await client.http.head(url, headers=_VERSION)
    if response.is_success:
        return int(response.headers["upload-offset"])
    _judged(response)
    raise httpx.RemoteProtocolError(f"HEAD was answered {response.status_code}")


def _judged(response: httpx.Response) -> Refused:
    """What an answer says that is worth another try. Raises Expired, or Refused for one that is not."""
    if response.status_code in _EXPIRED:
        raise Expired
    refused = Refused.of(response)
    if response.status_code not in _AGAIN:
        raise refused
    return refused


def changed(item: Item) -> Conflict:
    """The file is not what it was when it was hashed."""
    return Conflict(
        f"{item.path.name} changed while it was read.",
        code="file_changed",
        remediation=["Close the program that writes it, and import it again."],
    )
