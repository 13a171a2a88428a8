"""What REST requests about exports carry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kilo_gql.domain.exports import NewExport
from kilo_gql.models import ExportPreset, ExportStatus, ItemStatus
from kilo_gql.rest.bodies import Body, PageQuery


class CreateExportBody(Body):
    """The contract's ``CreateExportRequest``."""

    preset: ExportPreset
    asset_ids: list[UUID] | None = None
    settings: dict[str, Any] | None = None

    def arguments(self) -> dict[str, Any]:
        return {"new": NewExport(self.preset, self.asset_ids, self.settings)}


class ExportsQuery(PageQuery):
    status: ExportStatus | None = None


class ExportItemsQuery(PageQuery):
    status: ItemStatus | None = None
