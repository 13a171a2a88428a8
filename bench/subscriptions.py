"""How fast events reach many subscribers of one API process: ``python -m bench.subscriptions``.

For each load (subscribers x events a second, 10 s) the events go once through the product (websocket, fan-out, hub, a
real PostgreSQL underneath) and once through a floor: a bare uvloop broadcaster that writes one ready frame to every
connection. One server process, one client process. Latency runs from the moment before an event is published (with
``--through outbox``: before its transaction begins) to the moment a client has read it. Ends with 1 if something was
not delivered or a p99 goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import hashlib
import os
import resource
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import orjson
import psutil
import uvicorn
import uvloop
from starlette.types import Scope

from kilo_gql import embedded, migrate
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

#: Subscribers, events a second, and the goal: p99 in milliseconds.
LOADS: Final = ((500, 20, 50.0), (500, 50, 60.0), (2_000, 20, 300.0))
SECONDS: Final = 10.0
PROJECT: Final = UUID("01890000-0000-7000-8000-000000000001")
_QUERY: Final = """subscription Follow($project: UUID!, $after: String) {
  projectEvents(projectId: $project, after: $after) {
    __typename
    ... on ProjectChange { cursor projectId ids changed opId actorId at }
    ... on StreamReset { cursor reason }
  }
}"""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SETTLE: Final = 1.5


# --- the servers


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


Publish = Callable[[], Awaitable[None]]


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
        self._transport: Any = transport

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


# --- the client


class Reader(asyncio.Protocol):
    """One subscriber: notes how old each event is when it arrives."""

    latencies: array[float]
    talks: bool

    def __init__(self) -> None:
        self._rest = b""
        self._upgraded = False
        self._operation_id = str(uuid4())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
            b"Sec-WebSocket-Key: %b\r\n\r\n" % key.encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._rest + data
        if not self._upgraded:
            _, found, data = data.partition(b"\r\n\r\n")
            self._upgraded = bool(found)
            if found and self.talks:
                self._say({"type": "connection_init"})
        start = 0
        while (end := self._end(data, start)) is not None:
            at = data.find(b'"t":', start, end)
            if at > 0:
                number = data[at + 4 : at + 24].lstrip()
                self.latencies.append((now - int(number[: _digits(number)])) / 1e6)
            elif b"connection_ack" in data[start:end]:
                payload = {"query": _QUERY, "variables": {"project": str(PROJECT)}}
                self._say({"id": self._operation_id, "type": "subscribe", "payload": payload})
            elif data[start] == 0x89:
                self._frame(0xA, data[start + 2 : end])
            start = end
        self._rest = data[start:]

    @staticmethod
    def _end(data: bytes, start: int) -> int | None:
        """Where the frame at ``start`` ends (None: it is not complete)."""
        if len(data) < start + 4:
            return None
        size = data[start + 1]
        end = start + 2 + size if size < 126 else start + 4 + int.from_bytes(data[start + 2 : start + 4])
        return end if end <= len(data) else None

    def _say(self, message: Mapping[str, Any]) -> None:
        self._frame(0x1, orjson.dumps(message))

    def _frame(self, opcode: int, body: bytes) -> None:
        head = bytes((0x80 | opcode,)) + (
            bytes((0x80 | len(body),)) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2)
        )
        self._transport.write(head + bytes(4) + body)


def _digits(text: bytes) -> int:
    return next((at for at, byte in enumerate(text) if not 48 <= byte <= 57), len(text))


@dataclass(frozen=True, slots=True)
class Result:
    delivered: int
    expected: int
    p50: float
    p99: float
    cpu: float
    rss: float
    executions: int


async def _measure(command: Sequence[str], subscribers: int, rate: int, *, talks: bool) -> Result:
    """Start a server, subscribe, and wait for its report."""
    Reader.latencies, Reader.talks = array("d"), talks
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.subscriptions", *command, str(subscribers), str(rate),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stdin is not None
    port = (await _said(server.stdout))["port"]
    loop = asyncio.get_running_loop()
    readers = []
    for start in range(0, subscribers, 50):
        some = range(start, min(start + 50, subscribers))
        readers += await asyncio.gather(*(loop.create_connection(Reader, "127.0.0.1", port) for _ in some))
    gc.collect()
    gc.freeze()
    report = await _said(server.stdout)
    for transport, _ in readers:
        transport.abort()
    server.stdin.close()
    await server.wait()
    latencies = sorted(Reader.latencies)
    expected = subscribers * int(rate * SECONDS)
    p50, p99 = (latencies[int(len(latencies) * q)] if latencies else float("inf") for q in (0.5, 0.99))
    return Result(len(latencies), expected, p50, p99, report["cpu"], report["rss"], report.get("executions", 0))


async def _said(lines: asyncio.StreamReader) -> dict[str, Any]:
    """The next line of JSON among what a server logs."""
    while not (line := await lines.readline()).startswith(b"{"):
        if not line:
            raise RuntimeError("the server ended")
    said: dict[str, Any] = orjson.loads(line)
    return said


def _show(name: str, load: str, result: Result, beside: str) -> None:
    print(
        f"{load:>9} {name:<8} {result.delivered:>9}/{result.expected:<9} {result.p50:8.1f} {result.p99:8.1f} "
        f"{result.cpu:7.2f} {result.rss:7.0f} {result.executions:>6} {beside}",
        flush=True,
    )


async def _bench(loads: Sequence[tuple[int, int, float]], through: str) -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kilo-bench-") as home:
        postgres = embedded.start(Path(home))
        try:
            url = embedded.url(postgres)
            await asyncio.to_thread(migrate.migrate_sync, url)
            columns = (
                ("load", 9),
                ("server", -8),
                ("delivered", 19),
                ("p50 ms", 8),
                ("p99 ms", 8),
                ("CPU s", 7),
                ("RSS", 7),
            )
            print(" ".join(f"{name:{'<' if width < 0 else '>'}{abs(width)}}" for name, width in columns), "  exec")
            for subscribers, rate, goal in loads:
                load = f"{subscribers}x{rate}"
                floor = await _measure(["floor"], subscribers, rate, talks=False)
                _show("floor", load, floor, "")
                result = await _measure(["product", url, through], subscribers, rate, talks=True)
                good = result.delivered == result.expected and result.p99 <= goal
                failed += not good
                ratios = f"p99 x{result.p99 / floor.p99:.1f}, CPU x{result.cpu / floor.cpu:.1f}"
                _show("kilo", load, result, f"{ratios}, goal p99 {goal:.0f} ms {'held' if good else 'MISSED'}")
        finally:
            embedded.stop(postgres)
    return 1 if failed else 0


def main() -> int:
    match sys.argv[1:]:
        case ["floor", subscribers, rate]:
            uvloop.run(_serve(Broadcaster(), int(subscribers), int(rate)))
            return 0
        case ["product", url, through, subscribers, rate]:
            uvloop.run(_serve(Product(url, through), int(subscribers), int(rate)))
            return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--through", choices=("hub", "outbox"), default="hub")
    parser.add_argument("--load", action="append", help="SUBSCRIBERSxRATE[:P99_MS]; all three goals otherwise")
    options = parser.parse_args()
    loads = [_load(text) for text in options.load] if options.load else LOADS
    return uvloop.run(_bench(loads, options.through))


def _load(text: str) -> tuple[int, int, float]:
    counts, _, goal = text.partition(":")
    subscribers, rate = map(int, counts.split("x"))
    return subscribers, rate, float(goal or "inf")


if __name__ == "__main__":
    sys.exit(main())
