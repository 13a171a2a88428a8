"""What REST answers show of assets."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kilo_gql.models import AssetStatus
from kilo_gql.rest.views import View


class RatingView(View):
    asset_id: UUID
    user_id: UUID
    rating: int | None
    picked: bool | None
    rejected: bool | None
    starred: bool | None
    notes: str | None
    updated_at: datetime | None


class ReadinessView(View):
    preview: bool
    metadata: bool
    signals: bool
    embedding: bool


class QuarantineView(View):
    code: str
    reason: str
    byte_offset: int | None
    remediation: list[str]


class GpsView(View):
    latitude: float
    longitude: float
    altitude_m: float | None


class AssetView(View):
    """An asset in a list. Its EXIF, IPTC and XMP fields are in the answer about it alone."""

    id: UUID
    project_id: UUID
    parent_id: UUID | None
    status: AssetStatus
    filename: str
    format: str | None
    added_by: UUID
    ingested_at: datetime
    updated_at: datetime
    trashed_at: datetime | None
    captured_at: datetime | None
    captured_local: str | None
    offset_minutes: int | None
    captured_source: str | None
    zone_source: str | None
    width_px: int | None
    height_px: int | None
    camera_make: str | None
    camera_model: str | None
    camera_serial: str | None
    lens_model: str | None
    focal_length_mm: float | None
    shutter_speed: str | None
    exposure_time_s: float | None
    aperture: float | None
    iso: int | None
    exposure_bias_ev: float | None
    flash_fired: bool | None
    drive_mode: str | None
    gps: GpsView | None
    title: str | None
    description: str | None
    keywords: list[str]
    label: str | None
    notes: str | None
    remarks: list[str]
    flags: dict[str, Any]
    thumbhash: str | None
    average_color: str | None
    readiness: ReadinessView
    quarantine: QuarantineView | None
    thumbnail_url: str | None
    preview_url: str | None
    best_preview_url: str | None
    sidecar_url: str
    my_rating: RatingView


class AssetDetailView(AssetView):
    exif: dict[str, Any]
    iptc: dict[str, Any]
    xmp: dict[str, Any]
    companion_ids: list[UUID]
    cluster_ids: list[UUID]
