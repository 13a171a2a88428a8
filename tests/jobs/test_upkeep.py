"""What the house throws away, and what it must not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from kilo_gql.domain import upkeep
from kilo_gql.domain.upkeep import Retention, sweep
from kilo_gql.models.base import uuid7
from tests.support.jobs import Floor
from tests.support.make import Make

KEEP = Retention(events=timedelta(hours=24), event_count=10)


async def count(floor: Floor, table: str) -> int:
    async with floor.write() as tx:
        return int(await tx.scalar(text(f"SELECT count(*) FROM {table}")))  # noqa: S608


async def swept(floor: Floor) -> dict[str, int]:
    async with floor.write() as tx:
        return await sweep(tx, KEEP)


async def insert(floor: Floor, statement: str, rows: list[dict[str, Any]]) -> None:
    async with floor.write() as tx:
        for row in rows:
            await tx.unchecked(text(statement), row)


async def test_old_events_go_but_the_newest_of_each_project_stay(floor: Floor, make: Make) -> None:
    """Both bounds hold: at least 24 hours, and at least so many."""
    ada = await make.user()
    now = floor.db.house.clock()
    old, young = now - timedelta(hours=25), now - timedelta(hours=23)
    busy, quiet = (await make.project(ada)).id, (await make.project(ada)).id
    events = [{"project": busy, "seq": seq, "at": old if seq <= 30 else young} for seq in range(1, 36)]
    events += [{"project": quiet, "seq": seq, "at": old} for seq in range(1, 9)]
    await insert(floor, "INSERT INTO event_streams VALUES (:p, :last)", [{"p": busy, "last": 35}, {"p": quiet, "last": 8}])
    await insert(
        floor,
        "INSERT INTO events (project_id, seq, name, ids, changed, created_at) "
        "VALUES (:project, :seq, 'job.done', '{}', '{}', :at)",
        events,
    )
    assert (await swept(floor))["events"] == 25
    async with floor.write() as tx:
        left = (await tx.unchecked(text("SELECT project_id, min(seq), max(seq) FROM events GROUP BY 1"))).all()
    assert {row[0]: (row[1], row[2]) for row in left} == {busy: (26, 35), quiet: (1, 8)}
    assert (await swept(floor))["events"] == 0


async def test_expired_keys_challenges_and_house_jobs_go(floor: Floor, make: Make) -> None:
    now = floor.db.house.clock()
    day = timedelta(days=1)
    await insert(
        floor,
        "INSERT INTO idempotency_keys (actor, operation, key, fingerprint, response, op_id, expires_at) "
        "VALUES ('a', 'o', :key, '', '{}', :op, :at)",
        [{"key": str(n), "op": uuid7(), "at": now + n * day} for n in (-1, 1)],
    )
    await insert(
        floor,
        "INSERT INTO login_challenges (id, email, delivery, attempts, expires_at) "
        "VALUES (:id, 'a@example.org', 'email_code', 0, :at)",
        [{"id": uuid7(), "at": now - n * day} for n in (0, 2)],
    )
    project = (await make.project(await make.user())).id
    for owner in (None, project):
        await floor.drills(owner, 2)
        for _ in range(2):
            await floor.finish(await floor.claimed())
    await floor.drills(None)
    async with floor.write() as tx:
        await tx.unchecked(text("UPDATE jobs SET finished_at = :at WHERE finished_at IS NOT NULL"), {"at": now - 8 * day})
        await tx.unchecked(
            text(
                "UPDATE jobs SET finished_at = :at WHERE id = "
                "(SELECT id FROM jobs WHERE project_id IS NULL AND status = 'done' LIMIT 1)"
            ),
            {"at": now},
        )
    assert await swept(floor) == {"idempotency_keys": 1, "login_challenges": 1, "house_jobs": 1, "events": 0}
    # a project's jobs are its history; of the house's, the fresh and the open one are left
    assert [await count(floor, table) for table in ("idempotency_keys", "login_challenges", "jobs")] == [1, 1, 4]
    assert upkeep.BATCH == 5_000
