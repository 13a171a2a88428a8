"""What may happen to a job, and what each move tells the world."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest

from kilo_gql import claims, jobs
from kilo_gql.access import Anonymous, Perm
from kilo_gql.claims import MAX_LOST, CancelRequested, Claim, Report, Stale
from kilo_gql.db import Database
from kilo_gql.domain import jobs as domain
from kilo_gql.errors import BadRequest, Conflict, Forbidden, NotFound
from kilo_gql.events import EventName
from kilo_gql.jobs import CANCEL, LIFECYCLE, JobType, Move, NewJob
from kilo_gql.models import JobStatus, Priority, Queue, Role
from kilo_gql.operations import Throat
from kilo_gql.paging import Slice
from tests.conftest import SilentBells
from tests.support.jobs import Floor
from tests.support.make import Make


@pytest.fixture
async def project(make: Make) -> UUID:
    return (await make.project(await make.user())).id


def done(floor: Floor) -> list[tuple[UUID, dict[str, Any]]]:
    return [(c.ids[0], dict(c.changed)) for c in floor.told if c.name is EventName.JOB_DONE]


def test_the_lifecycle() -> None:
    edges = {(source.value, target.value) for sources, target in LIFECYCLE.values() for source in sources}
    assert edges == {
        ("queued", "running"), ("running", "done"), ("running", "failed"), ("running", "queued"),
        ("queued", "canceled"), ("running", "canceled"), ("failed", "queued"), ("canceled", "queued"),
    }  # fmt: skip
    assert set(LIFECYCLE) == set(Move)


async def test_a_job_from_queued_to_done(floor: Floor, project: UUID) -> None:
    (job_id,) = await floor.drills(project)
    claim = await floor.claimed()
    assert (claim.id, claim.fence, claim.attempts, claim.lost, claim.tries) == (job_id, 1, 1, 0, 1)
    running = await floor.row(job_id)
    assert (running["status"], running["lease_until"] > running["started_at"]) == ("running", True)
    await floor.finish(claim, {"steps": 3})
    row = await floor.row(job_id)
    assert (row["status"], row["progress"], row["result"], row["lease_until"]) == ("done", 1.0, {"steps": 3}, None)
    assert [(c.name, dict(c.changed)) for c in floor.told] == [
        ("job.progress", {"status": "queued", "type": "drill", "progress": 0.0}),
        ("job.progress", {"status": "running", "type": "drill", "attempts": 1, "progress": 0.0}),
        ("job.done", {"status": "done", "type": "drill", "progress": 1.0}),
    ]


async def test_the_houses_jobs_tell_nobody(floor: Floor) -> None:
    await floor.drills(None)
    await floor.finish(await floor.claimed())
    assert floor.told == []


async def test_a_writer_that_lost_its_lease_is_refused_whatever_it_tries(floor: Floor, project: UUID) -> None:
    (job_id,) = await floor.drills(project)
    stale = await floor.claimed()
    assert await floor.silence() == 1
    assert (await floor.row(job_id))["status"] == "queued"

    async def refused() -> None:
        before = await floor.row(job_id)
        for attempt in (floor.finish(stale, {"stale": True}), floor.fail(stale), floor.put_back(stale)):
            with pytest.raises(Stale):
                await attempt
        assert await floor.heartbeat(stale) == {}
        async with floor.write() as tx:
            await claims.report(tx, [Report(stale, 0.9, "late")])
        assert await floor.row(job_id) == before

    await refused()  # queued again
    fresh = await floor.claimed()
    assert (fresh.fence, fresh.attempts, fresh.lost, fresh.tries) == (2, 2, 1, 1)
    await refused()  # another's
    await floor.finish(fresh, {"stale": False})
    await refused()  # done
    assert done(floor) == [(job_id, {"status": "done", "type": "drill", "progress": 1.0})]


async def test_what_a_stale_handler_wrote_is_not_committed(floor: Floor, project: UUID) -> None:
    await floor.drills(project)
    stale = await floor.claimed()
    await floor.silence()

    async def late() -> None:
        async with floor.write() as tx:
            await jobs.enqueue(tx, NewJob(JobType.DRILL, {}, project))
            await claims.finish(tx, stale)

    with pytest.raises(Stale):
        await late()
    assert len(await floor.statuses()) == 1


async def test_a_heartbeat_keeps_the_lease(floor: Floor, project: UUID) -> None:
    (job_id,) = await floor.drills(project)
    claim = await floor.claim(lease=0.0)
    assert claim is not None
    assert await floor.heartbeat(claim) == {claim.key: False}
    async with floor.write() as tx:
        assert await claims.expire(tx) == []
    assert (await floor.row(job_id))["status"] == "running"


async def test_lost_leases_are_counted_apart_and_end_at_the_limit(floor: Floor, project: UUID) -> None:
    (job_id,) = await floor.drills(project)
    for lost in range(1, MAX_LOST + 1):
        claim = await floor.claimed()
        assert (claim.attempts, claim.lost, claim.tries) == (lost, lost - 1, 1)
        await floor.silence()
        assert (await floor.row(job_id))["status"] == "queued"
    await floor.claimed()
    await floor.silence()
    row = await floor.row(job_id)
    assert (row["status"], row["error_code"], row["lost"]) == ("failed", "crashed_repeatedly", MAX_LOST + 1)
    assert row["remediation"] == list(claims.crashed("").remediation)
    assert done(floor) == [(job_id, {"status": "failed", "type": "drill", "errorCode": "crashed_repeatedly"})]


async def test_a_job_that_is_handed_back_has_not_been_tried(floor: Floor, project: UUID) -> None:
    (job_id,) = await floor.drills(project)
    for _ in range(5):
        await floor.put_back(await floor.claimed(), refund=True)
    row = await floor.row(job_id)
    assert (row["status"], row["attempts"], row["fence"]) == ("queued", 0, 5)
    await floor.put_back(await floor.claimed(), delay=60)
    assert await floor.claim() is None


async def test_progress_is_told_and_bounded(floor: Floor, project: UUID) -> None:
    first, second = await floor.drills(project, 2)
    one, two = await floor.claimed(), await floor.claimed()
    floor.told.clear()
    async with floor.write() as tx:
        await claims.report(tx, [Report(one, 0.25, "decode", "Reading"), Report(two, 7.0)])
    row = await floor.row(first)
    assert (row["progress"], row["stage"], row["message"]) == (0.25, "decode", "Reading")
    assert (await floor.row(second))["progress"] == 1.0
    assert [(c.name, c.ids, dict(c.changed)) for c in floor.told] == [
        ("job.progress", (first,), {"progress": 0.25, "stage": "decode", "message": "Reading"}),
        ("job.progress", (second,), {"progress": 1.0, "stage": None, "message": None}),
    ]


class Doors:
    """The operations, as a member calls them."""

    def __init__(self, throat: Throat, make: Make) -> None:
        self.throat, self.make = throat, make

    async def open(self) -> tuple[UUID, Any]:
        ada = await self.make.user()
        return (await self.make.project(ada)).id, ada


@pytest.fixture
def doors(throat: Throat, make: Make) -> Doors:
    return Doors(throat, make)


async def test_a_queued_job_is_canceled_at_once(doors: Doors, floor: Floor, bells: SilentBells, throat: Throat) -> None:
    project, ada = await doors.open()
    job = (await throat.execute(ada, domain.start_drill, project)).value
    bells.jobs.clear()
    canceled = (await throat.execute(ada, domain.cancel_job, job.id)).value
    assert (canceled.status, canceled.finished_at is not None) == (JobStatus.CANCELED, True)
    assert bells.jobs == []
    assert await floor.claim() is None
    again = await throat.execute(ada, domain.cancel_job, job.id)
    assert (again.value.status, again.value.updated_at) == (JobStatus.CANCELED, canceled.updated_at)


@pytest.mark.parametrize("ending", ["finish", "fail", "put_back", "silence", "heartbeat"])
async def test_a_running_job_is_canceled_however_its_attempt_ends(
    doors: Doors, floor: Floor, bells: SilentBells, throat: Throat, ending: str
) -> None:
    project, ada = await doors.open()
    job = (await throat.execute(ada, domain.start_drill, project)).value
    claim = await floor.claimed()
    bells.jobs.clear()
    for _ in range(2):
        asked = (await throat.execute(ada, domain.cancel_job, job.id)).value
        assert (asked.status, asked.cancel_requested) == (JobStatus.RUNNING, True)
    assert bells.jobs == [(CANCEL, job.id)]
    if ending == "finish":
        with pytest.raises(CancelRequested):
            await floor.finish(claim, {"n": 1})
        assert (await floor.row(job.id))["status"] == "running"
        await floor.put_back(claim)
    elif ending == "fail":
        assert await floor.fail(claim) is JobStatus.CANCELED
    elif ending == "put_back":
        assert await floor.put_back(claim, refund=True) is JobStatus.CANCELED
    elif ending == "silence":
        assert await floor.silence() == 1
    else:
        assert await floor.heartbeat(claim) == {claim.key: True}
        await floor.put_back(claim)
    row = await floor.row(job.id)
    assert (row["status"], row["result"], row["error_code"]) == ("canceled", None, None)
    assert done(floor) == [(job.id, {"status": "canceled", "type": "drill"})]
    with pytest.raises(Stale):
        await floor.finish(claim)


async def test_what_has_ended_cannot_be_canceled(doors: Doors, floor: Floor, throat: Throat) -> None:
    project, ada = await doors.open()
    finished = (await throat.execute(ada, domain.start_drill, project)).value
    await floor.finish(await floor.claimed())
    failed = (await throat.execute(ada, domain.start_drill, project)).value
    await floor.fail(await floor.claimed())
    for job, status in ((finished, "done"), (failed, "failed")):
        before = await floor.row(job.id)
        with pytest.raises(Conflict) as refused:
            await throat.execute(ada, domain.cancel_job, job.id)
        assert (refused.value.code, refused.value.details) == (
            "illegal_transition",
            {"status": status, "move": "cancel"},
        )
        assert await floor.row(job.id) == before


async def test_retry_starts_afresh(doors: Doors, floor: Floor, bells: SilentBells, throat: Throat) -> None:
    project, ada = await doors.open()
    job = (await throat.execute(ada, domain.start_drill, project)).value
    old = await floor.claimed()
    await floor.fail(old)
    failed = (await throat.execute(ada, domain.get_job, job.id)).value
    assert (failed.status, failed.error_code, failed.error, failed.remediation) == (
        JobStatus.FAILED, "broken", "It broke.", ["Mend it."],
    )  # fmt: skip
    bells.jobs.clear()
    fresh = (await throat.execute(ada, domain.retry_job, job.id)).value
    assert (fresh.status, fresh.attempts, fresh.error_code, fresh.error, fresh.remediation, fresh.finished_at) == (
        JobStatus.QUEUED, 0, None, None, [], None,
    )  # fmt: skip
    assert bells.jobs == [("cpu", job.id)]
    claim = await floor.claimed()
    assert (claim.attempts, claim.fence) == (1, old.fence + 2)
    before = await floor.row(job.id)
    with pytest.raises(Conflict) as refused:
        await throat.execute(ada, domain.retry_job, job.id)
    assert refused.value.code == "illegal_transition"
    assert await floor.row(job.id) == before
    await floor.finish(claim)
    with pytest.raises(Conflict):
        await throat.execute(ada, domain.retry_job, job.id)


async def test_retry_all_takes_the_failed_of_one_project(
    doors: Doors, floor: Floor, bells: SilentBells, throat: Throat
) -> None:
    project, ada = await doors.open()
    other = (await doors.make.project(ada)).id
    failed = sorted(await floor.drills(project, 3))
    for _ in failed:
        await floor.fail(await floor.claimed())
    await floor.drills(other)
    await floor.fail(await floor.claimed())
    (canceled,) = await floor.drills(project)
    await throat.execute(ada, domain.cancel_job, canceled)
    (waiting,) = await floor.drills(project)
    bells.jobs.clear()
    assert (await throat.execute(ada, domain.retry_failed_jobs, project)).value == 3
    assert sorted(job_id for _, job_id in bells.jobs) == sorted(failed)
    assert Counter((await floor.statuses()).values()) == {"queued": 4, "failed": 1, "canceled": 1}
    # behind what waits already, in their old order
    assert [(await floor.claimed()).id for _ in range(4)] == [waiting, *failed]
    assert (await throat.execute(ada, domain.retry_failed_jobs, project)).value == 0


async def test_a_drill_answers_its_row_and_is_keyed(doors: Doors, db: Database, throat: Throat, floor: Floor) -> None:
    project, ada = await doors.open()
    call = {"steps": 3, "step_ms": 7, "priority": Priority.INTERACTIVE}
    first = await throat.execute(ada, domain.start_drill, project, **call, key="k" * 8)
    again = await throat.execute(ada, domain.start_drill, project, **call, key="k" * 8)
    job = first.value
    assert (again.replayed, again.value.id, again.value.status) == (True, job.id, JobStatus.QUEUED)
    assert (job.type, job.queue, job.priority, job.arguments) == (
        JobType.DRILL, Queue.CPU, 0, {"steps": 3, "step_ms": 7},
    )  # fmt: skip
    assert len(await floor.statuses()) == 1
    for wrong in ({"steps": 0}, {"steps": 1_001}, {"step_ms": -1}, {"step_ms": 5_001}):
        with pytest.raises(BadRequest):
            await throat.execute(ada, domain.start_drill, project, **wrong)
    assert len(await floor.statuses()) == 1


async def test_listing(doors: Doors, floor: Floor, throat: Throat) -> None:
    project, ada = await doors.open()
    asset = uuid4()
    ids = [*sorted(await floor.drills(project, 4)), *await floor.drills(project, 1, asset_id=asset)]
    finished = await floor.claimed()
    await floor.finish(finished)

    async def listed(**filters: Any) -> list[UUID]:
        page = (await throat.execute(ada, domain.list_jobs, project, slice_=Slice(), **filters)).value
        return [row.id for row in page.items]

    assert await listed() == ids[::-1]
    assert await listed(status=JobStatus.DONE) == [finished.id]
    assert await listed(type="drill", asset_id=asset) == ids[4:]
    assert await listed(type="mail.login") == []
    page = (await throat.execute(ada, domain.list_jobs, project, Slice(2))).value
    rest = (await throat.execute(ada, domain.list_jobs, project, Slice(200, page.next_cursor))).value
    assert [row.id for row in (*page.items, *rest.items)] == ids[::-1]


async def test_who_may_what(doors: Doors, floor: Floor, throat: Throat, make: Make) -> None:
    project, ada = await doors.open()
    viewer, stranger = await make.member(project, Role.VIEWER), await make.user()
    (job_id,) = await floor.drills(project)
    (house,) = await floor.drills(None)
    assert (await throat.execute(viewer, domain.get_job, job_id)).value.id == job_id
    for operation, argument in (
        (domain.cancel_job, job_id), (domain.retry_job, job_id),
        (domain.retry_failed_jobs, project), (domain.start_drill, project),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            await throat.execute(viewer, operation, argument)
        with pytest.raises(NotFound):
            await throat.execute(stranger, operation, argument)
    for actor, target in ((stranger, job_id), (ada, house)):
        with pytest.raises(NotFound):
            await throat.execute(actor, domain.get_job, target)
    with pytest.raises(NotFound):
        await throat.execute(stranger, domain.list_jobs, project, Slice())
    assert await floor.statuses() == {job_id: "queued", house: "queued"}


async def test_no_job_is_queued_in_a_project_that_was_not_entered(floor: Floor, project: UUID, db: Database) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction(Anonymous(), Perm.PUBLIC) as tx:
            await jobs.enqueue(tx, NewJob(JobType.DRILL, {}, project))
    assert await floor.statuses() == {}


def test_a_claim_is_named_by_id_and_fence() -> None:
    claim = Claim(uuid4(), 3, "drill", Queue.CPU, None, None, {}, 4, 2)
    assert (claim.key, claim.tries) == ((claim.id, 3), 2)
