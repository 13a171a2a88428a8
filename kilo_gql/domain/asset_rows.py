"""An asset as one person sees it: its columns, their own rating, and where its pictures are found."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from kilo_gql.codec import stored
from kilo_gql.domain import media
from kilo_gql.domain.joining import SIDECAR
from kilo_gql.models import AssetStatus, FileKind

#: Flags that say what is so; nobody sets them.
DERIVED_FLAGS: Final = (
    "processingReady", "quarantined", "trashed", "hasSidecar", "isPaired", "hasFace", "isDuplicate",
)  # fmt: skip

_SEND_AGAIN: Final = "Send the file again from the card or the camera."
_RETRY: Final = "Retry it: it is taken in anew from the bytes that are here."
_REMEDIES: Final[dict[str, tuple[str, ...]]] = {
    "zero_bytes": ("The file is empty: copy it from the card again.", _SEND_AGAIN),
    "file_too_large": ("Leave it out, or raise the server's limit.",),
    "too_large": ("It has more pixels than are taken in: make it smaller.",),
    "not_an_image": ("Open it in another program: if it is a photo, tell us its format.",),
    "format_unsupported": ("Convert it to DNG, TIFF or JPEG and send that.",),
    "truncated": ("Its end is missing.", _SEND_AGAIN),
    "corrupt": ("Open it in another program to see what is left of it.", _SEND_AGAIN),
    "no_preview": ("Convert it to DNG or JPEG and send that.",),
    "checksum_mismatch": ("What arrived is not what was sent.", _SEND_AGAIN),
    "crashed_decoder": ("Convert it with another program and send the result.", _RETRY),
    "out_of_memory": ("Give the worker more memory.", _RETRY),
    "timeout": ("Retry it when the machine is less busy.",),
}


def remedies(code: str) -> tuple[str, ...]:
    """What to do about a file that is quarantined for this reason."""
    return _REMEDIES.get(code, (_RETRY, _SEND_AGAIN))


class Readiness(msgspec.Struct, frozen=True):
    """How far the processing has come: each part can be used as soon as it stands."""

    preview: bool
    metadata: bool
    signals: bool
    embedding: bool


class Quarantine(msgspec.Struct, frozen=True):
    """Why a file is set aside. ``byte_offset``: where in it, if that is known."""

    code: str
    reason: str
    byte_offset: int | None
    remediation: tuple[str, ...]


class Place(msgspec.Struct, frozen=True):
    """Where a photo was taken: degrees (WGS 84), metres above sea level."""

    latitude: float
    longitude: float
    altitude_m: float | None


class OwnRating(msgspec.Struct, frozen=True):
    """What the viewer said about an asset."""

    asset_id: UUID
    user_id: UUID
    rating: int | None
    picked: bool | None
    rejected: bool | None
    starred: bool | None
    notes: str | None
    updated_at: datetime | None


@stored
class AssetRow(msgspec.Struct, frozen=True):
    """What lists show of an asset. Fields are columns, in their order; properties are made of them."""

    id: UUID
    project_id: UUID
    parent_id: UUID | None
    status: AssetStatus
    filename: str
    format: str | None
    added_by: UUID
    ingested_at: datetime
    updated_at: datetime
    trashed_at: datetime | None
    captured_at: datetime | None
    captured_local: str | None
    offset_minutes: int | None
    captured_source: str | None
    zone_source: str | None
    width_px: int | None
    height_px: int | None
    camera_make: str | None
    camera_model: str | None
    camera_serial: str | None
    lens_model: str | None
    focal_length_mm: float | None
    shutter_speed: str | None
    exposure_time_s: float | None
    aperture: float | None
    iso: int | None
    exposure_bias_ev: float | None
    flash_fired: bool | None
    drive_mode: str | None
    gps_latitude: float | None
    gps_longitude: float | None
    gps_altitude_m: float | None
    title: str | None
    description: str | None
    keywords: list[str]
    label: str | None
    notes: str | None
    remarks: list[str]
    thumbhash: str | None
    preview_ready: bool
    metadata_ready: bool
    signals_ready: bool
    embedding_ready: bool
    quarantine_code: str | None
    quarantine_reason: str | None
    quarantine_offset: int | None
    #: JSON text: most rows have no flags of their own, and need no parsing.
    own_flags: str
    rgb: int | None
    companion_formats: list[str]
    preview_hash: str | None
    thumbnail_hash: str | None
    #: None: nobody looked for faces.
    has_face: bool | None
    #: A copy within a duplicate group: not the first of it, which stands for all.
    is_duplicate: bool
    rated_by: UUID | None
    rated: int | None
    picked: bool | None
    rejected: bool | None
    starred: bool | None
    rating_notes: str | None
    rated_at: datetime | None
    sort_at: datetime
    name_key: str
    base_url: str

    @property
    def readiness(self) -> Readiness:
        return Readiness(self.preview_ready, self.metadata_ready, self.signals_ready, self.embedding_ready)

    @property
    def quarantine(self) -> Quarantine | None:
        if self.status != AssetStatus.QUARANTINED:
            return None
        code = self.quarantine_code or "failed"
        return Quarantine(code, self.quarantine_reason or "", self.quarantine_offset, remedies(code))

    @property
    def gps(self) -> Place | None:
        if self.gps_latitude is None or self.gps_longitude is None:
            return None
        return Place(self.gps_latitude, self.gps_longitude, self.gps_altitude_m)

    @property
    def my_rating(self) -> OwnRating | None:
        """Also where nothing has been said; None: nobody in particular is looking."""
        if self.rated_by is None:
            return None
        said = (self.rated, self.picked, self.rejected, self.starred, self.rating_notes)
        return OwnRating(self.id, self.rated_by, *said, self.rated_at)

    @property
    def average_color(self) -> str | None:
        return None if self.rgb is None else f"#{self.rgb:06x}"

    @property
    def has_sidecar(self) -> bool:
        return SIDECAR in self.companion_formats

    @property
    def is_paired(self) -> bool:
        """A RAW+JPEG pair has two halves; a sidecar is none."""
        joined = self.parent_id is not None and self.format != SIDECAR
        return joined or any(format_ != SIDECAR for format_ in self.companion_formats)

    @property
    def flags(self) -> dict[str, Any]:
        """Those people have set, and those that follow from what is (``DERIVED_FLAGS``)."""
        own = {} if self.own_flags == "{}" else orjson.loads(self.own_flags)
        derived = (
            self.status == AssetStatus.READY,
            self.status == AssetStatus.QUARANTINED,
            self.trashed_at is not None,
            self.has_sidecar,
            self.is_paired,
            self.has_face,
            self.is_duplicate,
        )
        return own | dict(zip(DERIVED_FLAGS, derived, strict=True))

    @property
    def preview_url(self) -> str | None:
        return self._url(FileKind.PREVIEW, self.preview_hash)

    @property
    def thumbnail_url(self) -> str | None:
        return self._url(FileKind.THUMBNAIL, self.thumbnail_hash)

    @property
    def best_preview_url(self) -> str | None:
        return self.preview_url or self.thumbnail_url

    @property
    def sidecar_url(self) -> str:
        return f"{self.base_url}/v1/assets/{self.id}/sidecar"

    def _url(self, kind: FileKind, sha256: str | None) -> str | None:
        return None if sha256 is None else media.media_url(self.base_url, self.id, kind, sha256)


@stored
class AssetDetail(AssetRow, frozen=True):
    """All there is to know about one asset. ``exif``, ``iptc`` and ``xmp`` are JSON text."""

    exif_json: str
    iptc_json: str
    xmp_json: str
    companion_ids: list[UUID]
    #: Its moment, then its burst and its duplicate group, if it is in any.
    cluster_ids: list[UUID]

    @property
    def exif(self) -> Any:
        return orjson.loads(self.exif_json)

    @property
    def iptc(self) -> Any:
        return orjson.loads(self.iptc_json)

    @property
    def xmp(self) -> Any:
        return orjson.loads(self.xmp_json)
