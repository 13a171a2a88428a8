"""The clients of ``tests.chaos.events``: they read, are dropped, resume after their last id, and keep count.

They parse what arrives as it arrives, without a coroutine an event: forty of them share one process, and their own
slowness would pass for the server's.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

from tests.support.socket_client import masked

_QUERY: Final = """
    subscription Follow($project: UUID!, $after: String) {
      projectEvents(projectId: $project, after: $after) {
        ... on ProjectChange { cursor changed }
        ... on StreamReset { cursor reason }
      }
    }
"""
_UPGRADE: Final = (
    "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2lsby5jaGFvcy5ldmVudA==\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
#: Seconds for a connection, and for a first event on those that wait for it.
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its number, or a reset with its reason."""

    cursor: str
    number: int | None = None
    reset: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks for."""

    port: int
    project_id: UUID
    token: str
    after: str


Take = Callable[[Told], None]


class Wire(asyncio.Protocol):
    """One connection: ``parse`` takes whole messages from the buffer; ``ended`` is set when it is over."""

    def __init__(self, ask: Ask, take: Take) -> None:
        self.ask, self.take = ask, take
        self.buffer = bytearray()
        self.ended = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.hello())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.ended.is_set() and self.parse():
            pass

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()

    def drop(self) -> None:
        """Vanish without a word."""
        self.ended.set()
        self.transport.abort()

    def hello(self) -> bytes:
        raise NotImplementedError

    def parse(self) -> bool:
        """Take one message; False: it is not there yet."""
        raise NotImplementedError

    def head(self) -> bytes | None:
        """The head of the answer, once."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.buffer[:end])
        del self.buffer[: end + 4]
        return head


class SseWire(Wire):
    """Server-sent events, in HTTP's chunks."""

    def __init__(self, ask: Ask, take: Take) -> None:
        super().__init__(ask, take)
        self.begun = False
        self.text = bytearray()

    def hello(self) -> bytes:
        ask = self.ask
        return (
            f"GET /v1/realtime?projectId={ask.project_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {ask.token}\r\nLast-Event-ID: {ask.after}\r\n\r\n"
        ).encode()

    def parse(self) -> bool:
        if not self.begun:
            if (head := self.head()) is None:
                return False
            self.begun = b" 200 " in head.splitlines()[0]
            if not self.begun:
                self.drop()
            return self.begun
        line = self.buffer.find(b"\r\n")
        if line < 0 or len(self.buffer) < line + 4 + (size := int(self.buffer[:line], 16)):
            return False
        self.text += self.buffer[line + 2 : line + 2 + size]
        del self.buffer[: line + 4 + size]
        *blocks, rest = self.text.split(b"\n\n")
        self.text = rest
        for block in blocks:
            self._event(bytes(block))
        return True

    def _event(self, block: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
        name = fields.get(b"event")
        if name == b"end":
            self.drop()
        elif name == b"reset":
            self.take(Told(fields[b"id"].decode(), reset=orjson.loads(fields[b"data"])["reason"]))
        elif name is not None:
            self.take(Told(fields[b"id"].decode(), orjson.loads(fields[b"data"])["changed"]["n"]))


class SocketWire(Wire):
    """A GraphQL subscription over the websocket."""

    def __init__(self, ask: Ask, take: Take) -> None:
        super().__init__(ask, take)
        self.begun = False

    def hello(self) -> bytes:
        return _UPGRADE.encode()

    def parse(self) -> bool:
        if not self.begun:
            if (head := self.head()) is None:
                return False
            self.begun = b" 101 " in head.splitlines()[0]
            if not self.begun:
                self.drop()
            self._say({"type": "connection_init", "payload": {"authorization": f"Bearer {self.ask.token}"}})
            return self.begun
        if len(self.buffer) < 2:
            return False
        start, size = 2, self.buffer[1] & 0x7F
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(self.buffer[2:start])
        if len(self.buffer) < start + size:
            return False
        opcode, payload = self.buffer[0] & 0x0F, bytes(self.buffer[start : start + size])
        del self.buffer[: start + size]
        self._frame(opcode, payload)
        return True

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == 0x9:
            self.transport.write(masked(0xA, payload))
        elif opcode != 0x1:
            self.drop()
        else:
            self._message(orjson.loads(payload))

    def _message(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "next", "payload": {"data": {"projectEvents": {"cursor": cursor, "reason": str(reason)}}}}:
                self.take(Told(cursor, reset=reason.lower()))
            case {"type": "next", "payload": {"data": {"projectEvents": {"cursor": cursor, "changed": changed}}}}:
                self.take(Told(cursor, changed["n"]))
            case {"type": "connection_ack"}:
                variables = {"project": str(self.ask.project_id), "after": self.ask.after}
                payload = {"query": _QUERY, "variables": variables}
                self._say({"type": "subscribe", "id": "1", "payload": payload})
            case {"type": "ping"}:
                self._say({"type": "pong"})
            case _:
                self.drop()

    def _say(self, message: object) -> None:
        self.transport.write(masked(0x1, orjson.dumps(message)))


KINDS: Final[dict[str, type[Wire]]] = {"sse": SseWire, "socket": SocketWire}


async def connect(kind: str, ask: Ask, take: Take) -> Wire:
    """A connection of a kind; whatever it is told goes to ``take``. Raises OSError."""
    async with asyncio.timeout(_PATIENCE):
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: KINDS[kind](ask, take), "127.0.0.1", ask.port
        )
    return wire


