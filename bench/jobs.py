"""How many jobs a worker process gets through when the jobs themselves do nothing, in both modes.

Method: one PostgreSQL with its usual durability, one worker process with two slots, drills of no steps, so that every
job is claimed, sent to an isolated child and back, and finished with its events. The floor beside it is what the same
database gives two connections that do no more than commit two updates a job (asyncpg, no worker at all). CPU is user
+ system time of the worker and its children over the jobs. Waits are single jobs, one after the other, on an idle
worker: from the commit that queues to the claim, and to done.

    python -m bench.jobs [--jobs 1000] [--singles 50]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from kilo_gql import embedded, jobs, migrate
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database, House
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.storage import open_store
from tasks.broker import HouseBells
from tasks.child import Children
from tasks.kit import Workshop
from tests.support.make import Make
from tests.support.processes import Workers, environment
from tests.support.redis import RedisServer
from tests.support.wait import until_seen

SLOTS = 2


@dataclass
class Measured:
    """One mode."""

    mode: str
    jobs_per_second: float
    cpu_ms: float
    claim_ms: list[float]
    done_ms: list[float]


class Bench:
    """A worker, and somebody who gives it work."""

    def __init__(self, workshop: Workshop, workers: Workers, project: UUID) -> None:
        self.workshop, self.workers, self.project = workshop, workers, project

    async def queue(self, count: int) -> list[UUID]:
        drill = {"steps": 0, "step_ms": 0}
        async with self.workshop.write() as tx:
            return await jobs.enqueue(tx, *(NewJob(JobType.DRILL, drill, self.project) for _ in range(count)))

    async def all_done(self) -> bool:
        open_ = "SELECT EXISTS (SELECT FROM jobs WHERE project_id = :id AND status IN ('queued', 'running'))"
        async with self.workshop.read() as tx:
            return not (await tx.unchecked(text(open_), {"id": self.project})).scalar_one()

    def _cpu(self) -> float:
        pids = [*self.workers.workers(), *self.workers.decoders()]
        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)

    async def throughput(self, count: int) -> tuple[float, float]:
        """Jobs a second, and milliseconds of CPU a job."""
        before = self._cpu()
        begun = time.perf_counter()
        await self.queue(count)
        await until_seen(self.all_done, 600)
        return count / (time.perf_counter() - begun), (self._cpu() - before) * 1_000 / count

    async def single(self) -> tuple[float, float]:
        """Milliseconds from a commit to its claim and to done, as the database's clock saw it."""
        (job_id,) = await self.queue(1)
        await until_seen(self.all_done)
        async with self.workshop.read() as tx:
            row = (await tx.unchecked(text("SELECT * FROM jobs WHERE id = :id"), {"id": job_id})).one()
        return tuple((at - row.created_at).total_seconds() * 1_000 for at in (row.started_at, row.finished_at))


@asynccontextmanager
async def stage(url: str, redis_url: str | None) -> AsyncIterator[Bench]:
    """A fresh worker process, warmed up."""
    async with AsyncExitStack() as stack:
        db = Database(url, House("http://127.0.0.1:8400", True, lambda purpose: b"k" * 32))
        stack.push_async_callback(db.close)
        bell = await Bell.open(url, redis_url)
        stack.push_async_callback(bell.close)
        bells = HouseBells(bell, redis_url)
        stack.callback(bells.close)
        make = Make(db)
        project = (await make.project(await make.user())).id
        workers = Workers(environment(url, redis_url, worker_slots=SLOTS), "cpu")
        stack.callback(workers.close)
        bench = Bench(Workshop(Settings(), db, bells, Children(1), await open_store(Settings())), workers, project)
        await bench.queue(50)
        await until_seen(bench.all_done, 60)
        yield bench


async def measure(url: str, redis_url: str | None, count: int, singles: int) -> Measured:
    async with stage(url, redis_url) as bench:
        per_second, cpu = await bench.throughput(count)
        waits = [await bench.single() for _ in range(singles)]
    mode = "redis" if redis_url else "embedded"
    return Measured(mode, per_second, cpu, [claim for claim, _ in waits], [done for _, done in waits])


async def floor(url: str, count: int) -> float:
    """Jobs a second if a job were two durable updates and nothing else."""
    setup = await asyncpg.connect(url)
    await setup.execute("CREATE TABLE floor (id int PRIMARY KEY, status text)")
    await setup.execute("INSERT INTO floor SELECT n, 'queued' FROM generate_series(1, $1) AS n", count)
    todo = iter(range(1, count + 1))

    async def work() -> None:
        connection = await asyncpg.connect(url)
        for number in todo:
            for status in ("running", "done"):
                await connection.execute("UPDATE floor SET status = $1 WHERE id = $2", status, number)
        await connection.close()

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(SLOTS)))
    seconds = time.perf_counter() - begun
    await setup.execute("DROP TABLE floor")
    await setup.close()
    return count / seconds


async def run(count: int, singles: int, console: Console) -> None:
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
    server = embedded.start(home)
    redis = RedisServer()
    redis.start()
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        least = await floor(url, count)
        found = [await measure(url, redis_url, count, singles) for redis_url in (None, redis.url)]
    finally:
        redis.close()
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)
    table = Table(title=f"{count} empty jobs, 1 worker process, {SLOTS} slots; floor {least:.0f} jobs/s")
    for heading in ("mode", "jobs/s", "of the floor", "CPU ms a job", "claim p50 ms", "done p50 ms", "done max ms"):
        table.add_column(heading, justify="right")
    for one in found:
        table.add_row(
            one.mode,
            f"{one.jobs_per_second:.0f}",
            f"{one.jobs_per_second / least:.0%}",
            f"{one.cpu_ms:.1f}",
            f"{statistics.median(one.claim_ms):.1f}",
            f"{statistics.median(one.done_ms):.1f}",
            f"{max(one.done_ms):.1f}",
        )
    console.print(table)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--singles", type=int, default=50)
    options = parser.parse_args()
    asyncio.run(run(options.jobs, options.singles, Console()))


if __name__ == "__main__":
    main()
