"""What REST requests about uploads carry."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from kilo_gql.domain.finalizing import FinalizedFile
from kilo_gql.domain.preparing import NewUpload
from kilo_gql.rest.bodies import Body


class UploadFileBody(Body):
    filename: str
    byte_size: Annotated[int, Field(ge=0, lt=1 << 53)]
    content_type: str | None = None
    captured_at: datetime | None = None
    client_file_id: str | None = None
    checksum_sha256: str | None = None
    asset_id: UUID | None = None


class PrepareUploadBody(Body):
    #: How many there may be is held by the operation, with one refusal for both doors.
    files: list[UploadFileBody]

    def arguments(self) -> dict[str, Any]:
        return {"files": [NewUpload(**file.arguments()) for file in self.files]}


class FinalizedFileBody(Body):
    asset_id: UUID
    checksum_sha256: str
    content_type: str | None = None


class FinalizeUploadBody(Body):
    assets: list[FinalizedFileBody]

    def arguments(self) -> dict[str, Any]:
        return {"assets": [FinalizedFile(**file.arguments()) for file in self.assets]}
