"""Jobs, from the side that does them: claim, keep alive, report, and end, each only for the holder of the fence.

A claim is a lease: a worker that stays silent for longer has lost its job, and whatever it still writes about it
matches no row and raises ``Stale``. Leases are measured by the database's clock alone. Every function takes a
``System`` transaction and leaves the commit to its caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text

from kilo_gql.db import Tx
from kilo_gql.events import Change, EventName
from kilo_gql.models import JobStatus, Queue

#: Lost leases after which a job is taken to be what kills its workers. Far above the limit for attempts: whoever
#: merely stood beside such a job must survive it.
MAX_LOST: Final = 10


class Stale(Exception):
    """The claim is no longer held: its lease ran out and the job went on without this worker."""


class CancelRequested(Exception):
    """Somebody asked for the job to stop before it was done."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job as the worker that holds it sees it. ``attempts`` counts this claim; ``lost`` those that fell silent."""

    id: UUID
    fence: int
    type: str
    queue: Queue
    project_id: UUID | None
    asset_id: UUID | None
    arguments: Mapping[str, Any]
    attempts: int
    lost: int

    @property
    def key(self) -> tuple[UUID, int]:
        """Names this claim among all claims of all jobs."""
        return self.id, self.fence

    @property
    def tries(self) -> int:
        """Attempts that were the job's own: those whose worker vanished are counted apart."""
        return self.attempts - self.lost


