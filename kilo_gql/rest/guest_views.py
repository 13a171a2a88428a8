"""What REST answers show photographers of their galleries' guests."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kilo_gql.models import ActivityKind
from kilo_gql.rest.views import View


class GalleryGuestView(View):
    id: UUID
    gallery_id: UUID
    name: str | None
    email: str | None
    anonymous: bool
    favorite_count: int
    comment_count: int
    selected_count: int
    submitted_count: int
    created_at: datetime
    last_seen_at: datetime


class GalleryActivityView(View):
    id: UUID
    kind: ActivityKind
    guest_id: UUID | None
    guest_name: str | None
    asset_id: UUID | None
    details: dict[str, Any]
    at: datetime


class GalleryCommentView(View):
    id: UUID
    gallery_id: UUID
    asset_id: UUID
    guest_id: UUID | None
    user_id: UUID | None
    parent_id: UUID | None
    author_name: str | None
    text: str
    x: float | None
    y: float | None
    resolved_at: datetime | None
    resolved_by: UUID | None
    deleted_at: datetime | None
    created_at: datetime


class SelectionListView(View):
    id: UUID
    gallery_id: UUID
    title: str
    message: str | None
    min_count: int | None
    max_count: int | None
    deadline: datetime | None
    position: int
    created_at: datetime


class SelectionView(View):
    list_id: UUID
    guest_id: UUID
    submitted_at: datetime | None
    message: str | None
    updated_at: datetime


class GuestSelectionView(SelectionView):
    guest_name: str | None
    count: int
    asset_ids: list[UUID]


class SelectedPhotoView(View):
    asset_id: UUID
    guest_count: int
    submitted_count: int
