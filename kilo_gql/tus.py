"""What the tus protocol (resumable upload, version 1.0.0) says in headers: read here, and refused in its own words."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from kilo_gql.errors import BadRequest, KiloError

VERSION: Final = "1.0.0"
OFFSET_STREAM: Final = "application/offset+octet-stream"
#: Bytes of a PATCH that carries a checksum: none of them counts before all of them are here.
CHECKED_MAX: Final = 64 << 20

_ALGORITHMS: Final = ("sha256", "sha1")
_EXTENSIONS: Final = ("checksum", "expiration", "termination")
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)", re.ASCII)


class UnsupportedVersion(KiloError):
    """Another version of tus than ours."""

    status = 412
    default_code = "tus_version_unsupported"


class UnsupportedBody(KiloError):
    """A PATCH whose body is not an offset stream."""

    status = 415
    default_code = "offset_stream_expected"


class ChunkMismatch(KiloError):
    """The bytes of a PATCH do not have the checksum that came with them; none of them counts."""

    status = 460
    default_code = "chunk_mismatch"


def facts(max_size: int) -> dict[str, str]:
    """What the server can do, for OPTIONS."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(_EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(_ALGORITHMS),
        "Tus-Max-Size": str(max_size),
    }


def check_version(headers: Mapping[str, str], *, needed: bool) -> None:
    """Raises UnsupportedVersion for another version, and for none where one is ``needed``."""
    said = headers.get("tus-resumable")
    if said != VERSION and (needed or said is not None):
        raise UnsupportedVersion(
            f"Send `Tus-Resumable: {VERSION}`.", details={"supported": VERSION}, remediation=["Use tus 1.0.0."]
        )


def check_body(headers: Mapping[str, str]) -> None:
    """Raises UnsupportedBody unless a PATCH says that it is one of tus."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != OFFSET_STREAM:
        raise UnsupportedBody(f"Send the bytes as `Content-Type: {OFFSET_STREAM}`.")


def offset(headers: Mapping[str, str]) -> int:
    """Where a PATCH goes on. Raises BadRequest."""
    said = headers.get("upload-offset", "")
    if not _NUMBER.fullmatch(said):
        raise BadRequest(
            "Say where the bytes belong: `Upload-Offset: <bytes>`.",
            code="bad_offset",
            details={"field": "Upload-Offset"},
        )
    return int(said)


def content_range(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """First byte and number of bytes of a PUT that goes on (RFC 9110, 14.4); None: it is the whole file.

    Raises BadRequest if they do not lie in a file of ``size`` bytes.
    """
    said = headers.get("content-range")
    if said is None:
        return None
    match = _RANGE.fullmatch(said.strip())
    if match is not None:
        first, last, total = int(match[1]), int(match[2]), size if match[3] == "*" else int(match[3])
        if first <= last < size == total:
            return first, last - first + 1
    raise BadRequest(
        f"Content-Range is `bytes <first>-<last>/{size}` here.",
        code="bad_content_range",
        details={"field": "Content-Range", "byteSize": size},
    )


def expires(when: datetime) -> str:
    """A moment as Upload-Expires has it (RFC 9110, 5.6.7)."""
    return format_datetime(when.astimezone(UTC), usegmt=True)


class Checksum:
    """The checksum that came with a PATCH, and the digest of what has come so far."""

    def __init__(self, algorithm: str, wanted: bytes) -> None:
        self._digest = hashlib.new(algorithm, usedforsecurity=False)
        self._wanted = wanted

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Checksum | None:
        """None: none was sent. Raises BadRequest for one that cannot be understood."""
        said = headers.get("upload-checksum")
        if said is None:
            return None
        algorithm, _, encoded = said.strip().partition(" ")
        try:
            wanted = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            wanted = b""
        if algorithm not in _ALGORITHMS or len(wanted) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
            raise BadRequest(
                f"Upload-Checksum is one of {', '.join(_ALGORITHMS)}, a space, and the digest in base64.",
                code="bad_checksum",
                details={"field": "Upload-Checksum"},
            )
        return cls(algorithm, wanted)

    def update(self, data: bytes) -> None:
        self._digest.update(data)

    def verify(self) -> None:
        """Raises ChunkMismatch."""
        if not hmac.compare_digest(self._digest.digest(), self._wanted):
            raise ChunkMismatch(
                "The bytes that came are not those that were sent.", remediation=["Send the same piece again."]
            )
