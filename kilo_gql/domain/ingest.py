"""What an ingested file becomes: a photo, half of a RAW+JPEG pair, a sidecar, a duplicate, or a quarantined asset.

System functions, called by the ingest job: ``find_work`` in its first phase, the others in the transaction that ends
it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, text, update

from kilo_gql import jobs
from kilo_gql.claims import CANCELED
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_pins, measuring
from kilo_gql.domain.filenames import sidecar_name
from kilo_gql.domain.joining import RAW_FORMATS, SIDECAR, attach, has_namesakes, pair, rate, take_sidecars, tell
from kilo_gql.domain.measuring import Measured
from kilo_gql.events import Change, EventName
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Project, Upload


@dataclass(frozen=True, slots=True)
class Work:
    """What the ingest job needs to know of a file before it opens it. ``hint``: when the client says it was taken."""

    asset_id: UUID
    project_id: UUID
    file_id: UUID
    user_id: UUID
    key: str
    filename: str
    byte_size: int
    checksum_sha256: str | None
    hint: datetime | None
    timezone: str | None
    face_models: Mapping[str, Sequence[str]] | None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A rendition that lies in the store."""

    id: UUID
    kind: FileKind
    key: str
    content_type: str
    byte_size: int
    sha256: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Photo:
    """What was found in a file.

    ``columns`` are columns of ``Asset``; ``rating`` is -1 (rejected) to 5, as XMP has it; ``measured``: None for
    sidecars, and for a photo that could not be measured.
    """

    format: str
    content_type: str
    sha256: str
    columns: Mapping[str, Any]
    rating: int | None = None
    files: Sequence[StoredFile] = field(default_factory=tuple)
    measured: Measured | None = None

    @property
    def is_raw(self) -> bool:
        return self.format in RAW_FORMATS


def format_of(filename: str) -> str | None:
    """What is known of a file's format by its name: that it is a sidecar, which no list shows as a photo."""
    return SIDECAR if sidecar_name(filename) else None


async def find_work(tx: Tx, upload_id: UUID) -> Work | None:
    """The file to ingest; None if it is gone, or was ingested meanwhile."""
    statement = (
        select(
            Asset.id.label("asset_id"),
            Asset.project_id,
            AssetFile.id.label("file_id"),
            Upload.user_id,
            AssetFile.key,
            Asset.filename,
            AssetFile.byte_size,
            Upload.checksum_sha256,
            Upload.captured_at.label("hint"),
            Project.timezone,
            measuring.FACE_MODELS.label("face_models"),
        )
        .join(AssetFile, AssetFile.id == Upload.id)
        .join(Asset, Asset.id == Upload.asset_id)
        .join(Project, Project.id == Upload.project_id)
        .where(Upload.id == upload_id, Asset.status != AssetStatus.READY)
    )
    found = await tx.rows(statement)
    return Work(**found[0]._mapping) if found else None


