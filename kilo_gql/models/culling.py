"""What people did while they culled, so that each step can be taken back and taken again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Viewer


class CullKind(StrEnum):
    """What kind of step."""

    RATE = "rate"
    WINNER = "winner"
    REVIEW = "review"
    RENAME = "rename"
    LOCK = "lock"
    SPLIT = "split"
    MERGE = "merge"
    MOVE = "move"
    REJECT_CLUSTER = "reject_cluster"
    AUTO_CULL = "auto_cull"


class CullState(StrEnum):
    """done ⇄ undone; what was undone is dropped once something else is done."""

    DONE = "done"
    UNDONE = "undone"
    DROPPED = "dropped"


class CullAction(Identified, Base, InProject):
    """One step of one user in one project, however many photos it touched. Nobody else sees it.

    ``seq`` orders the steps; one that is undone although a later one is done is past redoing, and dropped as soon as it
    would be in the way. ``asset_ids``: the first 500 of ``asset_count`` photos. ``before`` and ``after`` are what it
    changed, as ``kilo_gql.domain.cull_log`` tells; ``decision`` is what it decided about clusters for every later
    grouping (None: nothing). ``focus_asset_id``: the photo to go to.
    """

    __tablename__ = "cull_actions"
    __table_args__ = (
        UniqueConstraint("project_id", "id", name="uq_cull_actions_project_id_id"),
        Index("ix_cull_actions_own", "project_id", "user_id", "state", "seq"),
        Index("ix_cull_actions_decisions", "project_id", "seq", postgresql_where=text("decision IS NOT NULL")),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    at: Mapped[datetime]
    kind: Mapped[CullKind] = mapped_column(Enumerated(CullKind))
    state: Mapped[CullState] = mapped_column(Enumerated(CullState), default=CullState.DONE)
    title: Mapped[str]
    asset_ids: Mapped[list[UUID]]
    asset_count: Mapped[int] = mapped_column(Integer)
    cluster_ids: Mapped[list[UUID]]
    focus_asset_id: Mapped[UUID | None]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    @classmethod
    def visible_to(cls, user_id: Viewer) -> ColumnElement[bool]:
        return InProject.visible_to.__func__(cls, user_id) & (cls.user_id == user_id)  # type: ignore[attr-defined, no-any-return]
