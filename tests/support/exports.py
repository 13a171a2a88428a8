"""Exports as rows, past the doors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from kilo_gql.domain.export_jobs import KEPT, folder_of
from kilo_gql.domain.export_settings import as_json, settings_of
from kilo_gql.models import Asset, Export, ExportFile, ExportItem, ExportPreset, ExportStatus, ItemStatus, Project
from kilo_gql.models.base import uuid7


def export_rows(
    project: Project, assets: Sequence[Asset], status: ExportStatus = ExportStatus.DONE, **columns: Any
) -> list[Any]:
    """An export of these photos, for the web, then all that belongs to it; one file each where it is done."""
    done = status is ExportStatus.DONE
    item = {ExportStatus.DONE: ItemStatus.DONE, ExportStatus.FAILED: ItemStatus.FAILED}.get(status, ItemStatus.QUEUED)
    at = project.created_at
    export = Export(
        id=uuid7(), project_id=project.id, status=status,
        **{
            "created_by": project.owner_user_id, "preset": ExportPreset.WEB,
            "settings": as_json(settings_of(ExportPreset.WEB, {})), "name": "Wedding web 2026-11-21",
            "total": len(assets), "done": len(assets) if done else 0,
            "failed": len(assets) if status is ExportStatus.FAILED else 0, "byte_size": 1000 * len(assets) * done,
            "finished_at": at if done else None, "expires_at": at + KEPT if done else None, "created_at": at,
            "updated_at": at, **columns,
        },
    )  # fmt: skip
    rows: list[Any] = [export]
    for position, asset in enumerate(assets):
        rows.append(
            ExportItem(
                project_id=project.id, export_id=export.id, position=position, asset_id=asset.id, status=item,
                updated_at=at,
            )
        )  # fmt: skip
        if done:
            rows.append(file_row(export, position))
    return rows


def file_row(export: Export, position: int, **columns: Any) -> ExportFile:
    """A file of an export, as far as its row goes."""
    id_: UUID = uuid7()
    return ExportFile(
        id=id_, project_id=export.project_id, export_id=export.id, position=position,
        **{
            "part": 0, "name": f"photo-{position}.jpg",
            "key": f"{folder_of(export.project_id, export.id)}{id_}.jpg", "content_type": "image/jpeg",
            "byte_size": 1000, "sha256": f"{id_.int:064x}", "crc32": 7, "width_px": 2048, "height_px": 1365,
            "created_at": export.created_at + timedelta(seconds=1), **columns,
        },
    )  # fmt: skip