@dataclass(frozen=True, slots=True)
class Report:
    """How far a claim has come: ``progress`` 0 to 1, ``stage`` for programs, ``message`` for a person."""

    claim: Claim
    progress: float
    stage: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, as a KiloError says it."""

    code: str
    message: str
    remediation: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def crashed(last_words: str) -> Failure:
    """The end of a job that was tried as often as it may be and never came to an answer: it is quarantined."""
    return Failure(
        "crashed_repeatedly",
        f"The work broke off each time it was tried. The last time: {last_words}",
        ("Check whether the file opens in another program, and replace it if not.", "Retry the job."),
    )


_LOST: Final = crashed("the worker fell silent.")

#: What a canceled job means to the things it was about: they are not done, and wait for somebody who wants them done.
CANCELED: Final = Failure("canceled", "Somebody canceled the work on this.", ("Retry it.",))
_WHY: Final = {JobStatus.FAILED: _LOST, JobStatus.CANCELED: CANCELED}

# Literal statuses: PostgreSQL uses a partial index only where it can see the condition, also in a prepared plan.
_CLAIM: Final = text(
    """
    UPDATE jobs SET status = 'running', attempts = attempts + 1, fence = fence + 1, once = NULL, not_before = NULL,
        lease_until = now() + make_interval(secs => :lease), progress = 0, stage = NULL, message = NULL,
        started_at = now(), updated_at = now()
    WHERE id = (
        SELECT id FROM jobs
        WHERE status = 'queued' AND queue = :queue AND (not_before IS NULL OR not_before <= now())
        ORDER BY priority, turn, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, fence, type, queue, project_id, asset_id, arguments, attempts, lost
    """
)

_HEARTBEAT: Final = text(
    """
    UPDATE jobs SET lease_until = now() + make_interval(secs => :lease)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[])) AS held(id, fence)
    WHERE jobs.id = held.id AND jobs.fence = held.fence AND status = 'running'
    RETURNING jobs.id, jobs.fence, cancel_requested
    """
)

_REPORT: Final = text(
    """
    UPDATE jobs SET progress = said.progress, stage = said.stage, message = said.message, updated_at = now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[]), CAST(:progress AS double precision[]),
        CAST(:stages AS text[]), CAST(:messages AS text[])) AS said(id, fence, progress, stage, message)
    WHERE jobs.id = said.id AND jobs.fence = said.fence AND status = 'running'
    RETURNING jobs.id, jobs.fence
    """
)

_LEAVE: Final = text(
    """
    UPDATE jobs SET
        status = CASE WHEN cancel_requested THEN 'canceled' ELSE CAST(:status AS text) END,
        attempts = attempts - :refund,
        lease_until = NULL,
        not_before = now() + make_interval(secs => :delay),
        progress = CASE WHEN CAST(:status AS text) = 'done' THEN 1 ELSE progress END,
        result = CAST(:result AS jsonb),
        error_code = CASE WHEN NOT cancel_requested THEN :code END,
        error = CASE WHEN NOT cancel_requested THEN :error END,
        remediation = CASE WHEN cancel_requested THEN '{}' ELSE CAST(:remediation AS text[]) END,
        finished_at = CASE WHEN cancel_requested OR CAST(:status AS text) <> 'queued' THEN now() END,
        updated_at = now()
    WHERE id = :id AND fence = :fence AND status = 'running'
    RETURNING id, project_id, queue, type, status, error_code
    """
)

_EXPIRE: Final = text(
    """
    WITH silent AS (
        SELECT id FROM jobs WHERE status = 'running' AND lease_until < now()
        ORDER BY lease_until LIMIT 500 FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs SET
        status = CASE WHEN cancel_requested THEN 'canceled' WHEN lost >= :most THEN 'failed' ELSE 'queued' END,
        lost = lost + 1,
        lease_until = NULL,
        error_code = CASE WHEN NOT cancel_requested AND lost >= :most THEN :code END,
        error = CASE WHEN NOT cancel_requested AND lost >= :most THEN :error END,
        remediation = CASE WHEN NOT cancel_requested AND lost >= :most THEN CAST(:remediation AS text[]) ELSE '{}' END,
        finished_at = CASE WHEN cancel_requested OR lost >= :most THEN now() END,
        updated_at = now()
    FROM silent WHERE jobs.id = silent.id
    RETURNING jobs.id, project_id, asset_id, queue, type, status, error_code
    """
)


_RUNNABLE: Final = text(
    """
    SELECT name, (
        SELECT count(*) FROM (
            SELECT 1 FROM jobs
            WHERE status = 'queued' AND queue = name AND (not_before IS NULL OR not_before <= now()) LIMIT :most
        ) AS first
    ) AS waiting
    FROM unnest(CAST(:queues AS text[])) AS name
    """
)


async def claim(tx: Tx, queue: Queue, lease: float) -> Claim | None:
    """Take the job of ``queue`` whose turn it is, for ``lease`` seconds; None if none can run now."""
    row = (await tx.unchecked(_CLAIM, {"queue": queue.value, "lease": lease})).one_or_none()
    if row is None:
        return None
    taken = Claim(**{**row._mapping, "queue": Queue(row.queue)})
    if taken.project_id is not None:
        patch = {"status": JobStatus.RUNNING, "type": taken.type, "attempts": taken.attempts, "progress": 0.0}
        tx.emit(Change(EventName.JOB_PROGRESS, taken.project_id, (taken.id,), patch))
    return taken


async def heartbeat(tx: Tx, held: Sequence[Claim], lease: float) -> dict[tuple[UUID, int], bool]:
    """Extend the leases of all that a process holds, to ``lease`` seconds from now.

    Returns those still held, by id and fence, and whether each is to be canceled.
    """
    columns = {"ids": [one.id for one in held], "fences": [one.fence for one in held]}
    rows = (await tx.unchecked(_HEARTBEAT, {**columns, "lease": lease})).all()
    return {(row.id, row.fence): row.cancel_requested for row in rows}


async def report(tx: Tx, reports: Sequence[Report]) -> None:
    """Write how far claims have come and tell it; those that are not held any more are passed over."""
    progress = [min(max(said.progress, 0.0), 1.0) for said in reports]
    columns = {
        "ids": [said.claim.id for said in reports],
        "fences": [said.claim.fence for said in reports],
        "progress": progress,
        "stages": [said.stage for said in reports],
        "messages": [said.message for said in reports],
    }
    written = {(row.id, row.fence) for row in (await tx.unchecked(_REPORT, columns)).all()}
    for said, fraction in zip(reports, progress, strict=True):
        if said.claim.key in written and said.claim.project_id is not None:
            patch = {"progress": fraction, "stage": said.stage, "message": said.message}
            tx.emit(Change(EventName.JOB_PROGRESS, said.claim.project_id, (said.claim.id,), patch))


async def finish(tx: Tx, mine: Claim, result: Mapping[str, Any] | None = None) -> None:
    """End a claim as done. Comes first in its transaction: what is written after it commits with it or not at all.

    Raises Stale, or CancelRequested if the job is to be canceled: then nothing of this transaction may be committed.
    """
    if await _leave(tx, mine, JobStatus.DONE, result=result) is JobStatus.CANCELED:
        raise CancelRequested


async def fail(tx: Tx, mine: Claim, failure: Failure) -> JobStatus:
    """End a claim as failed (canceled, if that was asked for); returns which. Raises Stale."""
    return await _leave(tx, mine, JobStatus.FAILED, failure=failure)


async def put_back(tx: Tx, mine: Claim, *, delay: float | None = None, refund: bool = False) -> JobStatus:
    """Queue a claimed job again (or cancel it, if that was asked for); returns which. Raises Stale.

    ``delay`` keeps it back for some seconds. ``refund``: the claim was no attempt, as when its worker shuts down.
    """
    return await _leave(tx, mine, JobStatus.QUEUED, delay=delay, refund=refund)


@dataclass(frozen=True, slots=True)
class Expired:
    """What became of a job whose worker fell silent: queued again, or ended (failed, canceled) for ``failure``."""

    id: UUID
    type: str
    project_id: UUID | None
    asset_id: UUID | None
    failure: Failure | None


async def expire(tx: Tx) -> list[Expired]:
    """Queue the jobs again whose workers fell silent, or end those that lost too many; returns what became of each."""
    limits = {"most": MAX_LOST, "code": _LOST.code, "error": _LOST.message}
    rows = (await tx.unchecked(_EXPIRE, {**limits, "remediation": list(_LOST.remediation)})).all()
    for row in rows:
        _tell(tx, row)
    return [Expired(row.id, row.type, row.project_id, row.asset_id, _WHY.get(JobStatus(row.status))) for row in rows]


async def runnable(tx: Tx, queues: Sequence[Queue], most: int) -> dict[Queue, int]:
    """How many jobs of each queue could run now, counted no further than ``most``."""
    rows = (await tx.unchecked(_RUNNABLE, {"queues": [queue.value for queue in queues], "most": most})).all()
    return {Queue(row.name): row.waiting for row in rows}


async def _leave(
    tx: Tx,
    mine: Claim,
    status: JobStatus,
    *,
    failure: Failure | None = None,
    result: Mapping[str, Any] | None = None,
    delay: float | None = None,
    refund: bool = False,
) -> JobStatus:
    values = {
        "id": mine.id,
        "fence": mine.fence,
        "status": status.value,
        "refund": int(refund),
        "delay": delay,
        "result": None if result is None else orjson.dumps(dict(result)).decode(),
        "code": failure and failure.code,
        "error": failure and failure.message,
        "remediation": list(failure.remediation) if failure else [],
    }
    row = (await tx.unchecked(_LEAVE, values)).one_or_none()
    if row is None:
        raise Stale(mine.id)
    return _tell(tx, row)


def _tell(tx: Tx, row: Any) -> JobStatus:
    """Announce where a claim ended, and nudge for what can run again."""
    status = JobStatus(row.status)
    if not status.terminal:
        tx.jobs.append((row.queue, row.id))
    if row.project_id is not None:
        patch: dict[str, Any] = {"status": status, "type": row.type}
        if status is JobStatus.DONE:
            patch["progress"] = 1.0
        if row.error_code is not None:
            patch["errorCode"] = row.error_code
        name = EventName.JOB_DONE if status.terminal else EventName.JOB_PROGRESS
        tx.emit(Change(name, row.project_id, (row.id,), patch))
    return status
