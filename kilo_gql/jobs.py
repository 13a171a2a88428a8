"""Jobs, from the side that asks for them: what there is to do, in which order, and what may happen to it.

The row is the truth; messages only say "look again". A job is queued in the transaction that causes it, so it exists
exactly if its cause does. ``kilo_gql.claims`` is the other side, the one that does the work.

Order: start-time fair queueing (Goyal, Vin, Cheng 1996) between projects. Each queued job carries a ``turn``: one more
than its project's last queued turn or the queue's virtual time (the least turn that waits, the greatest that runs),
whichever is later. A project that queues 10,000 jobs at once therefore delays another project's next job by one job
for each slot, and finding whose turn it is stays one index probe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text

from kilo_gql.db import Tx
from kilo_gql.errors import Conflict
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.models import Job, JobStatus, Priority, Queue
from kilo_gql.models.base import uuid7


class JobType(StrEnum):
    """Everything that is done in the background; ``tasks`` has one handler for each."""

    ASSET_INGEST = "asset.ingest"
    ASSET_RENDER = "asset.render"
    ASSET_PURGE = "asset.purge"
    PROJECT_MEASURE = "project.measure"
    PROJECT_CLUSTER = "project.cluster"
    PROJECT_RANK = "project.rank"
    PROJECT_EMBED = "project.embed"
    PROJECT_EXPORT = "project.export"
    GALLERY_RENDER = "gallery.render"
    WEBHOOK_DELIVER = "webhook.deliver"
    RANKER_LEARN = "ranker.learn"
    DRILL = "drill"
    MAIL_LOGIN = "mail.login"
    MAIL_INVITATION = "mail.invitation"
    HOUSE_SWEEP = "house.sweep"


#: What each type of job waits for.
QUEUES: Final[dict[JobType, Queue]] = {
    JobType.ASSET_INGEST: Queue.CPU,
    JobType.ASSET_RENDER: Queue.CPU,
    JobType.ASSET_PURGE: Queue.IO,
    JobType.PROJECT_MEASURE: Queue.CPU,
    JobType.PROJECT_CLUSTER: Queue.CPU,
    JobType.PROJECT_RANK: Queue.CPU,
    JobType.PROJECT_EMBED: Queue.GPU,
    JobType.PROJECT_EXPORT: Queue.CPU,
    JobType.GALLERY_RENDER: Queue.CPU,
    JobType.WEBHOOK_DELIVER: Queue.IO,
    JobType.RANKER_LEARN: Queue.CPU,
    JobType.DRILL: Queue.CPU,
    JobType.MAIL_LOGIN: Queue.IO,
    JobType.MAIL_INVITATION: Queue.IO,
    JobType.HOUSE_SWEEP: Queue.IO,
}


class Move(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    FINISH = "finish"
    FAIL = "fail"
    PUT_BACK = "put_back"
    CANCEL = "cancel"
    RETRY = "retry"


#: A job's whole life: where each move starts, and where it leads.
LIFECYCLE: Final[dict[Move, tuple[frozenset[JobStatus], JobStatus]]] = {
    Move.CLAIM: (frozenset((JobStatus.QUEUED,)), JobStatus.RUNNING),
    Move.FINISH: (frozenset((JobStatus.RUNNING,)), JobStatus.DONE),
    Move.FAIL: (frozenset((JobStatus.RUNNING,)), JobStatus.FAILED),
    Move.PUT_BACK: (frozenset((JobStatus.RUNNING,)), JobStatus.QUEUED),
    Move.CANCEL: (frozenset((JobStatus.QUEUED, JobStatus.RUNNING)), JobStatus.CANCELED),
    Move.RETRY: (frozenset((JobStatus.FAILED, JobStatus.CANCELED)), JobStatus.QUEUED),
}

#: In ``Tx.jobs`` beside a job's id instead of a queue: whoever runs this job shall stop.
CANCEL: Final = "cancel"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to queue. ``project_id`` None: the house's own.

    While a job with the same ``once`` is queued, that one stands for both: it keeps its arguments and takes the sooner
    ``priority`` and ``not_before``, and it is not claimed before this transaction ends. ``queue`` None: its type's.
    """

    type: JobType
    arguments: Mapping[str, Any]
    project_id: UUID | None
    asset_id: UUID | None = None
    priority: Priority = Priority.NORMAL
    once: str | None = None
    not_before: datetime | None = None
    queue: Queue | None = None
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True)
class QueueLag:
    """How a queue stands. ``oldest`` is how long its oldest runnable job has been runnable, in seconds (0: none)."""

    queue: Queue
    queued: int
    runnable: int
    running: int
    oldest: float


#: The later of a queue's virtual time (f.queue, f.priority) and a project's last turn in it; each part is one index
#: probe.
TURN: Final = """
    GREATEST(
        (SELECT max(turn) FROM jobs WHERE status = 'queued' AND queue = f.queue AND priority = f.priority
            AND project_id = f.project_id),
        CASE WHEN f.project_id IS NULL THEN (SELECT max(turn) FROM jobs
            WHERE status = 'queued' AND queue = f.queue AND priority = f.priority AND project_id IS NULL) END,
        (SELECT min(turn) FROM jobs WHERE status = 'queued' AND queue = f.queue AND priority = f.priority),
        (SELECT max(turn) FROM jobs WHERE status = 'running' AND queue = f.queue AND priority = f.priority),
        0)
"""

