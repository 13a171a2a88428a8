"""Background work as its people see it, while nobody works on it."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gql.models import JobStatus
from kilo_gql.models.base import uuid7
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.traces import queued, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRESH = {
    "type": "drill",
    "assetId": None,
    "status": "queued",
    "progress": 0.0,
    "stage": None,
    "message": None,
    "error": None,
    "errorCode": None,
    "remediation": [],
    "attempts": 0,
    "result": None,
    "startedAt": None,
    "finishedAt": None,
}


async def test_a_drill_is_queued(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    job = (await door.call("start_drill", ada, projectId=project.id, steps=3, stepMs=0)).ok
    moments = {"createdAt": job["createdAt"], "updatedAt": job["createdAt"]}
    assert job == {"id": job["id"], "projectId": str(project.id), **FRESH, **moments}
    assert (await door.call("get_job", ada, jobId=job["id"])).ok == job
    assert (await door.call("list_jobs", ada, projectId=project.id)).ok == {"items": [job], "nextCursor": None}
    assert {"steps": 3, "step_ms": 0} in await queued(make.db, "drill")
    assert await told(make.db, project.id) == [
        ("job.progress", {"status": "queued", "type": "drill", "progress": 0.0}),
    ]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"steps": 0}, "steps"), ({"steps": 1001}, "steps"), ({"stepMs": -1}, "step_ms"), ({"stepMs": 5001}, "step_ms")],
)
async def test_what_is_no_drill(door: Door, make: Make, arguments: dict[str, Any], field: str) -> None:
    ada = await make.user()
    project = await make.project(ada)
    answer = await door.call("start_drill", ada, projectId=project.id, **arguments)
    assert answer.code == "bad_request"
    assert (await door.call("list_jobs", ada, projectId=project.id)).ok["items"] == []


async def test_a_queued_job_is_canceled_at_once(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    job = await make.job(project.id, JobStatus.QUEUED)
    canceled = (await door.call("cancel_job", ada, jobId=job.id)).ok
    assert (canceled["status"], canceled["finishedAt"]) == ("canceled", canceled["updatedAt"])
    assert (await door.call("cancel_job", ada, jobId=job.id)).ok == canceled
    assert await told(make.db, project.id) == [("job.done", {"status": "canceled", "type": "drill"})]


async def test_a_running_job_is_asked_to_stop(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    job = await make.job(project.id, JobStatus.RUNNING)
    assert (await door.call("cancel_job", ada, jobId=job.id)).ok["status"] == "running"
    assert (await door.call("cancel_job", ada, jobId=job.id)).ok["status"] == "running"
    assert await told(make.db, project.id) == [("job.progress", {"cancelRequested": True})]


@pytest.mark.parametrize("status", [JobStatus.DONE, JobStatus.FAILED])
async def test_what_has_ended_is_not_canceled(door: Door, make: Make, status: JobStatus) -> None:
    ada = await make.user()
    project = await make.project(ada)
    job = await make.job(project.id, status)
    answer = await door.call("cancel_job", ada, jobId=job.id)
    assert answer.code == "illegal_transition"
    assert answer.error is not None
    assert answer.error["details"] == {"status": status.value, "move": "cancel"}
    assert (await door.call("get_job", ada, jobId=job.id)).ok["status"] == status.value
    assert await told(make.db, project.id) == []


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELED])
async def test_what_failed_is_tried_afresh(door: Door, make: Make, status: JobStatus) -> None:
    ada = await make.user()
    project = await make.project(ada)
    failure = {
        "attempts": 3,
        "error": "It broke.",
        "error_code": "broken",
        "remediation": ["Mend it."],
        "progress": 0.5,
    }
    job = await make.job(project.id, status, **failure, finished_at=make.db.house.clock())
    again = (await door.call("retry_job", ada, jobId=job.id)).ok
    assert {name: again[name] for name in FRESH} == FRESH
    assert (await door.call("retry_job", ada, jobId=job.id)).code == "illegal_transition"


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE])
async def test_what_did_not_fail_is_not_retried(door: Door, make: Make, status: JobStatus) -> None:
    ada = await make.user()
    project = await make.project(ada)
    job = await make.job(project.id, status)
    assert (await door.call("retry_job", ada, jobId=job.id)).code == "illegal_transition"
    assert (await door.call("get_job", ada, jobId=job.id)).ok["status"] == status.value


async def test_all_that_failed_at_once(door: Door, make: Make) -> None:
    ada = await make.user()
    project, other = await make.project(ada), await make.project(ada)
    failed = [await make.job(project.id, JobStatus.FAILED) for _ in range(3)]
    await make.job(project.id, JobStatus.CANCELED)
    elsewhere = await make.job(other.id, JobStatus.FAILED)
    assert (await door.call("retry_failed_jobs", ada, projectId=project.id)).ok == {"count": 3}
    assert (await door.call("retry_failed_jobs", ada, projectId=project.id)).ok == {"count": 0}
    waiting = (await door.call("list_jobs", ada, projectId=project.id, status="queued")).ok["items"]
    assert {job["id"] for job in waiting} == {str(job.id) for job in failed}
    assert (await door.call("get_job", ada, jobId=elsewhere.id)).ok["status"] == "failed"
    [(name, change)] = await told(make.db, project.id)
    assert (name, change["status"]) == ("job.progress", "queued")


async def test_lists_by_status_type_and_asset(door: Door, make: Make) -> None:
    ada, asset = await make.user(), uuid7()
    project = await make.project(ada)
    made = {
        "queued": await make.job(project.id, JobStatus.QUEUED),
        "done": await make.job(project.id, JobStatus.DONE, type="mail.login"),
        "about": await make.job(project.id, JobStatus.FAILED, asset_id=asset),
    }
    ids = {name: str(job.id) for name, job in made.items()}

    async def listed(**by: Any) -> set[str]:
        return {job["id"] for job in (await door.call("list_jobs", ada, projectId=project.id, **by)).ok["items"]}

    assert await listed() == set(ids.values())
    assert await listed(status="done") == {ids["done"]}
    assert await listed(type="drill") == {ids["queued"], ids["about"]}
    assert await listed(type="drill", status="failed") == {ids["about"]}
    assert await listed(assetId=asset) == {ids["about"]}
    assert await listed(assetId=uuid7()) == set()
    assert await listed(type="no.such") == set()
    assert (await door.call("list_jobs", ada, projectId=project.id, type="nul\x00")).code == "bad_request"
    answer = await door.call("list_jobs", ada, projectId=project.id, status="lost")
    assert answer.code == {"rest": "bad_request", "graphql": "graphql_invalid"}[door.name]


async def test_pages_stand_still(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    made = [str((await make.job(project.id, JobStatus.QUEUED)).id) for _ in range(7)]
    first = (await door.call("list_jobs", ada, projectId=project.id, limit=3)).ok
    await make.job(project.id, JobStatus.QUEUED)
    second = (await door.call("list_jobs", ada, projectId=project.id, limit=3, cursor=first["nextCursor"])).ok
    third = (await door.call("list_jobs", ada, projectId=project.id, limit=3, cursor=second["nextCursor"])).ok
    pages = [[job["id"] for job in page["items"]] for page in (first, second, third)]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [id_ for page in pages for id_ in page] == sorted(made, reverse=True)
    assert third["nextCursor"] is None
