"""The servers that ``bench.subscriptions`` starts: the product's websocket endpoint, and the floor under it.

``python -m bench.broadcast floor|product [URL hub|outbox] SUBSCRIBERS RATE`` publishes once all subscribers are there.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import resource
import sys
import time
from collections.abc import AsyncIterator, Collection, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID, uuid4

import asyncpg
import orjson
import psutil
import uvicorn
import uvloop
from starlette.types import Scope

from kilo_gql.access import Actor, Perm, System, UserActor
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database, House
from kilo_gql.events import Change, Event, EventName
from kilo_gql.graphql.connection import SocketLimits
from kilo_gql.graphql.documents import Documents, Prepared
from kilo_gql.graphql.executor import Ask
from kilo_gql.graphql.fanout import Fanout, Pair
from kilo_gql.graphql.frames import header
from kilo_gql.graphql.limits import Limits
from kilo_gql.graphql.rendering import Source
from kilo_gql.graphql.socket import GraphQLSocket
from kilo_gql.hub import Hub
from kilo_gql.relay import Relay
from resolvers import schema
from tests.support.wait import until

SECONDS: Final = 10.0
PROJECT: Final = UUID("01890000-0000-7000-8000-000000000001")
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SETTLE: Final = 1.5


@dataclass(frozen=True, slots=True)
class Proof:
    actor: Actor
    expires_at: None = None


class OpenGate:
    """Everyone is somebody else, and may come in."""

    def __init__(self) -> None:
        self._documents = Documents(schema.CORE, Limits())

    async def authenticate(self, scope: Scope, params: Mapping[str, Any]) -> Proof:
        return Proof(UserActor(uuid4(), uuid4()))

    async def still_in(self, actors: Sequence[Actor]) -> Collection[Actor]:
        return actors

    def prepare(self, ask: Ask) -> Prepared:
        return self._documents.prepare(ask.query or "")

    async def charge(self, actor: Actor, prepared: Prepared, ask: Ask) -> None:
        prepared.cost(ask.variables, ask.operation_name)

    async def execute(self, scope: Scope, actor: Actor, ask: Ask, request_id: str) -> Mapping[str, Any]:
        raise NotImplementedError


async def _project_of(_actor: Actor, arguments: Mapping[str, Any]) -> UUID:
    project_id: UUID = arguments["projectId"]
    return project_id


async def _viewers(pairs: list[Pair]) -> Sequence[Hashable]:
    return ["viewer"] * len(pairs)


class Product:
    """The websocket endpoint with everything behind it."""

    def __init__(self, url: str, through: str) -> None:
        self._url, self._through = url, through
        self._seq = 0
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        settings = Settings()
        db = Database(self._url, House("http://127.0.0.1", True, lambda _: b"x" * 32))
        bell = await Bell.open(self._url)
        self.hub = hub = Hub(db, bell, settings)
        relay = Relay(self._url, bell, hub, settings) if self._through == "outbox" else None
        self._db, self._bell = db, bell
        self._log = await asyncpg.connect(self._url)
        self._seq = await self._log.fetchval("SELECT coalesce(max(last_seq), 0) FROM event_streams")
        source = Source(_project_of)
        self.fanout = Fanout(schema.CORE, hub, {"projectEvents": source, "jobProgress": source}, _viewers)
        endpoint = GraphQLSocket(OpenGate(), self.fanout, build="bench", limits=SocketLimits())
        server = uvicorn.Server(
            uvicorn.Config(
                endpoint,
                port=0,
                http="httptools",
                ws="kilo_gql.graphql.frames:BroadcastProtocol",
                ws_per_message_deflate=False,
                lifespan="off",
                log_level="warning",
                timeout_graceful_shutdown=2,
            )
        )
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.should_exit = True
            await serving
            if relay is not None:
                await relay.close()
            await hub.close()
            await bell.close()
            await self._log.close()
            await db.close()

    def ready(self) -> int:
        feed = self.hub.feeds.get(PROJECT)
        return len(feed.live) if feed else 0

    async def publish(self) -> None:
        if self._through == "outbox":
            await self._commit()
        else:
            await self._number()

    async def _commit(self) -> None:
        changed = {"t": time.monotonic_ns()}
        async with self._db.transaction(System("bench"), Perm.SYSTEM) as tx:
            tx.emit(Change(EventName.ASSET_UPDATED, PROJECT, (uuid4(),), changed))
            await tx.write_outbox()
            await tx.session.commit()
        self._bell.ring("outbox")

    async def _number(self) -> None:
        """What the relay does: the row first, as the hub compares itself with the log."""
        self._seq += 1
        ids, now = (uuid4(),), datetime.now(UTC)
        changed = {"t": time.monotonic_ns()}
        await self._log.execute(
            "WITH s AS (INSERT INTO event_streams (project_id, last_seq) VALUES ($1, $2) "
            "ON CONFLICT (project_id) DO UPDATE SET last_seq = excluded.last_seq) "
            "INSERT INTO events (project_id, seq, name, ids, changed, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            PROJECT, self._seq, EventName.ASSET_UPDATED.value, list(ids), orjson.dumps(changed).decode(), now,
        )  # fmt: skip
        event = Event(1, self._seq, PROJECT, EventName.ASSET_UPDATED, ids, changed, uuid4(), uuid4(), now)
        self.hub.publish(PROJECT, [event])


class Floor(asyncio.Protocol):
    """A connection of the bare broadcaster: it upgrades whoever comes, and listens to nothing."""

    transports: Final[list[Any]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        key = data.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        if key:
            accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
            )
            self.transports.append(self._transport)


class Broadcaster:
    """The floor: a frame as long as the product's, written to every connection."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield
        server.close()

    def ready(self) -> int:
        return len(Floor.transports)

    async def publish(self) -> None:
        body = b'{"id":"1","type":"next","payload":{"t":%d%b}}' % (time.monotonic_ns(), b" " * 410)
        frame = header(len(body)) + body
        for transport in Floor.transports:
            transport.write(frame)


async def _serve(server: Product | Broadcaster, subscribers: int, rate: int) -> None:
    """Publish when all are there, and report; the parent reads lines of JSON."""
    async with server.running():
        print(orjson.dumps({"port": server.port}).decode(), flush=True)
        await until(lambda: server.ready() == subscribers, seconds=120)
        await asyncio.sleep(_SETTLE)
        gc.collect()
        used = resource.getrusage(resource.RUSAGE_SELF)
        start, count = time.monotonic(), int(rate * SECONDS)
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            await server.publish()
        await asyncio.sleep(_SETTLE)
        now = resource.getrusage(resource.RUSAGE_SELF)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        report: dict[str, Any] = {"cpu": cpu, "rss": psutil.Process().memory_info().rss / 2**20}
        if isinstance(server, Product):
            report["executions"] = server.fanout.counts.executions
        print(orjson.dumps(report).decode(), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    match sys.argv[1:]:
        case ["floor", subscribers, rate]:
            uvloop.run(_serve(Broadcaster(), int(subscribers), int(rate)))
        case ["product", url, through, subscribers, rate]:
            uvloop.run(_serve(Product(url, through), int(subscribers), int(rate)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
