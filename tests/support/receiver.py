"""A server that webhooks are sent to: it notes what comes and answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

_REASON = b"Whatever"


@dataclass(frozen=True)
class Received:
    """A request as it came; names of headers are lower case."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = orjson.loads(self.body)
        return value

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """``answer``: status, headers and body of an answer, decided for each request."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    #: Requests that are being answered at this moment, and the most there ever were.
    busy: int = 0
    busiest: int = 0
    connections: int = 0
    answer: Callable[[Received], Awaitable[tuple[int, dict[str, str], bytes]]] = field(default_factory=lambda: _well)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def ids(self) -> list[str]:
        return [one.id for one in self.received]

    def cursors(self) -> list[str]:
        return [one.json["cursor"] for one in self.received]

    def always(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer everything with this status from now on."""

        async def answer(_: Received) -> tuple[int, dict[str, str], bytes]:
            return status, {name.replace("_", "-"): value for name, value in headers.items()}, body

        self.answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        one = Received(head[0].split(" ")[1], headers, body)
        self.received.append(one)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            status, more, content = await self.answer(one)
        finally:
            self.busy -= 1
        lines = [f"HTTP/1.1 {status} ".encode() + _REASON, f"content-length: {len(content)}".encode()]
        lines += [f"{name}: {value}".encode() for name, value in more.items()]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + content)
        await writer.drain()


async def _well(_: Received) -> tuple[int, dict[str, str], bytes]:
    return 204, {}, b""


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on the loopback address, for the length of a block; with ``tls`` it speaks HTTPS."""
    made = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await made.serve(reader, writer)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
