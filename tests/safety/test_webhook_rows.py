"""What must be true of webhooks' rows, and that each way of breaking it is noticed."""

from __future__ import annotations

import pytest
import pytest_asyncio
from sqlalchemy import text

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import webhook_deliveries, webhooks
from kilo_gql.operations import Throat
from kilo_gql.row_rules import ROWS, Rule
from tests.support.make import Make


class Rows:
    """The webhook rules, over a project with one webhook and one delivery that waits."""

    def __init__(self, db: Database, webhook: str, delivery: str) -> None:
        self.db, self.webhook, self.delivery = db, webhook, delivery

    async def run(self, statement: str) -> None:
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            await tx.unchecked(text(statement))
            await tx.session.commit()

    async def broken(self) -> list[str]:
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return [row.subject for rule in ROWS[Rule.WEBHOOK] for row in await tx.unchecked(text(rule))]


@pytest_asyncio.fixture
async def rows(db: Database, throat: Throat, make: Make) -> Rows:
    ada = await make.user()
    project = await make.project(ada)
    webhook = (await throat.execute(ada, webhooks.create_webhook, project.id, "https://example.org/")).value.webhook
    ping = (await throat.execute(ada, webhook_deliveries.send_test_event, webhook.id)).value
    return Rows(db, str(webhook.id), str(ping.id))


async def test_nothing_is_broken(rows: Rows) -> None:
    assert await rows.broken() == []


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("UPDATE webhook_deliveries SET next_at = NULL", "delivery"),
        ("UPDATE webhook_deliveries SET status = 'delivered', next_at = NULL", "delivery"),
        ("UPDATE webhook_deliveries SET status = 'dead', next_at = NULL", "delivery"),
        ("UPDATE webhook_deliveries SET status = 'dead', error = 'HTTP 500'", "delivery"),
        ("UPDATE webhooks SET seq = 5", "webhook"),
        ("WITH gone AS (DELETE FROM jobs) UPDATE webhook_deliveries SET next_at = now() - interval '3 h'", "webhook"),
    ],
)
async def test_what_is_broken_is_found(rows: Rows, statement: str, subject: str) -> None:
    await rows.run(statement)
    assert await rows.broken() == [getattr(rows, subject)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE webhooks SET disabled_at = now()",
        "UPDATE projects SET status = 'deleted'",
        "UPDATE webhook_deliveries SET next_at = now() - interval '1 h'",
    ],
)
async def test_what_need_not_be_sent_is_not_missed(rows: Rows, statement: str) -> None:
    await rows.run("WITH gone AS (DELETE FROM jobs) UPDATE webhook_deliveries SET next_at = now() - interval '3 h'")
    await rows.run(statement)
    assert await rows.broken() == []
