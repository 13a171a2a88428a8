"""``graphql-transport-ws`` to the letter: who may say what when, and with which code it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from kilo_gql.db import Database
from kilo_gql.graphql.connection import SocketLimits
from tests.support.socket_client import Closed
from tests.support.sockets import FAST, PLAIN, SEQ, Served, database_url, serving
from tests.support.wait import until

__all__ = ["database_url"]

_FIELD = '%s: changes(projectId: "01890000-0000-7000-8000-000000000001") { __typename }'


@pytest_asyncio.fixture(params=[FAST, PLAIN], ids=["frames", "asgi"])
async def served(request: pytest.FixtureRequest, db: Database, database_url: str) -> AsyncIterator[Served]:
    """A server that writes frames itself, and one that leaves it to ASGI."""
    limits = SocketLimits(operations=3, connections=2, init_timeout=0.3, recheck=0.2, heartbeat=1.0)
    async with serving(db, database_url, limits, request.param) as running:
        yield running


async def test_greeting(served: Served) -> None:
    client = await served.open()
    assert client.subprotocol == "graphql-transport-ws"
    await client.send({"type": "connection_init", "payload": {"authorization": "Bearer ada"}})
    assert await client.receive() == {"type": "connection_ack", "payload": {"build": "test", "heartbeat": 1.0}}
    await client.close()
    assert client.closed == Closed(1000)


async def test_both_sides_ping(served: Served) -> None:
    client = await served.open()
    await client.send({"type": "ping", "payload": {"at": 7}})
    assert await client.receive() == {"type": "pong", "payload": {"at": 7}}
    await client.send({"type": "ping"})
    assert await client.receive() == {"type": "pong"}
    await client.send({"type": "connection_init", "payload": {"authorization": "Bearer ada"}})
    assert (await client.receive())["type"] == "connection_ack"  # type: ignore[index]
    assert await client.receive() == {"type": "ping"}
    await client.send({"type": "pong"})
    await client.send({"type": "pong", "payload": {}})
    await client.send({"type": "ping"})
    assert await client.receive() == {"type": "pong"}


@pytest.mark.parametrize("subprotocol", ["graphql-ws", None, "mqtt"])
async def test_other_subprotocols_are_refused(served: Served, subprotocol: str | None) -> None:
    client = await served.open(subprotocol=subprotocol)
    assert client.subprotocol is None
    assert await client.receive() == Closed(4406, "Subprotocol not acceptable: use graphql-transport-ws")


async def test_ours_is_chosen_among_others(served: Served) -> None:
    client = await served.ready(subprotocol="graphql-ws, graphql-transport-ws")
    assert client.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize(
    "text",
    [
        b"{", b"[]", b"1", b"{}", b'{"type":7}', b'{"type":"start"}', b'{"type":"next","id":"1"}',
        b'{"type":"connection_ack"}', b'{"type":"complete"}', b'{"type":"complete","id":""}',
        b'{"type":"complete","id":"%b"}' % (b"x" * 129), b'{"type":"connection_init","payload":[]}',
    ],
)  # fmt: skip
async def test_what_is_not_understood(served: Served, text: bytes) -> None:
    client = await served.open()
    await client.raw(0x1, text)
    assert (await client.until_closed()).code == 4400


async def test_binary_is_not_understood(served: Served) -> None:
    client = await served.open()
    await client.raw(0x2, b'{"type":"ping"}')
    assert await client.receive() == Closed(4400, "Messages are text")


@pytest.mark.parametrize(
    "message",
    [
        {"id": "1"}, {"id": "1", "payload": "{ hello }"}, {"id": "1", "payload": {}},
        {"id": "1", "payload": {"query": 5}}, {"id": 1, "payload": {"query": "{ hello }"}},
        {"payload": {"query": "{ hello }"}},
        {"id": "1", "payload": {"query": "{ hello }", "variables": [1]}},
    ],
)  # fmt: skip
async def test_malformed_subscribe(served: Served, message: dict[str, object]) -> None:
    client = await served.ready()
    await client.send({"type": "subscribe", **message})
    assert (await client.until_closed()).code == 4400


async def test_too_large_a_message(served: Served) -> None:
    client = await served.ready()
    await client.send({"type": "ping", "payload": {"x": "x" * (3 << 20)}})
    assert (await client.until_closed()).code == 1009


async def test_subscribe_before_the_greeting(served: Served) -> None:
    client = await served.open()
    await client.subscribe("{ hello }")
    assert await client.receive() == Closed(4401, "Unauthorized")


async def test_no_greeting_in_time(served: Served) -> None:
    client = await served.open()
    assert await client.receive() == Closed(4408, "Connection initialisation timeout")


async def test_a_second_greeting(served: Served) -> None:
    client = await served.ready()
    await client.send({"type": "connection_init"})
    assert await client.receive() == Closed(4429, "Too many initialisation requests")


@pytest.mark.parametrize("payload", [{}, None, {"authorization": "Bearer nobody"}, {"authorization": 7}])
async def test_a_stranger(served: Served, payload: object) -> None:
    client = await served.open()
    await client.send({"type": "connection_init", "payload": payload})
    assert await client.receive() == Closed(4403, "Forbidden: token_invalid")


async def test_an_id_in_use(served: Served) -> None:
    client = await served.ready()
    await client.subscribe(SEQ, {"p": str(uuid4())}, "a")
    await client.subscribe(SEQ, {"p": str(uuid4())}, "a")
    assert await client.receive() == Closed(4409, "Subscriber for a already exists")


async def test_an_id_is_free_again(served: Served) -> None:
    client = await served.ready()
    for number in range(10):
        await client.subscribe(SEQ, {"p": str(uuid4())}, "a")
        if number % 2:
            await asyncio.sleep(0.05)
        await client.complete("a")
    await client.complete("never was")
    await client.subscribe("{ hello }", operation_id="a")
    assert await client.next("a") == {"hello": "hello world"}
    assert await client.receive() == {"id": "a", "type": "complete"}
    await until(lambda: served.fanout.counts.subscriptions == 0)
    assert served.fanout.groups == {}


async def test_queries_and_mutations(served: Served) -> None:
    client = await served.ready()
    await client.subscribe("query A($n: String!) { hello(name: $n) } query B { hello }", {"n": "Bo"}, operationName="A")
    assert await client.next() == {"hello": "hello Bo"}
    assert await client.receive() == {"id": "1", "type": "complete"}
    await client.subscribe("mutation { double(n: 21) }")
    assert await client.next() == {"double": 42}
    assert await client.receive() == {"id": "1", "type": "complete"}
    await client.subscribe("{ refused }")
    answer = await client.receive()
    assert isinstance(answer, dict)
    assert answer["payload"]["data"] == {"refused": None}
    assert answer["payload"]["errors"][0]["extensions"]["code"] == "not_you"
    assert await client.receive() == {"id": "1", "type": "complete"}


async def test_a_query_can_be_given_up(served: Served) -> None:
    client = await served.ready()
    for _ in range(5):
        await client.subscribe("{ slow }")
        await client.complete()
    await client.subscribe("{ hello }")
    assert await client.next() == {"hello": "hello world"}


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", {}, "graphql_syntax"),
        ("{ nothing }", {}, "graphql_invalid"),
        ("subscription { changes(projectId: 1) { name } }", {}, "graphql_invalid"),
        (SEQ, {}, "graphql_invalid"),
        (SEQ, {"p": "no uuid"}, "graphql_invalid"),
        (SEQ, {"p": str(uuid4()), "after": 5}, "graphql_invalid"),
        (f"subscription {{ {_FIELD % 'a'} {_FIELD % 'b'} }}", {}, "graphql_invalid"),
        ("subscription { " + (_FIELD % "a").replace(" {", " @skip(if: true) {") + " }", {}, "graphql_invalid"),
    ],
)  # fmt: skip
async def test_an_operation_that_cannot_run(
    served: Served, query: str, variables: dict[str, object], code: str
) -> None:
    client = await served.ready()
    await client.subscribe(query, variables)
    answer = await client.receive()
    assert isinstance(answer, dict)
    assert (answer["id"], answer["type"]) == ("1", "error")
    assert [error["extensions"]["code"] for error in answer["payload"]] == [code]
    await client.subscribe("{ hello }")
    assert await client.next() == {"hello": "hello world"}
    assert served.fanout.groups == {}


async def test_an_invisible_project(served: Served) -> None:
    served.door.roles["bob"] = None
    client = await served.ready("bob")
    await client.subscribe(SEQ, {"p": str(uuid4())})
    answer = await client.receive()
    assert isinstance(answer, dict)
    assert answer["type"] == "error"
    assert answer["payload"][0]["extensions"]["code"] == "not_found"
    assert served.fanout.groups == {}


async def test_too_many_operations(served: Served) -> None:
    client = await served.ready()
    for number in range(4):
        await client.subscribe(SEQ, {"p": str(uuid4())}, str(number))
    answer = await client.receive()
    assert isinstance(answer, dict)
    assert (answer["id"], answer["type"]) == ("3", "error")
    assert answer["payload"][0]["extensions"]["code"] == "too_many_subscriptions"
    await client.complete("0")
    await client.subscribe("{ hello }", operation_id="3")
    assert await client.next("3") == {"hello": "hello world"}


async def test_a_flood(served: Served) -> None:
    client = await served.ready()
    for number in range(40):
        await client.subscribe(SEQ, {"p": str(uuid4())}, str(number))
    refused = 0
    while isinstance(message := await client.receive(), dict):
        refused += message["type"] == "error"
    assert refused == 30
    assert message == Closed(4429, "Too many subscriptions")
    await until(lambda: served.fanout.counts.subscriptions == 0)


async def test_too_many_connections(served: Served) -> None:
    first, second = [await served.ready() for _ in range(2)]
    third = await served.open()
    await third.send({"type": "connection_init", "payload": {"authorization": "Bearer ada"}})
    assert await third.receive() == Closed(4429, "Too many connections")
    await served.ready("bob")
    await first.close()
    second.drop()
    await until(lambda: served.socket.sockets == 1)
    for _ in range(2):
        await served.ready()


async def test_an_expired_token(served: Served) -> None:
    project_id = uuid4()
    served.door.expiry["ada"] = datetime.now(UTC) + timedelta(seconds=1.5)
    client = await served.ready()
    await client.subscribe(SEQ, {"p": str(project_id)})
    await served.following(project_id, 1)
    await served.log.count(project_id, 1, 1)
    assert (await client.next())["changes"]["n"] == 1
    assert await client.until_closed() == Closed(4403, "Forbidden: token_expired")
    assert datetime.now(UTC) - served.door.expiry["ada"] < timedelta(seconds=1)
    await served.log.count(project_id, 2, 2)
    assert await client.reader.read() == b""
    assert served.fanout.groups == {}


@pytest.mark.parametrize("asked", [True, False])
async def test_a_revoked_session(db: Database, database_url: str, asked: bool) -> None:
    """At once when somebody says so, and within the usual interval when nobody does."""
    async with serving(db, database_url, SocketLimits(recheck=30.0 if asked else 0.2)) as served:
        project_id = uuid4()
        clients = {name: await served.ready(name) for name in ("ada", "bob")}
        for client in clients.values():
            await client.subscribe(SEQ, {"p": str(project_id)})
        await served.following(project_id, 2)
        served.door.revoked.add(served.door.person("ada"))
        if asked:
            served.socket.recheck()
        assert await clients["ada"].receive(1.0) == Closed(4403, "Forbidden: session_revoked")
        await served.log.count(project_id, 1, 1)
        assert (await clients["bob"].next())["changes"]["n"] == 1
        assert await clients["ada"].reader.read() == b""


async def test_shutdown(served: Served) -> None:
    client = await served.ready()
    await client.subscribe(SEQ, {"p": str(uuid4())})
    served.server.should_exit = True
    assert (await client.until_closed()).code == 1012
    await until(lambda: served.socket.sockets == 0)


async def test_sent_away(served: Served) -> None:
    client = await served.ready()
    await client.subscribe(SEQ, {"p": str(uuid4())})
    served.socket.close()
    assert await client.until_closed() == Closed(1012, "Service restart")
