"""Client galleries: what a photographer shows, in which order, under which conditions."""

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
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from kilo_gql.models.base import Base, Enumerated, Identified, InGallery, InProject, Stamped, Watched


class DownloadPolicy(StrEnum):
    """The most a guest may take home. Each step holds the ones before it; a watermark rules out ORIGINAL."""

    NONE = "none"
    WEB = "web"
    FULL = "full"
    ORIGINAL = "original"

    @property
    def rank(self) -> int:
        return ("none", "web", "full", "original").index(self.value)


class GalleryRendition(StrEnum):
    """A picture as a gallery hands it out: made for one gallery, without location, serial, owner or path.

    THUMBNAIL (512 px), PREVIEW (2,048 px) and CARD (1,200 × 630 px, for links in messages) are looked at; WEB (JPEG of
    2,048 px), FULL (JPEG of all pixels) and ORIGINAL are taken home.
    """

    THUMBNAIL = "thumbnail"
    PREVIEW = "preview"
    CARD = "card"
    WEB = "web"
    FULL = "full"
    ORIGINAL = "original"


class Gallery(Identified, Stamped, Base, InProject):
    """Photos of a project behind one address.

    ``share_slug`` has 144 random bits. ``published_at`` None: only members see it. ``version`` rises with whatever must
    end the sessions of its guests: another password, unpublishing. ``watermark_settings`` is a
    ``kilo_gql.domain.watermarks.Watermark``; ``watermark_key`` the object of its PNG; ``watermark_version`` a digest of
    both, part of every marked file's name. ``position`` of assets and sections counts from 0.
    """

    __tablename__ = "galleries"
    __table_args__ = (
        UniqueConstraint("project_id", "id", name="uq_galleries_project_id_id"),
        UniqueConstraint("share_slug", name="uq_galleries_share_slug"),
        ForeignKeyConstraint(
            ["project_id", "cover_asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_galleries_cover",
            ondelete="SET NULL (cover_asset_id)",
        ),
    )

    project_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("projects.id", ondelete="CASCADE"))
    created_by: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id"))
    title: Mapped[str]
    message: Mapped[str | None]
    share_slug: Mapped[str] = mapped_column(String(32))
    published_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    password_hash: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    watermark: Mapped[bool] = mapped_column(default=False)
    watermark_settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    watermark_key: Mapped[str | None]
    watermark_version: Mapped[str] = mapped_column(String(16), default="")
    downloads: Mapped[DownloadPolicy] = mapped_column(Enumerated(DownloadPolicy), default=DownloadPolicy.NONE)
    comments_allowed: Mapped[bool] = mapped_column(default=True)
    favorites_allowed: Mapped[bool] = mapped_column(default=True)
    filenames_shown: Mapped[bool] = mapped_column(default=False)
    cover_asset_id: Mapped[UUID | None]
    updated_at: Mapped[datetime]

    @classmethod
    def visible_to_guest(cls, gallery_id: Watched, guest_id: Watched) -> ColumnElement[bool]:
        return cls.id == gallery_id


class GallerySection(Identified, Base, InGallery):
    """A heading under which photos stand."""

    __tablename__ = "gallery_sections"
    __table_args__ = (
        UniqueConstraint("gallery_id", "id", name="uq_gallery_sections_gallery_id_id"),
        ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_sections_gallery",
            ondelete="CASCADE",
        ),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    title: Mapped[str]
    position: Mapped[int] = mapped_column(Integer)


class GalleryAsset(Base, InGallery):
    """A photo in a gallery, pinned to the look that was approved for it.

    ``pinned_sha256`` is that of the preview as it was pinned, and that is what guests see; ``edit_version_id`` the edit
    it shows, where there is one. ``changed_at``: since then the photo looks different in the project.
    """

    __tablename__ = "gallery_assets"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_assets_gallery",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_gallery_assets_asset",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["gallery_id", "section_id"],
            ["gallery_sections.gallery_id", "gallery_sections.id"],
            name="fk_gallery_assets_section",
            ondelete="SET NULL (section_id)",
        ),
        Index("ix_gallery_assets_order", "gallery_id", "position", "asset_id"),
        Index("ix_gallery_assets_asset_id", "asset_id"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    asset_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    section_id: Mapped[UUID | None]
    position: Mapped[int] = mapped_column(Integer)
    edit_version_id: Mapped[UUID | None]
    pinned_sha256: Mapped[str | None] = mapped_column(String(64))
    pinned_at: Mapped[datetime]
    changed_at: Mapped[datetime | None]
    added_at: Mapped[datetime]


class GalleryFile(Identified, Stamped, Base, InGallery):
    """A picture made for one gallery: marked, or stripped of what guests shall not learn.

    ``guest_id``: it carries that guest's name. ``basis`` is a digest of what it was made from (the pinned look, the
    mark, the name): another basis is another file, and the one before it goes.
    """

    __tablename__ = "gallery_files"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_files_gallery",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_gallery_files_asset",
            ondelete="CASCADE",
        ),
        Index(
            "uq_gallery_files_rendition",
            "gallery_id",
            "asset_id",
            "rendition",
            "guest_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_gallery_files_asset_id", "asset_id"),
        UniqueConstraint("key", name="uq_gallery_files_key"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    asset_id: Mapped[UUID]
    guest_id: Mapped[UUID | None]
    rendition: Mapped[GalleryRendition] = mapped_column(Enumerated(GalleryRendition))
    basis: Mapped[str] = mapped_column(String(32))
    key: Mapped[str]
    content_type: Mapped[str]
    byte_size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    crc32: Mapped[int] = mapped_column(BigInteger)
    width_px: Mapped[int | None] = mapped_column(Integer)
    height_px: Mapped[int | None] = mapped_column(Integer)


class GalleryProposal(Identified, Stamped, Base, InProject):
    """A client favoured another frame than the photographer's: a pair to learn from, if the photographer says so."""

    __tablename__ = "gallery_proposals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_proposals_gallery",
            ondelete="CASCADE",
        ),
        Index("uq_gallery_proposals_pair", "gallery_id", "cluster_id", "favored_asset_id", unique=True),
        Index("ix_gallery_proposals_project_id", "project_id", "id"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    guest_id: Mapped[UUID]
    cluster_id: Mapped[UUID]
    winner_asset_id: Mapped[UUID]
    favored_asset_id: Mapped[UUID]
    accepted: Mapped[bool | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