@dataclass
class Reader:
    """Reads until it has ``total`` events; connects to the servers in turn."""

    kind: str
    ports: Sequence[int]
    project_id: UUID
    token: str
    total: int
    chance: random.Random
    #: For each event its number, when it came, and since when the connection stood.
    numbers: array[int] = field(default_factory=lambda: array("q"))
    came: array[float] = field(default_factory=lambda: array("d"))
    since: array[float] = field(default_factory=lambda: array("d"))
    cursor: str = "1-0"
    last: int = 0
    missing: int = 0
    doubled: int = 0
    disordered: int = 0
    resets: int = 0
    connections: int = 0
    refused: int = 0
    _connected: float = 0.0
    _first: asyncio.Event = field(default_factory=asyncio.Event)
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self._over:
            port = self.ports[(self.connections + self.refused) % len(self.ports)]
            self._connected, self._first = time.time(), asyncio.Event()
            try:
                wire = await connect(self.kind, Ask(port, self.project_id, self.token, self.cursor), self._take)
            except (OSError, TimeoutError):
                self.refused += 1
                await asyncio.sleep(0.1)
                continue
            self.connections += 1
            # half of the drops count from the first event, so that a starved server does not mean no progress
            if self.chance.random() < 0.5:
                await self._until(wire, self._first, _PATIENCE)
            await self._until(wire, self._done, self.chance.uniform(0.2, 2.0))
            wire.drop()

    async def _until(self, wire: Wire, event: asyncio.Event, seconds: float) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in (event, wire.ended)]
        _, left = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in left:
            wait.cancel()

    @property
    def _over(self) -> bool:
        return self.last >= self.total or bool(self.missing or self.resets)

    def _take(self, told: Told) -> None:
        self._first.set()
        seq = int(told.cursor.partition("-")[2])
        if told.number is None:
            self.resets += 1
        elif seq == self.last + 1:
            self.numbers.append(told.number)
            self.came.append(time.time())
            self.since.append(self._connected)
        elif seq == self.last:
            self.doubled += 1
        elif seq < self.last:
            self.disordered += 1
        else:
            self.missing += seq - self.last - 1
        self.cursor, self.last = told.cursor, seq
        if self._over:
            self._done.set()

    def waits(self, committed: Sequence[float]) -> list[float]:
        """Seconds from commit to client, of the events that were committed while it was connected."""
        return [
            came - committed[number]
            for number, came, since in zip(self.numbers, self.came, self.since, strict=True)
            if committed[number] > since
        ]
