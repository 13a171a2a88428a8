"""A nudge between processes: "look again". Never a record: whoever listens reads the truth from the database.

A nudge may come twice, late or not at all (the other side was away), so everyone who listens polls slowly as well.
An empty payload means "anything may have happened". Rings of one process reach its own listeners at once; the others
hear them through PostgreSQL LISTEN/NOTIFY, or through Redis pub/sub where Redis is configured.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import asyncpg
import orjson
import redis.asyncio
import structlog
from redis.exceptions import RedisError

from kilo_gql.waiting import cancel, happened

#: What a payload says: nothing; a project id; "queue:job id"; a job id; the id of a session or API token.
Topic = Literal["outbox", "events", "jobs", "cancel", "session"]
Listener = Callable[[str], None]

_CHANNEL: Final = "kilo"
_NOTIFY: Final = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message"
#: PostgreSQL refuses a NOTIFY payload of 8,000 bytes or more.
_MESSAGE_BYTES: Final = 7_500
_PAYLOAD_BYTES: Final = 4_000
#: Distinct nudges kept for the others while the connection is away; more than this fold into one per topic.
_KEPT: Final = 4_096
#: Seconds between two sends: what rings in between travels together.
_GAP: Final = 0.002
#: Seconds of silence after which the connection is tried, and what it may take to answer.
_PING_EVERY: Final = 15.0
_TIMEOUT: Final = 5.0
_BACKOFF: Final = (0.05, 5.0)

_FAILURES: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, TimeoutError)
_log: Final = structlog.get_logger(__name__)


class _Link(Protocol):
    """An open connection to the other processes."""

    async def send(self, messages: list[str]) -> None:
        """Deliver messages; with none, prove that the connection lives. Raises one of ``_FAILURES``."""


class _Transport(Protocol):
    def connect(self, heard: Listener, lost: Callable[[], None]) -> AbstractAsyncContextManager[_Link]:
        """``heard`` gets every message of the channel, ``lost`` is called when the connection dies."""


class Bell:
    """One process's bell. ``connected`` is False while other processes cannot be heard."""

    def __init__(self, transport: _Transport) -> None:
        self.connected = False
        #: Does this process number the events? Then nobody else need hear that there are some.
        self.relays = False
        self._transport = transport
        self._origin = secrets.token_hex(6)
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._pending: dict[tuple[str, str], None] = {}
        self._wake = asyncio.Event()
        self._ready = asyncio.Event()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._task = self._loop.create_task(self._run(), name="bell")

    @classmethod
    async def open(cls, database_url: str, redis_url: str | None = None) -> Bell:
        """A bell that rings through Redis if there is one, else through PostgreSQL.

        Waits at most 5 s for the connection; without it the bell still rings inside this process.
        """
        bell = cls(_Redis(redis_url) if redis_url else _Postgres(database_url))
        await happened(bell._ready, _TIMEOUT)
        return bell

    def ring(self, topic: Topic, payload: str = "", *, here: bool = True, away: bool = True) -> None:
        """Nudge whoever listens to ``topic``: in this process (``here``) and in the others (``away``).

        Never blocks, never raises, any thread may ring. A payload too long to travel (4,000 bytes) arrives empty.
        """
        if self._closed:
            return
        if threading.get_ident() == self._thread:
            self._ring(topic, payload, here, away)
        else:
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile: nobody is left to hear it
                self._loop.call_soon_threadsafe(self._ring, topic, payload, here, away)

    def ring_events(self) -> None:
        """Events were committed: the relay shall number them."""
        self.ring("outbox", away=not self.relays)

    def ring_ended(self, sessions: list[UUID]) -> None:
        """Sessions or API tokens ended."""
        for session_id in sessions:
            self.ring("session", str(session_id))

    def listen(self, topic: Topic, callback: Listener) -> Callable[[], None]:
        """Call ``callback(payload)`` in the event loop at every ring of ``topic``; returns how to stop that."""
        listeners = self._listeners[topic]
        listeners.append(callback)

        def stop() -> None:
            if callback in listeners:
                listeners.remove(callback)

        return stop

    async def close(self) -> None:
        """Stop ringing and hearing. Nudges not sent yet are dropped."""
        self._closed = True
        await cancel(self._task)

    def _ring(self, topic: str, payload: str, here: bool, away: bool) -> None:
        if here:
            self._call(topic, payload)
        if not away:
            return
        if len(payload) * 4 > _PAYLOAD_BYTES and len(payload.encode()) > _PAYLOAD_BYTES:
            payload = ""
        self._keep(((topic, payload),))
        self._wake.set()

    def _keep(self, nudges: Iterable[tuple[str, str]]) -> None:
        self._pending.update(dict.fromkeys(nudges))
        if len(self._pending) > _KEPT:
            self._pending = {(topic, ""): None for topic, _ in self._pending}

    def _call(self, topic: str, payload: str) -> None:
        for listener in self._listeners.get(topic, ()):
            self._loop.call_soon(listener, payload)

    def _heard(self, message: str) -> None:
        origin, nudges = orjson.loads(message)
        if origin != self._origin:
            for topic, payload in nudges:
                self._call(topic, payload)

    async def _run(self) -> None:
        delay = _BACKOFF[0]
        while True:
            try:
                async with self._transport.connect(self._heard, self._wake.set) as link:
                    delay = _BACKOFF[0]
                    self._connected()
                    await self._serve(link)
            except _FAILURES as error:
                _log.warning("bell lost its connection", error=repr(error), retry_in=delay)
            finally:
                self.connected = False
            await asyncio.sleep(delay)
            delay = min(delay * 2, _BACKOFF[1])

    def _connected(self) -> None:
        self.connected = True
        if self._ready.is_set():
            for topic in list(self._listeners):  # what was rung while we were away is lost
                self._call(topic, "")
        self._ready.set()

    async def _serve(self, link: _Link) -> None:
        while True:
            await happened(self._wake, _PING_EVERY)
            self._wake.clear()
            nudges, self._pending = self._pending, {}
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await link.send(_messages(self._origin, nudges))
            except BaseException:
                self._keep(nudges)
                raise
            await asyncio.sleep(_GAP)


