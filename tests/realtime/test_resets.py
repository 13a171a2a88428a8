"""What cannot be served is said, with its reason, and the stream goes on from there."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest

from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.events import Event, Reset, ResetReason
from kilo_gql.hub import Hub
from kilo_gql.relay import Relay, prune
from tests.realtime.conftest import Log
from tests.support.readers import Sink, read, reading
from tests.support.wait import until

GARBAGE = [
    "", " ", "0", "1", "-", "1-", "-1", "1--1", "1-1-1", "a-b", "1-a", "+1-1", "1.0-1", "1e3-1", "0x1-1", "1-١", "１-1",
    "1-1\n2", "1 - 1", "null", "undefined", "NaN", "latest", "$", "*", "1-1;drop", "9" * 13 + "-1", "1-" + "9" * 19,
    "1-" + "9" * 5000, "\x00", "1-1\x00", "🦉", "<script>", "%31-1", "00000000-0000-0000-0000-000000000000",
]  # fmt: skip


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
async def test_garbage_is_reset_and_the_stream_goes_on(hub: Hub, log: Log) -> None:
    for after in GARBAGE:
        project = uuid4()
        async with reading(hub, project, after) as told:
            await until(lambda: told == [Reset(1, 0, project, ResetReason.MALFORMED)])  # noqa: B023
            await log.write(project, 1)
            await until(lambda: len(told) == 2)
        assert (told[1].cursor, type(told[1])) == ("1-1", Event), repr(after)


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
async def test_a_hole_in_the_table_is_an_explicit_gap(hub: Hub, log: Log) -> None:
    """It cannot happen; if it does, a reader must be told rather than led past it or left waiting."""
    project = uuid4()
    await log.write(project, *range(20))
    await log.drained()
    async with log.connection() as connection:
        await connection.execute("DELETE FROM events WHERE seq = 6")
    for after in (0, 4, 5):
        assert await read(hub, project, f"1-{after}", 1) == [Reset(1, 20, project, ResetReason.EXPIRED)]
