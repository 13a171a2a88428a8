"""Readers of a hub that note what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

from kilo_gql.events import Event, Reset
from kilo_gql.feed import Batch
from kilo_gql.hub import Hub
from tests.support.wait import until


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
