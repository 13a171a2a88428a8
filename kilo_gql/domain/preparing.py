"""Preparing uploads: for each file of a call an asset and an address, or the reason why nothing is to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import MAXYEAR, MINYEAR, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain.filenames import FILENAME_MAX, extension_of, file_name, sidecar_name, stem_of
from kilo_gql.domain.ingest import format_of
from kilo_gql.domain.upload_addresses import upload_url
from kilo_gql.domain.uploads import (
    ANY_TYPE,
    COLUMNS,
    KEPT_FOR,
    OPEN,
    REPLACEABLE,
    FileError,
    asset_not_found,
    check_count,
    checksum,
    drop_unfinished,
    media_type,
    original_kept,
)
from kilo_gql.errors import BadRequest, KiloError, TooLarge
from kilo_gql.events import Change, EventName
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Role, Upload, UploadStatus
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import clipped

#: What a file is known by: its SHA-256 and, of a sidecar, its name.
_Content: TypeAlias = tuple[str, str]

_CLIENT_ID_MAX: Final = 200
_UNNAMED: Final = "unnamed"
#: What came from outside, and is compared with what is to come.
_KEPT_KINDS: Final = (FileKind.ORIGINAL, FileKind.SIDECAR)


class UploadState(StrEnum):
    """What a prepared file needs: to be sent, or nothing because its bytes are here, or because it is refused."""

    NEEDED = "needed"
    PRESENT = "present"
    TRASHED = "trashed"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A file somebody wants to send. ``byte_size`` in bytes; ``checksum_sha256`` in hexadecimal.

    ``captured_at``: when it was taken, if the file itself should not know. ``asset_id``: the quarantined or unfinished
    asset that this file is sent for once more.
    """

    filename: str
    byte_size: int
    content_type: str | None = None
    captured_at: datetime | None = None
    client_file_id: str | None = None
    checksum_sha256: str | None = None
    asset_id: UUID | None = None


@stored
@dataclass(frozen=True, slots=True)
class UploadInstruction:
    """What to do with one file.

    ``upload_url`` takes it whole by PUT (with ``headers``), or piece by piece by tus 1.0; it is "" where there is
    nothing to send. ``received`` bytes are here already. Without another byte the upload ends at ``expires_at``.
    """

    client_file_id: str | None
    asset_id: UUID
    state: UploadState
    upload_id: UUID | None = None
    upload_url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None
    received: int = 0
    error: FileError | None = None


def _addressed(tx: Tx, instructions: list[UploadInstruction]) -> list[UploadInstruction]:
    """With addresses, which are signed anew each time they are given."""
    return [
        one if one.upload_id is None else replace(one, upload_url=upload_url(tx.house, one.upload_id, tx.now))
        for one in instructions
    ]


@operation(Perm.ASSET_UPLOAD, write=True, retention=KEPT_FOR, dress=_addressed)
async def prepare_upload(tx: Tx, project_id: UUID, files: list[NewUpload]) -> list[UploadInstruction]:
    """Prepare 1 to 200 files to be sent: for each an asset, and the address that takes its bytes.

    A file whose SHA-256 is given and whose bytes the project has already need not be sent, and one that was begun
    before goes on where it was. A file that cannot be taken is refused by itself, and kept as a quarantined asset
    without bytes.
    """
    check_count(len(files))
    checksums = [checksum(file.checksum_sha256) if file.checksum_sha256 is not None else None for file in files]
    await tx.enter(project_id)
    batch = _Batch(tx, project_id)
    await batch.look_up([sha256 for sha256 in checksums if sha256], [file.asset_id for file in files if file.asset_id])
    instructions = [batch.take(file, sha256) for file, sha256 in zip(files, checksums, strict=True)]
    await batch.write()
    return instructions


