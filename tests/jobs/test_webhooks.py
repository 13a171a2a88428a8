"""Webhooks at work: a real log, a real receiver, a job done step by step; at the end real workers that are killed."""

from __future__ import annotations

import asyncio
import base64
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from kilo_gql import event_log
from kilo_gql.access import UserActor
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import webhook_deliveries, webhook_pump, webhooks
from kilo_gql.events import Change, EventName
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import DeliveryStatus, Project, Queue, Webhook, WebhookDelivery
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Throat
from kilo_gql.relay import Relay
from kilo_gql.webhook_signing import secret_of, signed_headers
from tasks.kit import Kit, Workshop
from tasks.registry import handlers
from tests.conftest import SilentBells
from tests.support.clock import Clock
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.processes import Workers, environment, kill
from tests.support.receiver import Received, Receiver, receiving
from tests.support.wait import until, until_seen

RECIPES = Path(__file__).parents[2] / "docs" / "recipes.md"


def _verifier() -> Callable[..., bool]:
    """The one that the recipes show."""
    [code] = re.findall(r"```python\n(import base64.*?)```", RECIPES.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own document
    found: Callable[..., bool] = names["verified"]
    return found


verified = _verifier()


class Hooked:
    """A project with an owner, a receiver, and a worker's moves on its webhooks."""

    def __init__(self, db: Database, settings: Settings, floor: Floor, throat: Throat, receiver: Receiver) -> None:
        self.db, self.floor, self.throat, self.receiver = db, floor, throat, receiver
        self.settings = settings.model_copy(update={"webhook_private_addresses": True})
        self.secret = ""
        self.ada: UserActor
        self.project: Project

    async def run(self, operation: Any, *arguments: Any, **named: Any) -> Any:
        return (await self.throat.execute(self.ada, operation, *arguments, **named)).value

    async def hook(self, **named: Any) -> UUID:
        made = await self.run(webhooks.create_webhook, self.project.id, **{"url": self.receiver.url, **named})
        self.secret = made.secret
        await self.numbered()
        id_: UUID = made.webhook.id
        return id_

    async def happen(self, *numbers: int, name: EventName = EventName.ASSET_UPDATED, **changed: Any) -> None:
        """An event each, numbered by the relay."""
        for number in numbers:
            async with self.floor.write() as tx:
                tx.emit(Change(name, self.project.id, (uuid7(),), {"n": number, **changed}))
        await self.numbered()

    async def numbered(self) -> None:
        async def empty() -> bool:
            return bool(await self.value("SELECT count(*) FROM outbox") == 0)

        await until_seen(empty)

    async def value(self, statement: str, **values: Any) -> Any:
        async with self.floor.write() as tx:
            return (await tx.unchecked(text(statement), values)).scalar()

    async def jobs(self) -> list[Any]:
        """The queued jobs of webhooks."""
        async with self.floor.write() as tx:
            found = await tx.unchecked(
                text("SELECT * FROM jobs WHERE type = 'webhook.deliver' AND status = 'queued' ORDER BY id")
            )
            return list(found.all())

    async def work(self) -> dict[str, Any] | None:
        """Do the job that waits, now, whenever it was to be done; its result, or None if none waits."""
        await self.value("UPDATE jobs SET not_before = NULL WHERE status = 'queued' RETURNING 1")
        claim = await self.floor.claim(Queue.IO)
        if claim is None:
            return None
        workshop = Workshop(self.settings, self.db, SilentBells(), children=None, store=None)  # type: ignore[arg-type]
        kit = Kit(workshop, claim)
        result = dict(await handlers()[claim.type].work(kit) or {})
        if not kit.finished:
            await self.floor.finish(claim, result)
        return result

    async def deliveries(self) -> Sequence[WebhookDelivery]:
        async with self.floor.write() as tx:
            found = await tx.unchecked(text("SELECT id FROM webhook_deliveries ORDER BY epoch, seq"))
            return [await tx.get(WebhookDelivery, row.id) for row in found.all()]

    async def webhook(self, webhook_id: UUID) -> Webhook:
        async with self.floor.write() as tx:
            return await tx.get(Webhook, webhook_id)


@pytest_asyncio.fixture
async def hooked(
    db: Database, settings: Settings, floor: Floor, throat: Throat, make: Make, database_url: str
) -> AsyncIterator[Hooked]:
    async with receiving() as receiver, numbering(database_url, settings):
        made = Hooked(db, settings, floor, throat, receiver)
        made.ada = await make.user()
        made.project = await make.project(made.ada)
        yield made


class _Nobody:
    def publish(self, project_id: UUID, events: object) -> None:
        pass


@asynccontextmanager
async def numbering(
    database_url: str, settings: Settings, ring: Callable[[list[tuple[str, UUID]]], None] | None = None
) -> AsyncIterator[Relay]:
    bell = await Bell.open(database_url)
    relay = Relay(database_url, bell, _Nobody(), settings, ring)
    try:
        yield relay
    finally:
        await relay.close()
        await bell.close()


# --- what is sent ----------------------------------------------------------------------------------------------------


async def test_every_event_arrives_as_streams_tell_it(hooked: Hooked) -> None:
    webhook_id = await hooked.hook()
    await hooked.happen(*range(20))
    assert await hooked.work() == {"delivered": 20, "failed": 0}
    page = await event_log.read_one(hooked.db, hooked.project.id, 0)
    told = [event for event in page.events if event.name != EventName.WEBHOOK_UPDATED]
    came = sorted((one.json for one in hooked.receiver.received), key=lambda body: int(body["cursor"][2:]))
    for body, event in zip(came, told, strict=True):
        id_, type_, cursor = body.pop("id"), body.pop("type"), body.pop("cursor")
        assert (type_, cursor) == (event.name, event.cursor)
        assert body == Received("", {}, event.json).json
        assert UUID(id_).version == 7
    assert len(set(hooked.receiver.ids())) == 20
    assert (await hooked.webhook(webhook_id)).cursor == f"1-{page.last}"
    assert {(one.status, one.attempts, one.http_status, one.next_at) for one in await hooked.deliveries()} == {
        (DeliveryStatus.DELIVERED, 1, 204, None)
    }
    assert await hooked.jobs() == []


async def test_ids_rise_with_the_log(hooked: Hooked) -> None:
    await hooked.hook()
    await hooked.happen(*range(30))
    await hooked.work()
    ids = [one.id for one in await hooked.deliveries()]
    assert ids == sorted(ids)


async def test_a_receiver_believes_what_is_ours_and_nothing_else(hooked: Hooked) -> None:
    await hooked.hook()
    await hooked.happen(*range(20))
    await hooked.work()
    seen: set[str] = set()
    forged = 0
    for one in hooked.receiver.received:
        assert one.headers["content-type"] == "application/json"
        timestamp = int(one.headers["webhook-timestamp"])
        assert abs(timestamp - time.time()) < 300
        wrong = [
            (one.headers, one.body + b" "),
            ({**one.headers, "webhook-id": str(uuid7())}, one.body),
            ({**one.headers, "webhook-timestamp": str(timestamp + 1)}, one.body),
            ({**one.headers, "webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()}, one.body),
            ({**one.headers, "webhook-signature": one.headers["webhook-signature"].replace("v1,", "v1a,")}, one.body),
        ]
        assert [verified(hooked.secret, headers, body, seen) for headers, body in wrong] == [False] * 5
        forged += len(wrong)
        assert verified(hooked.secret, one.headers, one.body, seen)
    assert forged == 100
    # what was recorded and is sent once more, by anybody: 20 of 20 are rejected
    again = [verified(hooked.secret, one.headers, one.body, seen) for one in hooked.receiver.received]
    assert again == [False] * 20
    old = [
        signed_headers([_key(hooked.secret)], uuid7(), b"{}", datetime.fromtimestamp(time.time() - age).astimezone())
        for age in (301, 3_600, -400)
    ]
    assert [verified(hooked.secret, headers, b"{}", set()) for headers in old] == [False] * 3


def _key(secret: str) -> bytes:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert secret_of(key) == secret
    return key


async def test_after_a_change_of_the_secret_both_sign_for_a_day(hooked: Hooked, clock: Clock) -> None:
    webhook_id = await hooked.hook()
    old = hooked.secret
    new = (await hooked.run(webhooks.rotate_webhook_secret, webhook_id)).secret
    await hooked.happen(1)
    await hooked.work()
    clock.advance(24 * 3600)
    await hooked.happen(2)
    await hooked.work()
    within, after = hooked.receiver.received
    assert [_signs(secret, within) for secret in (old, new)] == [True, True]
    assert [_signs(secret, after) for secret in (old, new)] == [False, True]


def _signs(secret: str, one: Received) -> bool:
    at = datetime.fromtimestamp(int(one.headers["webhook-timestamp"])).astimezone()
    mine = signed_headers([_key(secret)], UUID(one.id), one.body, at)["webhook-signature"]
    return mine in one.headers["webhook-signature"].split()


@pytest.mark.parametrize(
    ("names", "filters", "wanted"),
    [
        ([], {}, ["asset", "gallery"]),
        (["gallery.updated"], {}, ["gallery"]),
        (["job.progress", "asset.updated"], {}, ["progress", "asset"]),
        ([], {"changed.published": True}, ["gallery"]),
        ([], {"changed.published": 1}, []),
        ([], {"changed.deep.er": "x"}, ["asset"]),
        ([], {"changed.list": "b"}, ["gallery"]),
        ([], {"changed.nothing": None}, ["asset"]),
        ([], {"changed.absent": None}, []),
        ([], {"type": "gallery.updated", "changed.published": True}, ["gallery"]),
        ([], {"changed.published": False}, []),
    ],
)
async def test_which_events(
    hooked: Hooked, names: list[str], filters: dict[str, Any], wanted: list[str]
) -> None:  # fmt: skip
    await hooked.hook(event_names=names, filters=filters)
    await hooked.happen(1, name=EventName.JOB_PROGRESS, is_="progress")
    await hooked.happen(2, is_="asset", deep={"er": "x"}, nothing=None)
    await hooked.happen(3, name=EventName.GALLERY_UPDATED, is_="gallery", published=True, list=["a", "b"])
    await hooked.work()
    assert sorted(one.json["changed"]["is_"] for one in hooked.receiver.received) == sorted(wanted)


async def test_no_webhook_is_told_of_itself(hooked: Hooked) -> None:
    mine = await hooked.hook(event_names=["webhook.updated"])
    other = await hooked.hook(event_names=["asset.updated"])
    while await hooked.work() is not None:
        pass
    assert [one.json["ids"] for one in hooked.receiver.received] == [[str(other)]]
    assert mine != other


async def test_its_own_work_makes_no_events(hooked: Hooked) -> None:
    await hooked.hook(event_names=[name.value for name in EventName])
    await hooked.happen(1)
    before = await hooked.value("SELECT count(*) FROM events")
    await hooked.work()
    await hooked.numbered()
    assert await hooked.value("SELECT count(*) FROM events") == before
    assert await hooked.jobs() == []


# --- what wakes it ---------------------------------------------------------------------------------------------------


async def test_only_wanted_events_queue_a_job_and_one_waits_at_a_time(hooked: Hooked) -> None:
    webhook_id = await hooked.hook()
    await hooked.happen(1, 2, 3, name=EventName.JOB_PROGRESS)
    assert await hooked.jobs() == []
    await hooked.happen(4, 5, 6)
    [job] = await hooked.jobs()
    assert (job.arguments, job.project_id, job.queue, job.once) == (
        {"webhook_id": str(webhook_id)}, None, "io", f"webhook:{webhook_id}"
    )  # fmt: skip
    await hooked.run(webhooks.disable_webhook, webhook_id)
    assert await hooked.work() == {"delivered": 0, "failed": 0}
    await hooked.happen(7)
    assert (await hooked.jobs(), hooked.receiver.received) == ([], [])
    await hooked.run(webhooks.enable_webhook, webhook_id)
    assert await hooked.work() == {"delivered": 4, "failed": 0}
    assert sorted(one.json["changed"]["n"] for one in hooked.receiver.received) == [4, 5, 6, 7]


async def test_the_relay_rings_for_what_it_queued(
    hooked: Hooked, database_url: str, settings: Settings
) -> None:  # fmt: skip
    webhook_id = await hooked.hook()
    rung: list[tuple[str, UUID]] = []
    await hooked.value("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kilo-relay'")
    async with numbering(database_url, settings, rung.extend) as relay:
        await until(lambda: relay.leads, 5)
        await hooked.happen(1)
        [job] = await hooked.jobs()
        await until(lambda: bool(rung))
        assert (rung, job.arguments) == ([("io", job.id)], {"webhook_id": str(webhook_id)})


async def test_what_is_numbered_is_sent_although_the_relay_is_cut_off_again_and_again(hooked: Hooked) -> None:
    await hooked.hook()
    for number in range(12):
        async with hooked.floor.write() as tx:
            tx.emit(Change(EventName.ASSET_UPDATED, hooked.project.id, (uuid7(),), {"n": number}))
        await hooked.value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kilo-relay' "
            "AND datname = current_database()"
        )
        if number % 3 == 2:  # a job may be done between any two of these
            await hooked.numbered()
            await hooked.work()
    await hooked.numbered()
    while await hooked.work() is not None:
        pass
    assert sorted(one.json["changed"]["n"] for one in hooked.receiver.received) == list(range(12))


async def test_what_is_queued_for_now_is_not_put_off_by_what_is_queued_for_later(hooked: Hooked) -> None:
    """A look that is due at the next attempt must not delay one that an event has asked for."""
    soon = NewJob(JobType.WEBHOOK_DELIVER, {}, None, once="the same")
    later = NewJob(
        JobType.WEBHOOK_DELIVER, {}, None, once="the same", not_before=hooked.db.house.clock() + timedelta(hours=9)
    )
    await hooked.floor.enqueue(soon)
    await hooked.floor.enqueue(later)
    [job] = await hooked.jobs()
    assert job.not_before is None
    await hooked.floor.enqueue(soon)
    assert (await hooked.jobs())[0].not_before is None


async def test_a_second_job_stands_aside_and_the_first_looks_again(hooked: Hooked) -> None:
    await hooked.hook()
    await hooked.happen(1)

    async def answer(_: Received) -> tuple[int, dict[str, str], bytes]:
        if len(hooked.receiver.received) == 1:  # while the first job sends, another event wakes a second one
            await hooked.happen(2)
            [second] = await hooked.jobs()
            await hooked.value("UPDATE jobs SET id = :id WHERE id = :old RETURNING 1", id=_last(), old=second.id)
            assert await hooked.work() == {"delivered": 0, "failed": 0}
        return 200, {}, b""

    hooked.receiver.answer = answer
    assert await hooked.work() == {"delivered": 2, "failed": 0}
    assert [one.json["changed"]["n"] for one in hooked.receiver.received] == [1, 2]
    assert await hooked.jobs() == []


def _last() -> UUID:
    return UUID(int=2**128 - 1)


# --- what does not come through --------------------------------------------------------------------------------------


async def test_attempts_follow_the_schedule_until_the_delivery_is_dead(hooked: Hooked, clock: Clock) -> None:
    webhook_id = await hooked.hook()
    await hooked.happen(1)
    hooked.receiver.always(503, b"later")
    began, waits = clock.now, []
    for attempt in range(1, webhook_pump.ATTEMPTS + 1):
        assert await hooked.work() == {"delivered": 0, "failed": 1}
        [row] = await hooked.deliveries()
        assert (row.attempts, row.http_status, row.error) == (attempt, 503, "HTTP 503: later")
        if row.next_at is None:
            break
        waits.append((row.next_at - clock.now).total_seconds())
        [job] = await hooked.jobs()
        assert abs((job.not_before - row.next_at).total_seconds()) < 0.001
        clock.now = row.next_at
    assert [1 <= wait / planned <= 1.1 for wait, planned in zip(waits, webhook_pump.SCHEDULE, strict=True)] == [
        True
    ] * 9
    assert timedelta(hours=29) < clock.now - began < timedelta(hours=33)
    [row] = await hooked.deliveries()
    assert (row.status, row.attempts, await hooked.jobs()) == (DeliveryStatus.DEAD, 10, [])
    assert hooked.receiver.ids() == [str(row.id)] * 10
    await hooked.numbered()
    page = await event_log.read_one(hooked.db, hooked.project.id, 0)
    assert (page.events[-1].name, page.events[-1].ids, page.events[-1].changed) == (
        "webhook.updated", (webhook_id,), {"dead": [str(row.id)]}
    )  # fmt: skip
    # dead is not lost: its owner sends it again, and it arrives under its old id
    hooked.receiver.always(200)
    await hooked.run(webhook_deliveries.redeliver, row.id)
    assert await hooked.work() == {"delivered": 1, "failed": 0}
    assert hooked.receiver.ids() == [str(row.id)] * 11
    assert (await hooked.webhook(webhook_id)).failing_since is None


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("120", 120, 120), ("1", 5, 5.5), ("999999999", 43_200, 43_200), ("soon", 5, 5.5), ("-5", 5, 5.5)],
)
async def test_retry_after_is_kept_within_reason(
    hooked: Hooked, clock: Clock, header: str, least: float, most: float
) -> None:
    await hooked.hook()
    await hooked.happen(1)
    hooked.receiver.always(429, retry_after=header)
    await hooked.work()
    [row] = await hooked.deliveries()
    assert row.next_at is not None
    assert least <= (row.next_at - clock.now).total_seconds() <= most


