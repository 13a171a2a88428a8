"""Background work as GraphQL shows it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql import models
from schema.base import Connection, Node, bounded, receipt, shows, text, value
from schema.scalars import JSON

strawberry.enum(models.JobStatus, description="Where a job stands: done, failed and canceled are final.")
JobStatus = models.JobStatus
strawberry.enum(
    models.Priority, name="JobPriority", description="Who goes first: somebody waits, nobody waits, or whenever."
)
JobPriority = models.Priority


@shows(models.Job)
@strawberry.type(description="A piece of background work.")
class Job(Node):
    """A job row."""

    project_id: UUID | None = text("The project it works for.")
    asset_id: UUID | None = text("The asset it works on, if it is about one.")
    type: str = text("What kind of work it is.")
    status: JobStatus = text("Where it stands.")
    progress: float = text("0 to 1.")
    stage: str | None = text("What it is doing at the moment.")
    message: str | None = text("A sentence for a person about the present stage.")
    error: str | None = text("Why it failed.")
    error_code: str | None = text("Why it failed, for programs.")
    remediation: list[str] = bounded("What to do about the failure.", 10)
    attempts: int = text("How often it was started.")
    result: JSON | None = text("What it produced; its shape depends on the type.")
    created_at: datetime = text("When it was asked for.")
    updated_at: datetime = text("When it last changed.")
    started_at: datetime | None = text("When its present or last attempt began.")
    finished_at: datetime | None = text("When it ended.")


@strawberry.input(description="A rehearsal of the whole path of a job, without a photo.")
class StartDrillInput:
    """Input of ``startDrill``."""

    steps: int = strawberry.field(default=20, description="How many steps to walk: 1 to 1,000.")
    step_ms: int = strawberry.field(default=50, description="Milliseconds a step takes: 0 to 5,000.")
    priority: JobPriority = strawberry.field(default=models.Priority.NORMAL, description="Who it goes before.")


@strawberry.type(description="A job after a mutation.")
class JobPayload:
    """What job mutations answer."""

    job: Job = value("The job as it is now.", Job)
    receipt: None = receipt()


@strawberry.type(description="How many jobs a mutation touched.")
class JobCountPayload:
    """What bulk job mutations answer."""

    count: int = value("How many jobs were queued again.", int)
    receipt: None = receipt()


JobConnection = Connection[Job]
