"""The bell: nudges reach the other processes through PostgreSQL and through Redis, and survive their restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from kilo_gql import bell as bell_module
from kilo_gql.bell import Bell
from tests.support.redis import RedisServer, redis_server
from tests.support.wait import until

__all__ = ["redis_server"]

Pair = tuple[Bell, Bell, Callable[[], Awaitable[None]]]


@pytest_asyncio.fixture
async def over_postgres(database_url: str) -> AsyncIterator[Pair]:
    async def cut() -> None:
        admin = await asyncpg.connect(database_url)
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='kilo-bell'")
        await admin.close()

    here, there = await Bell.open(database_url), await Bell.open(database_url)
    yield here, there, cut
    await here.close()
    await there.close()


@pytest_asyncio.fixture
async def over_redis(redis_server: RedisServer) -> AsyncIterator[Pair]:
    async def cut() -> None:
        redis_server.kill()
        await asyncio.sleep(0.2)
        redis_server.start()

    here, there = await Bell.open("unused", redis_server.url), await Bell.open("unused", redis_server.url)
    yield here, there, cut
    await here.close()
    await there.close()


@pytest.fixture(params=["over_postgres", pytest.param("over_redis", marks=pytest.mark.scale)])
def pair(request: pytest.FixtureRequest) -> Pair:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def heard_by(bell: Bell, topic: str = "events") -> list[str]:
    heard: list[str] = []
    bell.listen(topic, heard.append)  # type: ignore[arg-type]
    return heard


async def test_rings_here_at_once_and_there_soon(pair: Pair) -> None:
    here, there, _ = pair
    assert here.connected
    assert there.connected
    near, far = heard_by(here), heard_by(there)
    here.ring("events", "p1")
    await asyncio.sleep(0)
    assert (near, far) == (["p1"], [])
    await until(lambda: far == ["p1"])
    await asyncio.sleep(0.05)
    assert near == ["p1"]  # one's own nudge does not come back


async def test_equal_nudges_travel_once_and_topics_stay_apart(pair: Pair) -> None:
    here, there, _ = pair
    near, far, other = heard_by(here), heard_by(there), heard_by(there, "jobs")
    for number in range(1000):
        here.ring("events", f"p{number % 10}")
    here.ring("jobs", "j1")
    await until(lambda: len(far) >= 10 and other == ["j1"])
    assert len(near) == 1000
    assert far == [f"p{n}" for n in range(10)]


async def test_thousands_of_distinct_nudges_arrive_in_order_or_fold_into_one(pair: Pair) -> None:
    here, there, _ = pair
    far = heard_by(there)
    payloads = [f"{number:036d}" for number in range(3000)]
    for payload in payloads:
        here.ring("events", payload)
    await until(lambda: len(far) == 3000)
    assert far == payloads
    far.clear()
    for number in range(5000):
        here.ring("events", str(number))
    await until(lambda: "4999" in far)
    assert far[0] == ""  # too many to name: look at everything
    assert len(far) < 1000


async def test_a_long_payload_arrives_empty(pair: Pair) -> None:
    here, there, _ = pair
    far = heard_by(there)
    here.ring("events", "ä" * 2001)
    await until(lambda: far == [""])


async def test_a_thread_may_ring(pair: Pair) -> None:
    here, there, _ = pair
    near, far = heard_by(here), heard_by(there)
    await asyncio.to_thread(here.ring, "events", "p1")
    await until(lambda: (near, far) == (["p1"], ["p1"]))


async def test_a_failing_listener_harms_nobody(pair: Pair) -> None:
    here, there, _ = pair
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
    there.listen("events", lambda payload: 1 / 0)  # type: ignore[arg-type]
    far = heard_by(there)
    here.ring("events", "p1")
    here.ring("events", "p2")
    await until(lambda: far == ["p1", "p2"])
    assert [type(failure["exception"]) for failure in failures] == [ZeroDivisionError] * 2


async def test_stopping_and_closing_end_the_calls(pair: Pair) -> None:
    here, there, _ = pair
    heard: list[str] = []
    stop = there.listen("events", heard.append)
    kept = heard_by(there)
    stop()
    stop()
    here.ring("events", "p1")
    await until(lambda: kept == ["p1"])
    assert heard == []
    await here.close()
    here.ring("events", "p2")
    await asyncio.sleep(0.05)
    assert kept == ["p1"]


async def test_a_lost_connection_comes_back_and_says_that_anything_may_have_happened(pair: Pair) -> None:
    here, there, cut = pair
    near, far = heard_by(here), heard_by(there)
    await cut()
    await until(lambda: near == [""] and far == [""])
    here.ring("events", "p1")
    await until(lambda: far == ["", "p1"])


@pytest.mark.scale
async def test_while_redis_is_away_the_bell_rings_at_home(over_redis: Pair, redis_server: RedisServer) -> None:
    here, there, _ = over_redis
    near, far = heard_by(here), heard_by(there)
    redis_server.kill()
    await until(lambda: not here.connected and not there.connected)
    here.ring("events", "p1")
    await asyncio.sleep(0)
    assert (near, far) == (["p1"], [])
    redis_server.start()
    await until(lambda: "" in near and "" in far, 10)  # whatever was missed, everyone looks again


@pytest.mark.scale
async def test_a_bell_opens_without_its_server(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell_module, "_TIMEOUT", 0.2)
    redis_server.kill()
    bell = await Bell.open("unused", redis_server.url)
    heard = heard_by(bell)
    bell.ring("events", "p1")
    await until(lambda: heard == ["p1"])
    assert not bell.connected
    redis_server.start()
    await until(lambda: bell.connected)
    await bell.close()


async def test_the_bell_nudges_as_the_throat_asks(pair: Pair) -> None:
    here, there, _ = pair
    one, two = uuid4(), uuid4()
    outbox, session = heard_by(there, "outbox"), heard_by(there, "session")
    here.ring_events()
    here.ring_ended([one, two])
    await until(lambda: (outbox, session) == ([""], [str(one), str(two)]))
    here.relays = True  # this process numbers them itself
    here.ring_events()
    here.ring("session", "last")
    await until(lambda: session[-1] == "last")
    assert outbox == [""]
