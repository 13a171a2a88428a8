"""Exports: photos made into files to take away. Ask for one, look how far it is, fetch it, mend it, end it.

The work itself is told apart: ``export_jobs`` is what a worker asks and writes, ``export_plans`` what comes of a photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, update

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.claims import CANCELED
from kilo_gql.db import Tx
from kilo_gql.domain import export_jobs
from kilo_gql.domain.export_jobs import announce
from kilo_gql.domain.export_links import LINK_FOR, archive_url
from kilo_gql.domain.export_plans import ExportPlan, plan
from kilo_gql.domain.export_rows import chosen, photos_of
from kilo_gql.domain.export_settings import (
    CarouselSettings,
    ExportSettings,
    SheetSettings,
    StorySettings,
    as_json,
    settings_of,
)
from kilo_gql.errors import Conflict, Gone, not_found
from kilo_gql.models import (
    Export,
    ExportFile,
    ExportItem,
    ExportPreset,
    ExportStatus,
    Gallery,
    ItemStatus,
    Job,
    Project,
)
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of

#: Photos of a preview that are told one by one; the sums are of all.
PREVIEWED_MAX: Final = 200
#: Files of one photo.
PARTS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class NewExport:
    """What is asked for. ``asset_ids`` None: the actor's picks. ``settings`` in camelCase; see ``export_settings``."""

    preset: ExportPreset
    asset_ids: Sequence[UUID] | None = None
    settings: object = None


@operation(Perm.EXPORT_CREATE, write=True)
async def create_export(tx: Tx, project_id: UUID, new: NewExport) -> Export:
    """Have photos made into files: those named, or else your picks in this project.

    Raises BadRequest ``too_many_photos``, ``too_many_slides`` or one that names the setting at fault; NotFound;
    Conflict ``nothing_picked`` or ``asset_not_ready``.
    """
    settings, asset_ids, project = await _understood(tx, project_id, new)
    await _planned(tx, settings, asset_ids, project.title)  # what cannot be made is refused before it is begun
    export = tx.add(
        Export(
            id=uuid7(), project_id=project_id, created_by=tx.user_id, preset=new.preset, settings=as_json(settings),
            gallery_id=settings.gallery_id if isinstance(settings, SheetSettings) else None,
            status=ExportStatus.QUEUED, name=_name(project.title, new.preset, tx.now), total=len(asset_ids), done=0,
            failed=0, byte_size=0, created_at=tx.now, updated_at=tx.now,
        )
    )  # fmt: skip
    await tx.flush()
    await tx.insert(
        ExportItem,
        (
            {
                "project_id": project_id, "export_id": export.id, "position": position, "asset_id": asset_id,
                "status": ItemStatus.QUEUED, "updated_at": tx.now,
            }
            for position, asset_id in enumerate(asset_ids)
        ),
    )  # fmt: skip
    await export_jobs.queue_turn(tx, export, 0)
    announce(tx, export)
    await tx.flush()
    return export


@operation(Perm.EXPORT_READ)
async def preview_export(tx: Tx, project_id: UUID, new: NewExport) -> ExportPlan:
    """What an export would be, without making it: names, sizes, crops, parts, and what may disappoint.

    Counts and sums are of all photos; the first 200 are told one by one. Raises as ``create_export`` does.
    """
    settings, asset_ids, project = await _understood(tx, project_id, new)
    made = await _planned(tx, settings, asset_ids, project.title)
    return ExportPlan(made.ratio, made.photos[:PREVIEWED_MAX], made.file_count, made.estimated_bytes)


async def _understood(tx: Tx, project_id: UUID, new: NewExport) -> tuple[ExportSettings, list[UUID], Project]:
    project = await tx.get(Project, project_id)
    settings = settings_of(new.preset, {} if new.settings is None else new.settings)
    if isinstance(settings, SheetSettings) and settings.gallery_id is not None:
        here = select(Gallery.id).where(Gallery.id == settings.gallery_id, Gallery.project_id == project_id)
        if await tx.scalar(here) is None:
            raise not_found("gallery")
    return settings, await chosen(tx, project_id, new.asset_ids), project


async def _planned(tx: Tx, settings: ExportSettings, asset_ids: Sequence[UUID], project: str) -> ExportPlan:
    photos = await photos_of(tx, asset_ids, tx.user_id, subjects=cuts(settings))
    return plan(settings, [photos[id_] for id_ in asset_ids], project)


