"""The clients of ``tests.chaos.events``: they read, are dropped, resume after their last id, and keep count."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

from tests.support.socket_client import Closed, SocketClient
from tests.support.sse import SseClient

_QUERY = """
    subscription Follow($project: UUID!, $after: String) {
      projectEvents(projectId: $project, after: $after) {
        ... on ProjectChange { cursor changed }
        ... on StreamReset { cursor reason }
      }
    }
"""
_PATIENCE: Final = 60.0
#: What a connection may raise when its server is killed or its client is dropped.
LOST: Final = (
    OSError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    TimeoutError,
    ValueError,
    AssertionError,
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its number, or a reset with its reason."""

    cursor: str
    number: int | None = None
    reset: str | None = None


class Stream(Protocol):
    """One connection."""

    async def next(self) -> Told | None: ...

    def drop(self) -> None: ...


#: Connects to a port and resumes after a cursor.
Opens = Callable[[int, UUID, str, str | None], Awaitable[Stream]]


class SseStream:
    """Server-sent events."""

    def __init__(self, client: SseClient) -> None:
        self.client = client

    @classmethod
    async def open(cls, port: int, project_id: UUID, token: str, after: str | None) -> SseStream:
        headers = {"authorization": f"Bearer {token}"}
        client = await SseClient.open(port, project_id, headers, last_event_id=after, limit=1 << 18)
        if client.status != 200:
            client.drop()
            raise ConnectionError(client.status)
        return cls(client)

    async def next(self) -> Told | None:
        message = await self.client.next()
        if message is None or message.event == "end":
            return None
        assert message.id is not None
        data = message.json
        if message.event == "reset":
            return Told(message.id, reset=data["reason"])
        return Told(message.id, data["changed"]["n"])

    def drop(self) -> None:
        self.client.drop()


class SocketStream:
    """A GraphQL subscription over the websocket."""

    def __init__(self, client: SocketClient) -> None:
        self.client = client

    @classmethod
    async def open(cls, port: int, project_id: UUID, token: str, after: str | None) -> SocketStream:
        client = await SocketClient.open(port)
        try:
            await client.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
            answer = await client.receive()
            if isinstance(answer, Closed):
                raise ConnectionError(answer)
            await client.subscribe(_QUERY, {"project": str(project_id), "after": after})
        except BaseException:
            client.drop()
            raise
        return cls(client)

    async def next(self) -> Told | None:
        message = await self.client.receive(60)
        if isinstance(message, Closed) or message["type"] != "next":
            return None
        event: dict[str, Any] = message["payload"]["data"]["projectEvents"]
        if "reason" in event:
            return Told(event["cursor"], reset=event["reason"].lower())
        return Told(event["cursor"], event["changed"]["n"])

    def drop(self) -> None:
        self.client.drop()


KINDS: dict[str, Opens] = {"sse": SseStream.open, "socket": SocketStream.open}


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
    missing: int = 0
    doubled: int = 0
    disordered: int = 0
    resets: int = 0
    connections: int = 0
    refused: int = 0

    async def run(self) -> None:
        while len(self.numbers) < self.total and not (self.missing or self.resets):
            port = self.ports[(self.connections + self.refused) % len(self.ports)]
            try:
                async with asyncio.timeout(10):
                    stream = await KINDS[self.kind](port, self.project_id, self.token, self.cursor)
            except LOST:
                self.refused += 1
                await asyncio.sleep(0.1)
                continue
            self.connections += 1
            since = time.time()
            try:
                # half of the drops count from the first event, so that a starved server does not mean no progress
                if self.chance.random() < 0.5:
                    async with asyncio.timeout(_PATIENCE):
                        self._take(await stream.next(), since)
                async with asyncio.timeout(self.chance.uniform(0.2, 2.0)):
                    while len(self.numbers) < self.total and self._take(await stream.next(), since):
                        pass
            except LOST:
                pass
            finally:
                stream.drop()

    def _take(self, told: Told | None, since: float) -> bool:
        """Count what came; False: the server ended the stream."""
        if told is None:
            return False
        last, seq = int(self.cursor.partition("-")[2]), int(told.cursor.partition("-")[2])
        if told.number is None:
            self.resets += 1
        elif seq == last + 1:
            self.numbers.append(told.number)
            self.came.append(time.time())
            self.since.append(since)
        elif seq == last:
            self.doubled += 1
        elif seq < last:
            self.disordered += 1
        else:
            self.missing += seq - last - 1
        self.cursor = told.cursor
        return True

    def waits(self, committed: Sequence[float]) -> list[float]:
        """Seconds from commit to client, of the events that were committed while it was connected."""
        return [
            came - committed[number]
            for number, came, since in zip(self.numbers, self.came, self.since, strict=True)
            if committed[number] > since
        ]
