"""How a shoot is grouped: moments, bursts and duplicate groups, each within the one before."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Stamped


class ClusterKind(StrEnum):
    """A duplicate group lies within a burst or a moment, a burst within a moment."""

    MOMENT = "moment"
    BURST = "burst"
    DUPLICATE_GROUP = "duplicate_group"


class SetKind(StrEnum):
    """Frames that only make sense together and are kept whole."""

    BRACKET = "bracket"
    PANORAMA = "panorama"
    FOCUS_STACK = "focus_stack"
    TIMELAPSE = "timelapse"


class GroupingState(StrEnum):
    """NONE: never grouped. STALE: photos or decisions came since, and a job is on its way. READY: up to date."""

    NONE = "none"
    STALE = "stale"
    READY = "ready"


class Grouping(Base, InProject):
    """A project's grouping as a whole.

    ``revision`` rises with whatever grouping depends on; ``grouped_revision`` is the one the clusters stand for.
    ``threshold``: log odds that a link must exceed, learnt from splits and merges (None: as shipped). ``clock_offsets``
    by camera: what is added to it is told by ``kilo_gql.domain.clocks``.
    """

    __tablename__ = "groupings"

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(default=0)
    grouped_revision: Mapped[int | None]
    grouped_at: Mapped[datetime | None]
    asset_count: Mapped[int] = mapped_column(Integer, default=0)
    threshold: Mapped[float | None]
    clock_offsets: Mapped[dict[str, Any]] = mapped_column(default=dict)

    @property
    def state(self) -> GroupingState:
        if self.grouped_revision is None:
            return GroupingState.NONE
        return GroupingState.READY if self.grouped_revision == self.revision else GroupingState.STALE


class Cluster(Identified, Stamped, Base, InProject):
    """Photos that belong together. Every photo is in one moment, however small; bursts and duplicate groups have at
    least two.

    ``parent_id``: the moment of a burst, the burst or else the moment of a duplicate group. ``kept_set``: kept whole,
    and ``set_evidence`` says how it shows. ``winner_asset_id``, ``reviewed_at``, ``locked_at`` are what people decided;
    grouping never undoes them.
    """

    __tablename__ = "clusters"
    __table_args__ = (
        UniqueConstraint("project_id", "id", name="uq_clusters_project_id_id"),
        ForeignKeyConstraint(
            ["project_id", "parent_id"],
            ["clusters.project_id", "clusters.id"],
            name="fk_clusters_parent",
            ondelete="SET NULL (parent_id)",
            deferrable=True,
            initially="DEFERRED",
        ),
        ForeignKeyConstraint(
            ["project_id", "winner_asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_clusters_winner",
            ondelete="SET NULL (winner_asset_id)",
        ),
        Index("ix_clusters_order", "project_id", "kind", "sort_at", "id"),
        Index("ix_clusters_order_of_all", "project_id", "sort_at", "id"),
        Index("ix_clusters_parent_id", "parent_id"),
        Index("ix_clusters_winner_asset_id", "winner_asset_id"),
        Index("ix_clusters_reviewed", "project_id", postgresql_where=text("reviewed_at IS NOT NULL")),
        CheckConstraint("size > 0", name="size"),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"))
    parent_id: Mapped[UUID | None]
    kind: Mapped[ClusterKind] = mapped_column(Enumerated(ClusterKind))
    title: Mapped[str | None]
    #: Capture times of its first and last photo, the camera's clock corrected; None where no photo has one.
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    #: Where it stands in the list: its start, or when its first photo came in.
    sort_at: Mapped[datetime]
    size: Mapped[int] = mapped_column(Integer)
    kept_set: Mapped[SetKind | None] = mapped_column(Enumerated(SetKind))
    set_evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    winner_asset_id: Mapped[UUID | None]
    winner_by: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="SET NULL"))
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="SET NULL"))
    locked_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]

    @property
    def reviewed(self) -> bool:
        return self.reviewed_at is not None

    @property
    def locked(self) -> bool:
        return self.locked_at is not None


class ClusterMember(Base, InProject):
    """A photo's place in its moment, burst or duplicate group: ``place`` counts from 0 in order of time.

    ``link_*`` say why it is there: the photo it is linked to, seconds between the two, how alike they look (0 to 1),
    the logarithm of the odds (None where a rule decided), and flags of ``ml.grouping.evidence.Reason``.
    """

    __tablename__ = "cluster_members"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_cluster_members_asset",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["project_id", "cluster_id"],
            ["clusters.project_id", "clusters.id"],
            name="fk_cluster_members_cluster",
            ondelete="CASCADE",
        ),
        Index("ix_cluster_members_cluster_id", "cluster_id", "place"),
        Index("ix_cluster_members_project_id", "project_id"),
    )

    project_id: Mapped[UUID]
    asset_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    kind: Mapped[ClusterKind] = mapped_column(Enumerated(ClusterKind), primary_key=True)
    cluster_id: Mapped[UUID]
    place: Mapped[int] = mapped_column(Integer)
    link_asset_id: Mapped[UUID | None]
    link_gap_s: Mapped[float | None]
    link_look: Mapped[float | None]
    link_score: Mapped[float | None]
    link_reasons: Mapped[int] = mapped_column(SmallInteger, default=0)
