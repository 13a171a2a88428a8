"""``GET /v1/realtime``: a project's events as server-sent events (WHATWG HTML, section 9.2).

The stream is written here message by message, in pure ASGI: every way it can end (the client leaves, stops reading,
loses its right; the token or the stream grows old; the server stops) is one line below, and each frees everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from kilo_gql.access import Actor
from kilo_gql.events import Event, Reset
from kilo_gql.feed import Batch
from kilo_gql.guard import Allowed, Guard
from kilo_gql.hub import Hub
from kilo_gql.server import abort
from kilo_gql.waiting import cancel

#: Milliseconds after which a browser reconnects.
_RETRY: Final = 1_000
#: Bytes handed to the server at a time, and seconds a client may refuse to take them.
_CHUNK: Final = 1 << 16
_STUCK: Final = 30.0
_GOODBYE: Final = 2.0
#: Keeps proxies from closing a silent connection.
_COMMENT: Final = b":\n\n"

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would wait for a full buffer
]


class End(StrEnum):
    """Why the server ended a stream: the reason in its last event, ``end``."""

    EXPIRED = "expired"
    LIFETIME = "lifetime"
    REVOKED = "revoked"
    STOPPING = "stopping"


class _Stuck(Exception):
    """The client does not take what it is sent."""


class Wording:
    """What a stream says: all of every event, to those who may see the project."""

    def event(self, event: Event | Reset) -> bytes:
        """What is told of an event; nothing: this reader is not told of it."""
        return event.sse

    def cursor(self, cursor: str) -> str:
        """A place in the log as the reader is to send it back."""
        return cursor

    def end(self, reason: End) -> bytes:
        """The last that is said."""
        return f'event: end\ndata: {{"reason":"{reason}"}}\n\n'.encode()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one stream is to be. ``after`` None: from now on. ``until``: when the token expires."""

    project_id: UUID
    actor: Actor
    after: str | None
    allowed: Allowed
    until: datetime | None = None
    heartbeat: float = 15.0
    lifetime: float = 3_600.0
    stuck: float = _STUCK
    wording: Wording = field(default_factory=Wording)


def last_event_id(connection: HTTPConnection) -> str | None:
    """The cursor a client resumes after. The header wins: a browser that reconnects repeats the first URL."""
    header = connection.headers.get("last-event-id")
    return header if header is not None else connection.query_params.get("lastEventId")


async def stream(scope: Scope, receive: Receive, send: Send, *, hub: Hub, reading: Reading) -> None:
    """Answer a request with a stream, until one of its ends. The caller has asked ``open_stream`` already."""
    after = await hub.cursor(reading.project_id) if reading.after is None else reading.after
    with hub.guard(reading.project_id, reading.actor, reading.allowed) as guard:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        # without a cursor of its own the client learns where it starts, so that a drop before the first event is no gap
        start = f"id: {reading.wording.cursor(after)}\n\n" if reading.after is None else "\n"
        await _send(send, f"retry: {_RETRY}\n{start}".encode(), reading.stuck)
        pump = asyncio.create_task(_pump(send, hub, guard, reading, after))
        gone = asyncio.create_task(_gone(receive))
        refused = asyncio.create_task(guard.refused())
        try:
            reason, seconds = _deadline(reading)
            await asyncio.wait((pump, gone, refused), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return
            if refused.done():
                reason = End.REVOKED
            elif pump.done():
                if isinstance(pump.exception(), _Stuck):
                    await _cut(scope, gone)
                    return
                pump.result()
                reason = End.STOPPING
            await cancel(pump)
            await _say_goodbye(scope, send, gone, reading.wording.end(reason))
        finally:
            await cancel(pump, gone, refused)


async def _pump(send: Send, hub: Hub, guard: Guard, reading: Reading, after: str) -> None:
    clock = asyncio.get_running_loop().time
    said = clock()
    async with aclosing(hub.follow(reading.project_id, after, idle=reading.heartbeat)) as batches:
        async for batch in batches:
            await guard.settled()
            for chunk in _chunks(batch, reading.wording):
                await _send(send, chunk, reading.stuck)
                said = clock()
            # an empty batch is silence; events that this reader is not told of are silence to it as well
            if not batch or clock() - said >= reading.heartbeat:
                await _send(send, _COMMENT, reading.stuck)
                said = clock()


def _chunks(batch: Batch, wording: Wording) -> Iterator[bytes]:
    """What is told of a batch, as text."""
    chunk = bytearray()
    for event in batch:
        chunk += wording.event(event)
        if len(chunk) >= _CHUNK:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


async def _send(send: Send, body: bytes, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except TimeoutError:
        raise _Stuck from None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _deadline(reading: Reading) -> tuple[End, float]:
    if reading.until is not None:
        left = (reading.until - datetime.now(UTC)).total_seconds()
        if left < reading.lifetime:
            return End.EXPIRED, max(0.0, left)
    return End.LIFETIME, reading.lifetime


async def _say_goodbye(scope: Scope, send: Send, gone: asyncio.Task[None], last: bytes) -> None:
    try:
        async with asyncio.timeout(_GOODBYE):
            await send({"type": "http.response.body", "body": last, "more_body": False})
    except TimeoutError:
        await _cut(scope, gone)


async def _cut(scope: Scope, gone: asyncio.Task[None]) -> None:
    """Drop a client that does not read; returns when the server has noticed."""
    abort(scope)
    await asyncio.wait((gone,), timeout=_GOODBYE)