async def finish_photo(tx: Tx, work: Work, photo: Photo) -> None:
    """The file is a photo, or a sidecar with its words as ``columns``: write what it is."""
    if (asset := await _still_there(tx, work)) is None:
        await _purge(tx, work.project_id, keys=[file.key for file in photo.files])
        return
    await _one_at_a_time(tx, work.project_id, photo.sha256, asset.stem)
    if (twin := await _twin(tx, work, photo)) is not None:
        if twin.damaged_at is not None:
            await _mend(tx, work, twin)
        if asset.trashed_at is None:
            await _bring_back(tx, twin.asset_id)
        await _drop(tx, asset, twin.asset_id)
        return
    for name, value in photo.columns.items():
        setattr(asset, name, value)
    asset.format = photo.format
    asset.status, asset.updated_at = AssetStatus.READY, tx.now
    asset.quarantine_code = asset.quarantine_reason = asset.quarantine_offset = None
    again, asset.metadata_ready, asset.preview_ready = asset.preview_ready, True, bool(photo.files)
    if photo.measured is not None:
        asset.signals_ready = asset.embedding_ready = True
    await tx.flush()
    if again:
        await _discard_renditions(tx, work, photo)
    await _write_files(tx, work, photo)
    if again:
        await gallery_pins.note_looks(tx, work.project_id, [asset.id])
    if photo.measured is not None:
        await measuring.write(tx, work.project_id, {asset.id: photo.measured})
    if photo.format == SIDECAR:
        await attach(tx, asset, photo.rating)
    else:
        tell(tx, asset, {"readiness": {"metadata": True}})
        measured = measuring.READY if photo.measured is not None else {}
        tell(tx, asset, {"status": asset.status, "readiness": {"preview": True, **measured}})
        await rate(tx, asset, work.user_id, photo.rating)
        # what lies in the trash takes nothing along: what nobody threw away would be purged with it
        if asset.trashed_at is None and await has_namesakes(tx, asset):
            await pair(tx, asset, raw=photo.is_raw)
            await take_sidecars(tx, asset)


async def quarantine(tx: Tx, asset_id: UUID, code: str, reason: str, offset: int | None = None) -> None:
    """The file is kept, never served, and says why. Nothing happens to an asset that is ready or gone.

    A cancel does not take the place of a reason that was found before.
    """
    asset = await tx.session.get(Asset, asset_id, with_for_update=True)
    known = asset is not None and asset.status is AssetStatus.QUARANTINED and code == CANCELED.code
    if asset is None or asset.status is AssetStatus.READY or known:
        return
    asset.status, asset.updated_at = AssetStatus.QUARANTINED, tx.now
    asset.quarantine_code, asset.quarantine_reason, asset.quarantine_offset = code, reason, offset
    tell(tx, asset, {"status": asset.status, "quarantine": {"code": code, "reason": reason, "byteOffset": offset}})


async def _still_there(tx: Tx, work: Work) -> Asset | None:
    """The locked asset, if this file is still the one it waits for: another may have been sent in its place."""
    statement = (
        select(Asset)
        .join(AssetFile, AssetFile.asset_id == Asset.id)
        .where(Asset.id == work.asset_id, AssetFile.id == work.file_id)
        .with_for_update(of=Asset)
    )
    found: Asset | None = await tx.scalar(statement)
    return found if found is not None and found.status is not AssetStatus.READY else None


_LOCK: Final = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")


async def _one_at_a_time(tx: Tx, project_id: UUID, *about: str) -> None:
    """Wait for other jobs that decide about the same bytes, or the same name, in this project.

    In one order, so that two jobs never wait for one another.
    """
    names = (f"{project_id}/{one}".encode() for one in about)
    keys = sorted(int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True) for name in names)
    await tx.unchecked(_LOCK, {"keys": keys})


# --- duplicates ----------------------------------------------------------------------------------------------------


async def _twin(tx: Tx, work: Work, photo: Photo) -> AssetFile | None:
    """What another asset of the project has of these very bytes; sidecars that say the same, by their names."""
    statement = select(AssetFile).where(
        AssetFile.project_id == work.project_id,
        AssetFile.sha256 == photo.sha256,
        AssetFile.variant == _variant(work, photo),
        AssetFile.kind.in_((FileKind.ORIGINAL, FileKind.SIDECAR)),
        AssetFile.asset_id != work.asset_id,
    )
    found: AssetFile | None = await tx.scalar(statement.with_for_update())
    return found


def _variant(work: Work, photo: Photo) -> str:
    return sidecar_name(work.filename) if photo.format == SIDECAR else ""


