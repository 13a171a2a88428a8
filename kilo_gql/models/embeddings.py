"""Vectors of photos, and the spaces they lie in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, SmallInteger, String, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, InProject, Stamped, SystemTable


class SpaceState(StrEnum):
    """building → serving → retired. A new space is built beside the one that serves."""

    BUILDING = "building"
    SERVING = "serving"
    RETIRED = "retired"


class EmbeddingSpace(Stamped, Base, SystemTable):
    """A space: one model in one revision. ``sha256`` is of its weights, None for ``concept-v1``, which has none."""

    __tablename__ = "embedding_spaces"
    __table_args__ = (
        Index(
            "uq_embedding_spaces_serving",
            "learned",
            unique=True,
            postgresql_where=text("learned AND state = 'serving'"),
        ),
        Index(
            "uq_embedding_spaces_building",
            "learned",
            unique=True,
            postgresql_where=text("learned AND state = 'building'"),
        ),
    )

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    model: Mapped[str]
    sha256: Mapped[str | None] = mapped_column(String(64))
    dim: Mapped[int] = mapped_column(SmallInteger)
    learned: Mapped[bool]
    state: Mapped[SpaceState] = mapped_column(Enumerated(SpaceState))
    updated_at: Mapped[datetime]


class AssetEmbedding(Base, InProject):
    """An asset's vector in one space: ``dim`` float16, little endian; empty where its preview gave none."""

    __tablename__ = "asset_embeddings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_asset_embeddings_asset",
            ondelete="CASCADE",
        ),
        Index("ix_asset_embeddings_project_id_space", "project_id", "space"),
    )

    project_id: Mapped[UUID]
    asset_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    space: Mapped[str] = mapped_column(
        String(120), ForeignKey("embedding_spaces.name", ondelete="CASCADE"), primary_key=True
    )
    vector: Mapped[bytes] = mapped_column(LargeBinary)
