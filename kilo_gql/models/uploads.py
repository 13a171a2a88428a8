"""Uploads: how far a file's bytes have come. The row is the truth; bytes that it does not count do not exist."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Stamped


class UploadStatus(StrEnum):
    """receiving → stored → finalized. One that expired or was canceled has no row any more."""

    RECEIVING = "receiving"
    STORED = "stored"
    FINALIZED = "finalized"


class Upload(Identified, Stamped, Base, InProject):
    """One file on its way in.

    ``received`` bytes are durable, in ``parts`` as the store remembers them. ``fence`` rises with each writer: only the
    latest may commit. ``released``: the latest writer let go of the file properly.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "asset_id"], ["assets.project_id", "assets.id"], name="fk_uploads_asset", ondelete="CASCADE"
        ),
        Index("ix_uploads_asset_id", "asset_id"),
        Index("ix_uploads_project_id_id", "project_id", "id"),
        Index("ix_uploads_checksum", "project_id", "checksum_sha256"),
        Index("ix_uploads_expires_at", "expires_at", postgresql_where=text("status IN ('receiving', 'stored')")),
        CheckConstraint("received >= 0 AND received <= byte_size", name="received"),
    )

    project_id: Mapped[UUID]
    asset_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id"))
    status: Mapped[UploadStatus] = mapped_column(Enumerated(UploadStatus), default=UploadStatus.RECEIVING)
    filename: Mapped[str]
    client_file_id: Mapped[str | None]
    #: What the client said at first; what the bytes are is found out when they are here.
    byte_size: Mapped[int]
    content_type: Mapped[str | None]
    captured_at: Mapped[datetime | None]
    #: SHA-256 (hex) that the client says the file has.
    checksum_sha256: Mapped[str | None] = mapped_column(String(64))
    key: Mapped[str]
    received: Mapped[int] = mapped_column(default=0)
    parts: Mapped[list[Any]] = mapped_column(JSONB(), default=list)
    next_part: Mapped[int] = mapped_column(default=1)
    token: Mapped[str] = mapped_column(default="")
    fence: Mapped[int] = mapped_column(default=0)
    released: Mapped[bool] = mapped_column(default=True)
    expires_at: Mapped[datetime]
    updated_at: Mapped[datetime]
