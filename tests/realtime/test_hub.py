"""The hub: every event after a cursor, in order and once, however readers and processes behave."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest

from kilo_gql import event_log
from kilo_gql import hub as hub_module
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.errors import Unavailable
from kilo_gql.events import Event
from kilo_gql.feed import RING
from kilo_gql.hub import Hub
from kilo_gql.relay import Relay
from tests.realtime.conftest import Log
from tests.support.readers import Sink, read, reading
from tests.support.wait import until


@pytest.mark.usefixtures("relay")
async def test_a_reader_without_a_cursor_is_told_what_comes_from_now_on(hub: Hub, log: Log) -> None:
    project = uuid4()
    await log.write(project, 1, 2)
    await log.drained()
    async with reading(hub, project, None) as told:
        await log.write(project, 3)
        await until(lambda: len(told) == 1)
    assert [(event.cursor, event.changed) for event in told if isinstance(event, Event)] == [("1-3", {"n": 3})]
    assert await hub.cursor(project) == "1-3"
    assert hub.feeds[project].readers == 0


@pytest.mark.usefixtures("relay")
async def test_replay_and_live_join_without_gap_or_double(hub: Hub, log: Log) -> None:
    project = uuid4()
    await log.write(project, *range(1, 1201))
    await log.drained()
    async with reading(hub, project, "1-0") as told:
        for number in range(1201, 1301):
            await log.write(project, number)
        await until(lambda: len(told) >= 1300)
    assert [event.seq for event in told] == list(range(1, 1301))
    assert [event.changed["n"] for event in told if isinstance(event, Event)] == list(range(1, 1301))


@pytest.mark.usefixtures("relay")
async def test_random_drops_and_resumes_lose_and_double_nothing(hub: Hub, log: Log) -> None:
    project, chance, total = uuid4(), random.Random(11), 600

    async def client() -> list[int]:
        got: list[int] = []
        cursor: str | None = "1-0"
        while len(got) < total:
            async with aclosing(hub.follow(project, cursor)) as batches:
                stop = len(got) + chance.randint(1, 80)
                async for batch in batches:
                    for event in batch:
                        got.append(event.seq)
                        cursor = event.cursor
                        if len(got) == stop:
                            break  # the rest of this batch is lost on the way
                    if len(got) >= min(stop, total):
                        break
            await asyncio.sleep(chance.uniform(0, 0.02))
        return got

    async def writer(base: int) -> None:
        async with log.connection() as connection:
            for number in range(base, base + 150):
                async with connection.transaction():
                    await log.insert(connection, project, number)
                log.bell.ring_events()

    results = await asyncio.gather(*(client() for _ in range(10)), *(writer(base) for base in range(0, 600, 150)))
    assert results[:10] == [list(range(1, total + 1))] * 10


async def test_a_process_that_does_not_lead_is_told_by_the_bell(
    db: Database, database_url: str, settings: Settings, relay: Relay, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_POLL", 60.0)
    project = uuid4()
    bell = await Bell.open(database_url)
    far = Hub(db, bell, settings)
    async with reading(far, project, None) as told:
        for number in range(50):
            await log.write(project, number)
        await until(lambda: len(told) == 50)
    assert [event.seq for event in told] == list(range(1, 51))
    await far.close()
    await bell.close()


async def test_without_a_bell_the_poll_finds_the_events(
    db: Database, database_url: str, settings: Settings, relay: Relay, log: Log
) -> None:
    project = uuid4()
    bell = await Bell.open(database_url)
    deaf = Hub(db, bell, settings)
    await bell.close()
    async with reading(deaf, project, None) as told:
        await log.write(project, *range(1200))
        await until(lambda: len(told) == 1200)
    assert [event.seq for event in told] == list(range(1, 1201))
    await deaf.close()


@pytest.mark.usefixtures("relay")
async def test_a_slow_reader_costs_its_place_alone(hub: Hub, log: Log) -> None:
    project, total = uuid4(), 6_000
    async with aclosing(hub.follow(project, "1-0")) as slow:
        await log.write(project, 0)
        assert [event.seq for event in await anext(slow)] == [1]
        tracemalloc.start()
        for start in range(1, total, 1000):
            await log.write(project, *range(start, start + 1000))
        await log.drained()
        await until(lambda: hub.feeds[project].head == total + 1)
        assert len(hub.feeds[project].ring) == RING
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 8 << 20
        rest: list[int] = []
        largest = 0
        while len(rest) < total:
            batch = await anext(slow)
            largest = max(largest, len(batch))
            rest.extend(event.seq for event in batch)
    assert rest == list(range(2, total + 2))
    assert largest <= RING


@pytest.mark.usefixtures("relay")
async def test_stopping_ends_readers_and_refuses_sinks(hub: Hub, log: Log) -> None:
    project = uuid4()
    ended = asyncio.create_task(read(hub, project, None, 1))
    await until(lambda: project in hub.feeds and hub.feeds[project].begun)
    hub.stop()
    assert await asyncio.wait_for(ended, 1) == []
    await asyncio.wait_for(hub.stopped(), 1)
    with pytest.raises(Unavailable) as refused:
        await hub.attach(project, "1-0", Sink())
    assert refused.value.code == "stopping"
    assert await read(hub, project, "1-0", 1) == []
    assert hub.feeds[project].readers == 0


@pytest.mark.usefixtures("relay")
async def test_silence_is_told_and_idle_feeds_are_forgotten(
    hub: Hub, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = uuid4()
    async with aclosing(hub.follow(project, None, idle=0.05)) as batches:
        assert [await anext(batches) for _ in range(3)] == [(), (), ()]
        monkeypatch.setattr(hub_module, "_IDLE", 0.0)
        await asyncio.sleep(1.2)
        assert project in hub.feeds
    await until(lambda: project not in hub.feeds)


async def test_readers_survive_a_database_that_goes_away(hub: Hub, relay: Relay, log: Log, bell: Bell) -> None:
    project = uuid4()
    async with reading(hub, project, "1-0") as told:
        for number in range(3):
            async with log.connection() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name LIKE 'kilo%'"
                )
            await log.write(project, number)
            await until(lambda: len(told) == number + 1)  # noqa: B023
    assert [event.seq for event in told] == [1, 2, 3]


@pytest.mark.usefixtures("relay")
async def test_readers_that_come_back_together_share_their_pages(
    db: Database, bell: Bell, settings: Settings, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, reads = uuid4(), 0
    await log.write(project, *range(1_300))
    await log.drained()
    original = event_log.read_one

    async def counted(*arguments: Any) -> event_log.Page:
        nonlocal reads
        reads += 1
        return await original(*arguments)

    monkeypatch.setattr(event_log, "read_one", counted)
    restarted = Hub(db, bell, settings)
    await restarted.cursor(project)
    told = await asyncio.gather(
        *(read(restarted, project, f"1-{after}", 1_300 - after) for after in range(0, 1_200, 6))
    )
    for after, events in zip(range(0, 1_200, 6), told, strict=True):
        assert [event.seq for event in events] == list(range(after + 1, 1_301))
    assert reads <= 1 + 3 + 2  # where the log ends; its pages; the last one is not complete and may be read again
    await restarted.close()
