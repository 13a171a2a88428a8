"""The hub: every event after a cursor, in order and once, or an explicit reset."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID, uuid4

import pytest

from kilo_gql import hub as hub_module
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.errors import Unavailable
from kilo_gql.events import Event, Reset, ResetReason
from kilo_gql.feed import RING, Batch
from kilo_gql.hub import Hub
from kilo_gql.relay import Relay, prune
from tests.realtime.conftest import Log
from tests.support.wait import until

GARBAGE = [
    "", " ", "0", "1", "-", "1-", "-1", "1--1", "1-1-1", "a-b", "1-a", "+1-1", "1.0-1", "1e3-1", "0x1-1", "1-١", "１-1",
    "1-1\n2", "1 - 1", "null", "undefined", "NaN", "latest", "$", "*", "1-1;drop", "9" * 13 + "-1", "1-" + "9" * 19,
    "1-" + "9" * 5000, "\x00", "1-1\x00", "🦉", "<script>", "%31-1", "00000000-0000-0000-0000-000000000000",
]  # fmt: skip


class Sink:
    """Notes what it is told; ``pace`` seconds a batch while it catches up."""

    def __init__(self, pace: float = 0.0) -> None:
        self.told: list[Event | Reset] = []
        self.pace = pace
        self.caught_up = 0

    async def catch_up(self, batch: Batch) -> None:
        self.told.extend(batch)
        self.caught_up += len(batch)
        await asyncio.sleep(self.pace)

    def live(self, batch: Batch) -> None:
        self.told.extend(batch)

    @property
    def seqs(self) -> list[int]:
        return [event.seq for event in self.told]


async def read(hub: Hub, project: UUID, after: str | None, count: int) -> list[Event | Reset]:
    """The next ``count`` things that a reader after a cursor is told."""
    told: list[Event | Reset] = []
    async with aclosing(hub.follow(project, after)) as batches:
        async for batch in batches:
            told.extend(batch)
            if len(told) >= count:
                return told
    return told


@asynccontextmanager
async def reading(hub: Hub, project: UUID, after: str | None) -> AsyncIterator[list[Event | Reset]]:
    """A reader in the background, for the length of a block."""
    told: list[Event | Reset] = []

    async def run() -> None:
        async with aclosing(hub.follow(project, after)) as batches:
            async for batch in batches:
                told.extend(batch)

    before = hub.feeds[project].readers if project in hub.feeds else 0
    task = asyncio.create_task(run())
    await until(lambda: project in hub.feeds and hub.feeds[project].readers > before and hub.feeds[project].begun)
    await asyncio.sleep(0.01)
    yield told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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
async def test_every_cursor_that_cannot_be_served_is_reset_with_its_reason(
    hub: Hub, log: Log, database_url: str, db: Database, bell: Bell, settings: Settings
) -> None:
    project = uuid4()
    await log.write(project, *range(100))
    await log.drained()
    async with log.connection() as connection:
        assert await prune(connection, 0, 50) == 50
    for after, reason in {
        "2-10": ResetReason.EPOCH,
        "0-60": ResetReason.EPOCH,
        "1-101": ResetReason.FUTURE,
        "1-999999999999999999": ResetReason.FUTURE,
        "1-49": ResetReason.EXPIRED,
        "1-0": ResetReason.EXPIRED,
    }.items():
        assert await read(hub, project, after, 1) == [Reset(1, 100, project, reason)], after
    assert [event.seq for event in await read(hub, project, "1-50", 50)] == list(range(51, 101))
    near = Hub(db, bell, settings.model_copy(update={"event_far_behind": 20}))
    assert await read(near, project, "1-79", 1) == [Reset(1, 100, project, ResetReason.FAR_BEHIND)]
    assert len(await read(near, project, "1-80", 20)) == 20
    await near.close()


@pytest.mark.usefixtures("relay")
@pytest.mark.parametrize("after", GARBAGE)
async def test_garbage_is_reset_and_the_stream_goes_on(hub: Hub, log: Log, after: str) -> None:
    project = uuid4()
    async with reading(hub, project, after) as told:
        await until(lambda: told == [Reset(1, 0, project, ResetReason.MALFORMED)])
        await log.write(project, 1)
        await until(lambda: len(told) == 2)
    assert (told[1].cursor, type(told[1])) == ("1-1", Event)


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


@pytest.mark.usefixtures("relay")
async def test_a_sink_attached_under_fire_goes_live_without_gap_or_double(hub: Hub, log: Log) -> None:
    project = uuid4()
    await log.write(project, *range(1, 701))
    await log.drained()

    async def fire() -> None:
        async with log.connection() as connection:
            for number in range(701, 1101):
                await log.insert(connection, project, number)
                log.bell.ring_events()

    firing = asyncio.create_task(fire())
    sinks = [Sink(pace=0.001 * (index % 5)) for index in range(20)]
    detach = await asyncio.gather(*(hub.attach(project, "1-0", sink) for sink in sinks))
    assert hub.feeds[project].readers == 20
    await firing
    await log.drained()
    await until(lambda: all(len(sink.told) >= 1100 for sink in sinks))
    for sink in sinks:
        assert sink.seqs == list(range(1, 1101))
        assert 700 <= sink.caught_up <= 1100
    for end in detach:
        end()
        end()
    assert (hub.feeds[project].readers, hub.feeds[project].live) == (0, set())
    await log.write(project, 1101)
    await log.drained()
    await asyncio.sleep(0.02)
    assert sinks[0].seqs[-1] == 1100


@pytest.mark.usefixtures("relay")
async def test_a_sink_with_a_bad_cursor_is_reset_and_goes_live(hub: Hub, log: Log) -> None:
    project, sink = uuid4(), Sink()
    await log.write(project, 1)
    await log.drained()
    detach = await hub.attach(project, "7-7", sink)
    await log.write(project, 2)
    await until(lambda: len(sink.told) == 2)
    assert sink.told[0] == Reset(1, 1, project, ResetReason.EPOCH)
    assert sink.told[1].cursor == "1-2"
    detach()


@pytest.mark.usefixtures("relay")
async def test_a_failing_sink_is_dropped_and_harms_nobody(hub: Hub, log: Log) -> None:
    project, good, bad = uuid4(), Sink(), Sink()
    bad.live = lambda batch: 1 / 0  # type: ignore[assignment, method-assign]
    ends = [await hub.attach(project, None, sink) for sink in (bad, good)]
    await log.write(project, 1)
    await log.write(project, 2)
    await until(lambda: good.seqs == [1, 2])
    assert hub.feeds[project].live == {good}
    for end in ends:
        end()
    assert hub.feeds[project].readers == 0


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
async def test_a_reader_that_falls_too_far_behind_is_reset(
    db: Database, bell: Bell, settings: Settings, relay: Relay, log: Log
) -> None:
    project = uuid4()
    hub = Hub(db, bell, settings.model_copy(update={"event_far_behind": 1_500}))
    async with aclosing(hub.follow(project, None)) as slow:
        waiting = asyncio.ensure_future(anext(slow))
        await until(lambda: project in hub.feeds and hub.feeds[project].begun)
        await asyncio.sleep(0.01)
        await log.write(project, 1)
        await log.drained()
        assert await waiting
        await log.write(project, *range(1_600))
        await log.drained()
        await until(lambda: hub.feeds[project].head == 1_601)
        assert list(await anext(slow)) == [Reset(1, 1_601, project, ResetReason.FAR_BEHIND)]
        await log.write(project, 9)
        assert [event.cursor for event in await anext(slow)] == ["1-1602"]
    await hub.close()


@pytest.mark.usefixtures("relay")
async def test_a_log_that_was_replaced_resets_every_reader(hub: Hub, log: Log) -> None:
    project, sink = uuid4(), Sink()
    await log.write(project, 1, 2, 3)
    await log.drained()
    await hub.attach(project, "1-3", sink)
    async with reading(hub, project, "1-3") as told:
        async with log.connection() as connection:
            await connection.execute("UPDATE installation SET epoch = 2")
            await connection.execute("DELETE FROM events WHERE seq = 3")
            await connection.execute("UPDATE event_streams SET last_seq = 2")
        log.bell.ring("events", str(project))
        await until(lambda: len(told) == 1 and len(sink.told) == 1)
    assert told == sink.told == [Reset(2, 2, project, ResetReason.EPOCH)]


@pytest.mark.usefixtures("relay")
async def test_a_log_that_went_back_resets_every_reader(hub: Hub, log: Log) -> None:
    project, sink = uuid4(), Sink()
    await log.write(project, 1, 2, 3)
    await log.drained()
    await hub.attach(project, "1-3", sink)
    async with reading(hub, project, "1-3") as told:
        async with log.connection() as connection:
            await connection.execute("DELETE FROM events WHERE seq = 3")
            await connection.execute("UPDATE event_streams SET last_seq = 2")
        log.bell.ring("events", str(project))
        await until(lambda: len(told) == 1 and len(sink.told) == 1)
        assert told == sink.told == [Reset(1, 2, project, ResetReason.FUTURE)]
        await log.write(project, 4)
        await until(lambda: len(told) == 2 and len(sink.told) == 2)
    assert told[1].cursor == sink.told[1].cursor == "1-3"


@pytest.mark.usefixtures("relay")
async def test_pages_pruned_under_a_reader_are_an_explicit_gap(hub: Hub, log: Log) -> None:
    project = uuid4()
    await log.write(project, *range(3_000))
    await log.drained()
    async with aclosing(hub.follow(project, "1-0")) as slow:
        assert [event.seq for event in await anext(slow)] == list(range(1, 501))
        async with log.connection() as connection:
            await prune(connection, 0, 1_000)
        assert list(await anext(slow)) == [Reset(1, 3_000, project, ResetReason.EXPIRED)]


@pytest.mark.usefixtures("relay")
async def test_many_projects_do_not_hear_each_other(hub: Hub, log: Log) -> None:
    projects = [uuid4() for _ in range(20)]
    sinks = {project: Sink() for project in projects}
    for project, sink in sinks.items():
        await hub.attach(project, "1-0", sink)
    async with log.connection() as connection:
        for number in range(2_000):
            await log.insert(connection, projects[number % 20], number)
        log.bell.ring_events()
    await log.drained()
    await until(lambda: all(len(sink.told) >= 100 for sink in sinks.values()))
    for project, sink in sinks.items():
        assert sink.seqs == list(range(1, 101))
        assert {event.project_id for event in sink.told} == {project}


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


@pytest.mark.parametrize("leads", [True, False])
async def test_reached_is_the_cursor_of_the_last_event_of_an_operation(
    db: Database, database_url: str, settings: Settings, hub: Hub, relay: Relay, log: Log, leads: bool
) -> None:
    bell = await Bell.open(database_url)
    asked = hub if leads else Hub(db, bell, settings)
    one, two = uuid4(), uuid4()
    ops = [uuid4() for _ in range(20)]
    for op_id in ops[:5]:
        await log.write(one, 1, 2, op_id=op_id)
    answers = await asyncio.gather(*(asked.reached(op_id, one) for op_id in ops[:5]))
    assert answers == ["1-2", "1-4", "1-6", "1-8", "1-10"]
    waiting = [asyncio.ensure_future(asked.reached(op_id, one, within=20)) for op_id in ops[5:]]
    await asyncio.sleep(0.03)
    for op_id in ops[5:]:
        await log.write(one, 1, op_id=op_id)
    assert await asyncio.gather(*waiting) == [f"1-{n}" for n in range(11, 26)]
    await log.write(two, 1, op_id=ops[0])
    await log.drained()
    assert await asked.reached(ops[0], two) == "1-1"
    assert await asked.reached(uuid4(), within=0) is None
    assert await asked.reached(uuid4(), one, within=0.05) is None
    assert await asked.reached(ops[3], two, within=0) is None
    assert asked._reached._waiting == {}
    if not leads:
        await asked.close()
    await bell.close()


async def test_an_old_operation_is_found_in_the_log(
    db: Database, bell: Bell, settings: Settings, hub: Hub, relay: Relay, log: Log
) -> None:
    project, op_id = uuid4(), uuid4()
    await log.write(project, 1, op_id=op_id)
    await log.drained()
    fresh = Hub(db, bell, settings)
    assert await fresh.reached(op_id, project, within=0) == "1-1"
    await fresh.close()
