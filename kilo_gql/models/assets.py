"""Photos: the asset, the files that belong to it, and how far its processing has come."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Stamped, Watched, gallery_photos

#: What lists show: photos whose bytes have come, whole, and not thrown away.
SHOWN: Final = (
    "trashed_at IS NULL AND parent_id IS NULL AND status IN ('processing', 'ready') AND format IS DISTINCT FROM 'xmp'"
)

#: What is not shown, or not ready yet.
ASIDE: Final = "trashed_at IS NOT NULL OR parent_id IS NOT NULL OR status <> 'ready' OR format = 'xmp'"


class AssetStatus(StrEnum):
    """uploading → processing → ready | quarantined; a retry leads from quarantined back to processing."""

    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    QUARANTINED = "quarantined"


class FileKind(StrEnum):
    """What a file is to its asset. Originals and sidecars came from outside, the rest can be made again."""

    ORIGINAL = "original"
    SIDECAR = "sidecar"
    PREVIEW = "preview"
    THUMBNAIL = "thumbnail"
    MICRO = "micro"
    FULL = "full"
    CROP = "crop"
    EXPORT = "export"


class Asset(Identified, Stamped, Base, InProject):
    """A photo of a project, from the moment its upload is prepared.

    ``parent_id`` joins a file to the photo it belongs to: the JPEG of a RAW+JPEG pair, or an XMP sidecar. Such an asset
    keeps its row and its files, is shown as part of its parent, and comes back when the pair is undone
    (``unpaired``: by a person, who is not overruled).
    """

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("project_id", "id", name="uq_assets_project_id_id"),
        ForeignKeyConstraint(
            ["project_id", "parent_id"],
            ["assets.project_id", "assets.id"],
            name="fk_assets_parent",
            ondelete="SET NULL (parent_id)",
        ),
        Index("ix_assets_captured", "project_id", "sort_at", "id", postgresql_where=text(SHOWN)),
        Index("ix_assets_named", "project_id", "name_key", "id", postgresql_where=text(SHOWN)),
        Index("ix_assets_stem", "project_id", "stem"),
        Index("ix_assets_aside", "project_id", "id", postgresql_where=text(ASIDE)),
        Index("ix_assets_parent_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index("ix_assets_trashed_at", "trashed_at", postgresql_where=text("trashed_at IS NOT NULL")),
        CheckConstraint("gps_latitude BETWEEN -90 AND 90 AND gps_longitude BETWEEN -180 AND 180", name="gps"),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"))
    parent_id: Mapped[UUID | None]
    unpaired: Mapped[bool] = mapped_column(default=False)
    status: Mapped[AssetStatus] = mapped_column(Enumerated(AssetStatus), default=AssetStatus.UPLOADING)
    #: Name and format of the original, as it came. ``format`` is an ``ml.formats.Format``, None before it is known.
    filename: Mapped[str]
    format: Mapped[str | None] = mapped_column(String(16))
    #: The file name without folder and extension, in lower case: what pairs have in common.
    stem: Mapped[str]
    name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("lower(filename)", persisted=True))
    added_by: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id"))
    ingested_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    trashed_at: Mapped[datetime | None]

    captured_at: Mapped[datetime | None]
    #: The wall clock at the place of the photo, as the camera wrote it, and its distance from UTC where that is known.
    captured_local: Mapped[str | None] = mapped_column(String(32))
    offset_minutes: Mapped[int | None] = mapped_column(SmallInteger)
    #: Which tag told the time, and what told the zone (see docs/capture-time.md).
    captured_source: Mapped[str | None] = mapped_column(String(32))
    zone_source: Mapped[str | None] = mapped_column(String(32))
    sort_at: Mapped[datetime] = mapped_column(Computed("coalesce(captured_at, ingested_at)", persisted=True))

    #: Of the upright picture, in pixels.
    width_px: Mapped[int | None] = mapped_column(Integer)
    height_px: Mapped[int | None] = mapped_column(Integer)
    orientation: Mapped[int] = mapped_column(SmallInteger, default=1)
    camera_make: Mapped[str | None]
    camera_model: Mapped[str | None]
    camera_serial: Mapped[str | None]
    lens_model: Mapped[str | None]
    focal_length_mm: Mapped[float | None]
    shutter_speed: Mapped[str | None]
    exposure_time_s: Mapped[float | None]
    aperture: Mapped[float | None]
    iso: Mapped[int | None] = mapped_column(Integer)
    exposure_bias_ev: Mapped[float | None]
    flash_fired: Mapped[bool | None]
    drive_mode: Mapped[str | None]
    sub_seconds: Mapped[str | None] = mapped_column(String(16))
    gps_latitude: Mapped[float | None]
    gps_longitude: Mapped[float | None]
    gps_altitude_m: Mapped[float | None]
    exif: Mapped[dict[str, Any]] = mapped_column(default=dict)
    iptc: Mapped[dict[str, Any]] = mapped_column(default=dict)
    xmp: Mapped[dict[str, Any]] = mapped_column(default=dict)

    title: Mapped[str | None]
    description: Mapped[str | None]
    keywords: Mapped[list[str]] = mapped_column(default=list)
    label: Mapped[str | None]
    notes: Mapped[str | None]
    flags: Mapped[dict[str, Any]] = mapped_column(default=dict)

    #: What was odd about the file, in sentences for its photographer: a missing end, an assumed profile.
    remarks: Mapped[list[str]] = mapped_column(default=list)

    #: Base64 of a ThumbHash (about 24 bytes), and 0xRRGGBB.
    thumbhash: Mapped[str | None] = mapped_column(String(48))
    average_color: Mapped[int | None] = mapped_column(Integer)

    preview_ready: Mapped[bool] = mapped_column(default=False)
    metadata_ready: Mapped[bool] = mapped_column(default=False)
    signals_ready: Mapped[bool] = mapped_column(default=False)
    embedding_ready: Mapped[bool] = mapped_column(default=False)

    #: Why it is quarantined: a stable code, a sentence, and where in the file (bytes), if that is known.
    quarantine_code: Mapped[str | None] = mapped_column(String(32))
    quarantine_reason: Mapped[str | None]
    quarantine_offset: Mapped[int | None] = mapped_column(BigInteger)

    @classmethod
    def visible_to_guest(cls, gallery_id: Watched, guest_id: Watched) -> ColumnElement[bool]:
        return cls.id.in_(select(gallery_photos.c.asset_id).where(gallery_photos.c.gallery_id == gallery_id))


class AssetFile(Identified, Stamped, Base, InProject):
    """A stored file of an asset. Its key in the store is made of ids alone and never changes.

    ``variant`` tells several files of one kind apart (a crop's rectangle), and sidecars that say the same (the name in
    lower case). ``sha256`` (hex) is of what is stored; None for an original that has not been read back yet.
    ``damaged_at``: a later check found other bytes; not served.
    """

    __tablename__ = "asset_files"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_asset_files_asset",
            ondelete="CASCADE",
        ),
        Index("uq_asset_files_kind", "asset_id", "kind", "variant", unique=True),
        Index(
            "uq_asset_files_original",
            "project_id",
            "sha256",
            "variant",
            unique=True,
            postgresql_where=text("kind IN ('original', 'sidecar') AND sha256 IS NOT NULL"),
        ),
        UniqueConstraint("key", name="uq_asset_files_key"),
        Index("ix_asset_files_crops", "created_at", postgresql_where=text("kind = 'crop'")),
    )

    project_id: Mapped[UUID]
    asset_id: Mapped[UUID]
    kind: Mapped[FileKind] = mapped_column(Enumerated(FileKind))
    variant: Mapped[str] = mapped_column(default="")
    key: Mapped[str]
    content_type: Mapped[str]
    byte_size: Mapped[int]
    sha256: Mapped[str | None] = mapped_column(String(64))
    width_px: Mapped[int | None] = mapped_column(Integer)
    height_px: Mapped[int | None] = mapped_column(Integer)
    verified_at: Mapped[datetime | None]
    damaged_at: Mapped[datetime | None]

    @classmethod
    def visible_to_guest(cls, gallery_id: Watched, guest_id: Watched) -> ColumnElement[bool]:
        return cls.asset_id.in_(select(gallery_photos.c.asset_id).where(gallery_photos.c.gallery_id == gallery_id))
