"""What can be asked of background work."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import jobs
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, change
from schema.base import Info
from schema.jobs import Job, JobConnection, JobCountPayload, JobPayload, JobStatus, StartDrillInput

JobId = Annotated[UUID, strawberry.argument(description="The job's id.")]
OfStatus = Annotated[JobStatus | None, strawberry.argument(description="Only jobs that stand here.")]
OfType = Annotated[str | None, strawberry.argument(description="Only jobs of this type.")]
OfAsset = Annotated[UUID | None, strawberry.argument(description="Only jobs about this asset.")]
Drill = Annotated[StartDrillInput, strawberry.argument(description="How long the rehearsal takes.")]


@strawberry.type
class JobQuery:
    """Root fields that read jobs."""

    @ask(jobs.get_job, Job)
    async def job(self, info: Info, id: JobId) -> Any:
        return await info.context.read(jobs.get_job, id)

    @ask(jobs.list_jobs, JobConnection)
    async def jobs(
        self,
        info: Info,
        project_id: ProjectId,
        first: First = 50,
        after: After = None,
        status: OfStatus = None,
        type: OfType = None,
        asset_id: OfAsset = None,
    ) -> Any:
        return await info.context.read(
            jobs.list_jobs,
            project_id,
            slice_=page(first, after),
            status=status,
            type=type,
            asset_id=asset_id,
        )


@strawberry.type
class JobMutation:
    """Root fields that start, stop and repeat jobs."""

    @change(jobs.start_drill, JobPayload)
    async def start_drill(
        self, info: Info, project_id: ProjectId, input: Drill, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            jobs.start_drill,
            project_id,
            steps=input.steps,
            step_ms=input.step_ms,
            priority=input.priority,
            idempotency_key=idempotency_key,
        )

    @change(jobs.cancel_job, JobPayload)
    async def cancel_job(self, info: Info, id: JobId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(jobs.cancel_job, id, idempotency_key=idempotency_key)

    @change(jobs.retry_job, JobPayload)
    async def retry_job(self, info: Info, id: JobId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(jobs.retry_job, id, idempotency_key=idempotency_key)

    @change(jobs.retry_failed_jobs, JobCountPayload)
    async def retry_failed_jobs(self, info: Info, project_id: ProjectId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(jobs.retry_failed_jobs, project_id, idempotency_key=idempotency_key)
