"""The two ways out of a websocket: frames encoded once for all readers, or ASGI ``send`` where a server has no such."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from starlette.types import Scope, Send

from kilo_gql.graphql.frames import EXTENSION, Frames, Rendered

#: Messages, and bytes, that wait for ASGI ``send`` before the reader is paused.
QUEUE_MESSAGES: Final = 256
QUEUE_BYTES: Final = 512 * 1024
#: Seconds that ``send`` may take to pass on a close.
_CLOSE_TIMEOUT: Final = 5.0


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


def outlet(scope: Scope, send: Send) -> Outlet:
    """The shortest way out of a connection."""
    frames: Frames | None = (scope.get("extensions") or {}).get(EXTENSION)
    return Queued(send) if frames is None else frames
