"""Which photo of a cluster is suggested, how sure that is, and why."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Uuid, or_, text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Viewer


class Band(StrEnum):
    """HIGH: the winner is preselected. MIDDLE: suggested. LOW: the best three, to compare."""

    HIGH = "high"
    MIDDLE = "middle"
    LOW = "low"


class Suggestion(Identified, Base, InProject):
    """A cluster ranked: everyone's ranking (``user_id`` None), or that of one photographer's own ranker.

    ``asset_ids`` from the best, with their ``scores`` (nats) and ``probabilities`` (which add up to 1). ``chips``: at
    most three reasons. What they leave unsaid is ``rest`` and ``rest_margin``: the contributions of the chips and
    ``rest`` add up to the best score less the mean of the others, their margins and ``rest_margin`` to the best score
    less the second. ``basis``: digest of what it rests on; the same basis gives the same suggestion.
    """

    __tablename__ = "suggestions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "cluster_id"],
            ["clusters.project_id", "clusters.id"],
            name="fk_suggestions_cluster",
            ondelete="CASCADE",
        ),
        Index("uq_suggestions_cluster_id", "cluster_id", "user_id", unique=True, postgresql_nulls_not_distinct=True),
        Index("ix_suggestions_project_id", "project_id"),
        Index("ix_suggestions_user_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
    )

    project_id: Mapped[UUID]
    cluster_id: Mapped[UUID]
    user_id: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"))
    asset_ids: Mapped[list[UUID]]
    scores: Mapped[list[float]] = mapped_column(ARRAY(DOUBLE_PRECISION()))
    probabilities: Mapped[list[float]] = mapped_column(ARRAY(DOUBLE_PRECISION()))
    band: Mapped[Band] = mapped_column(Enumerated(Band))
    chips: Mapped[list[dict[str, Any]]] = mapped_column(JSONB())
    rest: Mapped[float] = mapped_column(default=0.0)
    rest_margin: Mapped[float] = mapped_column(default=0.0)
    basis: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, user_id: Viewer) -> ColumnElement[bool]:
        return InProject.visible_to.__func__(cls, user_id) & or_(cls.user_id.is_(None), cls.user_id == user_id)  # type: ignore[attr-defined, no-any-return]
