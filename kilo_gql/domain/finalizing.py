"""Finalizing uploads: what was sent becomes the original of its asset, and a job that processes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain.filenames import stem_of
from kilo_gql.domain.ingest import format_of
from kilo_gql.domain.uploads import (
    ANY_TYPE,
    KEPT_FOR,
    REPLACEABLE,
    FileError,
    asset_not_found,
    check_count,
    checksum,
    media_type,
    original_kept,
    purge,
    upload_expired,
)
from kilo_gql.errors import Conflict, KiloError, not_found
from kilo_gql.events import Change, EventName
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Job, Upload, UploadStatus
from kilo_gql.operations import operation


@dataclass(frozen=True, slots=True)
class FinalizedFile:
    """A file that was sent. ``checksum_sha256``: of the client's copy, in hexadecimal; compared with what is stored."""

    asset_id: UUID
    checksum_sha256: str
    content_type: str | None = None


@stored
@dataclass(frozen=True, slots=True)
class FinalizedAsset:
    """What became of one file: a job that processes it, or why there is none."""

    asset_id: UUID
    status: AssetStatus | None
    job_id: UUID | None = None
    error: FileError | None = None


@stored
@dataclass(frozen=True, slots=True)
class Finalized:
    """What became of the files of one call, in their order; ``queued_jobs`` process those that could be taken."""

    queued_jobs: list[UUID]
    assets: list[FinalizedAsset]


@operation(Perm.ASSET_UPLOAD, write=True, retention=KEPT_FOR)
async def finalize_upload(tx: Tx, project_id: UUID, assets: list[FinalizedFile]) -> Finalized:
    """Say that 1 to 200 files were sent: each is checked against its SHA-256 and processed.

    Finalizing twice changes nothing and answers with the same job. Raises NotFound if none of the assets is known.
    """
    check_count(len(assets))
    given = {file.asset_id: (checksum(file.checksum_sha256), media_type(file.content_type)) for file in assets}
    await tx.enter(project_id)
    found = await _latest(tx, project_id, list(given))
    if not found:
        raise not_found("asset")
    ready = {asset.id: (upload, asset) for upload, asset in found.values() if _problem(tx, upload, asset) is None}
    fresh = {key: pair for key, pair in ready.items() if pair[0].status is UploadStatus.STORED}
    earlier = await _earlier_jobs(tx, [key for key in ready if key not in fresh]) if len(fresh) < len(ready) else {}
    job_by_asset = {**earlier, **await _process(tx, project_id, fresh, given)}
    return _finalized(tx, given, found, job_by_asset)


async def _latest(tx: Tx, project_id: UUID, asset_ids: Sequence[UUID]) -> dict[UUID, tuple[Upload, Asset]]:
    """The last upload of each asset, locked in one order by everyone."""
    statement = (
        select(Upload, Asset)
        .join(Asset, Asset.id == Upload.asset_id)
        .where(Upload.project_id == project_id, Upload.asset_id.in_(asset_ids))
        .order_by(Upload.id)
        .with_for_update()
    )
    return {upload.asset_id: (upload, asset) for upload, asset in await tx.rows(statement)}


def _problem(tx: Tx, upload: Upload, asset: Asset) -> KiloError | None:
    """Why an upload cannot be finalized."""
    if upload.status is UploadStatus.FINALIZED:
        return None
    # what was quarantined when the upload was prepared may have been retried since
    if asset.status not in REPLACEABLE:
        return original_kept()
    if upload.expires_at <= tx.now:
        return upload_expired()
    if upload.status is UploadStatus.STORED:
        return None
    return Conflict(
        "This file has not arrived in full.",
        code="upload_incomplete",
        details={"received": upload.received, "byteSize": upload.byte_size},
        remediation=["Ask its upload address with HEAD where to go on, and send the rest."],
    )


async def _earlier_jobs(tx: Tx, asset_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    statement = (
        select(Job.asset_id, Job.id)
        .where(Job.asset_id.in_(asset_ids), Job.type == JobType.ASSET_INGEST.value)
        .order_by(Job.id)
    )
    return {row.asset_id: row.id for row in await tx.rows(statement)}


async def _process(
    tx: Tx,
    project_id: UUID,
    fresh: Mapping[UUID, tuple[Upload, Asset]],
    given: Mapping[UUID, tuple[str, str | None]],
) -> dict[UUID, UUID]:
    """Turn stored uploads into originals that wait for their job; returns the jobs by asset."""
    if not fresh:
        return {}
    await _replace_originals(tx, [asset.id for _, asset in fresh.values() if asset.status is not AssetStatus.UPLOADING])
    for upload, asset in fresh.values():
        _take_over(tx, upload, asset, *given[asset.id])
    await tx.flush()
    await tx.insert(AssetFile, [_original(tx, upload) for upload, _ in fresh.values()])
    queued = await jobs.enqueue(
        tx,
        *(
            NewJob(JobType.ASSET_INGEST, {"upload_id": str(upload.id)}, project_id, asset_id)
            for asset_id, (upload, _) in fresh.items()
        ),
    )
    tx.emit(Change(EventName.ASSET_UPDATED, project_id, tuple(fresh), {"status": AssetStatus.PROCESSING}))
    return dict(zip(fresh, queued, strict=True))


async def _replace_originals(tx: Tx, asset_ids: Sequence[UUID]) -> None:
    """The files of an earlier try give way to those of this one."""
    if not asset_ids:
        return
    gone = await tx.session.execute(
        delete(AssetFile)
        .where(AssetFile.asset_id.in_(asset_ids), AssetFile.kind.in_((FileKind.ORIGINAL, FileKind.SIDECAR)))
        .returning(AssetFile.project_id, AssetFile.key)
    )
    await tx.session.execute(
        delete(Upload).where(Upload.asset_id.in_(asset_ids), Upload.status == UploadStatus.FINALIZED)
    )
    await purge(tx, ((row.project_id, row.key) for row in gone.all()))


def _take_over(tx: Tx, upload: Upload, asset: Asset, sha256: str, content_type: str | None) -> None:
    upload.status, upload.updated_at = UploadStatus.FINALIZED, tx.now
    upload.checksum_sha256 = sha256
    upload.content_type = content_type or upload.content_type
    asset.status, asset.updated_at = AssetStatus.PROCESSING, tx.now
    asset.filename, asset.stem, asset.format = upload.filename, stem_of(upload.filename), format_of(upload.filename)
    asset.quarantine_code = asset.quarantine_reason = asset.quarantine_offset = None


def _original(tx: Tx, upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "project_id": upload.project_id,
        "asset_id": upload.asset_id,
        "kind": FileKind.ORIGINAL,
        "variant": "",
        "key": upload.key,
        "content_type": upload.content_type or ANY_TYPE,
        "byte_size": upload.byte_size,
        "created_at": tx.now,
    }


def _finalized(
    tx: Tx,
    given: Mapping[UUID, Any],
    found: Mapping[UUID, tuple[Upload, Asset]],
    job_by_asset: Mapping[UUID, UUID],
) -> Finalized:
    outcomes = []
    for asset_id in given:
        if asset_id not in found:
            outcomes.append(FinalizedAsset(asset_id, None, error=FileError.of(asset_not_found())))
            continue
        upload, asset = found[asset_id]
        problem = _problem(tx, upload, asset)
        error = None if problem is None else FileError.of(problem)
        outcomes.append(FinalizedAsset(asset_id, asset.status, job_by_asset.get(asset_id), error))
    return Finalized([one.job_id for one in outcomes if one.job_id is not None], outcomes)
