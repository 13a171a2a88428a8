"""What was measured in a photo: its technical quality, what grouping compares, and the faces in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, LargeBinary, SmallInteger, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, InProject


class AssetSignals(Base, InProject):
    """Signals of one asset, as ``ml.signals`` and ``ml.descriptors`` give them.

    ``signals``: by name, null for "can't tell". ``tiles``: three maps of ``tile_rows`` × ``tile_columns`` bytes, one
    after another: sharpness, highlights, shadows. ``descriptors``: packed, 10,816 bytes. ``faces``: None where nobody
    looked, ``face_models`` says with what they were found.
    """

    __tablename__ = "asset_signals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_asset_signals_asset",
            ondelete="CASCADE",
        ),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), index=True)
    asset_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    signals_version: Mapped[int] = mapped_column(SmallInteger)
    descriptors_version: Mapped[int] = mapped_column(SmallInteger)
    signals: Mapped[dict[str, Any]]
    tile_rows: Mapped[int] = mapped_column(SmallInteger)
    tile_columns: Mapped[int] = mapped_column(SmallInteger)
    tiles: Mapped[bytes] = mapped_column(LargeBinary)
    descriptors: Mapped[bytes] = mapped_column(LargeBinary)
    faces: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    face_models: Mapped[str | None]
    measured_at: Mapped[datetime]
