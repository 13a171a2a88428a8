"""Background work as its people see it: list, look, cancel, retry, and rehearse."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.claims import CANCELED
from kilo_gql.db import Tx
from kilo_gql.domain import export_jobs
from kilo_gql.domain.ingest import quarantine
from kilo_gql.errors import BadRequest
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Job, JobStatus, Priority
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of

STEPS_MAX = 1_000
STEP_MS_MAX = 5_000

#: What a list shows of a job: plain columns, read as light rows.
COLUMNS = (
    Job.id,
    Job.project_id,
    Job.asset_id,
    Job.type,
    Job.status,
    Job.progress,
    Job.stage,
    Job.message,
    Job.error,
    Job.error_code,
    Job.remediation,
    Job.attempts,
    Job.result,
    Job.created_at,
    Job.updated_at,
    Job.started_at,
    Job.finished_at,
)


@operation(Perm.JOB_READ)
async def list_jobs(
    tx: Tx,
    project_id: UUID,
    slice_: Slice,
    status: JobStatus | None = None,
    type: str | None = None,
    asset_id: UUID | None = None,
) -> Page[Job]:
    """A project's jobs, newest first, of one status, type or asset where asked."""
    await tx.enter(project_id)
    statement = select(*COLUMNS).where(Job.project_id == project_id).order_by(Job.id.desc()).limit(slice_.limit + 1)
    if status is not None:
        statement = statement.where(Job.status == status)
    if type is not None:
        statement = statement.where(Job.type == type)
    if asset_id is not None:
        statement = statement.where(Job.asset_id == asset_id)
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(Job.id < after[0])
    return page_of(await tx.rows(statement), slice_, by_id)


@operation(Perm.JOB_READ)
async def get_job(tx: Tx, job_id: UUID) -> Job:
    """One job."""
    return await tx.get(Job, job_id)


@operation(Perm.JOB_RUN, write=True)
async def cancel_job(tx: Tx, job_id: UUID) -> Job:
    """Stop a job: at once if it waits, within two seconds if it runs; canceling it twice changes nothing."""
    job = await tx.get(Job, job_id, lock=True)
    waited = job.status is JobStatus.QUEUED
    jobs.cancel(tx, job)
    if waited and job.type == JobType.ASSET_INGEST and job.asset_id is not None:
        await quarantine(tx, job.asset_id, CANCELED.code, CANCELED.message)  # of one that runs, its worker tells
    if waited and job.type == JobType.PROJECT_EXPORT:
        await export_jobs.job_over(tx, job.id, CANCELED)
    return job


@operation(Perm.JOB_RUN, write=True)
async def retry_job(tx: Tx, job_id: UUID) -> Job:
    """Queue a failed or canceled job again, as if it had never been tried."""
    job = await tx.get(Job, job_id, lock=True)
    await jobs.retry(tx, job)
    await tx.session.refresh(job)
    return job


@operation(Perm.JOB_RUN, write=True)
async def retry_failed_jobs(tx: Tx, project_id: UUID) -> int:
    """Queue every failed job of a project again; answers how many there were."""
    await tx.enter(project_id)
    return await jobs.retry_failed(tx, project_id)


@operation(Perm.JOB_RUN, write=True)
async def start_drill(
    tx: Tx, project_id: UUID, steps: int = 20, step_ms: int = 50, priority: Priority = Priority.NORMAL
) -> Job:
    """Rehearse the whole path of a job without a photo: so many steps of real work in the isolated child.

    ``steps`` is 1 to 1,000 and ``step_ms`` 0 to 5,000 milliseconds of computing each.
    """
    _within("steps", steps, 1, STEPS_MAX)
    _within("step_ms", step_ms, 0, STEP_MS_MAX)
    await tx.enter(project_id)
    drill = NewJob(JobType.DRILL, {"steps": steps, "step_ms": step_ms}, project_id, priority=priority)
    (job_id,) = await jobs.enqueue(tx, drill)
    return await tx.get(Job, job_id)


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise BadRequest(f"{name} is {least} to {most:,}.", details={"field": name, "min": least, "max": most})
