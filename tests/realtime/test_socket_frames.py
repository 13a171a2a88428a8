"""Frames made once: their bytes, and what becomes of connections that nobody reads."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kilo_gql.db import Database
from kilo_gql.graphql import frames
from kilo_gql.graphql.connection import SocketLimits
from kilo_gql.graphql.frames import Rendered, header
from tests.support.sockets import CHANGES, database_url, serving
from tests.support.wait import until

__all__ = ["database_url"]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "8100"), (125, "817d"), (126, "817e007e"), (65_535, "817effff"), (65_536, "817f0000000000010000"),
    ],
)  # fmt: skip
def test_headers(length: int, expected: str) -> None:
    assert header(length).hex() == expected


def test_every_reader_gets_its_own_beginning() -> None:
    rendered = Rendered([b"one", b"three"])
    for prefix in (b"a:", b"bb:", b"cc:", b"a:"):
        one, three = prefix + b"one", prefix + b"three"
        assert rendered.wire(prefix) == bytes((0x81, len(one))) + one + bytes((0x81, len(three))) + three


def test_readers_with_one_id_share_their_bytes() -> None:
    rendered = Rendered([b"tail"])
    assert rendered.wire(b"1") is rendered.wire(bytes(bytearray(b"1")))


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
async def test_frames_of_every_size(db: Database, database_url: str, size: int) -> None:
    async with serving(db, database_url) as served:
        project_id = uuid4()
        client = await served.ready()
        await client.subscribe(CHANGES % "... on Changed { text }", {"p": str(project_id)})
        await served.following(project_id, 1)
        await served.log.tell(project_id, {"text": "ü" * size}, {"text": "x"})
        assert [(await client.next())["changes"]["text"] for _ in range(2)] == ["ü" * size, "x"]


async def test_a_reader_that_never_comes_back_is_cut_off(
    db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transport would wait for ever to send what is left."""
    monkeypatch.setattr(frames, "_CLOSE_TIMEOUT", 0.3)
    async with serving(db, database_url, SocketLimits(stall=0.3)) as served:
        project_id = uuid4()
        client = await served.ready()
        await client.subscribe(CHANGES % "... on Changed { n text }", {"p": str(project_id)})
        await served.following(project_id, 1)
        client.pause()
        number = 0
        while not served.socket.dropped:
            number += 1
            await served.log.tell(project_id, {"n": number, "text": "x" * 50_000})
        assert served.fanout.groups == {}
        await until(lambda: not served.server.server_state.connections)
        assert served.socket.sockets == 0


async def test_what_waits_is_bounded(db: Database, database_url: str) -> None:
    """A reader that stops leaves the hub with at most one batch more than the high-water mark."""
    async with serving(db, database_url) as served:
        project_id, size = uuid4(), 50_000
        client = await served.ready()
        await client.subscribe(CHANGES % "... on Changed { n text }", {"p": str(project_id)})
        await served.following(project_id, 1)
        client.pause()
        for number in range(1, 301):
            await served.log.tell(project_id, {"n": number, "text": "x" * size})
        (connection,) = served.server.server_state.connections
        waiting = connection.transport.get_write_buffer_size()
        assert frames.HIGH_WATER < waiting <= frames.HIGH_WATER + size + 200
        assert len(served.log.hub.feeds[project_id].live) == 0
