"""What can be asked of exports."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import exports
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, change
from schema.auth import DonePayload
from schema.base import Info
from schema.exports import (
    Export,
    ExportConnection,
    ExportItemConnection,
    ExportItemStatus,
    ExportLink,
    ExportPayload,
    ExportPlan,
    ExportStatus,
    NewExportInput,
)

ExportId = Annotated[UUID, strawberry.argument(description="The export's id.")]
Wanted = Annotated[NewExportInput, strawberry.argument(description="What is wanted.")]
OfStatus = Annotated[ExportStatus | None, strawberry.argument(description="Only exports that stand here.")]
OfItemStatus = Annotated[ExportItemStatus | None, strawberry.argument(description="Only photos that stand here.")]


@strawberry.type
class ExportQuery:
    """Root fields that read exports."""

    @ask(exports.get_export, Export)
    async def export(self, info: Info, id: ExportId) -> Any:
        return await info.context.read(exports.get_export, id)

    @ask(exports.list_export_items, ExportItemConnection)
    async def export_items(
        self, info: Info, id: ExportId, first: First = 50, after: After = None, status: OfItemStatus = None
    ) -> Any:
        return await info.context.read(exports.list_export_items, id, slice_=page(first, after), status=status)

    @ask(exports.preview_export, ExportPlan)
    async def export_preview(self, info: Info, project_id: ProjectId, input: Wanted) -> Any:
        return await info.context.read(exports.preview_export, project_id, input.new())

    @ask(exports.get_export_download, ExportLink)
    async def export_download(self, info: Info, id: ExportId) -> Any:
        return await info.context.read(exports.get_export_download, id)

    @ask(exports.list_exports, ExportConnection)
    async def exports(
        self, info: Info, project_id: ProjectId, first: First = 50, after: After = None, status: OfStatus = None
    ) -> Any:
        return await info.context.read(exports.list_exports, project_id, slice_=page(first, after), status=status)


@strawberry.type
class ExportMutation:
    """Root fields that start, mend and end exports."""

    @change(exports.create_export, ExportPayload, bulk=True)
    async def create_export(
        self, info: Info, project_id: ProjectId, input: Wanted, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(exports.create_export, project_id, input.new(), idempotency_key=idempotency_key)

    @change(exports.retry_export, ExportPayload)
    async def retry_export(self, info: Info, id: ExportId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(exports.retry_export, id, idempotency_key=idempotency_key)

    @change(exports.cancel_export, ExportPayload)
    async def cancel_export(self, info: Info, id: ExportId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(exports.cancel_export, id, idempotency_key=idempotency_key)

    @change(exports.delete_export, DonePayload)
    async def delete_export(self, info: Info, id: ExportId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(exports.delete_export, id, idempotency_key=idempotency_key)