class _Batch:
    """The files of one call: decided one by one, read and written together."""

    def __init__(self, tx: Tx, project_id: UUID) -> None:
        self._tx = tx
        self._project_id = project_id
        self._here: dict[_Content, UploadInstruction] = {}
        self._unfinished: dict[tuple[str, int, str], Any] = {}
        self._again: dict[UUID, Asset] = {}
        self._assets: list[dict[str, Any]] = []
        self._uploads: list[dict[str, Any]] = []
        self._owns = tx.granted[project_id] is Role.OWNER

    async def look_up(self, checksums: Sequence[str], asset_ids: Sequence[UUID]) -> None:
        """Read what the project knows of these files."""
        if checksums:
            for row in await self._tx.rows(_quarantined(self._project_id, checksums)):
                content = (row.checksum_sha256, sidecar_name(row.filename))
                self._here[content] = UploadInstruction(None, row.asset_id, _state_of(row))
            for row in await self._tx.rows(_same_bytes(self._project_id, checksums)):
                self._here[row.sha256, row.variant] = UploadInstruction(None, row.asset_id, _state_of(row))
            for row in await self._tx.rows(_begun(self._tx, self._project_id, checksums)):
                self._unfinished[row.filename, row.byte_size, row.checksum_sha256] = row
        if asset_ids:
            statement = select(Asset).where(Asset.project_id == self._project_id, Asset.id.in_(asset_ids))
            self._again = {asset.id: asset for asset in await self._tx.scalars(statement.with_for_update())}

    def take(self, file: NewUpload, sha256: str | None) -> UploadInstruction:
        """Decide about one file."""
        client_file_id = clipped(file.client_file_id, _CLIENT_ID_MAX)
        content = (sha256 or "", sidecar_name(file.filename))
        if file.asset_id is None and (here := self._here.get(content)) is not None:
            return replace(here, client_file_id=client_file_id)
        try:
            name = self._checked(file)
            asset_id = file.asset_id or uuid7()
        except KiloError as error:
            return self._refuse(file, client_file_id, error)
        instruction = self._resumed(file, name, sha256) or self._new(file, name, sha256, asset_id)
        if sha256 is not None:
            self._here[content] = UploadInstruction(None, instruction.asset_id, UploadState.PRESENT)
        return replace(instruction, client_file_id=client_file_id)

    def _checked(self, file: NewUpload) -> str:
        """The file's name, if it can be taken."""
        name = file_name(file.filename)
        if file.byte_size < 1:
            raise BadRequest(
                "This file is empty.", code="zero_bytes", remediation=["Copy the file from the card again."]
            )
        most = self._tx.house.max_file_size
        if file.byte_size > most:
            raise TooLarge(
                f"A file has at most {most:,} bytes.",
                code="file_too_large",
                details={"byteSize": file.byte_size, "max": most},
                remediation=["Raise KILO_MAX_FILE_SIZE, or leave the file out."],
            )
        if file.asset_id is not None:
            self._replaceable(file.asset_id)
        return name

    def _replaceable(self, asset_id: UUID) -> None:
        asset = self._again.get(asset_id)
        mine = asset is not None and (asset.added_by == self._tx.user_id or self._owns)
        if asset is None or (asset.status is AssetStatus.UPLOADING and not mine):
            raise asset_not_found()  # what somebody else is sending is theirs, and seen by nobody yet
        if asset.status not in REPLACEABLE:
            raise original_kept()

    def _refuse(self, file: NewUpload, client_file_id: str | None, error: KiloError) -> UploadInstruction:
        """Say why; a new file leaves a quarantined asset, so that it is not forgotten."""
        asset_id = file.asset_id
        if asset_id is None:
            asset_id = self._add_asset(uuid7(), clipped(file.filename, FILENAME_MAX) or _UNNAMED, error)
        return UploadInstruction(client_file_id, asset_id, UploadState.REFUSED, error=FileError.of(error))

    def _resumed(self, file: NewUpload, name: str, sha256: str | None) -> UploadInstruction | None:
        row = self._unfinished.get((name, file.byte_size, sha256 or ""))
        return _instruction(row) if row is not None and file.asset_id in (None, row.asset_id) else None

    def _new(self, file: NewUpload, name: str, sha256: str | None, asset_id: UUID) -> UploadInstruction:
        if asset_id not in self._again:
            self._add_asset(asset_id, name)
        upload_id = uuid7()
        values = {
            "id": upload_id,
            "project_id": self._project_id,
            "asset_id": asset_id,
            "user_id": self._tx.user_id,
            "filename": name,
            "client_file_id": clipped(file.client_file_id, _CLIENT_ID_MAX),
            "byte_size": file.byte_size,
            "content_type": media_type(file.content_type),
            "captured_at": _hint(file.captured_at),
            "checksum_sha256": sha256,
            "key": f"{self._project_id}/{asset_id}/{upload_id}.{extension_of(name)}",
            "expires_at": self._tx.now + KEPT_FOR,
            "updated_at": self._tx.now,
            "created_at": self._tx.now,
        }
        self._uploads.append(values)
        return _instruction(Upload(**values, received=0))

    def _add_asset(self, asset_id: UUID, name: str, error: KiloError | None = None) -> UUID:
        now = self._tx.now
        self._assets.append(
            {
                "id": asset_id,
                "project_id": self._project_id,
                "status": AssetStatus.UPLOADING if error is None else AssetStatus.QUARANTINED,
                "filename": name,
                "format": format_of(name),
                "stem": stem_of(name),
                "added_by": self._tx.user_id,
                "quarantine_code": error and error.code,
                "quarantine_reason": error and error.message,
                "ingested_at": now,
                "updated_at": now,
                "created_at": now,
            }
        )
        if error is not None:
            told = {"code": error.code, "reason": error.message, "byteOffset": None}
            changed = {"status": AssetStatus.QUARANTINED, "quarantine": told}
            self._tx.emit(Change(EventName.ASSET_UPDATED, self._project_id, (asset_id,), changed))
        return asset_id

    async def write(self) -> None:
        """Write the new rows. What was begun before for an asset that is sent again gives way."""
        again = [row["asset_id"] for row in self._uploads if row["asset_id"] in self._again]
        if again:
            await drop_unfinished(self._tx, again)
        await self._tx.insert(Asset, self._assets)
        await self._tx.insert(Upload, self._uploads)