def _messages(origin: str, nudges: Iterable[tuple[str, str]]) -> list[str]:
    """The nudges as few messages, each short enough for NOTIFY."""
    messages: list[str] = []
    body: list[str] = []
    size = 0
    for nudge in nudges:
        text = orjson.dumps(nudge).decode()
        length = len(text.encode())
        if body and size + length > _MESSAGE_BYTES:
            messages.append(f'["{origin}",[{",".join(body)}]]')
            body, size = [], 0
        body.append(text)
        size += length + 1
    return [*messages, f'["{origin}",[{",".join(body)}]]'] if body else messages


class _Postgres:
    """LISTEN/NOTIFY on a connection of its own: NOTIFY in an operation's transaction would put every commit of the
    database in one line (it takes a lock at commit)."""

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def connect(self, heard: Listener, lost: Callable[[], None]) -> AsyncIterator[_Link]:
        # a lost nudge costs a poll, so nobody need wait for the disk
        settings = {"application_name": "kilo-bell", "synchronous_commit": "off"}
        connection = await asyncpg.connect(self.url, timeout=_TIMEOUT, server_settings=settings)
        try:
            connection.add_termination_listener(lambda _: lost())
            await connection.add_listener(_CHANNEL, lambda _, pid, channel, message: heard(message))
            yield _PostgresLink(connection)
        finally:
            connection.terminate()


class _PostgresLink:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def send(self, messages: list[str]) -> None:
        await self.connection.execute(_NOTIFY, _CHANNEL, messages)


class _Redis:
    """Redis pub/sub. Channels span a server's databases, so the channel's name carries the database."""

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def connect(self, heard: Listener, lost: Callable[[], None]) -> AsyncIterator[_Link]:
        client = redis.asyncio.Redis.from_url(
            self.url, socket_connect_timeout=_TIMEOUT, health_check_interval=_PING_EVERY
        )
        channel = f"{_CHANNEL}:{client.connection_pool.connection_kwargs.get('db', 0)}"
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(channel)
            reader = asyncio.create_task(_read(pubsub, heard), name="bell-redis")
            reader.add_done_callback(lambda _: lost())
            try:
                yield _RedisLink(client, channel, reader)
            finally:
                await cancel(reader)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()


async def _read(pubsub: Any, heard: Listener) -> None:
    while True:
        message = await pubsub.get_message(timeout=_PING_EVERY)
        if message is not None:
            heard(message["data"].decode())


class _RedisLink:
    def __init__(self, client: Any, channel: str, reader: asyncio.Task[None]) -> None:
        self.client, self.channel, self.reader = client, channel, reader

    async def send(self, messages: list[str]) -> None:
        if self.reader.done():
            raise self.reader.exception() or ConnectionError("the subscription ended")
        if not messages:
            await self.client.ping()
        for message in messages:
            await self.client.publish(self.channel, message)
