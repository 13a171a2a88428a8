"""What becomes of an attempt: the runner's judgement, with handlers made for it and the product's own children."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from kilo_gql import jobs
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.errors import BadRequest, InsufficientStorage, Unavailable
from kilo_gql.events import EventName
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Queue
from kilo_gql.storage import open_store
from tasks import registry
from tasks.broker import Line, _message
from tasks.child import Children
from tasks.kit import Kit, Workshop
from tasks.registry import Handler
from tasks.runner import Runner
from tests.conftest import SilentBells
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.wait import until, until_seen

Work = Callable[[Kit], Awaitable[Any]]


@pytest.fixture
async def project(make: Make) -> UUID:
    return (await make.project(await make.user())).id


@pytest_asyncio.fixture
async def workshop(db: Database, bells: SilentBells, tmp_path: Path) -> AsyncIterator[Workshop]:
    settings = Settings(home=tmp_path, job_lease=30, job_claims=3)
    async with Children(1) as children:
        yield Workshop(settings, db, bells, children, await open_store(settings))


def runner(workshop: Workshop, work: Work, attempts: int | None = None) -> Runner:
    return Runner(workshop, {JobType.DRILL: Handler(JobType.DRILL, work, attempts)})


async def run_all(runner: Runner, queue: Queue = Queue.CPU) -> int:
    """Run what can run now; how many attempts that took."""
    count = 0
    while await runner.run_next(queue):
        count += 1
    return count


async def make_due(floor: Floor) -> None:
    async with floor.write() as tx:
        await tx.unchecked(
            text("UPDATE jobs SET not_before = now() - interval '1 second' WHERE not_before IS NOT NULL")
        )


def test_each_type_has_exactly_one_handler() -> None:
    assert set(registry.handlers()) == set(JobType)
    assert {handler.type for handler in registry.handlers().values()} == set(JobType)
    with pytest.raises(TypeError):
        registry.handles(JobType.DRILL)(lambda kit: None)
    assert set(jobs.QUEUES) == set(JobType)


async def test_a_drill_walks_in_a_child_and_answers(floor: Floor, workshop: Workshop, project: UUID) -> None:
    (job_id,) = await floor.enqueue(NewJob(JobType.DRILL, {"steps": 3, "step_ms": 1}, project))
    assert await run_all(Runner(workshop, registry.handlers())) == 1
    row = await floor.row(job_id)
    assert (row["status"], row["attempts"], row["result"]["steps"]) == ("done", 1, 3)


async def test_a_refusal_fails_at_once_with_its_words(floor: Floor, workshop: Workshop, project: UUID) -> None:
    async def refuse(kit: Kit) -> None:
        raise BadRequest("No.", code="no_photo", remediation=["Upload one."])

    (job_id,) = await floor.drills(project)
    assert await run_all(runner(workshop, refuse)) == 1
    row = await floor.row(job_id)
    assert (row["status"], row["error_code"], row["error"], row["remediation"]) == (
        "failed", "no_photo", "No.", ["Upload one."],
    )  # fmt: skip


async def test_what_may_pass_is_tried_again_later(floor: Floor, workshop: Workshop, project: UUID) -> None:
    async def away(kit: Kit) -> None:
        raise Unavailable("The mail server does not answer.", code="mail_unavailable", retry_after=40)

    (job_id,) = await floor.drills(project)
    for attempt in range(1, 5):
        assert await run_all(runner(workshop, away, attempts=4)) == 1
        row = await floor.row(job_id)
        if attempt < 4:
            assert (row["status"], row["attempts"], row["error_code"]) == ("queued", attempt, None)
            assert round((row["not_before"] - row["updated_at"]).total_seconds()) == 40
            await make_due(floor)
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", "mail_unavailable", 4)


async def test_a_bug_is_tried_again_with_backoff_and_then_masked(
    floor: Floor, workshop: Workshop, project: UUID
) -> None:
    async def bug(kit: Kit) -> None:
        raise KeyError("secret")

    (job_id,) = await floor.drills(project)
    waits = []
    for _ in range(2):
        assert await run_all(runner(workshop, bug)) == 1
        row = await floor.row(job_id)
        waits.append(round((row["not_before"] - row["updated_at"]).total_seconds()))
        await make_due(floor)
    assert waits == [1, 2]
    assert await run_all(runner(workshop, bug)) == 1
    row = await floor.row(job_id)
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", "internal", 3)
    assert "secret" not in row["error"]


async def test_a_file_that_kills_its_child_three_times_is_quarantined(
    floor: Floor, workshop: Workshop, project: UUID
) -> None:
    async def poison(kit: Kit) -> Any:
        return await kit.call("os:abort")

    (poisoned,) = await floor.drills(project)
    assert await run_all(runner(workshop, poison)) == 3
    row = await floor.row(poisoned)
    assert (row["status"], row["error_code"], row["attempts"], row["lost"]) == ("failed", "crashed_repeatedly", 3, 0)
    assert row["error"] == "The work broke off each time it was tried. The last time: It died of SIGABRT."
    (good,) = await floor.enqueue(NewJob(JobType.DRILL, {"steps": 1, "step_ms": 0}, project))
    await run_all(Runner(workshop, registry.handlers()))
    assert (await floor.row(good))["status"] == "done"


async def test_a_type_that_this_version_does_not_know_fails(floor: Floor, workshop: Workshop, project: UUID) -> None:
    (job_id,) = await floor.drills(project)
    assert await run_all(Runner(workshop, {})) == 1
    assert (await floor.row(job_id))["error_code"] == "job_type_unknown"


async def test_effects_and_done_are_one_commit(floor: Floor, workshop: Workshop, project: UUID) -> None:
    """A handler that breaks inside ``finish`` leaves nothing; one that returns leaves both."""
    breaks = [True, False]

    async def work(kit: Kit) -> None:
        async with kit.finish({"n": 1}) as tx:
            await jobs.enqueue(tx, NewJob(JobType.DRILL, {}, project, not_before=tx.now.replace(year=tx.now.year + 1)))
            if breaks.pop(0):
                raise OSError("disk full")

    (job_id,) = await floor.drills(project)
    await run_all(runner(workshop, work))
    assert await floor.statuses() == {job_id: "queued"}
    async with floor.write() as tx:
        await tx.unchecked(text("UPDATE jobs SET not_before = NULL"))
    await run_all(runner(workshop, work))
    assert Counter((await floor.statuses()).values()) == {"done": 1, "queued": 1}


async def test_a_stale_handler_leaves_no_effect_20_times(floor: Floor, workshop: Workshop, project: UUID) -> None:
    """As after SIGSTOP for longer than the lease: the job went on elsewhere, then the first worker wakes."""
    asleep, awake = asyncio.Event(), asyncio.Event()
    effects: list[str] = []

    async def work(kit: Kit) -> None:
        if kit.claim.lost == 0:
            asleep.set()
            await awake.wait()
        async with kit.finish() as tx:
            await jobs.enqueue(tx, NewJob(JobType.MAIL_LOGIN, {"fence": kit.claim.fence}, None))
        effects.append("fresh" if kit.claim.lost else "stale")

    for _ in range(20):
        asleep.clear()
        awake.clear()
        (job_id,) = await floor.drills(project)
        sleeper = asyncio.create_task(runner(workshop, work).run_next(Queue.CPU))
        await asleep.wait()
        assert await floor.silence(job_id) == 1
        assert await runner(workshop, work).run_next(Queue.CPU)
        awake.set()
        assert await sleeper
        assert (await floor.row(job_id))["status"] == "done"
    assert effects == ["fresh"] * 20
    assert Counter((await floor.statuses()).values()) == {"done": 20, "queued": 20}


async def test_progress_is_written_four_times_a_second_at_most(floor: Floor, workshop: Workshop, project: UUID) -> None:
    said = asyncio.Event()
    go = asyncio.Event()

    async def work(kit: Kit) -> None:
        for step in range(1_000):
            kit.report(step / 1_000, "walk", f"Step {step}")
        said.set()
        await go.wait()

    (job_id,) = await floor.drills(project)
    busy = runner(workshop, work)
    running = asyncio.create_task(busy.run_next(Queue.CPU))
    await said.wait()
    for _ in range(3):
        await busy.tell_once()
    row = await floor.row(job_id)
    assert (row["progress"], row["stage"], row["message"]) == (0.999, "walk", "Step 999")
    go.set()
    await running
    async with floor.write() as tx:
        names = [r.name for r in await tx.unchecked(text("SELECT name FROM outbox ORDER BY id"))]
    # queued, running, one report for a thousand, done
    assert names == [EventName.JOB_PROGRESS] * 3 + [EventName.JOB_DONE]


async def test_cancel_stops_a_running_handler_and_its_child(floor: Floor, workshop: Workshop, project: UUID) -> None:
    started = asyncio.Event()

    async def work(kit: Kit) -> Any:
        started.set()
        return await kit.call("tasks.drill:walk", steps=1_000, step_ms=1_000)

    (job_id,) = await floor.drills(project)
    busy = runner(workshop, work)
    running = asyncio.create_task(busy.run_next(Queue.CPU))
    await started.wait()
    await asyncio.sleep(0.5)
    (pid,) = workshop.children.pids
    async with floor.write() as tx:
        await tx.unchecked(text("UPDATE jobs SET cancel_requested = true WHERE id = :id"), {"id": job_id})
    busy.cancel(str(job_id))
    async with asyncio.timeout(2):
        await running
    assert pid not in workshop.children.pids
    assert (await floor.row(job_id))["status"] == "canceled"


async def test_the_heartbeat_finds_what_the_bell_missed(floor: Floor, workshop: Workshop, project: UUID) -> None:
    started = asyncio.Event()

    async def work(kit: Kit) -> None:
        started.set()
        await asyncio.sleep(60)

    canceled, lost = await floor.drills(project, 2)
    busy = runner(workshop, work)
    running = [asyncio.create_task(busy.run_next(Queue.CPU)) for _ in range(2)]
    await until(lambda: busy.held == 2)
    async with floor.write() as tx:
        await tx.unchecked(text("UPDATE jobs SET cancel_requested = true WHERE id = :id"), {"id": canceled})
    await floor.silence(lost)
    await busy._beat()
    await asyncio.gather(*running)
    assert await floor.statuses() == {canceled: "canceled", lost: "queued"}


async def test_draining_hands_back_without_burning_an_attempt(floor: Floor, workshop: Workshop, project: UUID) -> None:
    async def work(kit: Kit) -> None:
        await asyncio.sleep(0.1 if kit.arguments.get("quick") else 60)

    (quick,) = await floor.enqueue(NewJob(JobType.DRILL, {"quick": True}, project))
    (slow,) = await floor.drills(project)
    busy = runner(workshop, work)
    running = [asyncio.create_task(busy.run_next(Queue.CPU)) for _ in range(2)]
    await until(lambda: busy.held == 2)
    await busy.drain(grace=0.5)
    await asyncio.gather(*running)
    assert await floor.statuses() == {quick: "done", slow: "queued"}
    assert (await floor.row(slow))["attempts"] == 0
    assert not await busy.run_next(Queue.CPU)


@pytest.mark.parametrize("copies", [1, 3])
async def test_messages_may_come_thrice_in_any_order(
    floor: Floor, workshop: Workshop, project: UUID, copies: int
) -> None:
    """The ledger of effects and the final rows are the same, however the broker behaves."""
    async with floor.write() as tx:
        await tx.unchecked(text("CREATE TABLE effects (job_id uuid, n int)"))

    async def work(kit: Kit) -> dict[str, int]:
        async with kit.finish({"n": kit.arguments["n"]}) as tx:
            await tx.unchecked(
                text("INSERT INTO effects VALUES (:id, :n)"), {"id": kit.claim.id, "n": kit.arguments["n"]}
            )
        return {}

    ids = await floor.enqueue(*(NewJob(JobType.DRILL, {"n": n}, project) for n in range(60)))
    messages = [str(job_id) for job_id in ids] * copies
    random.Random(7).shuffle(messages)
    busy = runner(workshop, work)
    line = Line(Queue.CPU, 4, busy.run_next)
    try:
        for job_id in messages:
            line._broker.enqueue(_message("cpu", job_id))

        async def all_done() -> bool:
            return set((await floor.statuses()).values()) == {"done"}

        await until_seen(all_done)
        await asyncio.to_thread(line._broker.join, "cpu", timeout=10_000)
    finally:
        await line.close(5)
    async with floor.write() as tx:
        effects = (await tx.unchecked(text("SELECT job_id, n FROM effects"))).all()
        rows = (await tx.unchecked(text("SELECT id, status, attempts, fence, result FROM jobs"))).all()
    assert sorted((str(row.job_id), row.n) for row in effects) == sorted(
        (str(job_id), n) for n, job_id in enumerate(ids)
    )
    assert {(row.status, row.attempts, row.fence) for row in rows} == {("done", 1, 1)}
    assert {row.id: row.result for row in rows} == {job_id: {"n": n} for n, job_id in enumerate(ids)}


async def test_a_worker_outlives_a_database_that_is_away(floor: Floor, workshop: Workshop, project: UUID) -> None:
    async def work(kit: Kit) -> None:
        return None

    broken = Database("postgresql://nobody@127.0.0.1:1/none", workshop.db.house)
    away = runner(Workshop(workshop.settings, broken, workshop.bells, workshop.children, workshop.store), work)
    assert await away.run_next(Queue.CPU) is False
    await broken.close()


async def test_a_patient_job_waits_for_the_store(floor: Floor, workshop: Workshop, project: UUID) -> None:
    """However often the store is away, that is not the job's fault."""
    away = 5

    async def work(kit: Kit) -> None:
        nonlocal away
        away -= 1
        if away >= 0:
            raise InsufficientStorage("The object store is full.", retry_after=60)

    patient = Runner(workshop, {JobType.DRILL: Handler(JobType.DRILL, work, patient=True)})
    (job_id,) = await floor.drills(project)
    for _ in range(5):
        assert await patient.run_next(Queue.CPU)
        row = await floor.row(job_id)
        assert (row["status"], row["attempts"], row["stage"]) == ("queued", 0, "waiting")
        assert row["message"] == "The object store is full."
        assert await patient.run_next(Queue.CPU) is False  # not before its time
        await make_due(floor)
    assert await run_all(patient) == 1
    row = await floor.row(job_id)
    assert (row["status"], row["attempts"]) == ("done", 1)
