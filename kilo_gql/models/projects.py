"""Projects and the people in them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Uuid, select
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Stamped, Viewer, grants


class ProjectStatus(StrEnum):
    """Archived projects are read-only; deleted ones are seen by their owners alone, who may restore them."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    DELETED = "deleted"


class Role(StrEnum):
    """What a member may do: a viewer reads, an editor works, an owner decides who else may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        return ("viewer", "editor", "owner").index(self.value)


class Project(Identified, Stamped, Base, InProject):
    """A shoot, or whatever belongs together for its photographer."""

    __tablename__ = "projects"
    __table_args__ = (Index("ix_projects_studio_id", "studio_id"),)

    owner_user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id"))
    studio_id: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("studios.id"))
    title: Mapped[str]
    description: Mapped[str | None]
    shoot_date: Mapped[date | None]
    timezone: Mapped[str | None]
    status: Mapped[ProjectStatus] = mapped_column(Enumerated(ProjectStatus), default=ProjectStatus.ACTIVE)
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    @property
    def project_id(self) -> UUID:  # type: ignore[override]
        return self.id

    @classmethod
    def visible_to(cls, user_id: Viewer) -> ColumnElement[bool]:
        return cls.id.in_(select(grants.c.project_id).where(grants.c.user_id == user_id))


class Member(Stamped, Base, InProject):
    """A user's role in a project."""

    __tablename__ = "members"
    __table_args__ = (Index("ix_members_user_id", "user_id"),)

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Role] = mapped_column(Enumerated(Role))


class Invitation(Identified, Stamped, Base, InProject):
    """An offer of a role, sent by mail. ``proof_hash`` is set by the job that sends it."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index("ix_invitations_project_id", "project_id"),
        Index("ix_invitations_email", "email"),
        Index("ix_invitations_invited_by_created_at", "invited_by", "created_at"),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"))
    email: Mapped[str]
    role: Mapped[Role] = mapped_column(Enumerated(Role))
    invited_by: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id"))
    proof_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
