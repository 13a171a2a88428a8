"""What REST answers show: explicit allow-lists read from rows. Output fields have no defaults."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from kilo_gql.models import Delivery, JobStatus, ProjectStatus, Role, SessionKind
from kilo_gql.paging import Page

V = TypeVar("V", bound="View")

_ENCODER = msgspec.json.Encoder()


class View(msgspec.Struct, rename="camel"):
    """One thing, in camelCase; its fields are read from attributes of the same name."""

    @classmethod
    def render(cls, value: Any) -> bytes:
        return _ENCODER.encode(msgspec.convert(value, cls, from_attributes=True))


class PageView(Generic[V]):
    """A page of views: ``items`` and ``pageInfo``."""

    def __init__(self, item: type[V]) -> None:
        self.item = item

    def render(self, page: Page[Any]) -> bytes:
        items = _views(self.item, page.items)
        return _ENCODER.encode({"items": items, "pageInfo": {"nextCursor": page.next_cursor}})


class ListView(Generic[V]):
    """A short list that needs no pages: ``items`` alone."""

    def __init__(self, item: type[V]) -> None:
        self.item = item

    def render(self, rows: Iterable[Any]) -> bytes:
        return _ENCODER.encode({"items": _views(self.item, rows)})


def _views(item: type[V], rows: Iterable[Any]) -> list[V]:
    return [msgspec.convert(row, item, from_attributes=True) for row in rows]


class ProjectView(View):
    id: UUID
    studio_id: UUID | None
    owner_user_id: UUID
    title: str
    description: str | None
    shoot_date: date | None
    timezone: str | None
    status: ProjectStatus
    created_at: datetime
    updated_at: datetime


class StatsView(View):
    member_count: int
    open_job_count: int
    failed_job_count: int
    asset_count: int
    ready_count: int
    quarantined_count: int
    picked_count: int
    rejected_count: int
    clusters_reviewed: int


class JobView(View):
    id: UUID
    project_id: UUID | None
    asset_id: UUID | None
    type: str
    status: JobStatus
    progress: float
    stage: str | None
    message: str | None
    error: str | None
    error_code: str | None
    remediation: list[str]
    attempts: int
    result: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class UserView(View):
    id: UUID
    email: str
    display_name: str
    created_at: datetime


class SessionView(View):
    id: UUID
    kind: SessionKind
    user_agent: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class LoginStartedView(View):
    challenge_id: UUID
    delivery: Delivery


class SignedInView(View):
    access_token: str
    refresh_token: str
    user: UserView


class ApiTokenView(View):
    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewApiTokenView(View):
    secret: str
    token: ApiTokenView


class MemberView(View):
    project_id: UUID
    user_id: UUID
    role: Role
    created_at: datetime


class InvitationView(View):
    id: UUID
    project_id: UUID
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime


class StudioView(View):
    id: UUID
    name: str
    created_at: datetime


class StudioMemberView(View):
    studio_id: UUID
    user_id: UUID
    role: Role
    created_at: datetime


class CountView(View):
    """How many things an operation touched."""

    count: int

    @classmethod
    def render(cls, value: Any) -> bytes:
        return _ENCODER.encode({"count": value})


class NoView:
    """An answer without a body (204)."""

    @classmethod
    def render(cls, value: Any) -> bytes:
        return b""
