"""Projects: create, list, change, archive, delete and restore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import BigInteger, Uuid, bindparam, select
from sqlalchemy.sql import ColumnElement

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import embeddings
from kilo_gql.domain.capture_times import rezone
from kilo_gql.errors import BadRequest
from kilo_gql.events import Change, EventName
from kilo_gql.models import Member, Project, ProjectStatus, Role, Studio
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of
from kilo_gql.patch import UNSET, UnsetType, given
from kilo_gql.reads import Read
from kilo_gql.text import lines, one_line

TITLE_MAX = 200
DESCRIPTION_MAX = 10_000

#: What a list shows of a project: plain columns, read as light rows.
COLUMNS = (
    Project.id,
    Project.studio_id,
    Project.owner_user_id,
    Project.title,
    Project.description,
    Project.shoot_date,
    Project.timezone,
    Project.status,
    Project.created_at,
    Project.updated_at,
)


def _pages(condition: ColumnElement[bool]) -> tuple[Read, Read]:
    """The first page and the next one of the projects that meet a condition."""
    first = select(*COLUMNS).where(condition).order_by(Project.id.desc()).limit(bindparam("most", type_=BigInteger))
    return Read(first), Read(first.where(Project.id < bindparam("after", type_=Uuid())))


_OF_STATUS = {status: _pages(Project.status == status) for status in ProjectStatus}
_OF_ANY = _pages(Project.status != ProjectStatus.DELETED)
#: By the status asked for; without one, deleted projects stay out.
_FIRST: dict[ProjectStatus | None, Read] = {
    None: _OF_ANY[0],
    **{status: pages[0] for status, pages in _OF_STATUS.items()},
}
_NEXT: dict[ProjectStatus | None, Read] = {
    None: _OF_ANY[1],
    **{status: pages[1] for status, pages in _OF_STATUS.items()},
}


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a project starts with. ``studio_id``: the team that is to own it."""

    title: str
    description: str | None = None
    shoot_date: date | None = None
    timezone: str | None = None
    studio_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ProjectChange:
    """What is to change; fields left unset stay as they are."""

    title: str | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    shoot_date: date | None | UnsetType = UNSET
    timezone: str | None | UnsetType = UNSET
    status: ProjectStatus | UnsetType = UNSET


@operation(Perm.PROJECT_CREATE, write=True)
async def create_project(tx: Tx, new: NewProject) -> Project:
    """Create a project; its maker becomes its owner."""
    if new.studio_id is not None:
        tx.ask(Perm.PROJECT_UPDATE)  # who may not edit a studio's projects may not add to them
        await tx.get(Studio, new.studio_id)
    project = tx.create(
        Project(
            id=uuid7(),
            owner_user_id=tx.user_id,
            studio_id=new.studio_id,
            title=_title(new.title),
            description=_description(new.description),
            shoot_date=new.shoot_date,
            timezone=_timezone(new.timezone),
            status=ProjectStatus.ACTIVE,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    await tx.flush()
    tx.add(Member(project_id=project.id, user_id=tx.user_id, role=Role.OWNER, created_at=tx.now))
    _announce(tx, project, {"title": project.title, "status": project.status})
    return project


@operation(Perm.PROJECT_READ)
async def list_projects(tx: Tx, slice_: Slice, status: ProjectStatus | None = None) -> Page[Project]:
    """The actor's projects, newest first; deleted ones only when asked for."""
    after = slice_.after(UUID)
    read = (_FIRST if after is None else _NEXT)[status]
    rows = await read.rows(tx, most=slice_.limit + 1, **({} if after is None else {"after": after[0]}))
    return page_of(rows, slice_, by_id)


@operation(Perm.PROJECT_READ)
async def get_project(tx: Tx, project_id: UUID) -> Project:
    """One project."""
    return await tx.get(Project, project_id)


@operation(Perm.PROJECT_UPDATE, write=True)
async def update_project(tx: Tx, project_id: UUID, change: ProjectChange) -> Project:
    """Change a project's title, description, date, time zone or status.

    The status is its owner's to change: to ``archived`` and back, or to ``deleted``.
    """
    wanted = given(change)
    if "status" in wanted:
        tx.ask(Perm.PROJECT_MANAGE)
    project = await tx.get(Project, project_id, lock=True)
    checks: dict[str, Callable[[Any], object]] = {"title": _title, "description": _description, "timezone": _timezone}
    values: dict[str, Any] = {name: checks.get(name, _same)(value) for name, value in wanted.items()}
    if "timezone" in values and values["timezone"] != project.timezone:
        await rezone(tx, project_id, values["timezone"])
    return _apply(tx, project, values)


@operation(Perm.PROJECT_MANAGE, write=True)
async def archive_project(tx: Tx, project_id: UUID) -> Project:
    """Make a project read-only. Archiving an archived project changes nothing."""
    return _apply(tx, await tx.get(Project, project_id, lock=True), {"status": ProjectStatus.ARCHIVED})


@operation(Perm.PROJECT_MANAGE, write=True)
async def delete_project(tx: Tx, project_id: UUID) -> Project:
    """Hide a project from everyone but its owners, who may restore it."""
    return _apply(tx, await tx.get(Project, project_id, lock=True), {"status": ProjectStatus.DELETED})


@operation(Perm.PROJECT_MANAGE, write=True)
async def restore_project(tx: Tx, project_id: UUID) -> Project:
    """Bring a deleted or archived project back to active."""
    project = await tx.get(Project, project_id, lock=True)
    if project.status is not ProjectStatus.ACTIVE:
        await embeddings.follow(tx, project_id)  # spaces that came meanwhile did not wait for it
    return _apply(tx, project, {"status": ProjectStatus.ACTIVE})


def _apply(tx: Tx, project: Project, values: dict[str, object]) -> Project:
    changed = {name: value for name, value in values.items() if getattr(project, name) != value}
    if not changed:
        return project
    for name, value in changed.items():
        setattr(project, name, value)
    if "status" in changed:
        project.deleted_at = tx.now if project.status is ProjectStatus.DELETED else None
    project.updated_at = tx.now
    _announce(tx, project, changed)
    return project


def _announce(tx: Tx, project: Project, changed: dict[str, object]) -> None:
    names = {"shoot_date": "shootDate"}
    patch = {names.get(name, name): value for name, value in changed.items()}
    tx.emit(Change(EventName.PROJECT_UPDATED, project.id, (project.id,), patch))


def _same(value: object) -> object:
    return value


def _title(value: str) -> str:
    return one_line(value, field="title", limit=TITLE_MAX)


def _description(value: str | None) -> str | None:
    return value if value is None else lines(value, field="description", limit=DESCRIPTION_MAX)


def _timezone(value: str | None) -> str | None:
    if value is not None and value not in available_timezones():
        raise BadRequest(
            f"{value!r} is not a time zone.",
            details={"field": "timezone"},
            remediation=["Use an IANA name such as Europe/Berlin."],
        )
    return value