_ENQUEUE: Final = text(
    """
    WITH new AS (
        SELECT * FROM unnest(
            CAST(:id AS uuid[]), CAST(:project_id AS uuid[]), CAST(:asset_id AS uuid[]), CAST(:type AS text[]),
            CAST(:queue AS text[]), CAST(:priority AS smallint[]), CAST(:once AS text[]), CAST(:arguments AS text[]),
            CAST(:not_before AS timestamptz[])
        ) WITH ORDINALITY
        AS n(id, project_id, asset_id, type, queue, priority, once, arguments, not_before, place)
    ), flows AS (
        SELECT f.queue, f.priority, f.project_id, @base AS base
        FROM (SELECT DISTINCT queue, priority, project_id FROM new) AS f
    )
    INSERT INTO jobs (id, project_id, asset_id, type, queue, priority, turn, once, arguments, status, attempts, lost,
        fence, not_before, cancel_requested, progress, remediation, created_at, updated_at)
    SELECT new.id, new.project_id, new.asset_id, new.type, new.queue, new.priority,
        flows.base + row_number() OVER (PARTITION BY new.queue, new.priority, new.project_id ORDER BY new.place),
        new.once, CAST(new.arguments AS jsonb), 'queued', 0, 0, 0, new.not_before, false, 0, '{}', :now, :now
    FROM new JOIN flows ON flows.queue = new.queue AND flows.priority = new.priority
        AND flows.project_id IS NOT DISTINCT FROM new.project_id
    ORDER BY new.once, new.place
    ON CONFLICT (once) WHERE status = 'queued' DO UPDATE SET
        priority = LEAST(jobs.priority, excluded.priority),
        turn = CASE WHEN excluded.priority < jobs.priority THEN excluded.turn ELSE jobs.turn END,
        not_before = CASE WHEN jobs.not_before IS NOT NULL AND excluded.not_before IS NOT NULL
            THEN LEAST(jobs.not_before, excluded.not_before) END
    RETURNING id, once
    """.replace("@base", TURN)
)

_RETRY: Final = text(
    """
    WITH picked AS (
        SELECT id, queue, priority, project_id FROM jobs
        WHERE id = :job_id AND status IN ('failed', 'canceled')
            OR CAST(:job_id AS uuid) IS NULL AND project_id = :project_id AND status = 'failed'
        FOR UPDATE
    ), flows AS (
        SELECT f.queue, f.priority, f.project_id, @base AS base
        FROM (SELECT DISTINCT queue, priority, project_id FROM picked) AS f
    ), ranked AS (
        SELECT picked.id,
            flows.base + row_number() OVER (PARTITION BY picked.queue, picked.priority ORDER BY picked.id) AS turn
        FROM picked JOIN flows ON flows.queue = picked.queue AND flows.priority = picked.priority
    )
    UPDATE jobs SET status = 'queued', turn = ranked.turn, attempts = 0, lost = 0, fence = fence + 1, progress = 0,
        stage = NULL, message = NULL, error_code = NULL, error = NULL, remediation = '{}', result = NULL,
        cancel_requested = false, not_before = NULL, started_at = NULL, finished_at = NULL, updated_at = :now
    FROM ranked WHERE jobs.id = ranked.id
    RETURNING jobs.id, jobs.queue, jobs.type
    """.replace("@base", TURN)
)

_LAG: Final = text(
    """
    SELECT queue, count(*) FILTER (WHERE status = 'queued') AS queued,
        count(*) FILTER (WHERE status = 'queued' AND (not_before IS NULL OR not_before <= now())) AS runnable,
        count(*) FILTER (WHERE status = 'running') AS running,
        extract(epoch FROM now() - min(GREATEST(created_at, not_before)) FILTER (
            WHERE status = 'queued' AND (not_before IS NULL OR not_before <= now()))) AS oldest
    FROM jobs WHERE status = 'queued' OR status = 'running' GROUP BY queue
    """
)


async def enqueue(tx: Tx, *new: NewJob) -> list[UUID]:
    """Queue jobs when this transaction commits; returns their ids, or those of queued twins where ``once`` says so.

    One statement, however many. A project's job needs a project that this transaction has entered.
    """
    if not new:
        return []
    for job in new:
        if job.project_id is not None:
            tx.check_write(Job, {"project_id": job.project_id})
    rows = _without_twins(new)
    written = (await tx.unchecked(_ENQUEUE, {**_columns(rows), "now": tx.now})).all()
    by_key: dict[str | UUID, UUID] = {row.id: row.id for row in written} | {
        row.once: row.id for row in written if row.once is not None
    }
    ids = [by_key[job.once or job.id] for job in new]
    tx.jobs.extend(dict.fromkeys(zip((_queue(job).value for job in new), ids, strict=True)))
    fresh = [job for job in rows if by_key[job.once or job.id] == job.id and job.project_id is not None]
    _announce(tx, ((job.project_id, job.type, job.id) for job in fresh if job.project_id is not None))
    return ids


