"""What REST answers show of exports."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kilo_gql.domain.export_plans import Fit, PlanWarning
from kilo_gql.models import ExportPreset, ExportStatus, ItemStatus
from kilo_gql.rest.views import View


class ExportView(View):
    """The contract's ``Export``, and what became of its photos."""

    id: UUID
    project_id: UUID
    created_by: UUID
    preset: ExportPreset
    settings: dict[str, Any]
    gallery_id: UUID | None
    status: ExportStatus
    progress: float
    name: str
    total: int
    done: int
    failed: int
    byte_size: int
    error_code: str | None
    error: str | None
    job_id: UUID | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    expired_at: datetime | None


class ExportLinkView(View):
    """The contract's ``ExportDownloadResponse``."""

    url: str
    expires_at: datetime


class MadeFileView(View):
    name: str
    content_type: str
    byte_size: int
    sha256: str
    width_px: int | None
    height_px: int | None


class ExportItemView(View):
    position: int
    asset_id: UUID | None
    status: ItemStatus
    error_code: str | None
    error: str | None
    files: list[MadeFileView]


class CropBoxView(View):
    x: float
    y: float
    width: float
    height: float


class PlannedFileView(View):
    name: str
    width_px: int
    height_px: int
    crop: CropBoxView


class PlannedPhotoView(View):
    position: int
    asset_id: UUID
    fit: Fit
    files: list[PlannedFileView]
    estimated_bytes: int
    warnings: list[PlanWarning]


class ExportPlanView(View):
    ratio: str | None
    photos: list[PlannedPhotoView]
    file_count: int
    estimated_bytes: int