def cuts(settings: ExportSettings) -> bool:
    """Are photos cut to a shape, so that one has to know where their subjects are?"""
    return isinstance(settings, CarouselSettings | StorySettings)


def _name(title: str, preset: ExportPreset, now: datetime) -> str:
    """What the archive is called: no folder."""
    return f"{title.replace('/', '-')} {preset.value.replace('_', '-')} {now:%Y-%m-%d}"


# --- looking -------------------------------------------------------------------------------------------------------


@operation(Perm.EXPORT_READ)
async def get_export(tx: Tx, export_id: UUID) -> Export:
    """One export, and how far it is."""
    return await tx.get(Export, export_id)


@operation(Perm.EXPORT_READ)
async def list_exports(tx: Tx, project_id: UUID, slice_: Slice, status: ExportStatus | None = None) -> Page[Export]:
    """A project's exports, newest first, of one status where asked."""
    await tx.enter(project_id)
    statement = select(Export).where(Export.project_id == project_id)
    if status is not None:
        statement = statement.where(Export.status == status)
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(Export.id < after[0])
    return page_of(await tx.scalars(statement.order_by(Export.id.desc()).limit(slice_.limit + 1)), slice_, by_id)


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file of an export. ``byte_size`` in bytes, ``sha256`` in hexadecimal; a PDF has no pixels."""

    name: str
    content_type: str
    byte_size: int
    sha256: str
    width_px: int | None
    height_px: int | None


@dataclass(frozen=True, slots=True)
class ShownItem:
    """A photo of an export with the files it became. ``asset_id`` None: the photo is gone meanwhile."""

    position: int
    asset_id: UUID | None
    status: ItemStatus
    error_code: str | None
    error: str | None
    files: list[MadeFile]


@operation(Perm.EXPORT_READ)
async def list_export_items(
    tx: Tx, export_id: UUID, slice_: Slice, status: ItemStatus | None = None
) -> Page[ShownItem]:
    """The photos of an export in their order, of one status where asked, each with its files."""
    await tx.get(Export, export_id)
    statement = select(ExportItem).where(ExportItem.export_id == export_id)
    if status is not None:
        statement = statement.where(ExportItem.status == status)
    if (after := slice_.after(int)) is not None:
        statement = statement.where(ExportItem.position > after[0])
    items = await tx.scalars(statement.order_by(ExportItem.position).limit(slice_.limit + 1))
    files = await _files_by_position(tx, export_id, [item.position for item in items])
    shown = [
        ShownItem(i.position, i.asset_id, i.status, i.error_code, i.error, files.get(i.position, [])) for i in items
    ]
    return page_of(shown, slice_, lambda item: (item.position,))


async def _files_by_position(tx: Tx, export_id: UUID, positions: Sequence[int]) -> dict[int, list[MadeFile]]:
    names = ("name", "content_type", "byte_size", "sha256", "width_px", "height_px")
    rows = await tx.rows(
        select(ExportFile.position, *(getattr(ExportFile, name) for name in names))
        .where(ExportFile.export_id == export_id, ExportFile.position.in_(positions))
        .order_by(ExportFile.position, ExportFile.part)
    )
    found: dict[int, list[MadeFile]] = {}
    for row in rows:
        found.setdefault(row.position, []).append(MadeFile(*row[1:]))
    return found


# --- fetching ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExportLink:
    """Where an export is fetched from. ``url`` needs no proof, and is good until ``expires_at``."""

    url: str
    expires_at: datetime


@operation(Perm.EXPORT_READ)
async def get_export_download(tx: Tx, export_id: UUID) -> ExportLink:
    """Where to fetch an export: its one file, or a ZIP archive of all of them with their checksums.

    The link is good for 24 hours, and ends with the export. Raises Conflict ``export_not_ready`` or Gone
    ``export_expired``.
    """
    export = await tx.get(Export, export_id)
    if export.status is not ExportStatus.DONE:
        raise Conflict(
            "This export is not done.",
            code="export_not_ready",
            details={"status": export.status.value, "progress": export.progress},
            remediation=["Wait until its status is done.", "Retry it if it failed."],
        )
    if export.expires_at is None or export.expires_at <= tx.now or export.expired_at is not None:
        raise Gone(
            "The files of this export were taken away.", code="export_expired", remediation=["Make the export again."]
        )
    until = min(tx.now + LINK_FOR, export.expires_at).replace(microsecond=0)
    files = await tx.rows(
        select(ExportFile.key, ExportFile.content_type, ExportFile.name)
        .where(ExportFile.export_id == export_id)
        .limit(2)
    )
    if len(files) > 1:
        return ExportLink(archive_url(tx.house.key, tx.house.base_url, export_id, until), until)
    assert tx.house.links is not None
    [file] = files
    url = await tx.house.links.signed_get(
        file.key, expires_at=until, content_type=file.content_type, filename=file.name
    )
    return ExportLink(url, until)


# --- mending and ending --------------------------------------------------------------------------------------------


@operation(Perm.EXPORT_CREATE, write=True)
async def retry_export(tx: Tx, export_id: UUID) -> Export:
    """Make those photos of an export that failed, or were not reached; what is made already stays as it is.

    Raises Conflict ``illegal_transition`` while it is at work and if nothing failed, or Gone ``export_expired``.
    """
    export = await tx.get(Export, export_id, lock=True)
    if export.expired_at is not None:
        raise Gone("The files of this export were taken away.", code="export_expired")
    if export.status in export_jobs.OPEN or (export.status is ExportStatus.DONE and export.done == export.total):
        raise _illegal(export, "retry")
    await tx.session.execute(
        update(ExportItem)
        .where(ExportItem.export_id == export_id, ExportItem.status == ItemStatus.FAILED)
        .values(status=ItemStatus.QUEUED, error_code=None, error=None, updated_at=tx.now)
    )
    first = await tx.scalar(
        select(func.min(ExportItem.position)).where(
            ExportItem.export_id == export_id, ExportItem.status == ItemStatus.QUEUED
        )
    )
    export.status, export.failed, export.error_code, export.error = ExportStatus.QUEUED, 0, None, None
    export.finished_at = export.expires_at = None
    export.updated_at = tx.now
    await export_jobs.queue_turn(tx, export, first or 0)
    announce(tx, export)
    await tx.flush()
    return export


@operation(Perm.EXPORT_CREATE, write=True)
async def cancel_export(tx: Tx, export_id: UUID) -> Export:
    """Stop an export; canceling it twice changes nothing. What it made can be kept by retrying it later.

    Raises Conflict ``illegal_transition`` if it is over.
    """
    export = await _locked_with_job(tx, export_id)
    if export.status is ExportStatus.FAILED and export.error_code == CANCELED.code:
        return export
    if export.status not in export_jobs.OPEN:
        raise _illegal(export, "cancel")
    export_jobs.end(tx, export, CANCELED)
    return export


@operation(Perm.EXPORT_CREATE, write=True)
async def delete_export(tx: Tx, export_id: UUID) -> None:
    """Delete an export and its files, also while it is being made. Links to it end at once."""
    export = await _locked_with_job(tx, export_id)
    await export_jobs.discard_all(tx, export)
    await tx.session.execute(delete(Export).where(Export.id == export_id))
    announce(tx, export, {"deleted": True})


async def _locked_with_job(tx: Tx, export_id: UUID) -> Export:
    """The export, for a change, with its job stopped. A worker locks the job first, so do we."""
    export = await tx.get(Export, export_id)
    job = await _job(tx, export.job_id)
    if await tx.session.get(Export, export_id, with_for_update=True, populate_existing=True) is None:
        raise not_found("export")  # somebody else deleted it while we waited
    if job is not None and export.job_id != job.id:  # its turn ended before the lock was ours
        job = await _job(tx, export.job_id)
    if job is not None and not job.status.terminal:
        jobs.cancel(tx, job)
    return export


async def _job(tx: Tx, job_id: UUID | None) -> Job | None:
    found: Job | None = await tx.scalar(select(Job).where(Job.id == job_id).with_for_update())
    return found


def _illegal(export: Export, move: str) -> Conflict:
    return Conflict(
        f"This export is {export.status.value}: it cannot {move}.",
        code="illegal_transition",
        details={"status": export.status.value, "move": move},
        remediation=["Read the export again: it may have moved on meanwhile."],
    )
