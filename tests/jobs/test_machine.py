"""Any order of events: a model of the jobs table, and the table, step by step.

KILO_SEQUENCES sets how many sequences are tried, KILO_SEED which.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from kilo_gql.access import UserActor
from kilo_gql.claims import MAX_LOST, CancelRequested, Claim, Stale
from kilo_gql.db import Database, House
from kilo_gql.domain import jobs as domain
from kilo_gql.errors import Conflict
from kilo_gql.events import EventName
from kilo_gql.jobs import LIFECYCLE, JobType, NewJob
from kilo_gql.models import JobStatus
from kilo_gql.operations import Throat
from tests.conftest import SilentBells
from tests.support.jobs import Floor
from tests.support.make import Make

T = TypeVar("T")

SEQUENCES = int(os.environ.get("KILO_SEQUENCES", "40"))
SEED = int(os.environ.get("KILO_SEED", random.SystemRandom().randrange(1 << 32)))
STEPS = 40
MOST_JOBS = 3
EDGES = {(source, target) for sources, target in LIFECYCLE.values() for source in sources}


@dataclass
class Model:
    """What the row should say."""

    status: JobStatus = JobStatus.QUEUED
    fence: int = 0
    attempts: int = 0
    lost: int = 0
    cancel_requested: bool = False
    ends: int = 0
    once: str | None = None


class World:
    """One database and one event loop for all sequences."""

    def __init__(self, url: str, house: House) -> None:
        self.loop = asyncio.new_event_loop()
        self.db = Database(url, house)
        self.throat = Throat(self.db, SilentBells())
        self.member, self.projects = self.run(self._people())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _people(self) -> tuple[UserActor, list[UUID]]:
        make = Make(self.db)
        ada = await make.user()
        return ada, [(await make.project(ada)).id for _ in range(2)]

    def close(self) -> None:
        self.run(self.db.close())
        self.loop.close()


class Machine(RuleBasedStateMachine):
    """Everybody at once: members, workers, dead workers, and a broker that repeats itself."""

    world: World

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor(self.world.db)
        self.model: dict[UUID, Model] = {}
        self.seen: dict[UUID, JobStatus] = {}
        self.do(self._empty())

    async def _empty(self) -> None:
        async with self.floor.write() as tx:
            await tx.unchecked(text("TRUNCATE jobs, outbox"))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.world.run(work)

    def held(self, claim: Claim) -> bool:
        model = self.model[claim.id]
        return model.status is JobStatus.RUNNING and model.fence == claim.fence

    def end(self, model: Model, status: JobStatus) -> None:
        model.status = status
        model.ends += status.terminal

    @initialize(target=jobs)
    def begin(self) -> Any:
        return multiple(self.enqueue(0, None), self.enqueue(1, "a"))

    @initialize(target=claims)
    def begin_work(self) -> Any:
        return self.claim()

    # few jobs, so that many moves meet on each
    @precondition(lambda self: len(self.model) < MOST_JOBS)
    @rule(target=jobs, project=st.integers(0, 1), once=st.sampled_from([None, None, "a", "b"]))
    def enqueue(self, project: int, once: str | None) -> UUID:
        (job_id,) = self.do(self.floor.enqueue(NewJob(JobType.DRILL, {}, self.world.projects[project], once=once)))
        twin = [
            known
            for known, model in self.model.items()
            if once is not None and model.once == once and model.status is JobStatus.QUEUED
        ]
        if twin:
            assert job_id == twin[0]
        else:
            assert job_id not in self.model
            self.model[job_id] = Model(once=once)
            self.seen[job_id] = JobStatus.QUEUED
        return job_id

    @rule(target=claims)
    def claim(self) -> Any:
        """Also what a repeated message does: it finds another job, or none."""
        claim = self.do(self.floor.claim())
        waiting = [job_id for job_id, model in self.model.items() if model.status is JobStatus.QUEUED]
        assert (claim is None) == (not waiting)
        if claim is None:
            return multiple()
        model = self.model[claim.id]
        assert model.status is JobStatus.QUEUED
        model.status, model.once = JobStatus.RUNNING, None
        model.fence += 1
        model.attempts += 1
        assert (claim.fence, claim.attempts, claim.lost) == (model.fence, model.attempts, model.lost)
        return claim

    @rule(claim=claims)
    def finish(self, claim: Claim) -> None:
        model = self.model[claim.id]
        if not self.held(claim):
            with pytest.raises(Stale):
                self.do(self.floor.finish(claim))
        elif model.cancel_requested:
            with pytest.raises(CancelRequested):
                self.do(self.floor.finish(claim))
        else:
            self.do(self.floor.finish(claim))
            self.end(model, JobStatus.DONE)

    @rule(claim=consumes(claims), last=st.booleans())
    def crash(self, claim: Claim, last: bool) -> None:
        """The child died: back to the queue, or failed for good."""
        model = self.model[claim.id]
        move = self.floor.fail(claim) if last else self.floor.put_back(claim)
        if not self.held(claim):
            with pytest.raises(Stale):
                self.do(move)
            return
        wanted = JobStatus.FAILED if last else JobStatus.QUEUED
        self.end(model, JobStatus.CANCELED if model.cancel_requested else wanted)
        assert self.do(move) is model.status

    @rule(claim=claims)
    def hand_back(self, claim: Claim) -> None:
        if not self.held(claim):
            return
        model = self.model[claim.id]
        model.attempts -= 1
        self.end(model, JobStatus.CANCELED if model.cancel_requested else JobStatus.QUEUED)
        assert self.do(self.floor.put_back(claim, refund=True)) is model.status

    @rule(claim=claims)
    def expire(self, claim: Claim) -> None:
        """The worker fell silent; its claim stays in the bundle and comes back as a stale writer."""
        held = self.model[claim.id].status is JobStatus.RUNNING
        assert self.do(self.floor.silence(claim.id)) == held
        if held:
            model = self.model[claim.id]
            model.lost += 1
            gone = JobStatus.FAILED if model.lost > MAX_LOST else JobStatus.QUEUED
            self.end(model, JobStatus.CANCELED if model.cancel_requested else gone)

    @rule(target=claims, claim=claims)
    def take_over(self, claim: Claim) -> Any:
        """Expire, and claim again at once; then the first holder, who does not know, comes with its result."""
        self.expire(claim)
        fresh = self.claim()
        self.finish(claim)
        return fresh

    @rule(claim=claims)
    def heartbeat(self, claim: Claim) -> None:
        held = {claim.key: self.model[claim.id].cancel_requested} if self.held(claim) else {}
        assert self.do(self.floor.heartbeat(claim)) == held

    @rule(job_id=jobs)
    def cancel(self, job_id: UUID) -> None:
        model = self.model[job_id]
        call = self.world.throat.execute(self.world.member, domain.cancel_job, job_id)
        if model.status in (JobStatus.DONE, JobStatus.FAILED):
            with pytest.raises(Conflict):
                self.do(call)
            return
        self.do(call)
        if model.status is JobStatus.RUNNING:
            model.cancel_requested = True
        elif model.status is JobStatus.QUEUED:
            self.end(model, JobStatus.CANCELED)

    @rule(job_id=jobs)
    def retry(self, job_id: UUID) -> None:
        model = self.model[job_id]
        call = self.world.throat.execute(self.world.member, domain.retry_job, job_id)
        if model.status not in (JobStatus.FAILED, JobStatus.CANCELED):
            with pytest.raises(Conflict):
                self.do(call)
            return
        self.do(call)
        self._again(model)

    @rule(project=st.integers(0, 1))
    def retry_failed(self, project: int) -> None:
        project_id = self.world.projects[project]
        failed = self.do(self._failed(project_id))
        count = self.do(self.world.throat.execute(self.world.member, domain.retry_failed_jobs, project_id)).value
        assert count == len(failed)
        for job_id in failed:
            assert self.model[job_id].status is JobStatus.FAILED
            self._again(self.model[job_id])

    async def _failed(self, project_id: UUID) -> list[UUID]:
        async with self.floor.write() as tx:
            statement = text("SELECT id FROM jobs WHERE project_id = :project AND status = 'failed'")
            return [row.id for row in await tx.unchecked(statement, {"project": project_id})]

    def _again(self, model: Model) -> None:
        model.status, model.attempts, model.lost, model.cancel_requested = JobStatus.QUEUED, 0, 0, False
        model.once = None
        model.fence += 1

    @invariant()
    def the_table_is_the_model_and_moves_legally(self) -> None:
        rows, ends = self.do(self._table())
        assert {row.id: (row.status, row.fence, row.attempts, row.lost, row.cancel_requested) for row in rows} == {
            job_id: (m.status, m.fence, m.attempts, m.lost, m.cancel_requested) for job_id, m in self.model.items()
        }
        for row in rows:
            status = JobStatus(row.status)
            assert status is self.seen[row.id] or (self.seen[row.id], status) in EDGES
            assert (row.lease_until is not None) == (status is JobStatus.RUNNING)
            assert (row.finished_at is not None) == status.terminal
            self.seen[row.id] = status
        assert ends == {job_id: m.ends for job_id, m in self.model.items() if m.ends}

    async def _table(self) -> tuple[list[Any], Counter[UUID]]:
        async with self.floor.write() as tx:
            rows = (await tx.unchecked(text("SELECT * FROM jobs"))).all()
            told = (await tx.unchecked(text("SELECT ids FROM outbox WHERE name = :n"), {"n": EventName.JOB_DONE})).all()
        return rows, Counter(job_id for row in told for job_id in row.ids)


def test_no_order_of_events_makes_an_illegal_move(
    postgres: str, house: House, record_property: pytest.RecordProperty
) -> None:
    record_property("seed", SEED)
    print(f"KILO_SEED={SEED} KILO_SEQUENCES={SEQUENCES}")  # noqa: T201 - shown when it fails
    name = "kilo_machine"
    asyncio.run(_admin(postgres, f"CREATE DATABASE {name} TEMPLATE kilo_template"))
    world = World(postgres.replace("/postgres?", f"/{name}?"), house)
    machine = type("Machine", (Machine,), {"world": world})
    try:
        run_state_machine_as_test(
            seed(SEED)(machine),
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            ),
        )
    finally:
        world.close()
        asyncio.run(_admin(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


async def _admin(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
