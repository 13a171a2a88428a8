"""What REST answers show of files and renditions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from kilo_gql.models import FileKind
from kilo_gql.rest.views import View


class FileLinkView(View):
    kind: FileKind
    url: str
    expires_at: datetime
    content_type: str
    byte_size: int
    checksum_sha256: str | None
    width_px: int | None
    height_px: int | None
    media_url: str | None


class AssetFilesView(View):
    """The contract's ``AssetFilesResponse``."""

    files: list[FileLinkView]

    @classmethod
    def render(cls, value: Any) -> bytes:
        files = [msgspec.convert(link, FileLinkView, from_attributes=True) for link in value]
        return msgspec.json.encode(cls(files))


class MediaGrantView(View):
    grant: str
    expires_at: datetime


class RenderingView(View):
    asset_id: UUID
    kind: FileKind
    media_url: str | None
    job_id: UUID | None
