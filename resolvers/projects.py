"""What can be asked of projects."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from kilo_gql.domain import projects
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, change
from schema.base import Info
from schema.projects import (
    CreateProjectInput,
    Project,
    ProjectConnection,
    ProjectPayload,
    ProjectStatus,
    UpdateProjectInput,
)

OfStatus = Annotated[
    ProjectStatus | None, strawberry.argument(description="Only projects that stand here; none: all but deleted ones.")
]
NewInput = Annotated[CreateProjectInput, strawberry.argument(description="What the project starts with.")]
ChangeInput = Annotated[UpdateProjectInput, strawberry.argument(description="What is to change.")]


@strawberry.type
class ProjectQuery:
    """Root fields that read projects."""

    @ask(projects.get_project, Project)
    async def project(self, info: Info, id: ProjectId) -> Any:
        return await info.context.read(projects.get_project, id)

    @ask(projects.list_projects, ProjectConnection)
    async def projects(self, info: Info, first: First = 50, after: After = None, status: OfStatus = None) -> Any:
        return await info.context.read(projects.list_projects, page(first, after), status)


@strawberry.type
class ProjectMutation:
    """Root fields that change projects."""

    @change(projects.create_project, ProjectPayload)
    async def create_project(self, info: Info, input: NewInput, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(projects.create_project, input.new(), idempotency_key=idempotency_key)

    @change(projects.update_project, ProjectPayload)
    async def update_project(
        self, info: Info, id: ProjectId, input: ChangeInput, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(projects.update_project, id, input.change(), idempotency_key=idempotency_key)

    @change(projects.archive_project, ProjectPayload)
    async def archive_project(self, info: Info, id: ProjectId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(projects.archive_project, id, idempotency_key=idempotency_key)

    @change(projects.delete_project, ProjectPayload)
    async def delete_project(self, info: Info, id: ProjectId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(projects.delete_project, id, idempotency_key=idempotency_key)

    @change(projects.restore_project, ProjectPayload)
    async def restore_project(self, info: Info, id: ProjectId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(projects.restore_project, id, idempotency_key=idempotency_key)
