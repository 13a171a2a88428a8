"""Webhooks as their owners see them, through both doors, while nobody sends anything."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.domain.webhooks import WEBHOOKS_MAX
from kilo_gql.models import DeliveryStatus, EventStream, Project, ProjectEvent, Role, WebhookDelivery
from kilo_gql.models.base import uuid7
from kilo_gql.webhook_signing import signing_key
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.traces import queued, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "https://hooks.example.org/kilo?token=s3cret"


async def made(door: Door, ada: UserActor, project: Project, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await door.call("create_webhook", ada, projectId=project.id, url=URL, **more)).ok
    return answer


async def delivery(make: Make, webhook: dict[str, Any], **columns: Any) -> WebhookDelivery:
    now = make.db.house.clock()
    row = WebhookDelivery(
        id=uuid7(), project_id=webhook["projectId"], webhook_id=webhook["id"], event_name="asset.updated", body="{}",
        **{"epoch": 1, "seq": 1, "attempts": 0, "created_at": now, "updated_at": now, **columns},
    )  # fmt: skip
    await make.rows(row)
    return row


async def logged(make: Make, project: Project, first: int, last: int) -> None:
    """A log that holds these events."""
    now = make.db.house.clock()
    events = [
        ProjectEvent(project_id=project.id, seq=seq, name="asset.updated", ids=[], changed={}, created_at=now)
        for seq in range(first, last + 1)
    ]
    await make.rows(EventStream(project_id=project.id, first_seq=first, last_seq=last), *events)


async def rows(db: Database, statement: str, **values: Any) -> list[Any]:
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return list((await tx.unchecked(text(statement), values)).all())


async def test_one_is_made(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    answer = await made(
        door, ada, project, eventNames=["gallery.updated", "asset.updated", "asset.updated"],
        filters={"changed.published": True}, description=" To the studio's chat ",
    )  # fmt: skip
    webhook, secret = answer["webhook"], answer["secret"]
    assert webhook == {
        "id": webhook["id"], "projectId": str(project.id), "url": URL, "description": "To the studio's chat",
        "eventNames": ["asset.updated", "gallery.updated"], "filters": {"changed.published": True}, "cursor": "1-0",
        "previousUntil": None, "failingSince": None, "disabledAt": None, "disabledWhy": None,
        "createdAt": webhook["createdAt"], "updatedAt": webhook["createdAt"],
    }  # fmt: skip
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert (await door.call("get_webhook", ada, webhookId=webhook["id"])).ok == webhook
    assert (await door.call("list_webhooks", ada, projectId=project.id)).ok == [webhook]
    # neither its address, which may hold a token, nor its secret is anywhere that others read
    assert await told(make.db, project.id) == [("webhook.updated", {"created": True})]
    stored = await rows(make.db, "SELECT t::text AS row FROM webhooks t")
    assert not any(secret.removeprefix("whsec_") in one.row for one in stored)


async def test_it_begins_at_the_end_of_the_log(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await logged(make, project, 3, 7)
    assert (await made(door, ada, project))["webhook"]["cursor"] == "1-7"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"url": "ftp://example.org/"}, "bad_webhook_url"),
        ({"url": "https://ada:pw@example.org/"}, "bad_webhook_url"),
        ({"url": "https://example.org/#here"}, "bad_webhook_url"),
        ({"url": "https://example.org/" + "x" * 2000}, "bad_webhook_url"),
        ({"eventNames": ["asset.updated", "asset.eaten"]}, "unknown_event"),
        ({"filters": {"": 1}}, "bad_webhook_filter"),
        ({"filters": {"changed..x": 1}}, "bad_webhook_filter"),
        ({"filters": {"changed": {"x": 1}}}, "bad_webhook_filter"),
        ({"filters": {"changed.x": "y" * 201}}, "bad_webhook_filter"),
        ({"filters": {f"changed.x{n}": n for n in range(11)}}, "bad_webhook_filter"),
        ({"description": "x" * 501}, "bad_request"),
    ],
)
async def test_what_is_no_webhook(door: Door, make: Make, wrong: dict[str, Any], code: str) -> None:
    ada = await make.user()
    project = await make.project(ada)
    assert (await door.call("create_webhook", ada, projectId=project.id, **{"url": URL, **wrong})).code == code
    webhook = (await made(door, ada, project))["webhook"]
    assert (await door.call("update_webhook", ada, webhookId=webhook["id"], **wrong)).code == code
    assert (await door.call("list_webhooks", ada, projectId=project.id)).ok == [webhook]


async def test_a_project_has_twenty(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    for _ in range(WEBHOOKS_MAX):
        await made(door, ada, project)
    assert (await door.call("create_webhook", ada, projectId=project.id, url=URL)).code == "too_many_webhooks"
    listed = (await door.call("list_webhooks", ada, projectId=project.id)).ok
    assert len(listed) == WEBHOOKS_MAX == 20
    await door.call("delete_webhook", ada, webhookId=listed[0]["id"])
    assert (await made(door, ada, project))["webhook"]["id"] not in [one["id"] for one in listed]


async def test_no_key_keeps_a_secret(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    if door.name == "rest":
        answer = await door.call("create_webhook", ada, projectId=project.id, url=URL, key="the-same-key")
        assert answer.code == "idempotency_not_supported"
    assert (await door.call("list_webhooks", ada, projectId=project.id)).ok == []


async def test_one_is_changed(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    webhook = (await made(door, ada, project, description="old", filters={"type": "asset.updated"}))["webhook"]
    change: dict[str, Any] = {"url": "http://other.example.org/", "eventNames": [], "description": None}
    changed = (await door.call("update_webhook", ada, webhookId=webhook["id"], **change)).ok
    assert changed == {**webhook, **change, "updatedAt": changed["updatedAt"]}
    assert (await door.call("delete_webhook", ada, webhookId=webhook["id"])).error is None
    assert (await door.call("get_webhook", ada, webhookId=webhook["id"])).code == "not_found"
    told_ = [{"created": True}, {"updated": True}, {"deleted": True}]
    assert await told(make.db, project.id) == [("webhook.updated", changed) for changed in told_]


async def test_a_new_secret_beside_the_old_one(door: Door, make: Make, clock: Clock) -> None:
    ada = await make.user()
    project = await make.project(ada)
    first = await made(door, ada, project)
    second = (await door.call("rotate_webhook_secret", ada, webhookId=first["webhook"]["id"])).ok
    assert first["secret"] != second["secret"]
    assert datetime.fromisoformat(second["webhook"]["previousUntil"]) == clock.now + timedelta(hours=24)
    key = signing_key(make.db.house.key, second["webhook"]["id"], 2)
    assert second["secret"] == "whsec_" + base64.b64encode(key).decode()


async def test_it_is_switched_off_and_on(door: Door, make: Make, clock: Clock) -> None:
    ada = await make.user()
    project = await make.project(ada)
    webhook = (await made(door, ada, project))["webhook"]
    off = (await door.call("disable_webhook", ada, webhookId=webhook["id"])).ok
    assert (off["disabledAt"], off["disabledWhy"]) == (clock.now, "owner")
    clock.advance(60)
    assert (await door.call("disable_webhook", ada, webhookId=webhook["id"])).ok == off
    row = await delivery(make, webhook, status=DeliveryStatus.DEAD, error="HTTP 500")
    for operation, arguments in (
        ("send_test_event", {"webhookId": webhook["id"]}),
        ("replay_webhook", {"webhookId": webhook["id"], "after": "1-0"}),
        ("redeliver", {"deliveryId": row.id}),
    ):
        answer = await door.call(operation, ada, **arguments)
        assert (answer.code, answer.error and answer.error["details"]) == ("webhook_disabled", {"why": "owner"})
    assert {"webhook_id": webhook["id"]} not in await queued(make.db, "webhook.deliver")
    on = (await door.call("enable_webhook", ada, webhookId=webhook["id"])).ok
    assert on == {**webhook, "updatedAt": clock.now}
    assert {"webhook_id": webhook["id"]} in await queued(make.db, "webhook.deliver")


async def test_a_ping_waits_to_be_sent(door: Door, make: Make, clock: Clock) -> None:
    ada = await make.user()
    project = await make.project(ada)
    webhook = (await made(door, ada, project, eventNames=["export.updated"]))["webhook"]
    sent = [(await door.call("send_test_event", ada, webhookId=webhook["id"])).ok for _ in range(2)]
    assert sent[0] == {
        "id": sent[0]["id"], "projectId": str(project.id), "webhookId": webhook["id"], "eventName": "ping",
        "cursor": None, "body": sent[0]["body"], "status": "pending", "attempts": 0, "nextAt": clock.now,
        "httpStatus": None, "error": None, "durationMs": None, "deliveredAt": None, "createdAt": clock.now,
    }  # fmt: skip
    assert f'"type":"ping","cursor":"1-0","projectId":"{project.id}"' in sent[0]["body"]
    listed = await door.call("list_webhook_deliveries", ada, webhookId=webhook["id"], limit=1)
    assert listed.ok["items"] == [sent[1]]
    rest = await door.call("list_webhook_deliveries", ada, webhookId=webhook["id"], cursor=listed.ok["nextCursor"])
    assert rest.ok == {"items": [sent[0]], "nextCursor": None}
    assert (await door.call("get_webhook_delivery", ada, deliveryId=sent[0]["id"])).ok == sent[0]
    # no job of the project's own: that would tell its progress, and wake the webhook again
    jobs = await rows(make.db, "SELECT project_id FROM jobs WHERE arguments ->> 'webhook_id' = :id", id=webhook["id"])
    assert [one.project_id for one in jobs] == [None]


async def test_deliveries_by_status(door: Door, make: Make) -> None:
    ada = await make.user()
    webhook = (await made(door, ada, await make.project(ada)))["webhook"]
    now = make.db.house.clock()
    columns: dict[DeliveryStatus, dict[str, Any]] = {
        DeliveryStatus.PENDING: {"next_at": now},
        DeliveryStatus.DELIVERED: {"delivered_at": now},
        DeliveryStatus.DEAD: {"error": "HTTP 500"},
    }
    for seq, status in enumerate(DeliveryStatus):
        await delivery(make, webhook, seq=seq, status=status, **columns[status])
    for status in DeliveryStatus:
        found = await door.call("list_webhook_deliveries", ada, webhookId=webhook["id"], status=status)
        assert [one["status"] for one in found.ok["items"]] == [status.value]


async def test_what_was_given_up_is_sent_again(door: Door, make: Make, clock: Clock) -> None:
    ada = await make.user()
    webhook = (await made(door, ada, await make.project(ada)))["webhook"]
    row = await delivery(
        make, webhook, status=DeliveryStatus.DEAD, attempts=10, http_status=500, error="HTTP 500", duration_ms=3
    )
    again = (await door.call("redeliver", ada, deliveryId=row.id)).ok
    assert (again["id"], again["status"], again["attempts"], again["nextAt"]) == (str(row.id), "pending", 0, clock.now)
    assert (again["httpStatus"], again["error"], again["durationMs"]) == (None, None, None)
    assert {"webhook_id": webhook["id"]} in await queued(make.db, "webhook.deliver")


@pytest.mark.parametrize(
    ("after", "code", "reason"),
    [
        ("1-3", "cursor_expired", "expired"),
        ("1-99", "cursor_expired", "future"),
        ("2-5", "cursor_expired", "epoch"),
        ("yesterday", "bad_cursor", None),
        ("1-4", None, None),
        ("1-9", None, None),
    ],
)
async def test_a_replay_begins_within_the_log_or_says_why_not(
    door: Door, make: Make, after: str, code: str | None, reason: str | None
) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await logged(make, project, 5, 9)
    webhook = (await made(door, ada, project))["webhook"]
    answer = await door.call("replay_webhook", ada, webhookId=webhook["id"], after=after)
    assert answer.code == code
    if code == "cursor_expired":
        assert answer.error is not None
        assert (answer.error["details"]["reason"], answer.error["details"]["first"]) == (reason, "1-4")
    cursor = (await door.call("get_webhook", ada, webhookId=webhook["id"])).ok["cursor"]
    assert cursor == (after if code is None else "1-9")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
async def test_only_owners_see_where_events_go(door: Door, make: Make, role: Role) -> None:
    ada = await make.user()
    project = await make.project(ada)
    bob = await make.member(project.id, role)
    webhook = (await made(door, ada, project))["webhook"]
    for operation in ("get_webhook", "list_webhook_deliveries", "send_test_event", "delete_webhook"):
        answer = await door.call(operation, bob, webhookId=webhook["id"])
        assert (answer.code, "s3cret" in answer.text) == ("forbidden", False)
    assert len(await rows(make.db, "SELECT id FROM webhooks WHERE id = :id", id=webhook["id"])) == 1