def _hint(captured_at: datetime | None) -> datetime | None:
    """A moment that every time zone can show, or None: it is a hint, and no reason to refuse a file."""
    return captured_at if captured_at is not None and MINYEAR < captured_at.year < MAXYEAR else None


def _same_bytes(project_id: UUID, checksums: Sequence[str]) -> Any:
    """The assets that have these very bytes: read back and compared, not merely announced."""
    return (
        select(AssetFile.sha256, AssetFile.variant, AssetFile.asset_id, Asset.status, Asset.trashed_at)
        .join(Asset, Asset.id == AssetFile.asset_id)
        .where(
            AssetFile.project_id == project_id,
            AssetFile.sha256.in_(checksums),
            AssetFile.kind.in_(_KEPT_KINDS),
            AssetFile.damaged_at.is_(None),
        )
    )


def _quarantined(project_id: UUID, checksums: Sequence[str]) -> Any:
    """The assets that were quarantined for what such bytes are, not for having been damaged on their way."""
    return (
        select(Upload.checksum_sha256, Upload.filename, Upload.asset_id, Asset.status, Asset.trashed_at)
        .join(Asset, Asset.id == Upload.asset_id)
        .where(
            Upload.project_id == project_id,
            Upload.checksum_sha256.in_(checksums),
            Upload.status == UploadStatus.FINALIZED,
            Asset.status == AssetStatus.QUARANTINED,
            Asset.quarantine_code != "checksum_mismatch",
        )
    )


def _begun(tx: Tx, project_id: UUID, checksums: Sequence[str]) -> Any:
    """What the actor began to send and did not end."""
    return select(*COLUMNS).where(
        Upload.project_id == project_id,
        Upload.user_id == tx.user_id,
        Upload.status.in_(OPEN),
        Upload.expires_at > tx.now,
        Upload.checksum_sha256.in_(checksums),
    )


def _state_of(row: Any) -> UploadState:
    if row.trashed_at is not None:
        return UploadState.TRASHED
    return UploadState.QUARANTINED if row.status is AssetStatus.QUARANTINED else UploadState.PRESENT


def _instruction(row: Any) -> UploadInstruction:
    """How to send an upload, or the rest of it."""
    return UploadInstruction(
        row.client_file_id,
        row.asset_id,
        UploadState.NEEDED,
        row.id,
        headers={"Content-Type": row.content_type or ANY_TYPE},
        expires_at=row.expires_at,
        received=row.received,
    )