async def retry(tx: Tx, job: Job) -> None:
    """Queue a locked row again that failed or was canceled: afresh, at the end of its project's line.

    The row itself is not refreshed. Raises Conflict if the job has not ended so.
    """
    must_allow(job, Move.RETRY)
    await _retry(tx, job.project_id, job.id)


async def retry_failed(tx: Tx, project_id: UUID) -> int:
    """Queue every failed job of an entered project again, in their old order; returns how many."""
    tx.check_write(Job, {"project_id": project_id})
    return await _retry(tx, project_id, None)


async def _retry(tx: Tx, project_id: UUID | None, job_id: UUID | None) -> int:
    again = (await tx.unchecked(_RETRY, {"project_id": project_id, "job_id": job_id, "now": tx.now})).all()
    tx.jobs.extend((row.queue, row.id) for row in again)
    if project_id is not None:
        _announce(tx, ((project_id, row.type, row.id) for row in again))
    return len(again)


def cancel(tx: Tx, job: Job) -> None:
    """Cancel a locked row: at once if it is queued, as soon as its worker hears of it if it runs.

    Canceling twice changes nothing. Raises Conflict if the job has ended otherwise.
    """
    if job.status is JobStatus.CANCELED or job.cancel_requested:
        return
    must_allow(job, Move.CANCEL)
    job.updated_at = tx.now
    patch: dict[str, Any]
    if job.status is JobStatus.RUNNING:
        job.cancel_requested = True
        tx.jobs.append((CANCEL, job.id))
        name, patch = EventName.JOB_PROGRESS, {"cancelRequested": True}
    else:
        job.status, job.once, job.finished_at = JobStatus.CANCELED, None, tx.now
        name, patch = EventName.JOB_DONE, {"status": job.status, "type": job.type}
    if job.project_id is not None:
        tx.emit(Change(name, job.project_id, (job.id,), patch))


def must_allow(job: Job, move: Move) -> None:
    """Raise Conflict ``illegal_transition`` unless the lifecycle knows this move from where the job stands."""
    sources, target = LIFECYCLE[move]
    if job.status not in sources:
        raise Conflict(
            f"A job that is {job.status.value} cannot become {target.value} by {move.value}.",
            code="illegal_transition",
            details={"status": job.status.value, "move": move.value},
            remediation=["Read the job again: it may have moved on meanwhile."],
        )


async def queue_lag(tx: Tx) -> list[QueueLag]:
    """How every queue stands, in one statement. A queue in which nothing waits or runs is listed with zeros."""
    found = {row.queue: row for row in (await tx.unchecked(_LAG)).all()}
    return [
        QueueLag(queue, row.queued, row.runnable, row.running, float(row.oldest or 0))
        if (row := found.get(queue.value)) is not None
        else QueueLag(queue, 0, 0, 0, 0.0)
        for queue in Queue
    ]


def _without_twins(new: Iterable[NewJob]) -> list[NewJob]:
    """One job for each ``once``: a statement cannot meet its own twins. The database merges by the same rule."""
    rows: dict[str | UUID, NewJob] = {}
    for job in new:
        key = job.once or job.id
        if (twin := rows.get(key)) is not None:
            both = twin.not_before is not None and job.not_before is not None
            sooner = min(twin.not_before, job.not_before) if both else None  # type: ignore[type-var]
            job = replace(twin, priority=min(twin.priority, job.priority), not_before=sooner)
        rows[key] = job
    return list(rows.values())


def _queue(job: NewJob) -> Queue:
    return job.queue or QUEUES[job.type]


def _columns(rows: Sequence[NewJob]) -> dict[str, list[Any]]:
    return {
        "id": [job.id for job in rows],
        "project_id": [job.project_id for job in rows],
        "asset_id": [job.asset_id for job in rows],
        "type": [job.type.value for job in rows],
        "queue": [_queue(job).value for job in rows],
        "priority": [int(job.priority) for job in rows],
        "once": [job.once for job in rows],
        "arguments": [orjson.dumps(dict(job.arguments)).decode() for job in rows],
        "not_before": [job.not_before for job in rows],
    }


def _announce(tx: Tx, queued: Iterable[tuple[UUID, str, UUID]]) -> None:
    """Tell that jobs (project, type, id) are queued: few events, however many jobs."""
    for (project_id, type_), jobs in groupby(sorted(queued), key=lambda job: job[:2]):
        ids = tuple(job[2] for job in jobs)
        for start in range(0, len(ids), MAX_IDS):
            patch = {"status": JobStatus.QUEUED, "type": str(type_), "progress": 0.0}
            tx.emit(Change(EventName.JOB_PROGRESS, project_id, ids[start : start + MAX_IDS], patch))
