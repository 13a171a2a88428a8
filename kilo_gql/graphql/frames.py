"""Websocket text frames made once for many readers: a uvicorn protocol that lets the application write them itself.

Run uvicorn with ``ws="kilo_gql.graphql.frames:BroadcastProtocol", ws_per_message_deflate=False``. A connection's
``scope["extensions"][EXTENSION]`` is then a ``Frames``. Where it is absent, messages go through ASGI ``send``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

#: The key in ``scope["extensions"]``.
EXTENSION: Final = "kilo.frames"
#: The largest message a client may send, in bytes; a larger one closes the connection with 1009.
MAX_MESSAGE: Final = 1 << 20
#: Unsent bytes in this process above which a reader is paused, and below which it goes on.
HIGH_WATER: Final = 512 * 1024
LOW_WATER: Final = 128 * 1024
#: Unsent bytes in the kernel. Its own buffer of some megabytes would hide for minutes that nobody reads.
_KERNEL_UNSENT: Final = 128 * 1024
#: Seconds that a closing connection may take to send what is left.
_CLOSE_TIMEOUT: Final = 5.0


def header(length: int) -> bytes:
    """The header of a final, unmasked text frame with ``length`` bytes of payload (RFC 6455, section 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2)
    return b"\x81\x7f" + length.to_bytes(8)


class Rendered:
    """Messages that differ between readers in their beginning only, which holds the reader's operation id."""

    __slots__ = ("_pieces", "_prefix", "_size", "_wire", "tails")

    def __init__(self, tails: Sequence[bytes]) -> None:
        self.tails = tails
        self._prefix = self._wire = b""
        self._size = 0
        self._pieces: Sequence[bytes] = ()

    def wire(self, prefix: bytes) -> bytes:
        """All the messages as websocket frames.

        What lies between two prefixes (a tail, and the header of the next frame) depends on the prefix' length alone,
        so a reader's frames are one ``join``: 0.1 us. Only the last one's are kept, for readers with the same id:
        keeping those of 2,000 readers cost 5 us each, for memory that was never warm.
        """
        if prefix != self._prefix:
            if len(prefix) != self._size:
                self._size = len(prefix)
                heads = [header(self._size + len(tail)) for tail in self.tails]
                self._pieces = [tail + head for tail, head in zip([b"", *self.tails], [*heads, b""], strict=True)]
            self._prefix, self._wire = prefix, prefix.join(self._pieces)
        return self._wire


class Frames:
    """The outgoing side of a connection, as an ``Outlet``. Never blocks; writes only while the connection is open.

    ``paused_since``: its reader is behind since then, in the loop's time; nothing more should be written.
    """

    __slots__ = ("_connection", "_protocol", "_transport", "paused_since")

    def __init__(self, protocol: BroadcastProtocol) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._connection = protocol.conn
        self.paused_since: float | None = None

    def write(self, *parts: bytes) -> None:
        """Send whole frames, encoded beforehand."""
        if self._connection.state is State.OPEN and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def text(self, body: bytes) -> None:
        """Send one message."""
        self.write(header(len(body)), body)

    def batch(self, rendered: Rendered, prefix: bytes) -> None:
        """Send shared messages."""
        if self._connection.state is State.OPEN and not self._transport.is_closing():
            self._transport.write(rendered.wire(prefix))

    async def drained(self) -> None:
        """Return when the reader has caught up, or is gone."""
        await self._protocol.writable.wait()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after everything written before; never blocks.

        The application receives its disconnect at once. A client that does not take the frame is cut off after 5 s.
        """
        self._protocol.close_with(code, reason)

    async def finish(self) -> None:
        """Nothing is left to free."""


class BroadcastProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own websocket protocol, with ``Frames`` for the application and an end for clients that do not read."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.close_timeout = _CLOSE_TIMEOUT
        self.conn.max_message_size = min(self.config.ws_max_size, MAX_MESSAGE)
        self._frames: Frames | None = None
        self._cut_off: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self._frames = Frames(self)
        wire = transport.get_extra_info("socket")
        if wire is not None and wire.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, AttributeError):  # Linux and macOS know the option
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _KERNEL_UNSENT)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[EXTENSION] = self._frames

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._frames is not None:
            self._frames.paused_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._frames is not None:
            self._frames.paused_since = None

    def close_with(self, code: int, reason: str) -> None:
        """What ``send({"type": "websocket.close"})`` does, without waiting for a full buffer."""
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._await_goodbye()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._abort_later()

    def handle_parser_exception(self) -> None:
        """Close for a broken or too large message. What the client still sends of it is read and dropped: with bytes
        unread the kernel resets the connection, and the close code with it."""
        if self.close_sent:
            return
        close = cast("Any", self.conn.close_sent)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._await_goodbye()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_later()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._frames is not None:
            self._frames.paused_since = None
        if self._cut_off is not None:
            self._cut_off.cancel()

    def _await_goodbye(self) -> None:
        """Our close frame is sent: read on for the client's, for as long as it may take."""
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self._abort_later()

    def _abort_later(self) -> None:
        """A transport closes when its buffer is sent, which one that is never read is not."""
        if self._cut_off is None and self.transport.get_write_buffer_size():
            self._cut_off = self.loop.call_later(self.close_timeout, self.transport.abort)
