"""A studio: a team that owns projects. Its members hold their role in each of its projects."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, Identified, InStudio, Stamped
from kilo_gql.models.projects import Role


class Studio(Identified, Stamped, Base, InStudio):
    """A team. ``studio_id`` repeats the id, so that one rule of visibility serves the studio and its rows."""

    __tablename__ = "studios"

    studio_id: Mapped[UUID] = mapped_column(Uuid(), index=True)
    name: Mapped[str]


class StudioMember(Stamped, Base, InStudio):
    """A user's role in a studio."""

    __tablename__ = "studio_members"
    __table_args__ = (Index("ix_studio_members_user_id", "user_id"),)

    studio_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("studios.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Role] = mapped_column(Enumerated(Role))
