"""Ingest: from stored bytes to a photo that can be culled.

The child does everything that touches the file: it hashes what was stored, finds out what it is, decodes it once, and
leaves the renditions in a folder. Here they go into the store, and what was found goes into the database.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from kilo_gql.claims import Failure
from kilo_gql.db import Tx
from kilo_gql.domain import ingest as domain
from kilo_gql.domain.asset_rows import remedies
from kilo_gql.domain.ingest import Photo, StoredFile, Work
from kilo_gql.domain.joining import SIDECAR
from kilo_gql.domain.measuring import NOT_MEASURED, known_of
from kilo_gql.errors import BadRequest
from kilo_gql.jobs import JobType
from kilo_gql.models import FileKind
from kilo_gql.models.base import uuid7
from kilo_gql.storage import NewObject
from ml.capture_time import resolve
from ml.formats import Format
from ml.metadata import Metadata
from tasks.kit import Kit
from tasks.measure import measured_or_none, tools_of
from tasks.registry import handles
from tasks.scratch import scratch

#: Columns of an asset that are fields of its metadata under the same name.
_SAME: Final = (
    "orientation", "camera_make", "camera_model", "camera_serial", "lens_model", "focal_length_mm", "shutter_speed",
    "exposure_time_s", "aperture", "iso", "exposure_bias_ev", "flash_fired", "drive_mode", "sub_seconds",
    "gps_latitude", "gps_longitude", "gps_altitude_m", "exif", "iptc", "xmp", "title", "description", "keywords",
    "label",
)  # fmt: skip
_WORDS: Final = ("xmp", "title", "description", "keywords", "label")
_REMARKS_MAX: Final = 20
_REMARK_MAX: Final = 300


class Rendition(msgspec.Struct):
    """A file that the child left."""

    kind: FileKind
    path: str
    content_type: str
    width: int
    height: int
    byte_size: int
    sha256: str


class _Developed(msgspec.Struct):
    """What the child found in a picture: see ``ml.ingest.Developed``."""

    format: Format
    width: int
    height: int
    sha256: str
    renditions: list[Rendition]
    thumbhash: bytes
    average_color: int
    metadata: Metadata
    notes: list[str]


class _Sidecar(msgspec.Struct):
    """What the child found in an XMP file: see ``ml.sidecars.Sidecar``."""

    sha256: str
    metadata: Metadata


async def _failed(tx: Tx, asset_id: UUID, why: Failure) -> None:
    await domain.quarantine(tx, asset_id, why.code, why.message, why.details.get("byteOffset"))


@handles(JobType.ASSET_INGEST, failed=_failed, patient=True)
async def ingest(kit: Kit) -> Mapping[str, Any] | None:
    """Make a photo of an upload. A file that is none fails the job, which quarantines its asset with the reason."""
    async with kit.read() as tx:
        work = await domain.find_work(tx, UUID(kit.arguments["upload_id"]))
    if work is None:
        return {"skipped": "done or deleted"}
    photo = await (_sidecar if work.filename.lower().endswith(f".{SIDECAR}") else _picture)(kit, work)
    async with kit.finish({"format": photo.format}) as tx:
        await domain.finish_photo(tx, work, photo)
    return None


async def _picture(kit: Kit, work: Work) -> Photo:
    async with kit.workshop.store.local_path(work.key) as path, scratch(kit.settings) as folder:
        kit.report(0.1, "decoding", work.filename)
        answer = await kit.call(
            "ml.ingest:develop",
            path=str(path),
            out=str(folder),
            filename=work.filename,
            full=False,
            expected_sha256=work.checksum_sha256,
        )
        found = accepted(answer, _Developed)
        columns = _columns(work, found)
        kit.report(0.6, "measuring", work.filename)
        preview = next(folder / made.path for made in found.renditions if made.kind is FileKind.PREVIEW)
        measured = await measured_or_none(kit, tools_of(kit, work.face_models), preview, known_of(columns))
        kit.report(0.8, "storing", work.filename)
        files = [_stored(kit.claim.id, work, rendition) for rendition in found.renditions]
        where = [folder / rendition.path for rendition in found.renditions]
        await kit.workshop.store.put_files(
            [NewObject(file.key, path, file.content_type) for file, path in zip(files, where, strict=True)]
        )
    if measured is None:
        columns["remarks"] = [*columns["remarks"], NOT_MEASURED][-_REMARKS_MAX:]
    return Photo(found.format, found.format.content_type, found.sha256, columns, found.metadata.rating, files, measured)


def _columns(work: Work, found: _Developed) -> dict[str, Any]:
    said = found.metadata
    captured = resolve(said, work.timezone, work.hint)
    return {
        **{name: getattr(said, name) for name in _SAME},
        "width_px": found.width,
        "height_px": found.height,
        "captured_at": captured.at,
        "captured_local": captured.local,
        "offset_minutes": captured.offset_minutes,
        "captured_source": captured.source.value,
        "zone_source": captured.zone_source.value,
        "remarks": [note[:_REMARK_MAX] for note in (*found.notes, *said.notes)][:_REMARKS_MAX],
        "thumbhash": base64.b64encode(found.thumbhash).decode(),
        "average_color": found.average_color,
    }


async def _sidecar(kit: Kit, work: Work) -> Photo:
    async with kit.workshop.store.local_path(work.key) as path:
        answer = await kit.call("ml.sidecars:read", path=str(path), expected_sha256=work.checksum_sha256)
    found = accepted(answer, _Sidecar)
    columns = {name: getattr(found.metadata, name) for name in _WORDS} | {
        "remarks": found.metadata.notes[:_REMARKS_MAX]
    }
    return Photo(SIDECAR, Format.XMP.content_type, found.sha256, columns, found.metadata.rating)


def accepted(answer: Mapping[str, Any], expected: type[Any]) -> Any:
    """The child's findings. Raises BadRequest with the reason if it refused the file."""
    if (reason := answer.get("refused")) is None:
        return msgspec.convert(answer, expected)
    raise BadRequest(
        answer["message"],
        code=reason,
        details={"byteOffset": answer["byte_offset"]},
        remediation=list(remedies(reason)),
    )


def _stored(job_id: UUID, work: Work, made: Rendition) -> StoredFile:
    """The key is made of job and content: another attempt stores the same in the same place, another job never does.

    So no attempt leaves a stray, and a purge cannot meet a key that has come back.
    """
    kind, extension = made.kind, made.content_type.rpartition("/")[2].replace("jpeg", "jpg")
    key = f"{work.project_id}/{work.asset_id}/{job_id}-{kind.value}-{made.sha256[:8]}.{extension}"
    return StoredFile(uuid7(), kind, key, made.content_type, made.byte_size, made.sha256, made.width, made.height)
