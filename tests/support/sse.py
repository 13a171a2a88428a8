"""A server-sent events client of bare asyncio: it can resume, vanish, and stop reading."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Message:
    """One event as a browser would dispatch it; a comment has neither name nor data."""

    id: str | None
    event: str
    data: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


@dataclass
class SseClient:
    """One request for a stream. ``last_id`` is what a browser would resume after."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: dict[str, str]
    last_id: str | None = None
    retry: int | None = None
    comments: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    @classmethod
    async def open(
        cls,
        port: int,
        project_id: UUID | str,
        headers: Mapping[str, str],
        *,
        last_event_id: str | None = None,
        query: str = "",
        limit: int = 1 << 16,
    ) -> SseClient:
        """Ask for ``/v1/realtime``."""
        path = f"/v1/realtime?projectId={project_id}{query}"
        return await cls.get(port, path, headers, last_event_id=last_event_id, limit=limit)

    @classmethod
    async def get(
        cls,
        port: int,
        path: str,
        headers: Mapping[str, str],
        *,
        last_event_id: str | None = None,
        limit: int = 1 << 16,
    ) -> SseClient:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
        sent = {"host": "127.0.0.1", "accept": "text/event-stream", **headers}
        if last_event_id is not None:
            sent["last-event-id"] = last_event_id
        lines = [f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().strip().splitlines()
        got = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        return cls(reader, writer, int(first.split()[1]), got, last_event_id)

    async def body(self) -> str:
        """The whole answer of a request that was refused."""
        return (await self.reader.readexactly(int(self.headers["content-length"]))).decode()

    async def next(self) -> Message | None:
        """The next event that has data; None: the server ended the stream."""
        while (block := await self._block()) is not None:
            fields: dict[str, list[str]] = {}
            for line in block.splitlines():
                name, _, value = line.partition(":")
                fields.setdefault(name, []).append(value.removeprefix(" "))
            self.comments += len(fields.get("", ()))
            if "retry" in fields:
                self.retry = int(fields["retry"][0])
            if "id" in fields:
                self.last_id = fields["id"][0]
            if "data" in fields:
                return Message(self.last_id, fields.get("event", ["message"])[0], "\n".join(fields["data"]))
        return None

    async def seconds(self, seconds: float) -> Message | None:
        """``next``, but not for longer than this."""
        async with asyncio.timeout(seconds):
            return await self.next()

    def drop(self) -> None:
        """Vanish without a word."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()

    async def _block(self) -> str | None:
        while (end := self._buffer.find(b"\n\n")) < 0:
            if not (chunk := await self._chunk()):
                return None
            self._buffer += chunk
        block = self._buffer[:end].decode()
        del self._buffer[: end + 2]
        return block

    async def _chunk(self) -> bytes:
        size = int(await self.reader.readline() or b"0", 16)
        chunk = await self.reader.readexactly(size + 2)
        return chunk[:-2]
