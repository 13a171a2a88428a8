"""The two ways out of a websocket: frames encoded once for all readers, or ASGI ``send`` where a server has no such."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from starlette.types import Scope, Send

from kilo_gql.graphql.frames import EXTENSION, Frames, header

#: Messages, and bytes, that wait for ASGI ``send`` before the reader is paused.
QUEUE_MESSAGES: Final = 256
QUEUE_BYTES: Final = 512 * 1024
#: Seconds that ``send`` may take to pass on a close.
_CLOSE_TIMEOUT: Final = 5.0


class Rendered:
    """Messages that differ between readers in their beginning only, which holds the reader's operation id."""

    __slots__ = ("_heads", "_prefix", "_size", "_wire", "tails")

    def __init__(self, tails: Sequence[bytes]) -> None:
        self.tails = tails
        self._prefix = self._wire = b""
        self._size = 0
        self._heads: Sequence[bytes] = ()

    def wire(self, prefix: bytes) -> bytes:
        """All the messages as websocket frames.

        Kept for the next reader, as many clients choose the same id. Only one is kept: joining into memory that is
        warm from the reader before takes 0.5 us, and keeping a frame for each of 2,000 readers made it 5 us.
        """
        if prefix != self._prefix:
            if len(prefix) != self._size:
                self._size = len(prefix)
                self._heads = [header(self._size + len(tail)) for tail in self.tails]
            pairs = zip(self._heads, self.tails, strict=True)
            self._prefix = prefix
            self._wire = b"".join([part for head, tail in pairs for part in (head, prefix, tail)])
        return self._wire


class Outlet(Protocol):
    """Never blocks. While ``paused_since`` (loop time) is not None, nothing more should be written."""

    @property
    def paused_since(self) -> float | None: ...

    def text(self, body: bytes) -> None:
        """Send one message."""

    def batch(self, rendered: Rendered, prefix: bytes) -> None:
        """Send shared messages."""

    async def drained(self) -> None:
        """Return when the reader has caught up, or is gone."""

    def close(self, code: int, reason: str) -> None:
        """Close after what was sent before."""

    async def finish(self) -> None:
        """Free everything; the connection has ended."""


class Direct:
    """Writes frames past ASGI."""

    __slots__ = ("_frames", "_write")

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._write = frames.write

    @property
    def paused_since(self) -> float | None:
        return self._frames.paused_since

    def text(self, body: bytes) -> None:
        self._write(header(len(body)), body)

    def batch(self, rendered: Rendered, prefix: bytes) -> None:
        self._write(rendered.wire(prefix))

    async def drained(self) -> None:
        await self._frames.drained()

    def close(self, code: int, reason: str) -> None:
        self._frames.close(code, reason)

    async def finish(self) -> None:
        pass


class Queued:
    """Passes messages to ASGI ``send`` in a task of its own, from a queue that pauses the reader when it is full."""

    def __init__(self, send: Send) -> None:
        self.paused_since: float | None = None
        self._send = send
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._closing: tuple[int, str] | None = None
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="websocket-sender")

    def text(self, body: bytes) -> None:
        if self._closing is None:
            self._waiting.append(body)
            self._bytes += len(body)
            self._wake.set()
            full = len(self._waiting) >= QUEUE_MESSAGES or self._bytes >= QUEUE_BYTES
            if full and self.paused_since is None:
                self.paused_since = self._loop.time()
                self._drained.clear()

    def batch(self, rendered: Rendered, prefix: bytes) -> None:
        for tail in rendered.tails:
            self.text(prefix + tail)

    async def drained(self) -> None:
        await self._drained.wait()

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = code, reason
            self._wake.set()
            self._loop.call_later(_CLOSE_TIMEOUT, self._task.cancel)

    async def finish(self) -> None:
        if self._closing is None:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._resume()

    async def _run(self) -> None:
        try:
            while self._waiting or self._closing is None:
                while self._waiting:
                    body = self._waiting.popleft()
                    self._bytes -= len(body)
                    await self._send({"type": "websocket.send", "text": body.decode()})
                self._resume()
                self._wake.clear()
                if self._closing is None:
                    await self._wake.wait()
            code, reason = self._closing
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception:  # noqa: S110 - servers raise as they like when a client is gone; their disconnect message follows
            pass
        finally:
            self._resume()

    def _resume(self) -> None:
        self.paused_since = None
        self._drained.set()


def outlet(scope: Scope, send: Send) -> Direct | Queued:
    """The shortest way out of a connection."""
    extensions: Mapping[str, Any] = scope.get("extensions") or {}
    frames = extensions.get(EXTENSION)
    return Direct(frames) if frames is not None else Queued(send)
