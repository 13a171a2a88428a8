"""HTTP as bytes on a socket, for requests that no polite client sends; and a server for a small application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import orjson
import uvicorn
from starlette.types import ASGIApp

from tests.support.wait import until


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """Of the error that the body holds; None: it holds none."""
        readable = self.body and self.headers.get("content-type") == "application/json"
        return orjson.loads(self.body).get("code") if readable else None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[int]:
    """An application on a free port."""
    server = _Server(uvicorn.Config(app, port=0, loop="none", log_level="critical", timeout_graceful_shutdown=5))
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def ask(
    port: int, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """One request, sent exactly as it is written."""
    sent = {"Host": f"127.0.0.1:{port}", "Connection": "close", **(headers or {})}
    if body and "Transfer-Encoding" not in sent:
        sent.setdefault("Content-Length", str(len(body)))
    lines = [f"{name}: {value}" for name, value in sent.items()]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body)
        received = await reader.read()
    finally:
        writer.close()
    head, _, rest = received.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    named: dict[str, str] = {}
    for field in fields:
        name, _, value = field.partition(":")
        named[name.lower()] = f"{named[name.lower()]}, {value.strip()}" if name.lower() in named else value.strip()
    return Answer(int(status.split(" ")[1]) if status else 0, named, rest)