async def _mend(tx: Tx, work: Work, twin: AssetFile) -> None:
    """The twin's bytes were damaged in the store, and the same came whole: they are its original from now on."""
    await tx.session.execute(delete(AssetFile).where(AssetFile.id == work.file_id))
    await _purge(tx, work.project_id, keys=[twin.key])
    twin.key, twin.verified_at, twin.damaged_at = work.key, tx.now, None
    await tx.flush()
    tx.emit(Change(EventName.ASSET_UPDATED, work.project_id, (twin.asset_id,), {"damaged": False}))


async def _bring_back(tx: Tx, twin: UUID) -> None:
    """What somebody has just sent must not go with the trash: the twin comes back, with the photo it belongs to."""
    asset = await tx.session.get(Asset, twin, with_for_update=True)
    whole = asset if asset is None or asset.parent_id is None else await tx.session.get(Asset, asset.parent_id)
    if asset is None or whole is None:
        return
    together = and_(Asset.parent_id == whole.id, Asset.trashed_at == whole.trashed_at)
    statement = (
        update(Asset)
        .where(Asset.trashed_at.is_not(None), or_(Asset.id.in_((asset.id, whole.id)), together))
        .values(trashed_at=None)
        .returning(Asset.id)
    )
    if back := sorted(await tx.scalars(statement)):  # type: ignore[arg-type]
        tx.emit(Change(EventName.ASSET_UPDATED, asset.project_id, tuple(back), {"trashedAt": None}))


async def _drop(tx: Tx, asset: Asset, twin: UUID) -> None:
    """The bytes are here already: the newcomer goes, and its bytes with it."""
    await tx.session.execute(delete(Asset).where(Asset.id == asset.id))
    await _purge(tx, asset.project_id, prefixes=[f"{asset.project_id}/{asset.id}/"])
    tell(tx, asset, {"status": "duplicate", "duplicateOf": str(twin)})


async def _purge(tx: Tx, project_id: UUID, **objects: Sequence[str]) -> None:
    """Have objects (``keys``, ``prefixes``) deleted, but for those that a row refers to after all."""
    if any(objects.values()):
        await jobs.enqueue(tx, NewJob(JobType.ASSET_PURGE, objects, project_id))


# --- files ---------------------------------------------------------------------------------------------------------


async def _discard_renditions(tx: Tx, work: Work, photo: Photo) -> None:
    """Renditions that were made before give way to these; a preview that a gallery is pinned to stays beside them."""
    await gallery_pins.keep(tx, work.asset_id)
    keys = {file.key for file in photo.files}
    old = await tx.scalars(
        delete(AssetFile)  # type: ignore[arg-type]
        .where(
            AssetFile.asset_id == work.asset_id,
            AssetFile.kind.in_([file.kind for file in photo.files]),
            or_(~AssetFile.variant.startswith(gallery_pins.PIN), AssetFile.key.in_(keys)),
        )
        .returning(AssetFile.key)
    )
    await _purge(tx, work.project_id, keys=sorted(set(old) - keys))


async def _write_files(tx: Tx, work: Work, photo: Photo) -> None:
    """The original is what was read back; the renditions are in the store."""
    kind = FileKind.SIDECAR if photo.format == SIDECAR else FileKind.ORIGINAL
    facts = {"width_px": photo.columns.get("width_px"), "height_px": photo.columns.get("height_px")}
    await tx.session.execute(
        update(AssetFile)
        .where(AssetFile.id == work.file_id)
        .values(
            kind=kind,
            variant=_variant(work, photo),
            sha256=photo.sha256,
            content_type=photo.content_type,
            verified_at=tx.now,
            damaged_at=None,
            **facts,
        )
    )
    await tx.insert(
        AssetFile,
        [
            {
                "id": file.id,
                "project_id": work.project_id,
                "asset_id": work.asset_id,
                "kind": file.kind,
                "variant": "",
                "key": file.key,
                "content_type": file.content_type,
                "byte_size": file.byte_size,
                "sha256": file.sha256,
                "width_px": file.width_px,
                "height_px": file.height_px,
                "created_at": tx.now,
            }
            for file in photo.files
        ],
    )