async def test_nobody_there_switches_it_off(hooked: Hooked) -> None:
    webhook_id = await hooked.hook()
    await hooked.happen(1, 2)
    hooked.receiver.always(410)
    await hooked.work()
    webhook = await hooked.webhook(webhook_id)
    assert (webhook.disabled_why, webhook.disabled_at is None) == ("gone", False)
    assert {one.status for one in await hooked.deliveries()} == {DeliveryStatus.DEAD}
    assert await hooked.jobs() == []


async def test_three_days_without_success_switch_it_off(hooked: Hooked, clock: Clock) -> None:
    webhook_id = await hooked.hook()
    hooked.receiver.always(500)
    for _ in range(6):
        await hooked.happen(1)
        await hooked.work()
        clock.advance(12 * 3600)
        assert (await hooked.webhook(webhook_id)).disabled_at is None
    await hooked.work()
    webhook = await hooked.webhook(webhook_id)
    assert (webhook.disabled_why, webhook.disabled_at) == ("failing", clock.now)
    await hooked.numbered()
    page = await event_log.read_one(hooked.db, hooked.project.id, 0)
    assert page.events[-1].changed == {"disabled": "failing"}
    # what waits is not lost, nor what happens meanwhile
    await hooked.happen(7)
    hooked.receiver.received.clear()
    hooked.receiver.always(200)
    await hooked.run(webhooks.enable_webhook, webhook_id)
    while await hooked.work() is not None:
        clock.advance(24 * 3600)
    assert len({one.json["cursor"] for one in hooked.receiver.received}) == 7


