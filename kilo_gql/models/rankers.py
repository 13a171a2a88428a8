"""What is learnt of a photographer's taste: their picks, their ranker, and their leave to learn."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, SmallInteger, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, Identified, Owned
from kilo_gql.models.suggestions import Band


class PickBasis(StrEnum):
    """A suggestion was accepted, another frame was taken, nothing was suggested; or it was a client's choice first."""

    ACCEPTED = "accepted"
    OVERRIDE = "override"
    UNPROMPTED = "unprompted"
    CLIENT = "client"


class RankerState(StrEnum):
    """ACTIVE: the photographer's own weights rank. Otherwise everyone's do, and this is why."""

    OFF = "off"
    NO_CONSENT = "no_consent"
    TOO_FEW = "too_few"
    NOT_BETTER = "not_better"
    ACTIVE = "active"


class ConsentPurpose(StrEnum):
    """What may be learnt from."""

    PERSONAL_RANKING = "personal_ranking"


class Consent(Identified, Base, Owned):
    """Leave to learn for one purpose, from ``granted_at`` until ``revoked_at``. Without a row that is open: no."""

    __tablename__ = "consents"
    __table_args__ = (
        Index("uq_consents_open", "user_id", "purpose", unique=True, postgresql_where=text("revoked_at IS NULL")),
    )

    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[ConsentPurpose] = mapped_column(Enumerated(ConsentPurpose))
    granted_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Pick(Identified, Base, Owned):
    """One decision of one user about one cluster; of several in force about the same cluster the latest counts.

    ``asset_ids`` are the cluster's photos in order of time; ``picked`` and ``rejected`` some of them. What was shown at
    the time: ``suggested_asset_id`` with its ``band``, the place of the picked photo in the suggested order (1 is the
    suggested one), and ``regret``, the probability by which the suggested one was ahead of it. ``values``: the frames'
    features as float64 (n × d) of ``features_version``, written when they are first learnt from, so that a taste
    outlives the photos. An action that is undone takes its picks out of force.
    """

    __tablename__ = "picks"
    __table_args__ = (
        Index("ix_picks_latest", "user_id", "cluster_id", "at", "id"),
        Index("ix_picks_project_id", "project_id", "user_id"),
        Index("ix_picks_action_id", "action_id"),
    )

    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="SET NULL"))
    action_id: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("cull_actions.id", ondelete="SET NULL"))
    cluster_id: Mapped[UUID]
    at: Mapped[datetime]
    in_force: Mapped[bool] = mapped_column(default=True)
    basis: Mapped[PickBasis] = mapped_column(Enumerated(PickBasis))
    asset_ids: Mapped[list[UUID]]
    picked: Mapped[list[UUID]]
    rejected: Mapped[list[UUID]]
    suggested_asset_id: Mapped[UUID | None]
    band: Mapped[Band | None] = mapped_column(Enumerated(Band))
    place: Mapped[int | None] = mapped_column(Integer)
    regret: Mapped[float | None]
    features_version: Mapped[int | None] = mapped_column(SmallInteger)
    values: Mapped[bytes | None] = mapped_column(LargeBinary)


class Ranker(Base, Owned):
    """A photographer's own ranker, made anew from the picks each time.

    ``posterior``: mean and precision of the weights (None: everyone's count). ``gain``: nats a pick that it foretold
    ``held_out`` picks better than everyone's.
    """

    __tablename__ = "rankers"

    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    reset_at: Mapped[datetime | None]
    state: Mapped[RankerState] = mapped_column(Enumerated(RankerState))
    posterior: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    temperature: Mapped[float | None]
    picks: Mapped[int] = mapped_column(Integer, default=0)
    held_out: Mapped[int] = mapped_column(Integer, default=0)
    gain: Mapped[float] = mapped_column(default=0.0)
    features_version: Mapped[int | None] = mapped_column(SmallInteger)
    learnt_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
