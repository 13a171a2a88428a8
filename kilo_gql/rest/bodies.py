"""What REST requests carry. Each body turns itself into the domain's own value; unknown fields are refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from kilo_gql.domain import projects
from kilo_gql.models import Delivery, JobStatus, Priority, ProjectStatus, Role
from kilo_gql.paging import DEFAULT_LIMIT, MAX_LIMIT, Slice


class Body(BaseModel):
    """JSON in camelCase. ``arguments`` are the operation's, after the ids in the path."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    def arguments(self) -> dict[str, Any]:
        """The operation's named arguments; bodies that are one domain value override this."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class PageQuery(Body):
    """``cursor`` and ``limit``, in every list."""

    cursor: str | None = None
    #: The bounds are documented here and held by ``Slice``, with one refusal for both doors.
    limit: int = Field(default=DEFAULT_LIMIT, json_schema_extra={"minimum": 1, "maximum": MAX_LIMIT})

    def arguments(self) -> dict[str, Any]:
        rest = {n: v for n in type(self).model_fields if n not in ("cursor", "limit") and (v := getattr(self, n))}
        return {"slice_": Slice(self.limit, self.cursor), **rest}


class ProjectsQuery(PageQuery):
    status: ProjectStatus | None = None


class CreateProjectBody(Body):
    title: str
    description: str | None = None
    shoot_date: date | None = None
    timezone: str | None = None
    studio_id: UUID | None = None

    def arguments(self) -> dict[str, Any]:
        return {"new": projects.NewProject(**self._given())}


class UpdateProjectBody(Body):
    """Only what is in the request counts, so the defaults are never read: absent is not null, and some have no null."""

    title: str = ""
    description: str | None = None
    shoot_date: date | None = None
    timezone: str | None = None
    status: ProjectStatus = ProjectStatus.ACTIVE

    def arguments(self) -> dict[str, Any]:
        return {"change": projects.ProjectChange(**self._given())}


class JobsQuery(PageQuery):
    status: JobStatus | None = None
    type: str | None = None
    asset_id: UUID | None = None


class DrillBody(Body):
    steps: Annotated[int, Field(ge=1, le=1000)] = 20
    step_ms: Annotated[int, Field(ge=0, le=5000)] = 50
    priority: Priority = Priority.NORMAL


class LoginStartBody(Body):
    email: str
    locale: str | None = None
    delivery: Delivery = Delivery.EMAIL_CODE


class LoginVerifyBody(Body):
    challenge_id: str
    code: Annotated[str, Field(min_length=4, max_length=12)]


class RefreshBody(Body):
    refresh_token: str


class UpdateMeBody(Body):
    display_name: str


class CreateApiTokenBody(Body):
    name: str
    scopes: list[str]
    expires_at: datetime | None = None


class InviteBody(Body):
    email: str
    role: Role


class RoleBody(Body):
    role: Role


class AcceptBody(Body):
    code: str


class StudioBody(Body):
    name: str


class StudioMemberBody(Body):
    email: str
    role: Role
