"""One execution for everyone who reads alike; every event once and in order, whatever happens to its readers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from kilo_gql.db import Database
from kilo_gql.events import EventName
from kilo_gql.graphql.connection import SocketLimits
from tests.support.socket_client import Closed, SocketClient
from tests.support.sockets import CHANGES, FAST, PLAIN, SEQ, Served, database_url, serving
from tests.support.wait import until

__all__ = ["database_url"]

#: Subscriptions to even numbers, which end with the first that is 10 or more.
EVEN = "subscription($p: UUID!, $n: Int!) { until(projectId: $p, n: $n) { ... on Changed { n } } }"


@pytest_asyncio.fixture
async def served(db: Database, database_url: str) -> AsyncIterator[Served]:
    async with serving(db, database_url, SocketLimits(connections=1_000, recheck=0.2)) as running:
        yield running


async def read(client: SocketClient, last: int, seen: list[int]) -> str:
    """Read numbers until ``last``; the cursor of the last one read."""
    cursor = ""
    while not seen or seen[-1] < last:
        told = (await client.next(client_id(client)))["changes"]
        seen.append(told["n"])
        cursor = told["cursor"]
    return cursor


def client_id(client: SocketClient) -> str:
    return f"op-{id(client)}"


async def follow(served: Served, project_id: UUID, count: int) -> list[SocketClient]:
    """So many clients that read a project alike, each with an operation id of its own."""
    clients = [await served.ready() for _ in range(count)]
    for client in clients:
        await client.subscribe(SEQ, {"p": str(project_id)}, client_id(client))
    await served.following(project_id, count)
    return clients


@pytest.mark.parametrize("ws", [FAST, PLAIN], ids=["frames", "asgi"])
async def test_one_execution_for_fifty_readers(db: Database, database_url: str, ws: str) -> None:
    async with serving(db, database_url, SocketLimits(connections=50), ws) as served:
        project_id = uuid4()
        clients = await follow(served, project_id, 50)
        assert len(served.fanout.groups) == 1
        await served.log.count(project_id, 1, 5)  # a batch of five, and five of one
        for number in range(6, 11):
            await served.log.count(project_id, number, number)
        for client in clients:
            seen: list[int] = []
            assert await read(client, 10, seen) == "1-10"
            assert seen == list(range(1, 11))
        assert served.fanout.counts.executions == 10
        assert served.fanout.counts.frames == 500
        assert served.door.charged == 50


async def test_two_groups_for_two_kinds_of_rights(served: Served) -> None:
    served.door.roles["bob"] = "owner"
    project_id = uuid4()
    await follow(served, project_id, 2)
    bob = await served.ready("bob")
    await bob.subscribe(SEQ, {"p": str(project_id)})
    await served.following(project_id, 3)
    assert sorted(group.members for group in served.fanout.groups.values()) == [1, 2]
    await served.log.count(project_id, 1, 1)
    assert (await bob.next())["changes"]["n"] == 1
    assert served.fanout.counts.executions == 2


async def test_what_shares_a_group_and_what_does_not(served: Served) -> None:
    project_id = str(uuid4())
    await served.log.count(UUID(project_id), 1, 2)
    other = CHANGES % "... on Changed { name }"
    asked: list[tuple[str, dict[str, Any]]] = [
        (SEQ, {"p": project_id}),
        (SEQ, {"p": project_id, "after": "1-1"}),
        (SEQ, {"p": project_id, "after": None, "never": "declared"}),
        (SEQ, {"p": project_id.upper()}),
        (SEQ, {"p": str(uuid4())}),
        (other, {"p": project_id}),
    ]
    client = await served.ready()
    for number, (query, variables) in enumerate(asked):
        await client.subscribe(query, variables, str(number))
    await until(lambda: served.fanout.counts.subscriptions == 6)
    assert sorted(group.members for group in served.fanout.groups.values()) == [1, 1, 1, 3]


async def test_no_reader_misses_or_repeats_an_event(served: Served) -> None:
    """Twenty readers, dropped and back with their cursors, while numbers are told one by one and in batches."""
    project_id, last, chance = uuid4(), 600, random.Random(7)

    async def reader(number: int) -> list[int]:
        seen: list[int] = []
        cursor = "1-0"
        while not seen or seen[-1] < last:
            client = await served.ready(f"reader{number}")
            await client.subscribe(SEQ, {"p": str(project_id), "after": cursor}, client_id(client))
            cursor = await read(client, min(last, (seen or [0])[-1] + chance.randint(1, 120)), seen)
            client.drop()
        return seen

    async def writer() -> None:
        number = 0
        while number < last:
            size = min(chance.choice((1, 1, 1, 7)), last - number)
            await served.log.count(project_id, number + 1, number + size)
            number += size
            await asyncio.sleep(chance.random() * 0.004)

    _, *seen = await asyncio.gather(writer(), *(reader(number) for number in range(20)))
    assert all(numbers == list(range(1, last + 1)) for numbers in seen)
    assert served.fanout.counts.executions == last
    await until(lambda: served.socket.sockets == 0)
    assert served.fanout.groups == {}


@pytest.mark.parametrize("after", ["nonsense", "7-3", "1-99"])
async def test_a_gap_is_told(served: Served, after: str) -> None:
    project_id = uuid4()
    await served.log.count(project_id, 1, 3)
    client = await served.ready()
    await client.subscribe(SEQ, {"p": str(project_id), "after": after})
    reason = {"nonsense": "MALFORMED", "7-3": "EPOCH", "1-99": "FUTURE"}[after]
    assert await client.next() == {"changes": {"cursor": "1-3", "reason": reason}}
    await served.following(project_id, 1)
    await served.log.count(project_id, 4, 4)
    assert await client.next() == {"changes": {"cursor": "1-4", "n": 4}}


async def test_only_what_belongs_until_the_last(served: Served) -> None:
    project_id = uuid4()
    client = await served.ready()
    await client.subscribe(EVEN, {"p": str(project_id), "n": 50})
    await client.subscribe(EVEN, {"p": str(project_id), "n": 3}, "2")
    await served.following(project_id, 2)
    await served.log.count(project_id, 1, 5)
    told = [message for _ in range(3) if isinstance(message := await client.receive(), dict)]
    numbers = [(each["id"], each["payload"]["data"]["until"]["n"]) for each in told]
    assert sorted(numbers) == [("1", 2), ("1", 4), ("2", 2)]
    await served.log.count(project_id, 6, 20)
    assert [(await client.next())["until"]["n"] for _ in range(3)] == [6, 8, 10]
    assert await client.receive() == {"id": "1", "type": "complete"}
    assert await client.nothing()
    assert served.fanout.counts.subscriptions == 1


async def test_the_last_one_is_found_in_the_log(served: Served) -> None:
    project_id = uuid4()
    await served.log.count(project_id, 1, 20)
    client = await served.ready()
    query = EVEN.replace("projectId: $p,", 'projectId: $p, after: "1-8",')
    await client.subscribe(query, {"p": str(project_id), "n": 50})
    assert await client.next() == {"until": {"n": 10}}
    assert await client.receive() == {"id": "1", "type": "complete"}
    await until(lambda: served.fanout.groups == {})


async def test_a_bug_below_an_event(served: Served) -> None:
    project_id = uuid4()
    client = await served.ready()
    await client.subscribe(CHANGES % "... on Changed { cursor broken }", {"p": str(project_id)})
    await served.following(project_id, 1)
    await served.log.count(project_id, 1, 2)
    for cursor in ("1-1", "1-2"):
        answer = await client.receive()
        assert isinstance(answer, dict)
        assert answer["payload"]["data"] == {"changes": {"cursor": cursor, "broken": None}}
        (error,) = answer["payload"]["errors"]
        assert (error["message"], error["extensions"]["code"]) == ("Something went wrong on our side.", "internal")


async def test_a_removed_member_is_told_nothing_more(served: Served) -> None:
    project_id = uuid4()
    clients = {name: await served.ready(name) for name in ("ada", "bob")}
    for client in clients.values():
        await client.subscribe(SEQ, {"p": str(project_id)})
    await served.following(project_id, 2)
    served.door.roles["ada"] = None
    user_id = served.door.person("ada").user_id
    await served.log.tell(project_id, {"n": 1}, name=EventName.MEMBER_UPDATED, ids=[user_id])
    await served.log.count(project_id, 2, 3)
    refusal = await clients["ada"].receive()
    assert isinstance(refusal, dict)
    assert (refusal["type"], refusal["payload"][0]["extensions"]["code"]) == ("error", "not_found")
    assert [(await clients["bob"].next())["changes"]["n"] for _ in range(3)] == [1, 2, 3]
    assert await clients["ada"].nothing()
    assert served.fanout.counts.subscriptions == 1


async def test_another_role_goes_on_without_a_gap(served: Served) -> None:
    project_id = uuid4()
    client = await served.ready()
    await client.subscribe(SEQ, {"p": str(project_id)})
    await served.following(project_id, 1)
    (before,) = served.fanout.groups
    served.door.roles["ada"] = "editor"
    user_id = served.door.person("ada").user_id
    await served.log.tell(project_id, {"n": 1}, {"n": 2}, name=EventName.MEMBER_UPDATED, ids=[user_id])
    await served.log.count(project_id, 3, 4)
    assert [(await client.next())["changes"]["n"] for _ in range(4)] == [1, 2, 3, 4]
    (now,) = served.fanout.groups
    assert before != now


async def test_rights_are_asked_for_again_and_again(served: Served) -> None:
    """Nothing in the log tells of every reason to lose them."""
    client = await served.ready()
    await client.subscribe(SEQ, {"p": str(uuid4())})
    await until(lambda: served.fanout.counts.subscriptions == 1)
    served.door.roles["ada"] = None
    refusal = await client.receive(2.0)
    assert isinstance(refusal, dict)
    assert (refusal["type"], refusal["payload"][0]["extensions"]["code"]) == ("error", "not_found")
    assert served.fanout.groups == {}


@pytest.mark.parametrize("ws", [FAST, PLAIN], ids=["frames", "asgi"])
async def test_a_reader_that_stops_is_dropped_and_the_others_go_on(db: Database, database_url: str, ws: str) -> None:
    async with serving(db, database_url, SocketLimits(stall=0.5), ws) as served:
        project_id = uuid4()
        query = CHANGES % "... on Changed { n text }"
        stopped, healthy = [await served.ready() for _ in range(2)]
        for client in (stopped, healthy):
            await client.subscribe(query, {"p": str(project_id)})
        await served.following(project_id, 2)
        stopped.pause()
        number = 0
        while not served.socket.dropped:
            number += 1
            await served.log.tell(project_id, {"n": number, "text": "x" * 20_000})
            assert (await healthy.next())["changes"]["n"] == number
            assert number < 5_000
        stopped.resume()
        seen = 0
        while (message := await stopped.receive()) and isinstance(message, dict) and message["type"] == "next":
            seen += 1
            assert message["payload"]["data"]["changes"]["n"] == seen
        assert isinstance(message, dict)
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "slow_consumer")
        assert await stopped.receive() == Closed(4413, "slow_consumer")
        assert seen < number
        await served.log.tell(project_id, {"n": number + 1, "text": ""})
        assert (await healthy.next())["changes"]["n"] == number + 1


async def test_a_reader_that_pauses_misses_nothing(served: Served) -> None:
    """It is left alone while its buffers are full, and then reads what it missed from the log."""
    project_id, size = uuid4(), 40_000
    client = await served.ready()
    await client.subscribe(CHANGES % "... on Changed { n text }", {"p": str(project_id)})
    await served.following(project_id, 1)
    client.pause()
    for number in range(1, 401):
        await served.log.tell(project_id, {"n": number, "text": "x" * size})
    await served.following(project_id, 0)
    client.resume()
    assert [(await client.next())["changes"]["n"] for _ in range(400)] == list(range(1, 401))
    await served.following(project_id, 1)


async def test_a_thousand_come_and_go(served: Served) -> None:
    """At any point: before the greeting, while catching up, while being told, with and without a goodbye."""
    project_id, chance = uuid4(), random.Random(3)
    await served.log.count(project_id, 1, 50)
    await (await served.ready()).close()
    await until(lambda: served.socket.sockets == 0)
    before = len(asyncio.all_tasks())

    async def visit(number: int) -> None:
        client = await (served.open() if number % 10 == 0 else served.ready())
        if number % 10:
            after = chance.choice((None, "1-0", "1-20", "nonsense"))
            await client.subscribe(SEQ, {"p": str(project_id), "after": after})
            for _ in range(chance.randrange(3) if after else 0):
                await client.receive()
        await asyncio.sleep(chance.random() * 0.02)
        if number % 3:
            client.drop()
        else:
            await client.close()

    async def storm() -> None:
        while True:
            await served.log.count(project_id, 1, 1)
            await asyncio.sleep(0.02)

    storming = asyncio.create_task(storm())
    for start in range(0, 1_000, 50):
        await asyncio.gather(*(visit(number) for number in range(start, start + 50)))
    storming.cancel()
    await until(lambda: served.socket.sockets == 0)
    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert served.fanout.groups == {}
    assert served.fanout.counts.subscriptions == 0
    assert len(served.log.hub.feeds[project_id].live) == 0
