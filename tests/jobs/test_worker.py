"""Real worker processes, real children, both brokers: the whole path of a job."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from kilo_gql.access import UserActor
from kilo_gql.bell import Bell
from kilo_gql.db import Database
from kilo_gql.domain import jobs as domain
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Queue
from kilo_gql.operations import Throat
from tasks.broker import HouseBells
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.processes import Workers, alive, children, environment
from tests.support.redis import RedisServer
from tests.support.wait import until, until_seen

LEASE = 3.0


@pytest.fixture(params=["embedded", pytest.param("redis", marks=pytest.mark.scale)])
def redis_url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "embedded":
        return None
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


Start = Callable[..., Workers]


@pytest.fixture
def start(database_url: str, redis_url: str | None) -> Iterator[Start]:
    """Starts workers; ends them with the test."""
    started: list[Workers] = []

    def start_one(*queues: str, **settings: object) -> Workers:
        env = environment(database_url, redis_url, **{"job_lease": LEASE, "reconcile_every": 0.5, **settings})
        started.append(Workers(env, *queues))
        return started[-1]

    yield start_one
    for workers in started:
        workers.close()


class Studio:
    """A member with a project, calling operations whose bells really ring."""

    def __init__(self, throat: Throat, floor: Floor, member: UserActor, project: UUID) -> None:
        self.throat, self.floor, self.member, self.project = throat, floor, member, project

    async def run(self, operation: Any, *arguments: Any, **named: Any) -> Any:
        return (await self.throat.execute(self.member, operation, *arguments, **named)).value

    async def drill(self, steps: int = 3, step_ms: int = 1) -> UUID:
        return (await self.run(domain.start_drill, self.project, steps=steps, step_ms=step_ms)).id

    async def until(self, job_id: UUID, *statuses: str, seconds: float = 20) -> dict[str, Any]:
        """The row, once it stands at one of these."""
        row: dict[str, Any] = {}

        async def arrived() -> bool:
            row.update(await self.floor.row(job_id))
            return row["status"] in statuses

        await until_seen(arrived, seconds)
        return row


@pytest_asyncio.fixture
async def studio(
    db: Database, database_url: str, redis_url: str | None, make: Make, floor: Floor
) -> AsyncIterator[Studio]:
    bell = await Bell.open(database_url, redis_url)
    bells = HouseBells(bell, redis_url)
    ada = await make.user()
    yield Studio(Throat(db, bells), floor, ada, (await make.project(ada)).id)
    bells.close()
    await bell.close()


async def test_a_drill_goes_the_whole_way(studio: Studio, start: Start) -> None:
    start()
    job_id = await studio.drill(steps=4, step_ms=150)
    row = await studio.until(job_id, "done")
    assert (row["result"]["steps"], row["attempts"], row["progress"], row["lease_until"]) == (4, 1, 1.0, None)
    assert row["message"].startswith("Step ")
    async with studio.floor.write() as tx:
        told = (
            await tx.unchecked(
                text("SELECT name, changed FROM outbox WHERE :id = ANY(ids) ORDER BY id"), {"id": job_id}
            )
        ).all()
    assert [told[0].changed["status"], told[1].changed["status"]] == ["queued", "running"]
    assert (told[-1].name, told[-1].changed["status"]) == ("job.done", "done")
    progress = [event.changed["progress"] for event in told[2:-1]]
    assert progress == sorted(progress)
    assert len(progress) <= 5


async def test_an_idle_worker_starts_at_once(studio: Studio, start: Start) -> None:
    start(reconcile_every=60)
    await studio.until(await studio.drill(), "done")
    waits = []
    for _ in range(5):
        begun = time.monotonic()
        await studio.until(await studio.drill(steps=1, step_ms=0), "done")
        waits.append(time.monotonic() - begun)
    assert sorted(waits)[2] < 1.0


async def test_cancel_kills_the_child_within_two_seconds(studio: Studio, start: Start) -> None:
    workers = start(job_lease=60)
    job_id = await studio.drill(steps=1_000, step_ms=1_000)
    await studio.until(job_id, "running")
    await until(lambda: bool(workers.decoders()))
    (decoder,) = workers.decoders()
    await asyncio.sleep(0.5)
    begun = time.monotonic()
    await studio.run(domain.cancel_job, job_id)
    await studio.until(job_id, "canceled", seconds=2)
    await until(lambda: not alive(decoder), begun + 2 - time.monotonic())
    # the slot lives on
    await studio.until(await studio.drill(), "done")


async def test_sigterm_hands_back_what_is_not_finished(studio: Studio, start: Start) -> None:
    workers = start(job_lease=60)
    slow, quick = await studio.drill(steps=1_000, step_ms=1_000), await studio.drill(steps=2, step_ms=500)
    await studio.until(slow, "running")
    await studio.until(quick, "running")
    begun = time.monotonic()
    assert await asyncio.to_thread(workers.terminate) == 0
    assert time.monotonic() - begun < 15
    rows = [await studio.floor.row(job_id) for job_id in (slow, quick)]
    assert [(row["status"], row["attempts"]) for row in rows] == [("queued", 0), ("done", 1)]


async def test_workers_do_not_outlive_their_supervisor(studio: Studio, start: Start) -> None:
    workers = start(job_lease=60)
    job_id = await studio.drill(steps=1_000, step_ms=1_000)
    await studio.until(job_id, "running")
    pids = [*workers.workers(), *workers.decoders()]
    assert len(pids) >= 1
    workers.kill()
    row = await studio.until(job_id, "queued")
    assert (row["attempts"], row["lost"]) == (0, 0)
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_killed_worker_is_replaced_and_loses_nothing(studio: Studio, start: Start) -> None:
    workers = start(worker_processes=2)
    job_id = await studio.drill(steps=20, step_ms=100)
    await studio.until(job_id, "running")
    before = set(workers.workers())
    busy = next(pid for pid in before if children(pid, "child_main.py"))
    os.kill(busy, signal.SIGKILL)
    row = await studio.until(job_id, "done", seconds=30)
    assert (row["attempts"], row["lost"]) == (2, 1)
    # one death did not touch the other
    assert before - {busy} <= set(workers.workers())
    await until(lambda: len(workers.workers()) == 2)


async def test_a_worker_that_wakes_after_its_lease_changes_nothing(studio: Studio, start: Start) -> None:
    workers = start(worker_slots=1)
    job_id = await studio.drill(steps=30, step_ms=100)
    await studio.until(job_id, "running")
    (sleeper,) = workers.workers()
    os.kill(sleeper, signal.SIGSTOP)
    try:
        second = start(worker_slots=1)

        async def taken_over() -> bool:
            return (await studio.floor.row(job_id))["fence"] == 2

        await until_seen(taken_over)
    finally:
        os.kill(sleeper, signal.SIGCONT)
    row = await studio.until(job_id, "done", seconds=30)
    await asyncio.sleep(2 * LEASE)
    assert await studio.floor.row(job_id) == row
    assert (row["attempts"], row["fence"], row["lost"]) == (2, 2, 1)
    async with studio.floor.write() as tx:
        ends = await tx.scalar(text("SELECT count(*) FROM outbox WHERE name = 'job.done'"))
    assert ends == 1
    assert second.terminate() == 0


async def test_without_any_nudge_the_reconciler_finds_the_work(studio: Studio, start: Start) -> None:
    start(reconcile_every=0.3)
    await studio.until(await studio.drill(), "done")
    ids = await studio.floor.enqueue(
        *(NewJob(JobType.DRILL, {"steps": 1, "step_ms": 0}, studio.project, queue=Queue.CPU) for _ in range(30))
    )
    for job_id in ids:
        await studio.until(job_id, "done")


@pytest.mark.scale
async def test_redis_may_come_and_go(
    db: Database, database_url: str, redis_server: RedisServer, make: Make, floor: Floor
) -> None:
    """Killed, absent while jobs are queued, flushed while they run: all are done, and no request waited."""
    workers = Workers(environment(database_url, redis_server.url, job_lease=LEASE, reconcile_every=0.5))
    bell = await Bell.open(database_url, redis_server.url)
    bells = HouseBells(bell, redis_server.url)
    ada = await make.user()
    studio = Studio(Throat(db, bells), floor, ada, (await make.project(ada)).id)
    try:
        await studio.until(await studio.drill(), "done")
        pids = workers.workers()
        ids = []
        for _ in range(3):
            redis_server.kill()
            begun = time.monotonic()
            ids += [await studio.drill() for _ in range(10)]
            assert time.monotonic() - begun < 2
            redis_server.start()
            ids += [await studio.drill() for _ in range(10)]
            redis_server.flush()
        for job_id in ids:
            assert (await studio.until(job_id, "done", seconds=30))["attempts"] == 1
        assert workers.workers() == pids
        assert await asyncio.to_thread(workers.terminate) == 0
    finally:
        workers.close()
        bells.close()
        await bell.close()