async def test_a_failing_webhook_tries_with_one_and_a_well_one_with_eight(hooked: Hooked, clock: Clock) -> None:
    webhook_id = await hooked.hook()
    hooked.receiver.always(500)
    await hooked.happen(*range(30))
    assert await hooked.work() == {"delivered": 0, "failed": 8}
    assert hooked.receiver.busiest <= 8
    for _ in range(3):
        assert await hooked.work() == {"delivered": 0, "failed": 1}
    since = (await hooked.webhook(webhook_id)).failing_since
    assert since is not None
    [job] = await hooked.jobs()
    assert job.not_before == clock.now + timedelta(seconds=5)
    # an event does not shorten the pause
    await hooked.happen(31)
    assert (await hooked.jobs())[0].not_before == job.not_before
    clock.advance(600)
    await hooked.work()
    [job] = await hooked.jobs()
    assert job.not_before == clock.now + timedelta(seconds=150)
    hooked.receiver.always(200)
    assert await hooked.work() == {"delivered": 30, "failed": 0}
    clock.advance(60)  # the last one that failed was not due yet
    assert await hooked.work() == {"delivered": 1, "failed": 0}
    assert hooked.receiver.busiest <= 8


async def test_a_server_that_says_nothing_is_given_up(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kilo_gql.outbound.TOTAL", 0.2)
    await hooked.hook()
    await hooked.happen(1)

    async def hang(_: Received) -> tuple[int, dict[str, str], bytes]:
        await asyncio.sleep(60)
        return 200, {}, b""

    hooked.receiver.answer = hang
    assert await hooked.work() == {"delivered": 0, "failed": 1}
    [row] = await hooked.deliveries()
    assert (row.http_status, row.error) == (None, "No answer within 15 seconds.")


async def test_only_so_many_wait_and_the_rest_stays_in_the_log(hooked: Hooked, clock: Clock) -> None:
    webhook_id = await hooked.hook()
    hooked.receiver.always(500)
    async with hooked.floor.write() as tx:
        for number in range(2_100):
            tx.emit(Change(EventName.ASSET_UPDATED, hooked.project.id, (uuid7(),), {"n": number}))
    await hooked.numbered()
    await hooked.work()
    # the webhook's own making is the first event of the log, and not told to it
    assert (len(await hooked.deliveries()), (await hooked.webhook(webhook_id)).seq) == (1_000, 1_001)
    hooked.receiver.always(200)
    hooked.receiver.received.clear()
    clock.advance(60)
    while await hooked.work() is not None:
        clock.advance(60)
    assert len(set(hooked.receiver.cursors())) == 2_100


async def test_a_mended_address_is_tried_at_once(hooked: Hooked) -> None:
    webhook_id = await hooked.hook()
    hooked.receiver.always(404)
    await hooked.happen(1, 2, 3)
    await hooked.work()
    [job] = await hooked.jobs()
    assert (job.priority, job.not_before is None) == (20, False)
    hooked.receiver.always(200)
    url = hooked.receiver.url + "/mended"
    await hooked.run(webhooks.update_webhook, webhook_id, webhooks.WebhookChange(url=url))
    [job] = await hooked.jobs()
    assert (job.priority, job.not_before, (await hooked.webhook(webhook_id)).failing_since) == (10, None, None)
    assert await hooked.work() == {"delivered": 3, "failed": 0}
    assert [one.target for one in hooked.receiver.received] == ["/hook"] * 3 + ["/hook/mended"] * 3
    # a change of anything else does not touch what waits
    hooked.receiver.always(404)
    await hooked.happen(4)
    await hooked.work()
    [before] = [row.next_at for row in await hooked.deliveries() if row.next_at]
    await hooked.run(webhooks.update_webhook, webhook_id, webhooks.WebhookChange(description="mended"))
    assert [row.next_at for row in await hooked.deliveries() if row.next_at] == [before]


# --- again, and where the log ends -----------------------------------------------------------------------------------


async def test_a_replay_is_what_a_stream_would_tell(hooked: Hooked) -> None:
    webhook_id = await hooked.hook()
    await hooked.happen(*range(10))
    await hooked.work()
    first = {one.json["cursor"]: one.id for one in hooked.receiver.received}
    hooked.receiver.received.clear()
    # some of them are not known any more
    await hooked.value("DELETE FROM webhook_deliveries WHERE seq % 3 = 0 RETURNING 1")
    after = sorted(first, key=lambda cursor: int(cursor[2:]))[3]
    await hooked.run(webhook_deliveries.replay_webhook, webhook_id, after)
    assert await hooked.work() == {"delivered": 6, "failed": 0}
    page = await event_log.read_one(hooked.db, hooked.project.id, int(after[2:]))
    told = {event.cursor for event in page.events if event.name == EventName.ASSET_UPDATED}
    again = {one.json["cursor"]: one.id for one in hooked.receiver.received}
    assert set(again) == told
    kept = {cursor for cursor in told if int(cursor[2:]) % 3}
    assert {cursor: again[cursor] for cursor in kept} == {cursor: first[cursor] for cursor in kept}


@pytest.mark.parametrize("reason", ["epoch", "expired", "future"])
async def test_a_hole_is_told(hooked: Hooked, reason: str) -> None:
    webhook_id = await hooked.hook()
    await hooked.happen(1, 2, 3)
    change = {
        "epoch": "UPDATE installation SET epoch = epoch + 1 RETURNING 1",
        "expired": """WITH gone AS (DELETE FROM events WHERE seq <= 3)
            UPDATE event_streams SET first_seq = 4 RETURNING 1""",
        "future": "UPDATE webhooks SET seq = 99 RETURNING 1",
    }[reason]
    await hooked.value(change)
    assert await hooked.work() == {"delivered": 1, "failed": 0}
    [one] = hooked.receiver.received
    epoch = 2 if reason == "epoch" else 1
    last = await hooked.value("SELECT last_seq FROM event_streams")
    assert (one.json["type"], one.json["cursor"], one.json["changed"]) == (
        "reset", f"{epoch}-{last}", {"reason": reason}
    )  # fmt: skip
    assert (await hooked.webhook(webhook_id)).cursor == f"{epoch}-{last}"


async def test_the_sweep_forgets_what_ended_and_wakes_what_is_behind(hooked: Hooked, clock: Clock) -> None:
    await hooked.hook()
    await hooked.happen(1, 2)
    await hooked.work()
    hooked.receiver.always(500)
    await hooked.happen(3)
    await hooked.work()
    clock.advance(14 * 24 * 3600 + 1)
    async with hooked.floor.write() as tx:
        assert await webhook_pump.sweep_deliveries(tx) == 2
    assert [one.status for one in await hooked.deliveries()] == [DeliveryStatus.PENDING]
    # a job that was lost altogether, and events that nobody wanted
    await hooked.value("DELETE FROM jobs RETURNING 1")
    async with hooked.floor.write() as tx:
        assert await webhook_pump.catch_up(tx) == 1
    assert len(await hooked.jobs()) == 1
    hooked.receiver.always(200)
    await hooked.work()
    await hooked.happen(4, name=EventName.JOB_PROGRESS)
    async with hooked.floor.write() as tx:
        assert await webhook_pump.catch_up(tx) == 1
    await hooked.work()
    async with hooked.floor.write() as tx:
        assert await webhook_pump.catch_up(tx) == 0


async def test_a_project_in_the_bin_is_silent(hooked: Hooked) -> None:
    await hooked.hook()
    await hooked.happen(1)
    await hooked.value("UPDATE projects SET status = 'deleted' RETURNING 1")
    assert await hooked.work() == {"delivered": 0, "failed": 0}
    assert (hooked.receiver.received, await hooked.jobs()) == ([], [])


# --- real workers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [8])  # the seed stands in the test's name
async def test_every_event_arrives_although_workers_are_killed(hooked: Hooked, database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    env = environment(
        database_url, job_lease=2, reconcile_every=0.3, webhook_private_addresses=True, home=hooked.settings.home
    )

    async def slow(_: Received) -> tuple[int, dict[str, str], bytes]:
        await asyncio.sleep(chance.uniform(0, 0.05))
        return (200, {}, b"") if chance.random() > 0.05 else (500, {}, b"")

    hooked.receiver.answer = slow
    await hooked.hook()
    workers = Workers(env, "io")
    killed = 0
    try:
        for number in range(20):
            await hooked.happen(number * 2, number * 2 + 1)
            if number % 5 == 3:
                await _another(hooked.receiver)
                killed += sum(kill(pid) for pid in workers.workers())
        # an attempt that died with its worker is made again after a minute: here, at once
        await hooked.value(
            "UPDATE webhook_deliveries SET next_at = now() WHERE status = 'pending' AND error IS NULL RETURNING 1"
        )

        async def all_there() -> bool:
            await hooked.value("UPDATE webhook_deliveries SET next_at = now() WHERE status = 'pending' RETURNING 1")
            await hooked.value("UPDATE jobs SET not_before = NULL WHERE status = 'queued' RETURNING 1")
            done = await hooked.value("SELECT count(*) FROM webhook_deliveries WHERE status = 'delivered'")
            return int(done) == 40

        await until_seen(all_there, 60)
    finally:
        workers.close()
    assert killed >= 3
    accepted = {one.json["changed"]["n"] for one in hooked.receiver.received}
    assert accepted == set(range(40))
    # one event, one id, however often it came
    assert len({(one.id, one.json["cursor"]) for one in hooked.receiver.received}) == 40


async def _another(receiver: Receiver) -> None:
    """Return when one more request has come and waits for its answer: somebody is sending."""
    came = len(receiver.received)
    await until(lambda: len(receiver.received) > came and receiver.busy > 0, 30)
