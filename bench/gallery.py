"""The public view of a client gallery under load: 200 requests a second, come what may.

A gallery of 200 photos without a password, as guests' browsers and programs ask for it: the page (``GET /g/{slug}``,
compressed) and the REST answer with all photos (``GET /v1/share/{slug}``). The load is open: requests are due at
random times that do not depend on the answers (exponential gaps, seeded), and the time of each counts from when it was
due. One server process; CPU is that process's, beside that of PostgreSQL.

    python -m bench.gallery [--rate 200] [--seconds 20] [--photos 200]

Ends with 1 if a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import httptools
import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from bench.api import free_port, get, spawn
from bench.cull_doors import Meter
from bench.seeds import seed
from kilo_gql import assembly, embedded, migrate, up
from kilo_gql.access import Perm, System
from kilo_gql.config import Settings
from kilo_gql.models import Asset
from tests.support.galleries import make_gallery
from tests.support.make import Make

#: Milliseconds within which 95 of 100 requests are answered.
GOAL_P95: Final = 150.0
_CONNECTIONS: Final = 64
_WARM_UP: Final = 2.0
_SEED: Final = 20261121


@dataclass(frozen=True, slots=True)
class Found:
    """Times in ms from when a request was due; CPU in ms a request, of the server and of PostgreSQL."""

    rate: float
    p50: float
    p95: float
    p99: float
    worst: float
    cpu: float
    database: float
    size: int


class Connection(asyncio.Protocol):
    """A keep-alive connection, which carries one request at a time, and is made anew if the server closed it idle."""

    def __init__(self, port: int, free: asyncio.Queue[Connection]) -> None:
        self._port, self._free = port, free
        self._transport: asyncio.Transport | None = None
        self._answered = True
        self.times: list[float] = []
        self.size = self.failed = 0

    async def ask(self, request: bytes, due: float) -> None:
        if self._transport is None:
            self._transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: self, "127.0.0.1", self._port
            )
        self.parser = httptools.HttpResponseParser(self)
        self.due, self.body, self._answered = due, 0, False
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += len(body)

    def on_message_complete(self) -> None:
        self.times.append((time.perf_counter() - self.due) * 1000)
        self._done(failed=self.parser.get_status_code() != 200)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._answered:
            self._done(failed=True)

    def _done(self, *, failed: bool) -> None:
        self._answered = True
        self.failed += failed
        self.size = self.body
        self._free.put_nowait(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def load(port: int, request: bytes, rate: float, seconds: float, meter: Meter) -> Found:
    """Send at a rate for some seconds, and take the times."""
    free = asyncio.Queue[Connection]()
    connections = [Connection(port, free) for _ in range(_CONNECTIONS)]
    for connection in connections:
        free.put_nowait(connection)
    await _send(free, request, rate / 4, _WARM_UP)
    for connection in connections:
        connection.times.clear()
    before, begun = meter.read(), time.perf_counter()
    await _send(free, request, rate, seconds)
    took = meter.since(begun, before)
    times = sorted(taken for connection in connections for taken in connection.times)
    failed = sum(connection.failed for connection in connections)
    for connection in connections:
        connection.close()
    assert not failed, f"{failed} of {len(times)} requests failed"
    cuts = statistics.quantiles(times, n=100)
    cost = (took.server * 1000 / len(times), took.database * 1000 / len(times))
    size = max(connection.size for connection in connections)
    return Found(len(times) / took.seconds, cuts[49], cuts[94], cuts[98], times[-1], *cost, size)


async def _send(free: asyncio.Queue[Connection], request: bytes, rate: float, seconds: float) -> None:
    """Requests that no answer holds up: one that finds every connection taken waits, and its clock runs.

    Returns when all are answered; gives up those that are not sent when as much time again has passed.
    """
    chance = random.Random(_SEED)
    begun = due = time.perf_counter()
    while due < begun + seconds and time.perf_counter() < begun + 2 * seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await (await free.get()).ask(request, due)
        due += chance.expovariate(rate)
    for connection in [await free.get() for _ in range(_CONNECTIONS)]:
        free.put_nowait(connection)


def _postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])


async def main(rate: float, seconds: float, photos: int) -> int:
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
    server = embedded.start(home)
    processes: list[psutil.Process] = []
    try:
        await migrate.migrate(embedded.url(server))
        settings = Settings(home=home, port=free_port())
        settings = settings.model_copy(update={"base_url": f"http://127.0.0.1:{settings.port}"})
        slug = await _rows(settings, embedded.url(server), photos)
        env = {**up.environment(settings), "KILO_REQUESTS_PER_MINUTE": "100000000", "KILO_ENVIRONMENT": "production"}
        kilo = spawn(["-m", "kilo_gql.serve"], env)
        processes.append(kilo)
        await up.ready(settings.base_url)
        asked = {
            "the page, HTML": get(f"/g/{slug}", "Accept: text/html\r\nAccept-Encoding: gzip\r\n"),
            "REST, all photos": get(f"/v1/share/{slug}", ""),
        }
        meter = Meter(kilo, psutil.Process(_postmaster(home)))
        found = {name: await load(settings.port, ask, rate, seconds, meter) for name, ask in asked.items()}
        return report(found, rate, photos)
    finally:
        for process in processes:
            process.terminate()
        psutil.wait_procs(processes, 15)
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


async def _rows(settings: Settings, url: str, photos: int) -> str:
    """The address of a gallery of so many photos."""
    connection = await asyncpg.connect(url)
    db = assembly.open_database(settings)
    make = Make(db)
    owner = await make.user()
    project = await make.project(owner)
    await seed(connection, make, project, owner, photos)
    async with db.transaction(System("bench"), Perm.SYSTEM, write=False) as tx:
        assets = await tx.scalars(select(Asset).where(Asset.project_id == project.id).order_by(Asset.sort_at))
    gallery = await make_gallery(db, project, assets)
    await connection.execute("ANALYZE")
    await connection.close()
    await db.close()
    return gallery.share_slug


def report(found: dict[str, Found], rate: float, photos: int) -> int:
    """Print; how many goals were missed."""
    table = Table("what", "requests/s", "p50 ms", "p95 ms", "p99 ms", "worst", "CPU ms: server + database", "kB")
    for name, one in found.items():
        times = (f"{value:.1f}" for value in (one.rate, one.p50, one.p95, one.p99, one.worst))
        table.add_row(name, *times, f"{one.cpu:.1f} + {one.database:.1f}", f"{one.size / 1000:.1f}")
    console = Console(width=120)
    console.print(f"A gallery of {photos} photos at {rate:.0f} requests/s; load average {os.getloadavg()[0]:.1f}")
    console.print(table)
    missed = [name for name, one in found.items() if one.p95 > GOAL_P95 or one.rate < rate * 0.95]
    for name in missed:
        console.print(f"missed: {name}: p95 within {GOAL_P95:.0f} ms at {rate:.0f} requests/s")
    return len(missed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--photos", type=int, default=200)
    chosen = parser.parse_args()
    raise SystemExit(asyncio.run(main(chosen.rate, chosen.seconds, chosen.photos)) > 0)
