"""Uploads that are not done: what to resume, and giving up. Also what preparing, receiving and finalizing share.

A file is prepared (``preparing``: an asset and an upload come to be), sent to the upload's address (``receiving``), and
finalized (``finalizing``: it is processed).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain.upload_addresses import upload_url
from kilo_gql.errors import BadRequest, Conflict, Gone, KiloError, NotFound, not_found
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetStatus, Role, Upload, UploadStatus
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of

#: Files one call may prepare or finalize.
FILES_MAX: Final = 200
#: An upload expires so long after the last byte came; answers to keyed calls are kept as long.
KEPT_FOR: Final = timedelta(days=7)
#: Where an upload is not done.
OPEN: Final = (UploadStatus.RECEIVING, UploadStatus.STORED)
#: An asset in one of these has no original that counts, and may be sent (again).
REPLACEABLE: Final = (AssetStatus.UPLOADING, AssetStatus.QUARANTINED)

ANY_TYPE: Final = "application/octet-stream"
_TYPE: Final = re.compile(r"[\w.+-]{1,63}/[\w.+-]{1,63}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

#: What is shown of an upload: plain columns, read as light rows.
COLUMNS: Final = (
    Upload.id,
    Upload.asset_id,
    Upload.user_id,
    Upload.client_file_id,
    Upload.filename,
    Upload.content_type,
    Upload.checksum_sha256,
    Upload.byte_size,
    Upload.received,
    Upload.expires_at,
    Upload.created_at,
)


@stored
@dataclass(frozen=True, slots=True)
class FileError:
    """Why one file of a call was refused, as a KiloError says it."""

    code: str
    message: str
    remediation: list[str]
    details: dict[str, Any]

    @classmethod
    def of(cls, error: KiloError) -> FileError:
        """The same refusal, of one file instead of the whole call."""
        return cls(error.code, error.message, error.remediation, error.details)


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """A file that is not here in full, or not finalized. ``received`` of ``byte_size`` bytes are here."""

    id: UUID
    asset_id: UUID
    user_id: UUID
    client_file_id: str | None
    filename: str
    content_type: str | None
    checksum_sha256: str | None
    byte_size: int
    received: int
    upload_url: str
    created_at: datetime
    expires_at: datetime


@operation(Perm.ASSET_UPLOAD)
async def list_unfinished_uploads(tx: Tx, project_id: UUID, slice_: Slice) -> Page[UnfinishedUpload]:
    """What the caller began to send to a project and did not end, newest first; an owner sees everybody's."""
    await tx.enter(project_id)
    conditions = [Upload.project_id == project_id, Upload.status.in_(OPEN), Upload.expires_at > tx.now]
    if tx.granted[project_id] is not Role.OWNER:
        conditions.append(Upload.user_id == tx.user_id)
    if (after := slice_.after(UUID)) is not None:
        conditions.append(Upload.id < after[0])
    statement = select(*COLUMNS).where(*conditions).order_by(Upload.id.desc()).limit(slice_.limit + 1)
    found = [
        UnfinishedUpload(**row._mapping, upload_url=upload_url(tx.house, row.id, tx.now))
        for row in await tx.rows(statement)
    ]
    return page_of(found, slice_, by_id)


@operation(Perm.ASSET_UPLOAD, write=True)
async def cancel_upload(tx: Tx, upload_id: UUID) -> None:
    """Give up an upload that is not finalized; what was received of it is thrown away."""
    upload = await tx.get(Upload, upload_id, lock=True)
    if upload.user_id != tx.user_id and tx.granted[upload.project_id] is not Role.OWNER:
        raise not_found("upload")
    if upload.status is UploadStatus.FINALIZED:
        raise upload_complete()
    await drop_unfinished(tx, [upload.asset_id])
    await tx.session.execute(delete(Asset).where(Asset.id == upload.asset_id, Asset.status == AssetStatus.UPLOADING))


async def drop_unfinished(tx: Tx, asset_ids: Sequence[UUID]) -> None:
    """Forget what was begun for these assets. The bytes are swept away; those that are objects already, by a job."""
    gone = await tx.session.execute(
        delete(Upload)
        .where(Upload.asset_id.in_(asset_ids), Upload.status.in_(OPEN))
        .returning(Upload.project_id, Upload.status, Upload.key)
    )
    await purge(tx, ((row.project_id, row.key) for row in gone.all() if row.status is UploadStatus.STORED))


async def purge(tx: Tx, objects: Iterable[tuple[UUID, str]]) -> None:
    """Have objects (project, key) removed that nothing names any more."""
    keys: dict[UUID, list[str]] = {}
    for project_id, key in objects:
        keys.setdefault(project_id, []).append(key)
    await jobs.enqueue(
        tx, *(NewJob(JobType.ASSET_PURGE, {"keys": mine}, project_id) for project_id, mine in keys.items())
    )


# --- what a call may say -------------------------------------------------------------------------------------------


def check_count(count: int) -> None:
    """Raises BadRequest unless a call is about 1 to 200 files."""
    if not 1 <= count <= FILES_MAX:
        raise BadRequest(
            f"A call is about 1 to {FILES_MAX} files.",
            code="too_many_files" if count else "bad_request",
            details={"count": count, "max": FILES_MAX},
            remediation=["Send the files in several calls."],
        )


def checksum(value: str) -> str:
    """A SHA-256 in lower case. Raises BadRequest ``bad_checksum``."""
    if not _SHA256.fullmatch(value.lower()):
        raise BadRequest(
            "A SHA-256 is written as 64 hexadecimal digits.",
            code="bad_checksum",
            details={"field": "checksumSha256"},
        )
    return value.lower()


def media_type(value: str | None) -> str | None:
    """A media type without parameters; None for what is none: it is a hint, and no reason to refuse a file."""
    text = (value or "").partition(";")[0].strip().lower()
    return text if _TYPE.fullmatch(text) else None


# --- refusals ------------------------------------------------------------------------------------------------------


def asset_not_found() -> NotFound:
    """One of the assets of a call is not there, or not to be seen."""
    return NotFound("This asset does not exist, or you cannot see it.", code="asset_not_found")


def upload_expired() -> Gone:
    """There is no such upload any more."""
    return Gone(
        "This upload has expired, or was given up.",
        code="upload_expired",
        remediation=["Prepare the upload again and send the whole file."],
    )


def original_kept() -> Conflict:
    """An original is replaced by nothing."""
    return Conflict(
        "The original of this asset is here and whole; it is never replaced.",
        code="original_kept",
        remediation=["Send the file as a new asset."],
    )


def upload_complete() -> Conflict:
    """What is here in full is not written to any more."""
    return Conflict(
        "This file is here in full and does not change any more.",
        code="upload_complete",
        remediation=["Finalize it, or delete the asset."],
    )
