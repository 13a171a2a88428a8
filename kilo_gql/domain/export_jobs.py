"""What a worker asks and writes about an export. System functions, but for those that ``exports`` shares.

An export is made in turns of some photos, each a job of its own: so nobody waits behind 5,000 pictures, and whatever
kills a worker costs one turn its strength, not the whole export. Files are written photo by photo, and the turn that
finds nothing left ends the export in the transaction that ends its job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update

from kilo_gql import jobs
from kilo_gql.claims import Failure
from kilo_gql.db import Tx
from kilo_gql.domain.export_settings import ExportSettings, settings_of
from kilo_gql.domain.renders import discard
from kilo_gql.events import Change, EventName
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import (
    Export,
    ExportFile,
    ExportItem,
    ExportStatus,
    Gallery,
    ItemStatus,
    Job,
    JobStatus,
    Project,
    ProjectStatus,
)

#: Photos of one turn.
TURN: Final = 24
#: How long the files are kept.
KEPT: Final = timedelta(days=7)
#: After this, nobody who was at work on an export still stores a file of it.
LATE: Final = timedelta(hours=1)
#: Exports that one transaction of the sweep takes care of.
BATCH: Final = 100

OPEN: Final = (ExportStatus.QUEUED, ExportStatus.RUNNING)
#: Nothing of an export could be made; the items say why.
NOTHING_MADE: Final = Failure("nothing_exported", "None of the photos could be exported.", ("See its items for why.",))
_GONE: Final = Failure("export_lost", "The work on this export ended without a word.", ("Retry it.",))


def announce(tx: Tx, export: Export, changed: Mapping[str, Any] | None = None) -> None:
    """Tell how far an export is."""
    told = changed or {
        "status": export.status.value,
        "progress": export.progress,
        "done": export.done,
        "failed": export.failed,
    }
    tx.emit(Change(EventName.EXPORT_UPDATED, export.project_id, (export.id,), told))


async def queue_turn(tx: Tx, export: Export, first: int) -> None:
    """Queue the turn that begins with the photo at this position."""
    arguments = {"export_id": str(export.id), "first": first}
    (export.job_id,) = await jobs.enqueue(tx, NewJob(JobType.PROJECT_EXPORT, arguments, export.project_id))


def end(tx: Tx, export: Export, why: Failure) -> None:
    """The export has failed; what it has made stays for whoever retries it."""
    export.status, export.error_code, export.error = ExportStatus.FAILED, why.code, why.message
    export.finished_at = export.updated_at = tx.now
    export.expires_at = tx.now + KEPT
    announce(tx, export)


async def job_over(tx: Tx, job_id: UUID, why: Failure) -> None:
    """The job of a turn failed for good, or was canceled: so did its export."""
    open_ = select(Export).where(Export.job_id == job_id, Export.status.in_(OPEN)).with_for_update()
    for export in await tx.scalars(open_):
        end(tx, export, why)


# --- a turn --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """A photo that is to be made."""

    position: int
    asset_id: UUID | None


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn's work. ``assets``: of all photos of the export, in their order; None where one is gone.

    ``items``: what this turn makes. ``over``: how many items were done or had failed before.
    """

    export_id: UUID
    project_id: UUID
    user_id: UUID
    name: str
    asked_at: datetime
    project: str
    settings: ExportSettings
    gallery_slug: str | None
    assets: Sequence[UUID | None]
    items: Sequence[Item]
    over: int


