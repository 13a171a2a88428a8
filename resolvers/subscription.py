"""The root of what can be followed. Subscriptions are executed once for all who share them (``graphql.fanout``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import events, jobs
from resolvers.arguments import EventCursor, ProjectId
from schema.base import Info
from schema.events import JobEvent, ProjectEvent

JobId = Annotated[UUID, strawberry.argument(description="The job's id.")]


@strawberry.type
class Subscription:
    """Root fields that are followed over a websocket."""

    @strawberry.subscription(
        description=f"Everything that happens in a project, in order. Permission: {events.open_stream.perm.value}.",
        graphql_type=ProjectEvent,
        metadata={"operation": events.open_stream},
    )
    async def project_events(
        self, info: Info, project_id: ProjectId, after: EventCursor = None
    ) -> AsyncIterator[Any]:
        raise NotImplementedError
        yield

    @strawberry.subscription(
        description=f"How a job gets on, until it ends. Permission: {jobs.get_job.perm.value}.",
        graphql_type=JobEvent,
        metadata={"operation": jobs.get_job},
    )
    async def job_progress(self, info: Info, job_id: JobId, after: EventCursor = None) -> AsyncIterator[Any]:
        raise NotImplementedError
        yield
