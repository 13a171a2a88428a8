"""What REST answers show to guests of galleries. No camera, place, path or address of anybody else is among it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from kilo_gql.domain.selections import ListState
from kilo_gql.models import DownloadPolicy
from kilo_gql.rest.views import View


class SharedPhotoView(View):
    asset_id: UUID
    section_id: UUID | None
    number: int
    filename: str | None
    thumbnail_url: str
    preview_url: str
    width_px: int | None
    height_px: int | None
    thumbhash: str | None
    average_color: int | None
    favorite: bool
    favorite_count: int
    comments_count: int
    lists: list[UUID]
    previous_id: UUID | None
    next_id: UUID | None


class SharedSectionView(View):
    id: UUID
    title: str
    photo_count: int


class SharedGuestView(View):
    id: UUID
    name: str | None
    email: str | None


class SharedListView(View):
    id: UUID
    title: str
    message: str | None
    min_count: int | None
    max_count: int | None
    deadline: datetime | None
    count: int
    state: ListState
    submitted_at: datetime | None


class SharedGalleryView(View):
    title: str
    requires_auth: bool
    token: str | None
    gallery_id: UUID | None
    message: str | None
    cover_asset_id: UUID | None
    expires_at: datetime | None
    photo_count: int | None
    sections: list[SharedSectionView]
    downloads: DownloadPolicy
    favorites_allowed: bool
    comments_allowed: bool
    guest: SharedGuestView | None
    preview: bool
    lists: list[SharedListView]
    assets: list[SharedPhotoView]


class GuestPassView(View):
    token: str
    expires_at: datetime


class FavoritedView(View):
    ok: bool
    asset_id: UUID
    favorite: bool
    favorite_count: int


class CommentedView(View):
    """A new comment by its id."""

    comment_id: UUID

    @classmethod
    def render(cls, value: Any) -> bytes:
        return msgspec.json.encode(cls(value.id))


class SharedCommentView(View):
    id: UUID
    asset_id: UUID
    parent_id: UUID | None
    author_name: str | None
    by_photographer: bool
    mine: bool
    text: str
    x: float | None
    y: float | None
    resolved: bool
    deleted: bool
    created_at: datetime
