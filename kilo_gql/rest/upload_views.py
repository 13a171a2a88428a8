"""What REST answers about uploads show."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kilo_gql.domain.preparing import UploadInstruction, UploadState
from kilo_gql.models import AssetStatus
from kilo_gql.rest.views import View


class FileErrorView(View):
    code: str
    message: str
    remediation: list[str]
    details: dict[str, Any]


class UploadInstructionView(View):
    client_file_id: str | None
    asset_id: UUID
    state: UploadState
    upload_id: UUID | None
    upload_url: str
    headers: dict[str, str]
    expires_at: datetime | None
    received: int
    error: FileErrorView | None


class PreparedView(View):
    """The contract's PrepareUploadResponse."""

    uploads: list[UploadInstructionView]

    @classmethod
    def render(cls, value: list[UploadInstruction]) -> bytes:
        return super().render({"uploads": value})


class FinalizedAssetView(View):
    asset_id: UUID
    status: AssetStatus | None
    job_id: UUID | None
    error: FileErrorView | None


class FinalizedView(View):
    """The contract's FinalizeUploadResponse, and what became of each file."""

    queued_jobs: list[UUID]
    assets: list[FinalizedAssetView]


class UnfinishedUploadView(View):
    id: UUID
    asset_id: UUID
    user_id: UUID
    client_file_id: str | None
    filename: str
    content_type: str | None
    checksum_sha256: str | None
    byte_size: int
    received: int
    upload_url: str
    created_at: datetime
    expires_at: datetime
