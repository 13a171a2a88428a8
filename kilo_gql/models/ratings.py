"""What each person thinks of a photo."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, InProject


class Rating(Base, InProject):
    """A user's own word on an asset: four independent fields and a note, each None until something is said.

    ``from_file``: it came with the file or its sidecar, and nobody has said anything here yet.
    """

    __tablename__ = "ratings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "asset_id"], ["assets.project_id", "assets.id"], name="fk_ratings_asset", ondelete="CASCADE"
        ),
        Index("ix_ratings_project_id_user_id", "project_id", "user_id"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    )

    project_id: Mapped[UUID]
    asset_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    picked: Mapped[bool | None]
    rejected: Mapped[bool | None]
    starred: Mapped[bool | None]
    notes: Mapped[str | None]
    from_file: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime]
