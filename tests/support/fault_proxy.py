"""A TCP proxy that does to connections what networks do to photographers: reset, ended early, stalled, slow.

Each new connection meets the next fault that waits in ``faults``; with none it is passed on whole. What a fault is may
be drawn from a seeded generator, so that a run can be repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

_PIECE: Final = 1 << 16
#: What the kernel may hold between two sockets: little, so that what was sent is about what has arrived.
_BUFFER: Final = 1 << 16
_CRAWL: Final = 5_000
_TICK: Final = 0.1


class Fate(StrEnum):
    """How a connection ends once its bytes are through."""

    RESET = "reset"
    FIN = "fin"
    #: Nothing passes any more, in either direction, and nobody is told; much later it is reset.
    STALL = "stall"
    #: 5,000 bytes a second; later it is reset.
    CRAWL = "crawl"


@dataclass(frozen=True, slots=True)
class Fault:
    """``fate`` strikes when the client has sent ``after`` bytes. ``seconds``: how long a stall or a crawl lasts."""

    fate: Fate
    after: int
    seconds: float = 0.0

    @classmethod
    def draw(cls, chance: random.Random, size: int, *, seconds: float) -> Fault:
        """One at a random place of a connection that is to carry ``size`` bytes; a stall lasts 0.5-1 × ``seconds``."""
        return cls(chance.choice(list(Fate)), chance.randrange(max(1, size)), seconds * chance.uniform(0.5, 1))


class FaultProxy:
    """Passes connections on to the port that ``target`` names at that moment.

    ``latency``: seconds by which each piece of an answer is late. ``bandwidth``: bytes a second that one connection may
    send. ``struck`` counts faults by fate, ``passed`` the bytes that clients sent and servers got.
    """

    def __init__(self, target: Callable[[], int], *, latency: float = 0.0, bandwidth: float | None = None) -> None:
        self.target, self.latency, self.bandwidth = target, latency, bandwidth
        self.faults: deque[Fault] = deque()
        self.struck: Counter[str] = Counter()
        self.passed = 0
        self.port = 0
        self._server: asyncio.Server
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        listening.bind(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=_PIECE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def drop(self) -> None:
        """Reset every connection that is open."""
        for task in self._open:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # the faults are dealt in the order in which connections came
        fault = self.faults.popleft() if self.faults else None
        task = asyncio.ensure_future(self._carry(reader, writer, fault))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _carry(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, fault: Fault | None) -> None:
        try:
            answers, server = await _connect(self.target())
        except OSError:
            _reset(client)
            return
        back = asyncio.ensure_future(self._answer(answers, client))
        try:
            with contextlib.suppress(OSError):
                if await self._forward(reader, server, fault):
                    await self._strike(reader, client, server, back, fault)
                else:
                    await back  # the client has said everything; the answer may still be on its way
        finally:
            back.cancel()
            _reset(client)
            _reset(server)

    async def _forward(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, fault: Fault | None) -> bool:
        """Pass on what the client sends; True: a fault is due, False: the client has ended."""
        left = fault.after if fault else -1
        while left:
            data = await reader.read(_PIECE if left < 0 else min(left, _PIECE))
            if not data:
                server.write_eof()
                return False
            await self._send(server, data)
            left -= len(data) if left > 0 else 0
            if self.bandwidth is not None:
                await asyncio.sleep(len(data) / self.bandwidth)
        return True

    async def _strike(
        self,
        reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        server: asyncio.StreamWriter,
        back: asyncio.Future[None],
        fault: Fault | None,
    ) -> None:
        assert fault is not None
        self.struck[fault.fate] += 1
        match fault.fate:
            case Fate.FIN:
                server.write_eof()
                client.close()
                await asyncio.wait({back}, timeout=1)
            case Fate.STALL:
                back.cancel()
                await asyncio.sleep(fault.seconds)
            case Fate.CRAWL:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(fault.seconds):
                        await self._crawl(reader, server)
            case Fate.RESET:
                pass

    async def _crawl(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await reader.read(round(_CRAWL * _TICK)):
            await self._send(server, data)
            await asyncio.sleep(_TICK)

    async def _send(self, server: asyncio.StreamWriter, data: bytes) -> None:
        server.write(data)
        await server.drain()
        self.passed += len(data)

    async def _answer(self, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await answers.read(_PIECE):
                await asyncio.sleep(self.latency)
                client.write(data)
                await client.drain()
            client.close()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    link.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", port))
    except OSError:
        link.close()
        raise
    reader, writer = await asyncio.open_connection(sock=link, limit=_PIECE)
    writer.transport.set_write_buffer_limits(0)
    return reader, writer


def _reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection: the other side is told by RST. Nothing happens to one that is closed."""
    link = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
