"""The guard: a reader in doubt is told nothing, and one that may not read is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from kilo_gql import guard as guard_module
from kilo_gql.access import Guest, TokenActor, UserActor
from kilo_gql.events import Event, EventName
from kilo_gql.guard import Guard, concerns
from kilo_gql.waiting import cancel
from tests.support.wait import until

ADA = UserActor(uuid4(), uuid4())


class Law:
    """What is allowed, asked ``count`` times; an exception is raised."""

    def __init__(self) -> None:
        self.says: bool | datetime | Exception = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.count = 0

    async def allowed(self) -> bool | datetime:
        self.count += 1
        await self.gate.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def changed(name: EventName, *ids: UUID, **values: object) -> Event:
    return Event(1, 1, uuid4(), name, ids, values, None, None, datetime.now(UTC))


def settled(guard: Guard) -> bool:
    return guard._settled.is_set()


async def test_only_what_concerns_the_reader_raises_a_doubt() -> None:
    guard = Guard(uuid4(), ADA, Law().allowed)
    guard.heard(str(uuid4()))
    guard.saw([
        changed(EventName.MEMBER_UPDATED, uuid4()),
        changed(EventName.PROJECT_UPDATED, ADA.user_id, title="New"),
        changed(EventName.ASSET_UPDATED, ADA.user_id),
    ])  # fmt: skip
    assert settled(guard)
    doubts: list[Callable[[], None]] = [
        lambda: guard.heard(str(ADA.session_id)),
        lambda: guard.saw([changed(EventName.MEMBER_UPDATED, uuid4(), ADA.user_id)]),
        lambda: guard.saw([changed(EventName.PROJECT_UPDATED, uuid4(), status="deleted")]),
    ]
    for doubt in doubts:
        doubt()
        assert not settled(guard)
        assert await guard._check() is True
        assert settled(guard)


async def test_a_doubt_during_a_check_is_checked_again() -> None:
    law = Law()
    guard = Guard(uuid4(), ADA, law.allowed)
    law.gate.clear()
    watching = asyncio.create_task(guard.refused())
    await until(lambda: law.count == 1)
    guard.heard(str(ADA.session_id))
    law.gate.set()
    await until(lambda: law.count == 2 and settled(guard))
    law.says = False
    guard.heard(str(ADA.session_id))
    await asyncio.wait_for(watching, 5)
    assert not settled(guard)


async def test_while_it_cannot_be_told_nothing_is_sent_and_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "_RETRY", 0.01)
    law = Law()
    guard = Guard(uuid4(), ADA, law.allowed)
    law.says = ConnectionError("the database is away")
    watching = asyncio.create_task(guard.refused())
    await until(lambda: law.count >= 3)
    assert not settled(guard)
    assert not watching.done()
    law.says = True
    await asyncio.wait_for(guard.settled(), 5)
    await cancel(watching)


async def test_a_change_that_may_concern_everyone_is_checked_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "_SPREAD", 0.05)
    guard = Guard(uuid4(), ADA, Law().allowed)
    guard.heard("")
    assert settled(guard)
    await until(lambda: not settled(guard))


async def test_an_abandoned_check_runs_to_its_end() -> None:
    """A query that is cancelled costs its connection."""
    law = Law()
    guard = Guard(uuid4(), ADA, law.allowed)
    law.gate.clear()
    watching = asyncio.create_task(guard.refused())
    await until(lambda: law.count == 1)
    running = [task for task in asyncio.all_tasks() if "allowed" in repr(task.get_coro())]
    await cancel(watching)
    law.gate.set()
    assert await asyncio.gather(*running) == [True]


def test_what_concerns_whom() -> None:
    token = TokenActor(uuid4(), uuid4(), ("*",))
    assert concerns(ADA) == {str(ADA.user_id), str(ADA.session_id)}
    assert concerns(token) == {str(token.user_id), str(token.token_id)}
    guest = Guest(uuid4(), uuid4())
    assert concerns(guest) == {str(guest.gallery_id)}


def test_a_guest_is_in_doubt_when_the_conditions_of_the_gallery_change() -> None:
    gallery = uuid4()
    doubts = {
        (True, "published"): True,
        (True, "anything new"): True,
        (True, "activity"): False,
        (True, "comments"): False,
        (True, "choices"): False,
        (True, "changedAssets"): False,
        (True, "proposals"): False,
        (False, "published"): False,
    }
    for (own, what), doubted in doubts.items():
        guard = Guard(uuid4(), Guest(gallery, uuid4()), Law().allowed)
        guard.saw([changed(EventName.GALLERY_UPDATED, gallery if own else uuid4(), **{what: True})])
        assert settled(guard) is not doubted, what


async def test_a_right_that_ends_is_asked_for_again_at_its_end() -> None:
    law = Law()
    law.says = datetime.now(UTC) + timedelta(seconds=0.3)
    guard = Guard(uuid4(), ADA, law.allowed)
    watching = asyncio.create_task(guard.refused())
    await until(lambda: law.count == 1)
    law.says = False
    async with asyncio.timeout(5):
        await watching
    assert law.count == 2
