"""Who goes first, and that finding out stays cheap."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from kilo_gql import claims, jobs
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Priority, Queue
from tests.support.jobs import Floor
from tests.support.make import Make


async def projects(make: Make, count: int) -> list[UUID]:
    ada = await make.user()
    return [(await make.project(ada)).id for _ in range(count)]


async def order(floor: Floor, names: dict[UUID, str], count: int) -> str:
    """The projects of the next ``count`` claims, each finished before the next."""
    said = ""
    for _ in range(count):
        claim = await floor.claimed()
        said += names[claim.project_id]
        await floor.finish(claim)
    return said


async def test_within_a_project_the_oldest_goes_first(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    ids = await floor.drills(a, 3) + await floor.drills(a, 2)
    assert [(await floor.claimed()).id for _ in range(5)] == ids
    assert await floor.claim() is None


async def test_projects_take_turns_however_much_one_queues(floor: Floor, make: Make) -> None:
    a, b, c = await projects(make, 3)
    names = {a: "a", b: "b", c: "c"}
    await floor.drills(a, 1_000)
    assert await order(floor, names, 10) == "a" * 10
    await floor.drills(b, 3)
    # b joins at the present turn, not at the end of a's thousand
    assert await order(floor, names, 8) == "aabababa"
    await floor.drills(b, 3)
    await floor.drills(c, 3)
    assert await order(floor, names, 12) == "aabcabcabcaa"


async def test_a_project_that_was_away_has_saved_up_no_turns(floor: Floor, make: Make) -> None:
    a, b = await projects(make, 2)
    names = {a: "a", b: "b"}
    await floor.drills(b, 1)
    await floor.drills(a, 50)
    assert await order(floor, names, 40) == "b" + "a" * 39
    await floor.drills(b, 20)
    assert await order(floor, names, 12) == "aabababababa"


async def test_priorities_come_before_turns_and_are_fair_within(floor: Floor, make: Make) -> None:
    a, b = await projects(make, 2)
    names = {a: "a", b: "b"}
    await floor.drills(a, 2, priority=Priority.BACKFILL)
    await floor.drills(a, 3)
    await floor.drills(b, 2)
    await floor.drills(b, 1, priority=Priority.INTERACTIVE)
    # interactive; normal, taking turns; backfill
    assert await order(floor, names, 8) == "b" + "aabab" + "aa"


async def test_the_houses_own_jobs_are_one_more_party(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    names = {a: "a", None: "-"}
    await floor.drills(None, 4)
    await floor.drills(a, 2)
    assert await order(floor, names, 6) == "--a-a-"


async def test_queues_do_not_mix_and_later_jobs_wait(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    await floor.drills(a, 1, queue=Queue.GPU)
    assert await floor.claim(Queue.CPU) is None
    assert (await floor.claimed(Queue.GPU)).queue is Queue.GPU
    now = floor.db.house.clock()
    later, past = now.replace(year=now.year + 1), now.replace(year=now.year - 1)
    await floor.drills(a, 1, not_before=later)
    (due,) = await floor.drills(a, 1, not_before=past)
    assert (await floor.claimed()).id == due
    assert await floor.claim() is None


async def test_a_job_that_comes_back_keeps_its_place(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    ids = await floor.drills(a, 3)
    first = await floor.claimed()
    await floor.put_back(first)
    assert [(await floor.claimed()).id for _ in range(3)] == ids


async def test_a_row_that_is_being_claimed_is_passed_over(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    ids = await floor.drills(a, 2)
    async with floor.write() as tx:
        mine = await claims.claim(tx, Queue.CPU, 30)
        theirs = await floor.claimed()
    assert mine is not None
    assert [mine.id, theirs.id] == ids


@pytest.mark.parametrize(("name", "queue"), [("cpu", Queue.CPU), ("io", Queue.IO)])
async def test_a_claim_is_one_probe_of_its_index_also_in_a_prepared_plan(
    floor: Floor, make: Make, database_url: str, name: str, queue: Queue
) -> None:
    (a,) = await projects(make, 1)
    await floor.drills(a, 3_000, queue=queue)
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("ANALYZE jobs; SET plan_cache_mode = force_generic_plan")
        sql = str(claims._CLAIM).replace(":queue", "$1").replace(":lease", "$2")
        await connection.execute(f"PREPARE claim AS {sql}")
        plan = "\n".join(
            row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF) EXECUTE claim('{name}', 30)")
        )
    finally:
        await connection.close()
    assert "Index Scan using ix_jobs_claim on jobs" in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


async def test_enqueueing_looks_at_no_more_than_the_ends_of_indexes(
    floor: Floor, make: Make, database_url: str
) -> None:
    (a,) = await projects(make, 1)
    await floor.drills(a, 3_000)
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("ANALYZE jobs")
        plan = "\n".join(
            row[0]
            for row in await connection.fetch(
                f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT {jobs.TURN} "  # noqa: S608
                f"FROM (VALUES ('cpu', 10, '{a}'::uuid)) AS f(queue, priority, project_id)"
            )
        )
    finally:
        await connection.close()
    assert "Seq Scan" not in plan
    assert max(int(part.split("rows=")[1].split(".")[0]) for part in plan.split("actual ")[1:]) == 1


async def test_a_thousand_jobs_are_one_statement_and_two_events(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    ids = await floor.drills(a, 1_000)
    assert [len(change.ids) for change in floor.told] == [500, 500]
    assert {change.changed["status"] for change in floor.told} == {"queued"}
    assert sorted(job_id for change in floor.told for job_id in change.ids) == sorted(ids)


async def test_once_makes_one_of_many(floor: Floor, make: Make) -> None:
    a, b = await projects(make, 2)
    now = floor.db.house.clock()
    past, soon, later = (now.replace(year=now.year + years) for years in (-1, 1, 2))
    job = NewJob(JobType.DRILL, {"n": 1}, a, once="cluster:a", not_before=later, priority=Priority.BACKFILL)
    first, again = await floor.enqueue(job, NewJob(JobType.DRILL, {"n": 2}, a, once="cluster:a", not_before=soon))
    row = await floor.row(first)
    assert (first == again, row["not_before"], row["priority"]) == (True, soon, Priority.NORMAL)
    (third,) = await floor.enqueue(NewJob(JobType.DRILL, {"n": 3}, a, once="cluster:a", not_before=past))
    (other,) = await floor.enqueue(NewJob(JobType.DRILL, {}, b, once="cluster:b"))
    assert third == first != other
    row = await floor.row(first)
    assert (row["not_before"], row["priority"]) == (past, Priority.NORMAL)
    await floor.enqueue(NewJob(JobType.DRILL, {"n": 4}, a, once="cluster:a", priority=Priority.INTERACTIVE))
    claim = await floor.claimed()
    assert (claim.id, claim.arguments) == (first, {"n": 1})
    # it runs: what is asked for from now on must be done again
    (next_,) = await floor.enqueue(NewJob(JobType.DRILL, {"n": 5}, a, once="cluster:a"))
    assert next_ != first
    # and a claim that is lost meanwhile does not collide with it
    assert await floor.silence(first) == 1
    assert await floor.statuses() == {first: "queued", other: "queued", next_: "queued"}


async def test_a_twin_is_not_claimed_before_the_transaction_that_relies_on_it(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    (first,) = await floor.drills(a, once="cluster")
    async with floor.write() as tx:
        assert await jobs.enqueue(tx, NewJob(JobType.DRILL, {}, a, once="cluster")) == [first]
        assert await floor.claim() is None
    assert (await floor.claimed()).id == first


async def test_lag_counts_what_waits_runs_and_is_late(floor: Floor, make: Make) -> None:
    (a,) = await projects(make, 1)
    now = floor.db.house.clock()
    await floor.drills(a, 3)
    await floor.drills(a, 1, not_before=now.replace(year=now.year + 1))
    await floor.claimed()
    async with floor.write() as tx:
        lags = {lag.queue: lag for lag in await jobs.queue_lag(tx)}
    cpu = lags[Queue.CPU]
    assert (cpu.queued, cpu.runnable, cpu.running, 0 <= cpu.oldest < 60) == (3, 2, 1, True)
    assert lags[Queue.IO] == jobs.QueueLag(Queue.IO, 0, 0, 0, 0.0)
