"""A plain client of the resumable upload protocol (tus 1.0.0), which gives up, looks where it is, and goes on.

It speaks HTTP/1.1 over a socket of its own, so that it notices an answer that comes before its body is sent, and knows
how many bytes it has sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

_PIECE: Final = 1 << 17
_BUFFER: Final = 1 << 16
_VERSION: Final = {"Tus-Resumable": "1.0.0"}


class Lost(Exception):
    """The connection ended, or stood still, before there was an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


class Wire:
    """One connection. ``sent`` counts the bytes of bodies that left; ``patience``: seconds without any progress."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader, self._writer, self.patience = reader, writer, patience
        self.sent = 0

    @classmethod
    async def open(cls, port: int, patience: float = 20.0) -> Wire:
        """Connect to a port of this machine. Raises Lost."""
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        link.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", port))
        except OSError as error:
            link.close()
            raise Lost(str(error)) from None
        reader, writer = await asyncio.open_connection(sock=link)
        writer.transport.set_write_buffer_limits(0)
        return cls(reader, writer, patience)

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: memoryview | None = None
    ) -> Answer:
        """One request. An answer ends it, also one that comes while the body is being sent. Raises Lost."""
        length = {"Content-Length": str(len(body))} if body is not None else {}
        fields = {"Host": "127.0.0.1", **length, **(headers or {})}
        lines = (f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", "")
        answer = asyncio.ensure_future(self._answer(method))
        try:
            self._writer.write("\r\n".join(lines).encode())
            await self._send(body or memoryview(b""), answer)
            async with asyncio.timeout(self.patience):
                return await asyncio.shield(answer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise Lost(repr(error)) from None
        finally:
            answer.cancel()
            await asyncio.wait({answer})
            if not answer.cancelled():
                answer.exception()

    async def _send(self, body: memoryview, answer: asyncio.Future[Any]) -> None:
        for start in range(0, len(body), _PIECE):
            piece = body[start : start + _PIECE]
            self._writer.write(piece)
            drained: asyncio.Future[Any] = asyncio.ensure_future(self._writer.drain())
            try:
                done, _ = await asyncio.wait(
                    {drained, answer}, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                drained.cancel()
            if not done:
                raise TimeoutError
            # whoever answers now wants no more of it, and whoever hung up may have answered before
            if answer in done or drained.exception() is not None:
                return
            self.sent += len(piece)

    async def _answer(self, method: str) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        size = 0 if method == "HEAD" or status == 204 else int(headers.get("content-length", "0"))
        return Answer(status, headers, await self._reader.readexactly(size))

    def drop(self) -> None:
        """Vanish without a word."""
        self._writer.transport.abort()


class Refused(Exception):
    """The server does not take the file, and trying again would not help."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body.decode(errors='replace')}")
        self.answer = answer


@dataclass(eq=False)
class TusClient:
    """One file on its way in. ``port`` is asked before every connection.

    ``resent`` lists, for each connection that was lost, how many bytes had been sent that the server did not count.
    ``answers`` counts what the server said to PATCH, by status. ``backwards``: how often the offset was less than it
    had been. ``sending_to``: the port to which the body of a PATCH is on its way now.
    """

    url: str
    data: bytes
    port: Callable[[], int]
    patience: float = 20.0
    #: Statuses after which one looks where the upload stands and goes on.
    again: frozenset[int] = frozenset((409, 423, 503))
    pause: float = 0.2
    resent: list[int] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    backwards: int = 0
    sending_to: int | None = None
    reached: int = 0
    _hoped: int | None = None

    @property
    def target(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    async def upload(self) -> None:
        """Send the file, however often that takes. Raises Refused."""
        while not await self.attempt():
            pass

    async def attempt(self) -> bool:
        """One connection: look where the upload stands and send the rest. True: the file is there."""
        port, wire = self.port(), None
        try:
            wire = await Wire.open(port, self.patience)
            return await self._go_on(wire, port)
        except Lost:
            await asyncio.sleep(self.pause)
            return False
        finally:
            self.sending_to = None
            if wire is not None:
                wire.drop()

    async def _go_on(self, wire: Wire, port: int) -> bool:
        offset = self._look(await wire.ask("HEAD", self.target, _VERSION))
        if offset is None:
            await asyncio.sleep(self.pause)
            return False
        if offset == len(self.data):
            return True
        headers = {**_VERSION, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        self.sending_to = port
        try:
            answer = await wire.ask("PATCH", self.target, headers, memoryview(self.data)[offset:])
        except Lost:
            self._hoped = offset + wire.sent
            raise
        self.answers[answer.status] += 1
        if answer.status == 204:
            assert answer.offset == len(self.data), answer
            return True
        if answer.status not in self.again:
            raise Refused(answer)
        self._hoped = offset + wire.sent
        await asyncio.sleep(self.pause)
        return False

    def _look(self, answer: Answer) -> int | None:
        """Where the upload stands; None: ask again. Notes what was sent in vain."""
        if answer.status in self.again:
            return None
        if answer.status not in (200, 204):
            raise Refused(answer)
        assert int(answer.headers["upload-length"]) == len(self.data), answer
        self.backwards += answer.offset < self.reached
        self.reached = answer.offset
        if self._hoped is not None:
            self.resent.append(max(0, self._hoped - answer.offset))
            self._hoped = None
        return answer.offset


async def send(port: int, url: str, data: bytes, **headers: str) -> Answer:
    """One PATCH of everything from the start, whatever there is already. Raises Lost."""
    parts = urlsplit(url)
    fields = {**_VERSION, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", **headers}
    wire = await Wire.open(port)
    try:
        return await wire.ask("PATCH", f"{parts.path}?{parts.query}", fields, memoryview(data))
    finally:
        wire.drop()
