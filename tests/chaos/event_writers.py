"""The writers of ``tests.chaos.events``: some keep their transaction open after the insert, so commits overtake."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from kilo_gql.bell import Bell

#: How many transactions stay open for a while.
_HELD = 0.05
_INSERT = "INSERT INTO outbox (project_id, name, ids, changed) VALUES ($1, 'asset.updated', $2, $3)"


@dataclass(frozen=True)
class Plan:
    """``hold``: the longest that one in twenty transactions stays open after its insert, in seconds. ``rate``: commits
    a second of all writers together; 0: as many as they can, so that waits measure the machine, not the product."""

    writers: int = 8
    transactions: int = 4_000
    clients: int = 40
    kills: int = 0
    cursors: int = 100
    hold: float = 0.05
    rate: float = 0.0
    mode: str = "embedded"
    seed: int = 1
    servers: int = 2

    @property
    def total(self) -> int:
        return self.writers * self.transactions


def write_all(url: str, redis_url: str | None, project_id: UUID, plan: Plan) -> tuple[float, array[float]]:
    """Every writer's transactions, in a process of their own; how long they took, and when each was committed."""
    return asyncio.run(_write_all(url, redis_url, project_id, plan))


async def _write_all(url: str, redis_url: str | None, project_id: UUID, plan: Plan) -> tuple[float, array[float]]:
    committed = array("d", bytes(8 * plan.total))
    bell = await Bell.open(url, redis_url)

    async def writer(index: int) -> None:
        chance = random.Random(plan.seed * 1000 + index)
        connection = await asyncpg.connect(url)
        for number in range(index * plan.transactions, (index + 1) * plan.transactions):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(_INSERT, project_id, [uuid4()], f'{{"n": {number}}}')
            if chance.random() < _HELD:
                await asyncio.sleep(chance.uniform(plan.hold * 0.4, plan.hold))
            await transaction.commit()
            committed[number] = time.time()
            bell.ring_events()
            if plan.rate:
                due = started + (number - index * plan.transactions + 1) * plan.writers / plan.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        await connection.close()

    started = time.monotonic()
    await asyncio.gather(*(writer(index) for index in range(plan.writers)))
    seconds = time.monotonic() - started
    await bell.close()
    return seconds, committed
