"""The event log as GraphQL shows it: small patches with an order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import strawberry

from kilo_gql import events
from kilo_gql.events import Event, EventName, Reset
from schema.base import bounded, text
from schema.jobs import JobStatus
from schema.scalars import JSON

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

T = TypeVar("T")
strawberry.enum(events.ResetReason, description="Why a cursor could not be served.")
ResetReason = events.ResetReason


def tells(name: EventName) -> Callable[[type[T]], type[T]]:
    """The event type that shows events of one name."""

    def declare(cls: type[T]) -> type[T]:
        def is_type_of(value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
            return isinstance(value, Event) and value.name is name

        cls.__strawberry_definition__.is_type_of = is_type_of  # type: ignore[attr-defined]
        return cls

    return declare


@strawberry.interface(description="Something that happened in a project.")
class ProjectChange:
    """What every event has."""

    cursor: str = text("The event's place in the log: `<epoch>-<seq>`. Resume after it.")
    project_id: UUID = text("The project it happened in.")
    ids: list[UUID] = bounded("The things that changed, all in the same way.", events.MAX_IDS)
    changed: JSON = text("The columns that changed, with their new values.")
    op_id: UUID | None = text("The operation that caused it, as in the receipt of a mutation.")
    actor_id: UUID | None = text("The user who caused it; null for the system.")
    at: datetime = text("When it happened.")


@tells(EventName.PROJECT_UPDATED)
@strawberry.type(description="A project was made or changed.")
class ProjectUpdated(ProjectChange):
    """`project.updated`."""


@tells(EventName.MEMBER_UPDATED)
@strawberry.type(description="Somebody joined, left, or has another role; the ids are user ids.")
class MemberUpdated(ProjectChange):
    """`member.updated`."""


def _status(parent: strawberry.Parent[Event]) -> JobStatus:
    return JobStatus(parent.changed["status"])


def _progress(parent: strawberry.Parent[Event]) -> float:
    return float(parent.changed.get("progress", 0.0))


def _stage(parent: strawberry.Parent[Event]) -> str | None:
    return parent.changed.get("stage")


def _message(parent: strawberry.Parent[Event]) -> str | None:
    return parent.changed.get("message")


def _error(parent: strawberry.Parent[Event]) -> str | None:
    return parent.changed.get("error")


@tells(EventName.JOB_PROGRESS)
@strawberry.type(
    description="A job was queued, started, or got further; at most 4 a second for each job. The ids are job ids."
)
class JobProgressed(ProjectChange):
    """`job.progress`."""

    status: JobStatus = strawberry.field(resolver=_status, description="Where it stands.")
    progress: float = strawberry.field(resolver=_progress, description="0 to 1.")
    stage: str | None = strawberry.field(resolver=_stage, description="What it is doing.")
    message: str | None = strawberry.field(resolver=_message, description="A sentence for a person.")


@tells(EventName.JOB_DONE)
@strawberry.type(description="Jobs ended: done, failed or canceled. The ids are job ids.")
class JobEnded(ProjectChange):
    """`job.done`."""

    status: JobStatus = strawberry.field(resolver=_status, description="How it ended.")
    error: str | None = strawberry.field(resolver=_error, description="Why it failed.")


@tells(EventName.ASSET_UPDATED)
@strawberry.type(description="Assets were added or changed.")
class AssetUpdated(ProjectChange):
    """`asset.updated`."""


@tells(EventName.CLUSTER_UPDATED)
@strawberry.type(description="Clusters were made or changed.")
class ClusterUpdated(ProjectChange):
    """`cluster.updated`."""


@tells(EventName.EXPORT_UPDATED)
@strawberry.type(description="An export got further.")
class ExportUpdated(ProjectChange):
    """`export.updated`."""


@tells(EventName.GALLERY_UPDATED)
@strawberry.type(description="A gallery was made or changed, or a guest did something in it. The ids are gallery ids.")
class GalleryUpdated(ProjectChange):
    """`gallery.updated`."""


@tells(EventName.WEBHOOK_UPDATED)
@strawberry.type(description="A webhook was made, changed or switched off, or a delivery of it was given up.")
class WebhookUpdated(ProjectChange):
    """`webhook.updated`."""


@strawberry.type(
    description="The cursor cannot be served: read your state from the API again; the stream goes on after `cursor`."
)
class StreamReset:
    """An explicit gap, never a silent one."""

    cursor: str = text("Where the stream goes on.")
    project_id: UUID = text("The project.")
    reason: ResetReason = text("Why the cursor could not be served.")

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(value, Reset)


ProjectEvent = Annotated[
    ProjectUpdated
    | MemberUpdated
    | JobProgressed
    | JobEnded
    | AssetUpdated
    | ClusterUpdated
    | ExportUpdated
    | GalleryUpdated
    | WebhookUpdated
    | StreamReset,
    strawberry.union("ProjectEvent", description="What `projectEvents` tells."),
]

JobEvent = Annotated[
    JobProgressed | JobEnded | StreamReset, strawberry.union("JobEvent", description="What `jobProgress` tells.")
]
