"""``GET /v1/realtime`` over a real socket: how streams begin, go on, and end."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from kilo_gql import app, guard
from kilo_gql.access import UserActor
from kilo_gql.config import Settings
from kilo_gql.domain import members, projects, sessions
from kilo_gql.models import Role
from kilo_gql.rest import sse
from tests.realtime.conftest import Log
from tests.support.make import Make
from tests.support.serving import Served, serving
from tests.support.sse import SseClient
from tests.support.wait import until

INSERT = "INSERT INTO outbox (project_id, name, ids, changed) VALUES ($1, $2, $3, $4)"


@pytest_asyncio.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    async with serving(settings.model_copy(update={"events_heartbeat": 0.2})) as running:
        yield running


class House:
    """A project with an owner and a viewer, and who listens to it."""

    def __init__(self, served: Served, log: Log) -> None:
        self.served, self.log = served, log
        self.make = Make(served.api.services.db)
        self.clients: list[SseClient] = []

    async def furnish(self) -> None:
        self.owner = await self.make.user()
        self.project_id: UUID = (await self.make.project(self.owner)).id
        self.viewer = await self.make.member(self.project_id, Role.VIEWER)

    async def listen(self, actor: UserActor | None = None, after: str | None = None, **options: Any) -> SseClient:
        headers = self.served.api.headers(actor or self.owner)
        client = await SseClient.open(self.served.port, self.project_id, headers, last_event_id=after, **options)
        self.clients.append(client)
        return client

    async def rename(self, title: str) -> None:
        change = projects.ProjectChange(title=title)
        await self.served.api.services.throat.execute(self.owner, projects.update_project, self.project_id, change)

    @property
    def readers(self) -> int:
        feed = self.served.api.services.hub.feeds.get(self.project_id)
        return feed.readers if feed else 0

    async def left(self) -> None:
        """Everyone vanishes; returns when nothing of them is left."""
        for client in self.clients:
            client.drop()
        await until(lambda: self.readers == 0 and not self.served.api.services.hub._guards)


@pytest_asyncio.fixture
async def house(served: Served, log: Log) -> AsyncIterator[House]:
    made = House(served, log)
    await made.furnish()
    yield made
    await made.left()


async def test_a_stream_begins_with_its_headers_a_cursor_and_the_pause_before_reconnecting(house: House) -> None:
    await house.rename("One")
    await house.log.drained()
    client = await house.listen()
    assert client.status == 200
    assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert client.headers["cache-control"] == "no-store"
    assert client.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in client.headers
    await house.rename("Two")
    message = await client.next()
    assert message is not None
    assert (client.retry, message.id, message.event) == (1000, "1-2", "project.updated")
    body = message.json
    assert (body["projectId"], body["ids"]) == (str(house.project_id), [str(house.project_id)])
    assert (body["changed"], body["actorId"]) == ({"title": "Two"}, str(house.owner.user_id))
    assert set(body) == {"projectId", "ids", "changed", "opId", "actorId", "at"}


async def test_a_client_that_never_got_an_event_resumes_where_it_began(house: House) -> None:
    client = await house.listen()
    with pytest.raises(TimeoutError):
        await client.seconds(0.1)
    assert client.last_id == "1-0"
    client.drop()
    await house.rename("Meanwhile")
    again = await house.listen(after=client.last_id)
    message = await again.next()
    assert message is not None
    assert (message.id, message.json["changed"]) == ("1-1", {"title": "Meanwhile"})


async def test_the_header_wins_over_the_query(house: House) -> None:
    for title in "abc":
        await house.rename(title)
    await house.log.drained()
    by_query = await house.listen(query="&lastEventId=1-1")
    by_header = await house.listen(query="&lastEventId=1-1", after="1-2")
    assert [(await client.next()).id for client in (by_query, by_header)] == ["1-2", "1-3"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("after", "reason"),
    [("nonsense", "malformed"), ("", "malformed"), ("9-1", "epoch"), ("1-99", "future"), ("1-0", "expired")],
)
async def test_a_cursor_that_cannot_be_served_is_answered_by_a_reset(house: House, after: str, reason: str) -> None:
    await house.log.write(house.project_id, 1, 2, 3)
    await house.log.drained()
    async with house.log.connection() as connection:
        await connection.execute("DELETE FROM events WHERE seq = 1")
        await connection.execute("UPDATE event_streams SET first_seq = 2")
    client = await house.listen(after=after)
    message = await client.next()
    assert message is not None
    assert (message.id, message.event) == ("1-3", "reset")
    assert message.json == {"projectId": str(house.project_id), "reason": reason, "cursor": "1-3"}
    await house.rename("On")
    assert (await client.next()).id == "1-4"  # type: ignore[union-attr]


async def test_silence_is_filled_with_comments(house: House) -> None:
    client = await house.listen()
    with pytest.raises(TimeoutError):
        await client.seconds(0.75)
    assert client.comments in (2, 3)


async def test_large_batches_arrive_whole(house: House) -> None:
    client = await house.listen(after="1-0")
    async with house.log.connection() as connection, connection.transaction():
        rows = [
            (house.project_id, "asset.updated", [uuid4() for _ in range(400)], json.dumps({"n": n})) for n in range(300)
        ]
        await connection.executemany(
            "INSERT INTO outbox (project_id, name, ids, changed) VALUES ($1, $2, $3, $4)", rows
        )
    house.log.bell.ring_events()
    got = [await client.next() for _ in range(300)]
    assert [message.id for message in got if message] == [f"1-{n}" for n in range(1, 301)]
    assert [message.json["changed"]["n"] for message in got if message] == list(range(300))


async def test_who_may_not_read_gets_the_usual_answers(house: House) -> None:
    stranger = await house.make.user()
    port, project = house.served.port, house.project_id
    answers = [
        await SseClient.open(port, project, {}),
        await SseClient.open(port, project, house.served.api.headers(stranger)),
        await SseClient.open(port, uuid4(), house.served.api.headers(house.owner)),
        await SseClient.open(port, "nonsense", house.served.api.headers(house.owner)),
    ]
    assert [answer.status for answer in answers] == [401, 404, 404, 404]
    assert json.loads(await answers[0].body())["code"] == "unauthorized"
    for answer in answers:
        answer.drop()


# --- ends ----------------------------------------------------------------------------------------------------------


async def end_of(client: SseClient) -> str:
    """The reason in the last event, after which nothing follows."""
    message = await client.seconds(10)
    while message is not None and message.event != "end":
        message = await client.seconds(10)
    assert message is not None, "ended without a reason"
    assert await client.seconds(5) is None
    return str(message.json["reason"])


async def test_a_removed_member_is_cut_off_before_the_event_that_says_so(house: House) -> None:
    client, other = await house.listen(house.viewer), await house.listen()
    throat = house.served.api.services.throat
    await until(lambda: house.readers == 2)
    await asyncio.sleep(0.05)
    await throat.execute(house.owner, members.remove_member, house.project_id, house.viewer.user_id)
    await house.rename("Secret")
    started = asyncio.get_running_loop().time()
    first = await client.seconds(5)
    assert first is not None
    assert (first.event, first.json) == ("end", {"reason": "revoked"})
    assert await client.next() is None
    assert asyncio.get_running_loop().time() - started < 5
    told = [await other.next(), await other.next()]
    assert [message.event for message in told if message] == ["member.updated", "project.updated"]


async def test_a_member_with_a_new_role_reads_on(house: House) -> None:
    client = await house.listen(house.viewer)
    throat = house.served.api.services.throat
    await until(lambda: house.readers == 1)
    await throat.execute(house.owner, members.set_member_role, house.project_id, house.viewer.user_id, Role.EDITOR)
    await house.rename("Still here")
    told = [await client.seconds(5), await client.seconds(5)]
    assert [message.event for message in told if message] == ["member.updated", "project.updated"]


async def test_an_ended_session_ends_its_streams(house: House) -> None:
    client, other = await house.listen(house.viewer), await house.listen()
    await until(lambda: house.readers == 2)
    throat = house.served.api.services.throat
    await throat.execute(house.viewer, sessions.revoke_session, house.viewer.session_id)
    assert await end_of(client) == "revoked"
    await house.rename("For the others")
    assert (await other.seconds(5)).event == "project.updated"  # type: ignore[union-attr]


async def test_a_deleted_project_is_left_to_its_owner(house: House) -> None:
    client, other = await house.listen(house.viewer), await house.listen()
    await until(lambda: house.readers == 2)
    await house.served.api.services.throat.execute(house.owner, projects.delete_project, house.project_id)
    assert await end_of(client) == "revoked"
    assert (await other.seconds(5)).json["changed"] == {"status": "deleted"}  # type: ignore[union-attr]


async def test_a_right_lost_without_a_word_is_noticed_by_and_by(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_EVERY", 0.2)
    client = await house.listen(house.viewer)
    await until(lambda: house.readers == 1)
    async with house.log.connection() as connection:
        await connection.execute("DELETE FROM members WHERE user_id = $1", house.viewer.user_id)
    assert await end_of(client) == "revoked"


async def test_a_stream_ends_with_its_lifetime(settings: Settings, log: Log) -> None:
    async with serving(settings.model_copy(update={"stream_lifetime": 0.3})) as served:
        house = House(served, log)
        await house.furnish()
        assert await end_of(await house.listen()) == "lifetime"
        await house.left()


async def test_a_stream_ends_with_its_token(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    original = sse._deadline

    def soon(reading: sse.Reading) -> tuple[sse.End, float]:
        assert reading.until is not None
        assert timedelta(0) < reading.until - datetime.now(UTC) <= timedelta(hours=1)
        near = datetime.now(UTC) + timedelta(seconds=0.3)
        return original(sse.Reading(reading.project_id, reading.actor, None, reading.allowed, until=near))

    monkeypatch.setattr(sse, "_deadline", soon)
    assert await end_of(await house.listen()) == "expired"


async def test_a_stopping_server_ends_its_streams_at_once(house: House) -> None:
    clients = [await house.listen() for _ in range(5)]
    await until(lambda: house.readers == 5)
    started = asyncio.get_running_loop().time()
    house.served.stop()
    assert [await end_of(client) for client in clients] == ["stopping"] * 5
    await house.served.task
    assert asyncio.get_running_loop().time() - started < 3


async def test_clients_that_come_and_vanish_leave_nothing_behind(house: House) -> None:
    async def visit(index: int) -> None:
        client = await house.listen(after="1-0" if index % 2 else None)
        await asyncio.sleep(0.002 * (index % 7))
        client.drop()

    before = len(asyncio.all_tasks())
    for start in range(0, 200, 20):
        await asyncio.gather(*(visit(index) for index in range(start, start + 20)))
        await house.rename(f"Title {start}")
    await until(lambda: house.readers == 0)
    await until(lambda: len(asyncio.all_tasks()) <= before)
    gc.collect()


async def test_a_client_that_does_not_read_is_dropped_and_the_others_are_not_held_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Reading", partial(sse.Reading, stuck=0.5))
    stuck, healthy = await house.listen(limit=1024), await house.listen()
    stuck.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: house.readers == 2)
    ids = [uuid4() for _ in range(450)]
    sent = 0
    async with house.log.connection() as connection:
        while house.readers == 2:
            rows = [(house.project_id, "asset.updated", ids, "{}") for _ in range(20)]
            await connection.executemany(INSERT, rows)
            house.log.bell.ring_events()
            for _ in range(20):
                sent += 1
                assert (await healthy.seconds(5)).id == f"1-{sent}"  # type: ignore[union-attr]
            assert sent < 4_000, "the stuck client was never dropped"
    stuck.writer.transport.resume_reading()  # type: ignore[attr-defined]
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await end_of(stuck)
