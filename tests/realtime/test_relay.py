"""The relay: one order, without holes, whatever the writers, the leader and the database do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.events import Event
from kilo_gql.relay import Relay, prune
from tests.realtime.conftest import Log
from tests.support.wait import until

KILL_LEADER = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_locks
    WHERE locktype = 'advisory' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


CUT_ALL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'kilo-%'
"""


class Published:
    """Notes what a relay hands to its process."""

    def __init__(self) -> None:
        self.events: dict[UUID, list[Event]] = {}

    def publish(self, project_id: UUID, events: list[Event]) -> None:
        self.events.setdefault(project_id, []).extend(events)

    def seqs(self, project_id: UUID) -> list[int]:
        return [event.seq for event in self.events.get(project_id, ())]


@asynccontextmanager
async def relaying(url: str, bell: Bell, settings: Settings) -> AsyncIterator[tuple[Relay, Published]]:
    published = Published()
    relay = Relay(url, bell, published, settings)  # type: ignore[arg-type]
    try:
        yield relay, published
    finally:
        await relay.close()


async def test_events_are_numbered_from_one_in_each_project(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    one, two, op_id = uuid4(), uuid4(), uuid4()
    async with relaying(database_url, bell, settings) as (relay, published):
        await log.write(one, 10, 11, op_id=op_id)
        await log.write(two, 20)
        await log.write(one, 12)
        await log.drained()
        assert await log.numbered(one) == [(1, 10), (2, 11), (3, 12)]
        assert await log.numbered(two) == [(1, 20)]
        assert await log.all("SELECT project_id, first_seq, last_seq FROM event_streams ORDER BY last_seq") == [
            (two, 1, 1),
            (one, 1, 3),
        ]
        await until(lambda: published.seqs(one) == [1, 2, 3] and published.seqs(two) == [1])
        first = published.events[one][0]
        assert (first.cursor, first.name, first.changed, first.op_id) == ("1-1", "asset.updated", {"n": 10}, op_id)
        assert relay.moved == 4


async def test_no_event_passes_one_that_was_inserted_before_it_and_is_not_committed(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    """Marten's regression (JasperFx/marten discussion 4953): a reader must not go past an insert held open."""
    project = uuid4()
    async with relaying(database_url, bell, settings), log.connection() as slow:
        held = slow.transaction()
        await held.start()
        await log.insert(slow, project, 0)
        for number in range(1, 51):
            await log.write(project, number)
        await asyncio.sleep(0.4)
        assert await log.numbered(project) == []
        await held.commit()
        bell.ring_events()
        await log.drained()
    # in the order in which the transactions began to write, not in which they were committed
    assert await log.numbered(project) == [(n + 1, n) for n in range(51)]


async def test_a_rolled_back_insert_leaves_no_hole(database_url: str, bell: Bell, settings: Settings, log: Log) -> None:
    project = uuid4()
    async with relaying(database_url, bell, settings), log.connection() as slow:
        held = slow.transaction()
        await held.start()
        await log.insert(slow, project, 0)
        await log.write(project, 1)
        await held.rollback()
        await log.drained()
    assert await log.numbered(project) == [(1, 1)]


async def test_a_foreign_transaction_held_open_shows_as_lag_and_then_everything_comes_in_order(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    project = uuid4()
    async with relaying(database_url, bell, settings) as (relay, published), log.connection() as other:
        held = other.transaction()
        await held.start()
        await other.execute("CREATE TABLE unrelated ()")
        for number in range(20):
            await log.write(project, number)
        await until(lambda: relay.lag > 1.0)
        assert published.events == {}
        await held.rollback()
        await until(lambda: published.seqs(project) == list(range(1, 21)))
        await until(lambda: relay.lag == 0.0)


async def test_a_transaction_larger_than_a_batch_is_numbered_in_one_piece(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    project, batches = uuid4(), []

    class Batches:
        def publish(self, project_id: UUID, events: list[Event]) -> None:
            batches.append(len(events))

    await log.write(project, *range(1_500))
    await log.write(project, *range(3_000))
    await log.write(project, *range(10))
    relay = Relay(database_url, bell, Batches(), settings)  # type: ignore[arg-type]
    await log.drained()
    await relay.close()
    assert batches == [4_500, 10]
    assert [seq for seq, _ in await log.numbered(project)] == list(range(1, 4_511))


async def test_concurrent_writers_lose_nothing(database_url: str, bell: Bell, settings: Settings, log: Log) -> None:
    project, chance = uuid4(), random.Random(7)

    async def writer(base: int) -> None:
        async with log.connection() as connection:
            for number in range(base, base + 100):
                async with connection.transaction():
                    await log.insert(connection, project, number)
                    if chance.random() < 0.05:
                        await asyncio.sleep(chance.uniform(0, 0.02))
                bell.ring_events()

    async with relaying(database_url, bell, settings) as (_, published):
        await asyncio.gather(*(writer(base) for base in range(0, 800, 100)))
        await log.drained()
        await until(lambda: len(published.seqs(project)) == 800)
    rows = await log.numbered(project)
    assert [seq for seq, _ in rows] == published.seqs(project) == list(range(1, 801))
    assert sorted(n for _, n in rows) == list(range(800))
    for base in range(0, 800, 100):  # each writer's own order is kept
        assert [n for _, n in rows if base <= n < base + 100] == list(range(base, base + 100))


async def test_another_process_takes_over_from_a_killed_leader(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    project, written = uuid4(), 0
    async with (
        relaying(database_url, bell, settings) as (one, by_one),
        relaying(database_url, bell, settings) as (two, by_two),
    ):
        await until(lambda: one.leads != two.leads)
        for _ in range(4):
            for _ in range(10):
                await log.write(project, written)
                written += 1
            leader = one if one.leads else two
            assert await log.all(KILL_LEADER) == [1]
            await until(lambda: not leader.leads)  # noqa: B023
            await until(lambda: one.leads or two.leads)
        await log.drained()
        await until(lambda: len(by_one.seqs(project)) + len(by_two.seqs(project)) == written)
        assert sorted(by_one.seqs(project) + by_two.seqs(project)) == list(range(1, written + 1))
    assert await log.numbered(project) == [(n + 1, n) for n in range(written)]


async def test_a_closed_leader_is_followed_within_seconds(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    project = uuid4()
    async with relaying(database_url, bell, settings) as (second, published):
        await until(lambda: second.leads)
        async with relaying(database_url, bell, settings) as (third, _):
            assert not third.leads
            await second.close()
            await until(lambda: third.leads)
            await log.write(project, 1)
            await log.drained()
        assert published.events == {}


async def test_only_what_is_both_old_and_superfluous_is_pruned(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    many, few = uuid4(), uuid4()
    async with relaying(database_url, bell, settings):
        await log.write(many, *range(100))
        await log.write(few, *range(10))
        await log.drained()
    async with log.connection() as connection:
        await connection.execute("UPDATE events SET created_at = now() - interval '2 days' WHERE seq <= 60")
        assert await prune(connection, 86_400, 70) == 30
        assert await prune(connection, 86_400, 70) == 0
        assert await prune(connection, 86_400, 20) == 30
        assert await prune(connection, 3 * 86_400, 5) == 0
        assert await prune(connection, 0, 0) == 50
    streams = await log.all("SELECT first_seq, last_seq FROM event_streams ORDER BY last_seq DESC")
    assert streams == [(101, 100), (11, 10)]


async def test_an_old_event_behind_a_young_one_stays(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    project = uuid4()
    async with relaying(database_url, bell, settings):
        await log.write(project, *range(10))
        await log.drained()
    async with log.connection() as connection:
        await connection.execute("UPDATE events SET created_at = now() - interval '2 days' WHERE seq IN (1, 2, 4, 5)")
        assert await prune(connection, 86_400, 0) == 2
    assert [seq for seq, _ in await log.numbered(project)] == list(range(3, 11))


@pytest.mark.parametrize("damage", ["value", "connections"])
async def test_numbering_goes_on_after_a_failure(
    database_url: str, bell: Bell, settings: Settings, log: Log, damage: str
) -> None:
    project = uuid4()
    async with relaying(database_url, bell, settings) as (relay, published):
        await until(lambda: relay.leads)
        async with log.connection() as connection:
            if damage == "value":
                await connection.execute("ALTER TABLE events ADD CONSTRAINT no CHECK (seq < 0)")
                await log.write(project, 1)
                await until(lambda: not relay.leads)
                await connection.execute("ALTER TABLE events DROP CONSTRAINT no")
            else:
                await connection.execute(CUT_ALL)
                await log.write(project, 1)
        await until(lambda: published.seqs(project) == [1])


async def test_an_event_of_an_unknown_name_is_passed_on_as_it_is(
    database_url: str, bell: Bell, settings: Settings, log: Log
) -> None:
    project = uuid4()
    async with relaying(database_url, bell, settings) as (_, published), log.connection() as connection:
        await connection.execute(
            "INSERT INTO outbox (project_id, name, ids, changed) VALUES ($1, 'moon.rose', '{}', '{}')", project
        )
        await until(lambda: published.seqs(project) == [1])
    assert published.events[project][0].sse.startswith(b"id: 1-1\nevent: moon.rose\ndata: {")


async def test_a_database_restart_is_survived(postgres: str, database_url: str, settings: Settings, log: Log) -> None:
    """The whole server is not restarted here (other tests use it): every connection of this database is cut twice."""
    project = uuid4()
    bell = await Bell.open(database_url)
    async with relaying(database_url, bell, settings) as (relay, published):
        for number in range(2):
            admin = await asyncpg.connect(postgres)
            name = urlsplit(database_url).path[1:]
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await until(lambda: not relay.leads and not bell.connected)
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await admin.close()
            await log.write(project, number)
            await until(lambda: relay.leads and bell.connected)
        await until(lambda: published.seqs(project) == [1, 2])
    await bell.close()
