"""What can be asked of uploads."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import finalizing, preparing, uploads
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, change
from schema.auth import DonePayload
from schema.base import Info
from schema.uploads import (
    FinalizedFileInput,
    FinalizedPayload,
    NewUploadInput,
    PreparedPayload,
    UnfinishedUploadConnection,
)

UploadId = Annotated[UUID, strawberry.argument(description="The upload's id.")]
NewFiles = Annotated[list[NewUploadInput], strawberry.argument(description="1 to 200 files.")]
SentFiles = Annotated[list[FinalizedFileInput], strawberry.argument(description="1 to 200 files.")]


@strawberry.type
class UploadQuery:
    """Root fields that read uploads."""

    @ask(uploads.list_unfinished_uploads, UnfinishedUploadConnection)
    async def unfinished_uploads(
        self, info: Info, project_id: ProjectId, first: First = 50, after: After = None
    ) -> Any:
        return await info.context.read(uploads.list_unfinished_uploads, project_id, page(first, after))


@strawberry.type
class UploadMutation:
    """Root fields that begin and end uploads."""

    @change(preparing.prepare_upload, PreparedPayload)
    async def prepare_upload(
        self, info: Info, project_id: ProjectId, files: NewFiles, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            preparing.prepare_upload, project_id, [file.new() for file in files], idempotency_key=idempotency_key
        )

    @change(finalizing.finalize_upload, FinalizedPayload)
    async def finalize_upload(
        self, info: Info, project_id: ProjectId, assets: SentFiles, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            finalizing.finalize_upload, project_id, [file.sent() for file in assets], idempotency_key=idempotency_key
        )

    @change(uploads.cancel_upload, DonePayload)
    async def cancel_upload(self, info: Info, id: UploadId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(uploads.cancel_upload, id, idempotency_key=idempotency_key)
