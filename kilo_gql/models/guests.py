"""Guests of client galleries: who they are without an account, and what they choose and say."""

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
    LargeBinary,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from kilo_gql.models.base import (
    Base,
    Enumerated,
    Identified,
    InGallery,
    OwnInGallery,
    Stamped,
    SystemTable,
    Watched,
)

_GALLERY = ["project_id", "gallery_id"], ["galleries.project_id", "galleries.id"]
_GUEST = ["gallery_id", "guest_id"], ["gallery_guests.gallery_id", "gallery_guests.id"]
#: Of the project, not of the gallery: a photo that leaves a gallery and comes back finds its hearts and words again.
_ASSET = ["project_id", "asset_id"], ["assets.project_id", "assets.id"]


class ActivityKind(StrEnum):
    """What a guest did, as the photographer reads it."""

    OPENED = "opened"
    AUTHENTICATED = "authenticated"
    NAMED = "named"
    FAVORITED = "favorited"
    UNFAVORITED = "unfavorited"
    COMMENTED = "commented"
    SELECTED = "selected"
    UNSELECTED = "unselected"
    SUBMITTED = "submitted"
    DOWNLOADED = "downloaded"


class GalleryGuest(Identified, Stamped, Base, InGallery):
    """A visitor who did something, or said who they are. The session token has the id; the row comes with the deed."""

    __tablename__ = "gallery_guests"
    __table_args__ = (
        UniqueConstraint("gallery_id", "id", name="uq_gallery_guests_gallery_id_id"),
        ForeignKeyConstraint(*_GALLERY, name="fk_gallery_guests_gallery", ondelete="CASCADE"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    name: Mapped[str | None]
    email: Mapped[str | None]
    last_seen_at: Mapped[datetime]

    @classmethod
    def visible_to_guest(cls, gallery_id: Watched, guest_id: Watched) -> ColumnElement[bool]:
        return (cls.gallery_id == gallery_id) & (cls.id == guest_id)


class GalleryFavorite(Base, InGallery):
    """A guest's heart on a photo."""

    __tablename__ = "gallery_favorites"
    __table_args__ = (
        ForeignKeyConstraint(*_ASSET, name="fk_gallery_favorites_asset", ondelete="CASCADE"),
        ForeignKeyConstraint(*_GUEST, name="fk_gallery_favorites_guest", ondelete="CASCADE"),
        Index("ix_gallery_favorites_asset_id", "asset_id"),
        Index("ix_gallery_favorites_guest_id", "gallery_id", "guest_id"),
        Index("ix_gallery_favorites_project_id", "project_id"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    asset_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    guest_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    created_at: Mapped[datetime]


class GalleryComment(Identified, Stamped, Base, InGallery):
    """What a guest (``guest_id``) or the photographer (``user_id``) says about a photo.

    Everybody in the gallery reads it, with ``author_name`` as it was then. A thread is a comment without ``parent_id``
    and the ones that name it. ``x`` and ``y`` pin it to a spot of the picture, 0 to 1. ``resolved_at`` is the thread's;
    a deleted comment keeps its place without its words.
    """

    __tablename__ = "gallery_comments"
    __table_args__ = (
        UniqueConstraint("gallery_id", "id", name="uq_gallery_comments_gallery_id_id"),
        ForeignKeyConstraint(*_ASSET, name="fk_gallery_comments_asset", ondelete="CASCADE"),
        ForeignKeyConstraint(*_GUEST, name="fk_gallery_comments_guest", ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["gallery_id", "parent_id"],
            ["gallery_comments.gallery_id", "gallery_comments.id"],
            name="fk_gallery_comments_parent",
            ondelete="CASCADE",
        ),
        Index("ix_gallery_comments_asset_id", "gallery_id", "asset_id", "id"),
        Index("ix_gallery_comments_project_id", "project_id"),
        CheckConstraint("(guest_id IS NULL) <> (user_id IS NULL)", name="author"),
        CheckConstraint("(x IS NULL) = (y IS NULL) AND x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name="spot"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    asset_id: Mapped[UUID]
    guest_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("users.id"))
    parent_id: Mapped[UUID | None]
    author_name: Mapped[str | None]
    text: Mapped[str]
    x: Mapped[float | None]
    y: Mapped[float | None]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("users.id"))
    deleted_at: Mapped[datetime | None]


class SelectionList(Identified, Stamped, Base, InGallery):
    """What guests are asked to choose: "Album", 40 to 60 photos, until a day. None: no such bound."""

    __tablename__ = "selection_lists"
    __table_args__ = (
        UniqueConstraint("gallery_id", "id", name="uq_selection_lists_gallery_id_id"),
        ForeignKeyConstraint(*_GALLERY, name="fk_selection_lists_gallery", ondelete="CASCADE"),
        CheckConstraint("min_count >= 0 AND max_count >= 1 AND min_count <= max_count", name="bounds"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    title: Mapped[str]
    message: Mapped[str | None]
    min_count: Mapped[int | None] = mapped_column(Integer)
    max_count: Mapped[int | None] = mapped_column(Integer)
    deadline: Mapped[datetime | None]
    position: Mapped[int] = mapped_column(Integer)


class Selection(Base, OwnInGallery):
    """One guest's answer to a list; locked once it is submitted, until the photographer opens it again."""

    __tablename__ = "selections"
    __table_args__ = (
        ForeignKeyConstraint(
            ["gallery_id", "list_id"],
            ["selection_lists.gallery_id", "selection_lists.id"],
            name="fk_selections_list",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(*_GUEST, name="fk_selections_guest", ondelete="CASCADE"),
        Index("ix_selections_gallery_id", "gallery_id"),
        Index("ix_selections_project_id", "project_id"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    list_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    guest_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    submitted_at: Mapped[datetime | None]
    message: Mapped[str | None]
    updated_at: Mapped[datetime]


class SelectedAsset(Base, OwnInGallery):
    """A photo in a guest's selection."""

    __tablename__ = "selected_assets"
    __table_args__ = (
        ForeignKeyConstraint(
            ["list_id", "guest_id"],
            ["selections.list_id", "selections.guest_id"],
            name="fk_selected_assets_selection",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(*_ASSET, name="fk_selected_assets_asset", ondelete="CASCADE"),
        Index("ix_selected_assets_asset_id", "asset_id"),
        Index("ix_selected_assets_gallery_id", "gallery_id"),
        Index("ix_selected_assets_project_id", "project_id"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    list_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    guest_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    asset_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    created_at: Mapped[datetime]


class GalleryActivity(Identified, Base, OwnInGallery):
    """One line of the feed. The id is its time's order."""

    __tablename__ = "gallery_activity"
    __table_args__ = (
        ForeignKeyConstraint(*_GALLERY, name="fk_gallery_activity_gallery", ondelete="CASCADE"),
        ForeignKeyConstraint(*_GUEST, name="fk_gallery_activity_guest", ondelete="CASCADE"),
        Index("ix_gallery_activity_gallery_id", "gallery_id", "id"),
        Index("ix_gallery_activity_guest_id", "gallery_id", "guest_id", "id"),
    )

    project_id: Mapped[UUID]
    gallery_id: Mapped[UUID]
    guest_id: Mapped[UUID | None]
    kind: Mapped[ActivityKind] = mapped_column(Enumerated(ActivityKind))
    asset_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]


class GalleryGuess(Base, SystemTable):
    """Wrong passwords for a gallery from one address (a keyed hash of it; "" counts all of them) in one window."""

    __tablename__ = "gallery_guesses"
    __table_args__ = (Index("ix_gallery_guesses_window_ends_at", "window_ends_at"),)

    gallery_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("galleries.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    window_ends_at: Mapped[datetime]
