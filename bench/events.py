"""What the event log costs in one process: ``python -m bench.events``.

Numbering (the relay alone), commit to reader (one event at a time, and under writers), catching up through pages,
and handing one batch to many sinks. A PostgreSQL of its own, with fsync as shipped. Ends with 1 if a goal was missed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import uvloop

from kilo_gql import embedded, migrate
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database, House
from kilo_gql.feed import Batch
from kilo_gql.hub import Hub
from kilo_gql.relay import Relay
from tests.support.wait import until, until_seen

_INSERT: Final = """
    INSERT INTO outbox (project_id, name, ids, changed, op_id)
    SELECT $1, 'asset.updated', ARRAY[gen_random_uuid()], '{"rating": 5}', $3 FROM generate_series(1, $2)
"""
_BACKLOG: Final = 50_000
_SINKS: Final = 1_000

#: Each measurement's goal: the first is a floor (a second), the others are ceilings (milliseconds, microseconds).
GOALS: Final = {"numbered/s": 10_000.0, "caught up/s": 10_000.0, "p50 ms": 10.0, "p99 ms": 50.0, "µs a sink": 20.0}


@dataclass
class Rig:
    """One API process's event log."""

    url: str
    bell: Bell
    hub: Hub
    relay: Relay
    connection: Any

    async def write(self, project_id: UUID, count: int, op_id: UUID | None = None) -> None:
        await self.connection.execute(_INSERT, project_id, count, op_id)
        self.bell.ring_events()

    async def drained(self) -> None:
        async def empty() -> bool:
            return bool(await self.connection.fetchval("SELECT NOT EXISTS (SELECT FROM outbox)"))

        await until_seen(empty, 120)


class Sink:
    """Counts what it is handed."""

    def __init__(self) -> None:
        self.count = 0

    async def catch_up(self, batch: Batch) -> None:
        self.count += len(batch)

    def live(self, batch: Batch) -> None:
        self.count += len(batch)


@asynccontextmanager
async def rigged(url: str) -> AsyncIterator[Rig]:
    settings = Settings(event_far_behind=10 * _BACKLOG)
    db = Database(url, House("http://127.0.0.1:8400", True, lambda _: b"k" * 32))
    bell = await Bell.open(url)
    hub = Hub(db, bell, settings)
    relay = Relay(url, bell, hub, settings)
    connection = await asyncpg.connect(url)
    await until(lambda: relay.leads)
    yield Rig(url, bell, hub, relay, connection)
    await connection.close()
    await relay.close()
    await hub.close()
    await bell.close()
    await db.close()


async def numbering(rig: Rig) -> dict[str, float]:
    """A backlog of single-event transactions' worth of rows, numbered."""
    before, started = rig.relay.moved, time.perf_counter()
    for _ in range(_BACKLOG // 1_000):
        await rig.write(uuid4(), 1_000)
    await rig.drained()
    return {"numbered/s": (rig.relay.moved - before) / (time.perf_counter() - started)}


async def latency(rig: Rig, writers: int) -> dict[str, float]:
    """From the return of COMMIT to a reader of this process, one event at a time, beside other writers."""
    project_id, waits = uuid4(), []
    stop = asyncio.Event()

    async def noise() -> None:
        connection = await asyncpg.connect(rig.url)
        other = uuid4()
        while not stop.is_set():
            await connection.execute(_INSERT, other, 1, None)
            rig.bell.ring_events()
        await connection.close()

    busy = [asyncio.create_task(noise()) for _ in range(writers)]
    async with aclosing(rig.hub.follow(project_id, "1-0")) as batches:
        for _ in range(500):
            await rig.write(project_id, 1)
            committed = time.perf_counter()
            await anext(batches)
            waits.append(time.perf_counter() - committed)
    stop.set()
    await asyncio.gather(*busy)
    return _spread(waits)


async def receipts(rig: Rig) -> dict[str, float]:
    """How long a mutation waits for the cursor it reached."""
    project_id, waits = uuid4(), []
    for _ in range(500):
        op_id = uuid4()
        await rig.write(project_id, 1, op_id)
        started = time.perf_counter()
        assert await rig.hub.reached(op_id, project_id) is not None
        waits.append(time.perf_counter() - started)
    return _spread(waits)


async def catching_up(rig: Rig) -> dict[str, float]:
    """One reader, from the first event on."""
    project_id = uuid4()
    await rig.write(project_id, _BACKLOG)
    await rig.drained()
    read, started = 0, time.perf_counter()
    async with aclosing(rig.hub.follow(project_id, "1-0")) as batches:
        while read < _BACKLOG:
            read += len(await anext(batches))
    return {"caught up/s": read / (time.perf_counter() - started)}


async def fan_out(rig: Rig) -> dict[str, float]:
    """One batch to many sinks, in memory."""
    project_id = uuid4()
    sinks = [Sink() for _ in range(_SINKS)]
    for sink in sinks:
        await rig.hub.attach(project_id, None, sink)
    await rig.write(project_id, 100)
    await until(lambda: sinks[-1].count == 100)
    feed = rig.hub.feeds[project_id]
    batch, started = list(feed.ring)[-1:], time.perf_counter()
    for _ in range(100):
        feed._tell(batch)
    return {"µs a sink": (time.perf_counter() - started) / 100 / _SINKS * 1e6}


def _spread(waits: Sequence[float]) -> dict[str, float]:
    ordered = sorted(waits)
    return {"p50 ms": ordered[len(ordered) // 2] * 1e3, "p99 ms": ordered[len(ordered) * 99 // 100] * 1e3}


async def measure(url: str) -> bool:
    """Run everything; False: a goal was missed."""
    await migrate.migrate(url)
    kept = True
    async with rigged(url) as rig:
        for title, found in [
            ("numbering a backlog", await numbering(rig)),
            ("commit to reader, idle", await latency(rig, 0)),
            ("commit to reader, 4 writers beside it", await latency(rig, 4)),
            ("cursor of a mutation", await receipts(rig)),
            ("catching up", await catching_up(rig)),
            (f"one event to {_SINKS} sinks", await fan_out(rig)),
        ]:
            for name, value in found.items():
                met = value >= GOALS[name] if name.endswith("/s") else value <= GOALS[name]
                kept = kept and met
                print(f"{title:40} {name:12} {value:12,.2f}  goal {GOALS[name]:10,.0f}  {'ok' if met else 'MISSED'}")
    return kept


def main() -> None:
    """The command."""
    with tempfile.TemporaryDirectory(prefix="kilo-bench-") as home:
        server = embedded.start(Path(home))
        try:
            kept = uvloop.run(measure(embedded.url(server)))
        finally:
            embedded.stop(server)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
