"""Exports: photos of a project made into files to take away."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Stamped


class ExportPreset(StrEnum):
    """What is made."""

    FULL_RES = "full_res"
    WEB = "web"
    INSTAGRAM_CAROUSEL = "instagram_carousel"
    STORY_9X16 = "story_9x16"
    CONTACT_SHEET_PDF = "contact_sheet_pdf"


class ExportStatus(StrEnum):
    """As the contract knows them; a canceled export is failed with the code ``canceled``."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ItemStatus(StrEnum):
    """Of one photo of an export."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class Export(Identified, Stamped, Base, InProject):
    """One export. ``settings`` is a ``kilo_gql.domain.export_settings.ExportSettings`` with every default written out.

    Done as soon as every item is done or has failed, and one is done. After ``expires_at`` its files are taken away
    (``expired_at``) and the row stays. ``gallery_id``: where a contact sheet's QR code leads.
    """

    __tablename__ = "exports"
    __table_args__ = (
        UniqueConstraint("project_id", "id", name="uq_exports_project_id_id"),
        ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_exports_gallery",
            ondelete="SET NULL (gallery_id)",
        ),
        Index("ix_exports_expires_at", "expires_at", postgresql_where=text("expired_at IS NULL")),
        Index("ix_exports_job_id", "job_id"),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"))
    created_by: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id"))
    gallery_id: Mapped[UUID | None]
    preset: Mapped[ExportPreset] = mapped_column(Enumerated(ExportPreset))
    settings: Mapped[dict[str, Any]]
    status: Mapped[ExportStatus] = mapped_column(Enumerated(ExportStatus), default=ExportStatus.QUEUED)
    job_id: Mapped[UUID | None]
    name: Mapped[str]
    total: Mapped[int] = mapped_column(Integer, default=0)
    done: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    byte_size: Mapped[int] = mapped_column(BigInteger, default=0)
    error_code: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    expired_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]

    @property
    def progress(self) -> float:
        """How much of it is over, done or failed: 0 to 1."""
        return (self.done + self.failed) / self.total if self.total else 0.0


class ExportItem(Base, InProject):
    """A photo of an export, at its ``position`` from 0. ``asset_id`` None: the photo is gone meanwhile."""

    __tablename__ = "export_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "export_id"],
            ["exports.project_id", "exports.id"],
            name="fk_export_items_export",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_export_items_asset",
            ondelete="SET NULL (asset_id)",
        ),
        Index("ix_export_items_asset_id", "asset_id"),
    )

    project_id: Mapped[UUID]
    export_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    asset_id: Mapped[UUID | None]
    status: Mapped[ItemStatus] = mapped_column(Enumerated(ItemStatus), default=ItemStatus.QUEUED)
    error_code: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str | None]
    updated_at: Mapped[datetime]


class ExportFile(Identified, Stamped, Base, InProject):
    """A file that an export made: of one item (a panorama makes several), or the PDF of all of them (``position`` -1).

    ``name`` is its path in the archive, safe on every system; ``part`` counts the files of an item from 0.
    """

    __tablename__ = "export_files"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "export_id"],
            ["exports.project_id", "exports.id"],
            name="fk_export_files_export",
            ondelete="CASCADE",
        ),
        Index("uq_export_files_part", "export_id", "position", "part", unique=True),
        UniqueConstraint("key", name="uq_export_files_key"),
    )

    project_id: Mapped[UUID]
    export_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(Integer)
    part: Mapped[int] = mapped_column(Integer, default=0)
    name: Mapped[str]
    key: Mapped[str]
    content_type: Mapped[str]
    byte_size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    crc32: Mapped[int] = mapped_column(BigInteger)
    width_px: Mapped[int | None] = mapped_column(Integer)
    height_px: Mapped[int | None] = mapped_column(Integer)
