"""What the house throws away, and what it must not."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain.upkeep import sweep
from kilo_gql.models.base import uuid7
from kilo_gql.storage import open_store
from tasks.child import Children
from tasks.kit import Workshop
from tasks.runner import Runner
from tests.conftest import SilentBells
from tests.support.galleries import make_gallery
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.wait import until


async def count(floor: Floor, table: str) -> int:
    async with floor.write() as tx:
        return int(await tx.scalar(text(f"SELECT count(*) FROM {table}")))  # noqa: S608


async def swept(floor: Floor) -> dict[str, int]:
    async with floor.write() as tx:
        return await sweep(tx)


async def insert(floor: Floor, statement: str, rows: list[dict[str, Any]]) -> None:
    async with floor.write() as tx:
        for row in rows:
            await tx.unchecked(text(statement), row)


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
    ada = await make.user()
    await insert(
        floor,
        "INSERT INTO sessions (id, user_id, kind, last_seen_at, expires_at, revoked_at) "
        "VALUES (:id, :user, 'tokens', :now, :expires, :revoked)",
        [
            {"id": uuid7(), "user": ada.user_id, "now": now, "expires": now + expires * day, "revoked": revoked}
            for expires, revoked in ((-31, None), (-29, None), (9, now - 31 * day), (9, now - 29 * day))
        ],
    )
    made = await make.project(ada)
    project, gallery = made.id, await make_gallery(floor.db, made, [])
    await insert(
        floor,
        "INSERT INTO gallery_guesses (gallery_id, address, count, window_ends_at) VALUES (:id, :address, 10, :at)",
        [{"id": gallery.id, "address": bytes([n]), "at": now + (2 * n - 1) * day} for n in (0, 1)],
    )
    for owner in (None, project):
        await floor.drills(owner, 2)
        for _ in range(2):
            await floor.finish(await floor.claimed())
    await floor.drills(None)
    async with floor.write() as tx:
        await tx.unchecked(
            text("UPDATE jobs SET finished_at = :at WHERE finished_at IS NOT NULL"), {"at": now - 8 * day}
        )
        await tx.unchecked(
            text(
                "UPDATE jobs SET finished_at = :at WHERE id = "
                "(SELECT id FROM jobs WHERE project_id IS NULL AND status = 'done' LIMIT 1)"
            ),
            {"at": now},
        )
    assert await swept(floor) == {
        "idempotency_keys": 1,
        "login_challenges": 1,
        "gallery_guesses": 1,
        "sessions": 2,
        "house_jobs": 1,
    }
    assert set((await swept(floor)).values()) == {0}
    # a project's jobs are its history; of the house's, the fresh and the open one are left
    assert [await count(floor, table) for table in ("idempotency_keys", "login_challenges", "sessions", "jobs")] == [
        1,
        1,
        3,
        4,
    ]


async def test_what_killed_workers_left_on_this_machine_goes(db: Database, settings: Settings) -> None:
    left, used = settings.home / "scratch" / "left", settings.home / "scratch" / "used"
    for folder in (left, used):
        folder.mkdir(parents=True)
        (folder / "preview.jpg").write_bytes(b"x")
    os.utime(left, (0, time.time() - 3_700))
    store = await open_store(settings, create=True)
    async with Children(1) as children:
        sweeping = asyncio.create_task(Runner(Workshop(settings, db, SilentBells(), children, store), {}).sweep())
        await until(lambda: not left.exists())
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
    await store.aclose()
    assert [path.name for path in used.iterdir()] == ["preview.jpg"]
