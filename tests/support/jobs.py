"""Drives jobs step by step, as a worker would, without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kilo_gql import claims, jobs
from kilo_gql.access import Perm, System
from kilo_gql.claims import Claim, Failure
from kilo_gql.db import Database, Tx
from kilo_gql.events import Change
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import JobStatus, Queue

LEASE = 30.0


class Floor:
    """The jobs table, and one worker's moves on it; each move is a transaction."""

    def __init__(self, db: Database) -> None:
        self.db = db
        #: Every event that a committed move told.
        self.told: list[Change] = []

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            yield tx
            await tx.write_outbox()
            await tx.session.commit()
        self.told.extend(tx.changes)

    async def enqueue(self, *new: NewJob) -> list[UUID]:
        async with self.write() as tx:
            return await jobs.enqueue(tx, *new)

    async def drills(self, project_id: UUID | None, count: int = 1, **options: Any) -> list[UUID]:
        return await self.enqueue(*(NewJob(JobType.DRILL, {}, project_id, **options) for _ in range(count)))

    async def claim(self, queue: Queue = Queue.CPU, lease: float = LEASE) -> Claim | None:
        async with self.write() as tx:
            return await claims.claim(tx, queue, lease)

    async def claimed(self, queue: Queue = Queue.CPU) -> Claim:
        claim = await self.claim(queue)
        assert claim is not None
        return claim

    async def finish(self, claim: Claim, result: dict[str, Any] | None = None) -> None:
        async with self.write() as tx:
            await claims.finish(tx, claim, result)

    async def fail(self, claim: Claim, code: str = "broken") -> JobStatus:
        async with self.write() as tx:
            return await claims.fail(tx, claim, Failure(code, "It broke.", ("Mend it.",)))

    async def put_back(self, claim: Claim, **options: Any) -> JobStatus:
        async with self.write() as tx:
            return await claims.put_back(tx, claim, **options)

    async def heartbeat(self, *held: Claim) -> dict[tuple[UUID, int], bool]:
        async with self.write() as tx:
            return await claims.heartbeat(tx, held, LEASE)

    async def silence(self, *job_ids: UUID) -> int:
        """Let leases (of these jobs, or of all that run) run out and the reconciler see it; how many did."""
        async with self.write() as tx:
            await tx.unchecked(
                text(
                    "UPDATE jobs SET lease_until = now() - interval '1 second' "
                    "WHERE status = 'running' AND (:all OR id = ANY(:ids))"
                ),
                {"all": not job_ids, "ids": list(job_ids)},
            )
            return len(await claims.expire(tx))

    async def row(self, job_id: UUID) -> dict[str, Any]:
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            found = await tx.unchecked(text("SELECT * FROM jobs WHERE id = :id"), {"id": job_id})
            return dict(found.one()._mapping)

    async def statuses(self) -> dict[UUID, str]:
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return {row.id: row.status for row in await tx.unchecked(text("SELECT id, status FROM jobs ORDER BY id"))}
