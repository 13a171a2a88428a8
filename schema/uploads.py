"""Uploads as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from kilo_gql.domain import finalizing, preparing, uploads
from kilo_gql.domain.uploads import FILES_MAX
from schema.assets import AssetStatus
from schema.base import Connection, bounded, receipt, shows, text, value
from schema.scalars import JSON

strawberry.enum(
    preparing.UploadState,
    description="What a prepared file needs: to be sent, or nothing, because it is here already or is refused.",
)
UploadState = preparing.UploadState


@shows(uploads.FileError)
@strawberry.type(description="Why one file of a call was refused.")
class FileError:
    """A refusal, in the words of `errors[].extensions`."""

    code: str = text("For programs.")
    message: str = text("For a person.")
    remediation: list[str] = bounded("What to do next.", 10)
    details: JSON = text("Which value was at fault.")


@shows(preparing.UploadInstruction)
@strawberry.type(description="What to do with one file.")
class UploadInstruction:
    """How to send a file."""

    client_file_id: str | None = text("As it was given.")
    asset_id: UUID = text("The asset that the file is of.")
    state: UploadState = text("Whether it is to be sent.")
    upload_id: UUID | None = text("The upload, if it is to be sent.")
    upload_url: str = text("Takes the file whole by PUT, or piece by piece by tus 1.0; empty if nothing is to be sent.")
    headers: JSON = text("Headers to send with a PUT, as an object.")
    expires_at: datetime | None = text("When the upload ends unless another byte comes.")
    received: int = text("Bytes that are here already.")
    error: FileError | None = text("Why it is refused.")


@shows(finalizing.FinalizedAsset)
@strawberry.type(description="What became of one file that was sent.")
class FinalizedAsset:
    """One file's outcome."""

    asset_id: UUID = text("The asset.")
    status: AssetStatus | None = text("Where it stands; null if it is not known.")
    job_id: UUID | None = text("The job that processes it.")
    error: FileError | None = text("Why it is not processed.")


@shows(finalizing.Finalized)
@strawberry.type(description="What became of the files of one call.")
class FinalizedUploads:
    """All outcomes, in the order of the call."""

    queued_jobs: list[UUID] = bounded("The jobs that process them.", FILES_MAX)
    assets: list[FinalizedAsset] = bounded("Each file's outcome.", FILES_MAX)


@shows(uploads.UnfinishedUpload)
@strawberry.type(description="A file that is not here in full, or not finalized.")
class UnfinishedUpload:
    """An upload to resume."""

    id: UUID = text("The upload.")
    asset_id: UUID = text("The asset that the file is of.")
    user_id: UUID = text("Who sends it.")
    client_file_id: str | None = text("As it was given when it was prepared.")
    filename: str = text("The file's name.")
    content_type: str | None = text("What the client said it is.")
    checksum_sha256: str | None = text("The SHA-256 that the client says it has, in hexadecimal.")
    byte_size: int = text("Bytes of the whole file.")
    received: int = text("Bytes that are here already.")
    upload_url: str = text("Where to send the rest.")
    created_at: datetime = text("When it was prepared.")
    expires_at: datetime = text("When it ends unless another byte comes.")


@strawberry.input(description="A file to send.")
class NewUploadInput:
    """One file of `prepareUpload`."""

    filename: str = text("At most 255 characters on one line; folders before it are dropped.")
    byte_size: int = text("Bytes of the file.")
    content_type: str | None = strawberry.field(default=None, description="A media type.")
    captured_at: datetime | None = strawberry.field(
        default=None, description="When it was taken, for files that do not know."
    )
    client_file_id: str | None = strawberry.field(default=None, description="Comes back with the instruction.")
    checksum_sha256: str | None = strawberry.field(
        default=None, description="In hexadecimal; bytes that are here already are not sent again."
    )
    asset_id: UUID | None = strawberry.field(
        default=None, description="The quarantined or unfinished asset this file is sent for once more."
    )

    def new(self) -> preparing.NewUpload:
        return preparing.NewUpload(
            self.filename,
            self.byte_size,
            self.content_type,
            self.captured_at,
            self.client_file_id,
            self.checksum_sha256,
            self.asset_id,
        )


@strawberry.input(description="A file that was sent.")
class FinalizedFileInput:
    """One file of `finalizeUpload`."""

    asset_id: UUID = text("The asset.")
    checksum_sha256: str = text("Of the client's copy, in hexadecimal; compared with what is stored.")
    content_type: str | None = strawberry.field(default=None, description="A media type.")

    def sent(self) -> finalizing.FinalizedFile:
        return finalizing.FinalizedFile(self.asset_id, self.checksum_sha256, self.content_type)


@strawberry.type(description="What to do with the files of one call.")
class PreparedPayload:
    """What `prepareUpload` answers."""

    uploads: Any = value(
        "An instruction for each file, in the order of the call.",
        list[UploadInstruction],
        metadata={"bound": FILES_MAX},
    )
    receipt: None = receipt()


@strawberry.type(description="What became of the files of one call.")
class FinalizedPayload:
    """What `finalizeUpload` answers."""

    finalized: FinalizedUploads = value("The outcome.", FinalizedUploads)
    receipt: None = receipt()


UnfinishedUploadConnection = Connection[UnfinishedUpload]
