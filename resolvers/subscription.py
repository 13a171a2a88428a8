"""The root of what can be followed. Subscriptions are executed once for all who share them (``graphql.fanout``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.access import Actor
from kilo_gql.domain import events, jobs
from kilo_gql.events import Event, EventName
from kilo_gql.graphql.rendering import Predicate, Source
from kilo_gql.operations import Operation, Throat
from resolvers.arguments import EventCursor, ProjectId
from schema.base import Info
from schema.events import JobEvent, ProjectEvent

JobId = Annotated[UUID, strawberry.argument(description="The job's id.")]


def _follow(operation: Operation[Any], description: str, graphql_type: Any) -> Any:
    return strawberry.subscription(
        description=f"{description} Permission: {operation.perm.value}.",
        graphql_type=graphql_type,
        metadata={"operation": operation},
    )


async def _nothing() -> AsyncIterator[Any]:
    """The fields below declare arguments and types; what they tell comes from ``sources``."""
    return
    yield


@strawberry.type
class Subscription:
    """Root fields that are followed over a websocket."""

    @_follow(events.open_stream, "Everything that happens in a project, in order.", ProjectEvent)
    def project_events(self, info: Info, project_id: ProjectId, after: EventCursor = None) -> AsyncIterator[Any]:
        return _nothing()

    @_follow(jobs.get_job, "How a job gets on, until it ends.", JobEvent)
    def job_progress(self, info: Info, job_id: JobId, after: EventCursor = None) -> AsyncIterator[Any]:
        return _nothing()


def sources(throat: Throat) -> dict[str, Source]:
    """Where each subscription field reads, and which events are its own."""

    async def named(actor: Actor, arguments: Mapping[str, Any]) -> UUID:
        return UUID(str(arguments["projectId"]))

    async def of_job(actor: Actor, arguments: Mapping[str, Any]) -> UUID:
        job = (await throat.execute(actor, jobs.get_job, UUID(str(arguments["jobId"])))).value
        assert job.project_id is not None, "house jobs are visible to no actor"
        return job.project_id

    return {
        "projectEvents": Source(named),
        "jobProgress": Source(of_job, _about_job, last=lambda event: event.name is EventName.JOB_DONE),
    }


def _about_job(arguments: Mapping[str, Any]) -> Predicate:
    job_id = UUID(str(arguments["jobId"]))

    def concerns(event: Event) -> bool:
        return event.name in (EventName.JOB_PROGRESS, EventName.JOB_DONE) and job_id in event.ids

    return concerns