async def begin(tx: Tx, export_id: UUID, job_id: UUID, first: int) -> Turn | None:
    """Begin a turn, or go on with it; None if this job has no export any more.

    A job that somebody queued again takes up the export that had failed with it.
    """
    export = await tx.session.get(Export, export_id, with_for_update=True)
    if export is None or export.job_id != job_id or export.status is ExportStatus.DONE or export.expired_at:
        return None
    if export.status is not ExportStatus.RUNNING:
        export.status, export.error_code, export.error = ExportStatus.RUNNING, None, None
        export.finished_at = export.expires_at = None
        export.updated_at = tx.now
        announce(tx, export)
    project = await tx.session.get_one(Project, export.project_id)
    slug = select(Gallery.share_slug).where(Gallery.id == export.gallery_id)
    items = await tx.rows(
        select(ExportItem.position, ExportItem.asset_id, ExportItem.status)
        .where(ExportItem.export_id == export_id)
        .order_by(ExportItem.position)
    )
    queued = [Item(row.position, row.asset_id) for row in items if row.status is ItemStatus.QUEUED]
    # by place, not by number: a turn that is taken up again makes what is left of it, and no more
    mine = [item for item in queued if first <= item.position < first + TURN]
    return Turn(
        export.id, export.project_id, export.created_by, export.name, export.created_at, project.title,
        settings_of(export.preset, export.settings), await tx.scalar(slug) if export.gallery_id else None,
        [row.asset_id for row in items], mine, len(items) - len(queued),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is in the store."""

    id: UUID
    part: int
    name: str
    key: str
    content_type: str
    byte_size: int
    sha256: str
    crc32: int
    width_px: int | None
    height_px: int | None


async def write_item(
    tx: Tx, turn: Turn, position: int, made: Sequence[Made], failure: Failure | None, *, tell: bool
) -> bool:
    """Write what became of a photo: its files, or why there are none. False: the export was ended meanwhile.

    Doing it again changes nothing. ``tell``: others shall hear of it.
    """
    export = await tx.session.get(Export, turn.export_id, with_for_update=True)
    if export is None or export.status is not ExportStatus.RUNNING:
        await discard(tx, [file.key for file in made], turn.project_id)
        return False
    outcome = (
        {"status": ItemStatus.DONE, "error_code": None, "error": None}
        if failure is None
        else {"status": ItemStatus.FAILED, "error_code": failure.code, "error": failure.message}
    )
    changed = await tx.scalars(
        update(ExportItem)  # type: ignore[arg-type]
        .where(
            ExportItem.export_id == turn.export_id,
            ExportItem.position == position,
            ExportItem.status == ItemStatus.QUEUED,
        )
        .values(**outcome, updated_at=tx.now)
        .returning(ExportItem.position)
    )
    if changed:
        await _insert(tx, turn, position, made)
        _count(tx, export, made, failed=failure is not None)
        if tell:
            announce(tx, export)
    return True


async def write_sheet(tx: Tx, turn: Turn, made: Made, failures: Mapping[int, Failure]) -> bool:
    """Write the PDF of all photos, and which of them are not in it. False: the export was ended meanwhile."""
    export = await tx.session.get(Export, turn.export_id, with_for_update=True)
    if export is None or export.status is not ExportStatus.RUNNING:
        await discard(tx, [made.key], turn.project_id)
        return False
    before = await tx.scalars(
        delete(ExportFile).where(ExportFile.export_id == turn.export_id).returning(ExportFile.key)  # type: ignore[arg-type]
    )
    await discard(tx, [key for key in before if key != made.key], turn.project_id)
    items = update(ExportItem).where(ExportItem.export_id == turn.export_id)
    plain = {"status": ItemStatus.DONE, "error_code": None, "error": None, "updated_at": tx.now}
    await tx.session.execute(items.values(**plain))
    for position, why in failures.items():
        failed = {"status": ItemStatus.FAILED, "error_code": why.code, "error": why.message}
        await tx.session.execute(items.where(ExportItem.position == position).values(**failed))
    await _insert(tx, turn, -1, [made])
    export.done, export.failed, export.byte_size = export.total - len(failures), len(failures), made.byte_size
    export.updated_at = tx.now
    return True


def _count(tx: Tx, export: Export, made: Sequence[Made], *, failed: bool) -> None:
    export.failed += failed
    export.done += not failed
    export.byte_size += sum(file.byte_size for file in made)
    export.updated_at = tx.now


async def _insert(tx: Tx, turn: Turn, position: int, made: Sequence[Made]) -> None:
    await tx.insert(
        ExportFile,
        (
            {
                "id": file.id, "project_id": turn.project_id, "export_id": turn.export_id, "position": position,
                "part": file.part, "name": file.name, "key": file.key, "content_type": file.content_type,
                "byte_size": file.byte_size, "sha256": file.sha256, "crc32": file.crc32, "width_px": file.width_px,
                "height_px": file.height_px, "created_at": tx.now,
            }
            for file in made
        ),
        ignore=True,
    )  # fmt: skip


async def finish_turn(tx: Tx, turn: Turn) -> None:
    """Queue the next turn, or end the export if nothing is left. In the transaction that ends the turn's job."""
    export = await tx.session.get(Export, turn.export_id, with_for_update=True)
    if export is None or export.status is not ExportStatus.RUNNING:
        return
    left = select(func.min(ExportItem.position)).where(
        ExportItem.export_id == export.id, ExportItem.status == ItemStatus.QUEUED
    )
    if (first := await tx.scalar(left)) is not None:
        await queue_turn(tx, export, first)
    elif export.done:
        export.status, export.finished_at, export.expires_at = ExportStatus.DONE, tx.now, tx.now + KEPT
        export.updated_at = tx.now
        announce(tx, export)
    else:
        end(tx, export, NOTHING_MADE)


# --- taking away ---------------------------------------------------------------------------------------------------


def folder_of(project_id: UUID, export_id: UUID) -> str:
    """Where the files of an export are in the store."""
    return f"{project_id}/exports/{export_id}/"


async def discard_all(tx: Tx, export: Export) -> None:
    """Have everything deleted that an export stored, also what an attempt left that was killed.

    A worker that has not heard of the end yet may still store a file, so what did not end by itself is looked at again.
    """
    times = (None,) if export.status is ExportStatus.DONE else (None, tx.now + LATE)
    folder = {"prefixes": [folder_of(export.project_id, export.id)]}
    purges = (NewJob(JobType.ASSET_PURGE, folder, export.project_id, not_before=time) for time in times)
    await jobs.enqueue(tx, *purges)


async def expire(tx: Tx) -> int:
    """Take the files of a batch of exports away whose time is over; returns how many. The rows stay."""
    due = select(Export).where(Export.expires_at < tx.now, Export.expired_at.is_(None)).order_by(Export.expires_at)
    exports = await tx.scalars(due.limit(BATCH).with_for_update(skip_locked=True))
    for export in exports:
        await tx.session.execute(delete(ExportFile).where(ExportFile.export_id == export.id))
        await discard_all(tx, export)
        export.expired_at = export.updated_at = tx.now
        export.byte_size = 0
        announce(tx, export, {"expired": True})
    return len(exports)


async def end_orphans(tx: Tx) -> int:
    """Let exports fail whose job is over or gone without having told them; returns how many of a batch."""
    over = or_(Job.id.is_(None), Job.status.in_([status for status in JobStatus if status.terminal]))
    suspects = select(Export.id).outerjoin(Job, Job.id == Export.job_id).where(Export.status.in_(OPEN), over)
    ended = 0
    for export_id in await tx.scalars(suspects.order_by(Export.id).limit(BATCH)):
        # under the lock, and by what holds now: a turn may have ended, and the next one begun, since we looked
        export = await tx.session.get(Export, export_id, with_for_update=True)
        job = await tx.scalar(select(Job.status).where(Job.id == export.job_id)) if export is not None else None
        if export is not None and export.status in OPEN and (job is None or job.terminal):
            end(tx, export, _GONE)
            ended += 1
    return ended


# --- for the archive -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Archive:
    """What goes into an export's archive. ``files`` and ``items`` (all photos of it) in their order."""

    export: Export
    files: Sequence[ExportFile]
    items: Sequence[ExportItem]


async def archive_of(tx: Tx, export_id: UUID) -> Archive | None:
    """The archive of an export that is done and kept, of a project that is there; None for any other."""
    export: Export | None = await tx.scalar(
        select(Export)
        .join(Project, Project.id == Export.project_id)
        .where(
            Export.id == export_id,
            Export.status == ExportStatus.DONE,
            Export.expired_at.is_(None),
            Export.expires_at > tx.now,
            Project.status != ProjectStatus.DELETED,
        )
    )
    if export is None:
        return None
    files = select(ExportFile).where(ExportFile.export_id == export_id)
    items = select(ExportItem).where(ExportItem.export_id == export_id)
    return Archive(
        export,
        await tx.scalars(files.order_by(ExportFile.position, ExportFile.part)),
        await tx.scalars(items.order_by(ExportItem.position)),
    )
