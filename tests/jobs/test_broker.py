"""Messages are nudges: nobody waits for them, and too many of them are held back."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest

from kilo_gql.bell import Bell
from kilo_gql.jobs import CANCEL
from kilo_gql.models import Queue
from tasks.broker import HouseBells, Line, Sender, redis_broker
from tests.support.redis import RedisServer
from tests.support.wait import until, until_seen


class Counting:
    """A run_next that finds ``jobs`` jobs and notes who works at a time."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.calls = 0
        self.most = 0
        self.working = 0

    async def __call__(self, queue: Queue) -> bool:
        self.calls += 1
        if self.jobs == 0:
            return False
        self.jobs -= 1
        self.working += 1
        self.most = max(self.most, self.working)
        await asyncio.sleep(0.01)
        self.working -= 1
        return True


async def until_still(run: Counting) -> None:
    await until(lambda: run.jobs == run.working == 0)
    await asyncio.sleep(0.3)


async def test_one_nudge_drains_the_queue_with_one_slot() -> None:
    run = Counting(20)
    line = Line(Queue.CPU, 3, run)
    line.nudge()
    await until_still(run)
    assert (run.calls, run.most) == (21, 1)
    await line.close(5)


async def test_many_nudges_wake_all_slots_and_no_more() -> None:
    run = Counting(60)
    line = Line(Queue.CPU, 3, run)
    for _ in range(100):
        line.nudge()
    await until_still(run)
    assert (run.jobs, run.most, line.busy) == (0, 3, 0)
    # each slot's last look, and a look for each message that was fetched ahead
    assert run.calls <= 60 + 3 * 3
    await line.close(5)


async def test_queues_of_a_process_do_not_share_slots() -> None:
    slow, quick = Counting(1), Counting(1)
    gate = asyncio.Event()

    async def stuck(queue: Queue) -> bool:
        await gate.wait()
        return await slow(queue)

    lines = [Line(Queue.CPU, 1, stuck), Line(Queue.IO, 1, quick)]
    for line in lines:
        line.nudge()
    await until_still(quick)
    assert (quick.jobs, slow.jobs) == (0, 1)
    gate.set()
    await until_still(slow)
    await asyncio.gather(*(line.close(5) for line in lines))


async def test_ringing_never_waits_for_redis_that_is_away(database_url: str) -> None:
    bell = await Bell.open(database_url)
    bells = HouseBells(bell, "redis://127.0.0.1:1/0")
    begun = time.perf_counter()
    for _ in range(200):
        bells.ring_jobs([("cpu", uuid4())] * 100)
    assert time.perf_counter() - begun < 0.5
    bells.close()
    await bell.close()


async def test_embedded_rings_name_queue_and_job(database_url: str) -> None:
    bell = await Bell.open(database_url)
    heard: list[tuple[str, str]] = []
    bell.listen("jobs", lambda payload: heard.append(("jobs", payload)))
    bell.listen("cancel", lambda payload: heard.append(("cancel", payload)))
    one, two = uuid4(), uuid4()
    HouseBells(bell).ring_jobs([("cpu", one), (CANCEL, two), *[("io", uuid4())] * 500])
    await asyncio.sleep(0.1)
    assert [item for item in heard if not item[1].startswith("io:")] == [("jobs", f"cpu:{one}"), ("cancel", str(two))]
    assert len(heard) == 2 + 32
    await bell.close()


@pytest.mark.scale
async def test_the_sender_sends_and_survives_redis(redis_server: RedisServer) -> None:
    sender = Sender(redis_server.url)
    run = Counting(3)
    line = Line(Queue.CPU, 1, run, redis_server.url)
    sender.send("cpu", str(uuid4()))
    await until_still(run)
    assert run.jobs == 0
    redis_server.kill()
    sender.send("cpu", str(uuid4()))
    redis_server.start()
    run.jobs = 2

    async def nudged() -> bool:
        sender.send("cpu", str(uuid4()))
        return run.jobs == 0

    await until_seen(nudged)
    sender.close()
    await line.close(5)
    assert not sender._thread.is_alive()


@pytest.mark.scale
async def test_redis_holds_what_the_design_says(redis_server: RedisServer) -> None:
    broker: Any = redis_broker(redis_server.url)
    assert (broker.heartbeat_timeout, broker.maintenance_chance, broker.middleware) == (15_000, 100_000, [])
    broker.declare_queue("cpu")
    sender = Sender(redis_server.url)
    sender.send("cpu", "x")
    await until(lambda: broker.do_qsize("cpu") == 1)
    sender.close()
    assert {key.split(b":")[0] for key in redis_server.connect().scan_iter()} == {b"kilo"}
