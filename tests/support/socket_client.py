"""A websocket client of bare asyncio: it can say anything, and it can stop reading."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

PROTOCOL = "graphql-transport-ws"


@dataclass(frozen=True)
class Closed:
    """The close frame that ended a connection; 1006: there was none."""

    code: int
    reason: str = ""


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame. The mask is zero, which the protocol allows and which leaves the payload as it is."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2)
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8)
    return head + bytes(4) + payload


@dataclass
class SocketClient:
    """One connection. ``receive`` gives messages until it gives a ``Closed``."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    #: The subprotocol that the server chose.
    subprotocol: str | None = None
    closed: Closed | None = field(default=None)

    @classmethod
    async def open(
        cls, port: int, path: str = "/graphql", subprotocol: str | None = PROTOCOL, **headers: str
    ) -> SocketClient:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []),
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        assert " 101 " in answer[0], answer
        chosen = [line.partition(":")[2].strip() for line in answer if line.lower().startswith("sec-websocket-proto")]
        return cls(reader, writer, chosen[0] if chosen else None)

    @classmethod
    async def ready(cls, port: int, name: str = "ada", **options: Any) -> SocketClient:
        """A connection that was acknowledged."""
        client = await cls.open(port, **options)
        await client.send({"type": "connection_init", "payload": {"authorization": f"Bearer {name}"}})
        answer = await client.receive()
        assert isinstance(answer, dict), answer
        assert answer["type"] == "connection_ack", answer
        return client

    async def send(self, message: Any) -> None:
        await self.raw(0x1, orjson.dumps(message))

    async def raw(self, opcode: int, payload: bytes) -> None:
        self.writer.write(masked(opcode, payload))
        with suppress(ConnectionError):  # the reason is still to be read
            await self.writer.drain()

    async def subscribe(
        self, query: str, variables: Mapping[str, Any] | None = None, operation_id: str = "1", **payload: Any
    ) -> None:
        asked = {"query": query, "variables": dict(variables or {}), **payload}
        await self.send({"id": operation_id, "type": "subscribe", "payload": asked})

    async def complete(self, operation_id: str = "1") -> None:
        await self.send({"id": operation_id, "type": "complete"})

    async def receive(self, seconds: float = 5.0) -> dict[str, Any] | Closed:
        """The next message; pings of the websocket itself are answered in passing."""
        while self.closed is None:
            try:
                opcode, payload = await asyncio.wait_for(self._frame(), seconds)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.closed = Closed(1006)
                break
            if opcode == 0x1:
                message: dict[str, Any] = orjson.loads(payload)
                return message
            if opcode == 0x9:
                await self.raw(0xA, payload)
            elif opcode == 0x8:
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                self.closed = Closed(code, payload[2:].decode())
                await self.raw(0x8, payload)
                self.writer.close()
        return self.closed

    async def next(self, operation_id: str = "1") -> Any:
        """The data of the next event of one operation."""
        message = await self.receive()
        assert isinstance(message, dict), message
        assert (message.get("id"), message["type"]) == (operation_id, "next"), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def nothing(self, seconds: float = 0.1) -> bool:
        """Is the server silent?"""
        try:
            await self.receive(seconds)
        except TimeoutError:
            return True
        return False

    async def until_closed(self) -> Closed:
        """The end, whatever is said before."""
        async with asyncio.timeout(10):
            while not isinstance(message := await self.receive(), Closed):
                pass
        return message

    async def close(self) -> None:
        """Say goodbye, and wait until the server is gone."""
        if self.closed is None:
            await self.raw(0x8, struct.pack("!H", 1000))
            await self.until_closed()

    def pause(self) -> None:
        """Read nothing more, as a stopped process or a full disk would."""
        self.reader._transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        self.reader._transport.resume_reading()  # type: ignore[attr-defined]

    def drop(self) -> None:
        """Vanish without a word."""
        self.closed = Closed(1006)
        self.writer.transport.abort()

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        assert first & 0x80, "the server never fragments"
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(size)
