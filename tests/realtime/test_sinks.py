"""Sinks: caught up by pages, then told live, without a gap in between."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from kilo_gql.events import Reset, ResetReason
from kilo_gql.hub import Hub
from tests.realtime.conftest import Log
from tests.support.readers import Sink
from tests.support.wait import until


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
