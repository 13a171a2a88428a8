"""Projects as GraphQL shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import projects
from schema.base import Connection, Info, Node, receipt, shows, text, value

strawberry.enum(models.ProjectStatus, description="Where a project stands.")
ProjectStatus = models.ProjectStatus


@strawberry.type(description="Counts of a project's contents, computed by the database.")
class ProjectStats:
    """Numbers about a project."""

    member_count: int = text("People with a role in the project.")
    open_job_count: int = text("Jobs that are queued or running.")
    failed_job_count: int = text("Jobs that failed and may be retried.")
    asset_count: int = text("Photos that lists show: arrived, and not in the trash; a RAW+JPEG pair is one.")
    ready_count: int = text("Those of them that are ready.")
    quarantined_count: int = text("Files that were set aside.")
    picked_count: int = text("Photos that you have picked.")
    rejected_count: int = text("Photos that you have rejected.")
    clusters_reviewed: int = text("Moments, bursts and duplicate groups that somebody has reviewed.")


@shows(models.Project)
@strawberry.type(description="A shoot, or whatever belongs together for its photographer.")
class Project(Node):
    """A project row."""

    title: str = text("What the project is called.")
    description: str | None = text("Notes about the project.")
    shoot_date: date | None = text("The day of the shoot.")
    timezone: str | None = text("IANA time zone of the shoot, such as Europe/Berlin.")
    status: ProjectStatus = text("Active, archived (read-only) or deleted (seen by owners alone).")
    studio_id: UUID | None = text("The studio that owns the project, if one does.")
    owner_user_id: UUID = text("The user who created the project.")
    created_at: datetime = text("When the project was created.")
    updated_at: datetime = text("When the project itself last changed.")

    @strawberry.field(description="Counts of the project's contents.", graphql_type=ProjectStats)
    async def stats(parent: strawberry.Parent[models.Project], info: Info) -> Any:
        return await info.context.load.stats_by_project.load(parent.id)


@strawberry.input(description="What a project starts with.")
class CreateProjectInput:
    """Input of ``createProject``."""

    title: str = text("1 to 200 characters.")
    description: str | None = strawberry.field(default=None, description="At most 10,000 characters.")
    shoot_date: date | None = strawberry.field(default=None, description="The day of the shoot.")
    timezone: str | None = strawberry.field(default=None, description="IANA time zone of the shoot.")
    studio_id: UUID | None = strawberry.field(default=None, description="A studio of yours that is to own it.")

    def new(self) -> projects.NewProject:
        return projects.NewProject(self.title, self.description, self.shoot_date, self.timezone, self.studio_id)


@strawberry.input(description="What is to change; fields left out stay as they are.")
class UpdateProjectInput:
    """Input of ``updateProject``: absent and null are different."""

    title: strawberry.Maybe[str] = strawberry.field(default=None, description="1 to 200 characters.")
    description: strawberry.Maybe[str | None] = strawberry.field(default=None, description="Null clears it.")
    shoot_date: strawberry.Maybe[date | None] = strawberry.field(default=None, description="Null clears it.")
    timezone: strawberry.Maybe[str | None] = strawberry.field(default=None, description="Null clears it.")
    status: strawberry.Maybe[ProjectStatus] = strawberry.field(default=None, description="For owners only.")

    def change(self) -> projects.ProjectChange:
        fields = ("title", "description", "shoot_date", "timezone", "status")
        return projects.ProjectChange(**{n: m.value for n in fields if (m := getattr(self, n)) is not None})


@strawberry.type(description="A project after a mutation.")
class ProjectPayload:
    """What project mutations answer."""

    project: Project = value("The project as it is now.", Project)
    receipt: None = receipt()


ProjectConnection = Connection[Project]
