"""Kills workers, their supervisor and their children at random while drills run; then counts.

    python -m tests.chaos.jobs --kills 200 --jobs 500 --mode embedded --seed 1
    python -m tests.chaos.jobs --kills 0 --jobs 500 --mode redis --flushes 20

Every job must be done exactly once, whatever was killed, and soon after the last kill. ``open_at_last_kill`` and
``seconds_to_next_done`` tell recovery from capacity: large jobs leave a backlog that takes its time on any machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kilo_gql import embedded, jobs, migrate
from kilo_gql.access import Perm, System
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database, House
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.storage import open_store
from tasks.broker import HouseBells
from tasks.child import Children
from tasks.kit import Workshop
from tests.chaos.blows import Victims
from tests.support.make import Make
from tests.support.processes import Workers, environment
from tests.support.redis import RedisServer
from tests.support.wait import until_seen

#: Seconds that all jobs may take to end after the last kill.
BAR = 60.0
PROJECTS = 5


@dataclass(frozen=True)
class Plan:
    """What to do. ``every`` is the mean time between two kills; a job computes ``steps`` × ``step_ms`` milliseconds."""

    kills: int
    jobs: int
    mode: str = "embedded"
    seed: int = 1
    flushes: int = 0
    every: float = 2.0
    steps: int = 10
    step_ms: int = 30
    processes: int = 2
    slots: int = 2
    lease: float = 3.0
    #: Innocent children are killed here, so that a job may well be hit three times; that alone does not make it poison.
    claims: int = 8


@dataclass
class Figures:
    """What came of it."""

    plan: dict[str, Any]
    killed: dict[str, int] = field(default_factory=dict)
    redis_kills: int = 0
    redis_flushes: int = 0
    blows_while_jobs_ran: int = 0
    supervisors: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    done_events: int = 0
    jobs_told_done_once: int = 0
    claims: int = 0
    lost_leases: int = 0
    most_attempts: int = 0
    most_lost: int = 0
    seconds: float = 0.0
    open_at_last_kill: int = 0
    seconds_to_next_done: float = 0.0
    seconds_after_last_kill: float = 0.0
    orphans: int = 0

    def check(self) -> None:
        """Raise AssertionError unless every job was done exactly once, in time, and nobody is left behind."""
        count = self.plan["jobs"]
        assert self.statuses == {"done": count}, self
        assert (self.done_events, self.jobs_told_done_once) == (count, count), self
        assert self.seconds_after_last_kill <= BAR, self
        assert self.orphans == 0, self


class Chaos:
    """One run of a plan against a database."""

    def __init__(self, plan: Plan, database_url: str, log: Path) -> None:
        self.plan = plan
        self.url = database_url
        self.log = log
        self.random = random.Random(plan.seed)
        self.redis: RedisServer | None = None
        self.victims: Victims
        self.workshop: Workshop
        self.projects: list[UUID] = []
        self.queued = 0
        self.figures = Figures(asdict(plan))

    async def run(self) -> Figures:
        async with self._stage():
            begun = time.monotonic()
            await self._enqueue(self._backlog)
            await self._claimed()
            await self._strike()
            struck = time.monotonic()
            await self._enqueue(self.plan.jobs)
            await self._note_recovery(struck)
            with contextlib.suppress(AssertionError):  # what is still open is counted below
                await until_seen(self._all_ended, 2 * BAR)
            self.figures.seconds_after_last_kill = round(time.monotonic() - struck, 1)
            self.figures.seconds = round(time.monotonic() - begun, 1)
            await self._count()
            self.victims.look()
            await asyncio.to_thread(self.victims.close)
            self.figures.orphans = await self.victims.orphans()
        return self.figures

    @asynccontextmanager
    async def _stage(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self.plan.mode == "redis":
                self.redis = RedisServer()
                self.redis.start()
                stack.callback(self.redis.close)
            db = Database(self.url, House("http://127.0.0.1:8400", True, lambda purpose: b"k" * 32))
            stack.push_async_callback(db.close)
            bell = await Bell.open(self.url, self.redis and self.redis.url)
            stack.push_async_callback(bell.close)
            bells = HouseBells(bell, self.redis and self.redis.url)
            stack.callback(bells.close)
            self.workshop = Workshop(Settings(), db, bells, Children(1), await open_store(Settings()))
            make = Make(db)
            ada = await make.user()
            self.projects = [(await make.project(ada)).id for _ in range(PROJECTS)]
            self.victims = Victims(self._start_workers, self.random)
            stack.callback(self.victims.close)
            yield

    def _start_workers(self) -> Workers:
        plan = self.plan
        env = environment(
            self.url,
            self.redis and self.redis.url,
            worker_processes=plan.processes,
            worker_slots=plan.slots,
            job_lease=plan.lease,
            job_claims=plan.claims,
            reconcile_every=1,
        )
        return Workers(env, log=self.log)

    # --- striking --------------------------------------------------------------------------------------------

    async def _strike(self) -> None:
        """Kill and flush at random moments, while jobs arrive so that there is always work to hit."""
        blows = ["kill"] * self.plan.kills + ["flush"] * self.plan.flushes
        self.random.shuffle(blows)
        for number, blow in enumerate(blows, start=1):
            await self._enqueue(min(self.plan.jobs, self._backlog + self.plan.jobs * number // len(blows)))
            await asyncio.sleep(self.random.expovariate(1 / self.plan.every))
            self.victims.look()
            self.figures.blows_while_jobs_ran += await self._number("status = 'running'") > 0
            if blow == "kill":
                await self.victims.strike()
            else:
                await self._hurt_redis()

    async def _hurt_redis(self) -> None:
        if self.redis is None:
            raise SystemExit("--flushes needs --mode redis")
        if self.random.random() < 0.5:
            self.redis.flush()
            self.figures.redis_flushes += 1
        else:
            self.redis.kill()
            await asyncio.sleep(self.random.uniform(0.1, 2.0))
            await asyncio.to_thread(self.redis.start)
            self.figures.redis_kills += 1

    # --- jobs ------------------------------------------------------------------------------------------------

    async def _enqueue(self, total: int) -> None:
        """Queue drills until there are ``total``."""
        plan = self.plan
        new = [
            NewJob(JobType.DRILL, {"steps": plan.steps, "step_ms": plan.step_ms}, self.projects[number % PROJECTS])
            for number in range(self.queued, total)
        ]
        async with self.workshop.write() as tx:
            await jobs.enqueue(tx, *new)
        self.queued = max(self.queued, total)

    @property
    def _backlog(self) -> int:
        return 2 * self.plan.processes * self.plan.slots

    async def _claimed(self) -> None:
        """Wait until the first job runs."""

        async def runs() -> bool:
            return await self._number("status <> 'queued'") > 0

        await until_seen(runs, BAR)

    async def _number(self, condition: str) -> int:
        async with self.workshop.read() as tx:
            return int(await tx.scalar(text(f"SELECT count(*) FROM jobs WHERE type = 'drill' AND {condition}")))  # noqa: S608

    async def _note_recovery(self, struck: float) -> None:
        """How much was open at the last kill, and how soon the next job was done: recovery apart from mere capacity."""
        done = await self._number("status = 'done'")
        self.figures.open_at_last_kill = self.plan.jobs - done

        async def one_more() -> bool:
            return await self._number("status = 'done'") > done

        if done < self.plan.jobs:
            await until_seen(one_more, BAR)
            self.figures.seconds_to_next_done = round(time.monotonic() - struck, 1)

    async def _all_ended(self) -> bool:
        return await self._number("status IN ('queued', 'running')") == 0

    async def _count(self) -> None:
        async with self.workshop.db.transaction(System("chaos"), Perm.SYSTEM, write=False) as tx:
            rows = (await tx.unchecked(text("SELECT * FROM jobs WHERE type = 'drill'"))).all()
            told = "SELECT ids FROM outbox WHERE name = 'job.done' AND changed->>'status' = 'done'"
            done = Counter(job_id for row in await tx.unchecked(text(told)) for job_id in row.ids)
        found = self.figures
        found.killed, found.supervisors = dict(self.victims.killed), self.victims.supervisors
        found.statuses = dict(Counter(row.status for row in rows))
        found.done_events = sum(done.values())
        found.jobs_told_done_once = sum(1 for row in rows if done[row.id] == 1)
        found.claims = sum(row.fence for row in rows)
        found.lost_leases = sum(row.lost for row in rows)
        found.most_attempts = max(row.attempts for row in rows)
        found.most_lost = max(row.lost for row in rows)


async def _main(plan: Plan) -> Figures:
    home = Path(tempfile.mkdtemp(prefix="kilo-chaos-jobs-"))
    server = embedded.start(home)
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        return await Chaos(plan, url, home / "workers.log").run()
    finally:
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--mode", choices=("embedded", "redis"), default="embedded")
    parser.add_argument("--flushes", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--every", type=float, default=Plan.every, help="mean seconds between two kills")
    parser.add_argument("--step-ms", type=int, default=Plan.step_ms, help="milliseconds of a job's ten steps, each")
    plan = Plan(**vars(parser.parse_args()))
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)  # noqa: T201
    figures = asyncio.run(_main(plan))
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201
    figures.check()


if __name__ == "__main__":
    main()
