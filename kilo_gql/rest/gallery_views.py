"""What REST answers show gallery owners."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from kilo_gql.domain.watermarks import MarkKind, MarkPosition
from kilo_gql.models import DownloadPolicy
from kilo_gql.rest.views import View


class WatermarkView(View):
    kind: MarkKind
    text: str
    position: MarkPosition
    opacity: float
    size: float
    margin: float
    angle: float


class GallerySectionView(View):
    id: UUID
    title: str
    asset_count: int


class GalleryView(View):
    id: UUID
    project_id: UUID
    created_by: UUID
    title: str
    message: str | None
    share_slug: str
    share_url: str
    published: bool
    published_at: datetime | None
    expires_at: datetime | None
    requires_password: bool
    watermark: bool
    watermark_settings: WatermarkView
    has_watermark_image: bool
    allow_downloads: bool
    downloads: DownloadPolicy
    comments_allowed: bool
    favorites_allowed: bool
    filenames_shown: bool
    cover_asset_id: UUID | None
    asset_count: int
    changed_count: int
    sections: list[GallerySectionView]
    created_at: datetime
    updated_at: datetime


class GalleryAssetView(View):
    gallery_id: UUID
    asset_id: UUID
    section_id: UUID | None
    position: int
    shown: bool
    added_at: datetime
    pinned_at: datetime
    changed_at: datetime | None
    pinned_url: str | None
    present_url: str | None
