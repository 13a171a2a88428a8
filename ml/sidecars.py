"""What the isolated child runs for an XMP sidecar."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml import metadata
from ml.formats import HEAD_BYTES, Format, sniff
from ml.ingest import Refusal
from ml.metadata import Metadata
from ml.refusals import Reason

#: A sidecar with every brush stroke of a retouched photo has about a megabyte.
MAX_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """An XMP file: ``sha256`` (hexadecimal) of its bytes, and what it says."""

    sha256: str
    metadata: Metadata


def read(path: str, *, expected_sha256: str | None = None) -> Sidecar | Refusal:
    """Read a sidecar. Refused: ``checksum_mismatch``, ``too_large`` (16 MiB), ``not_an_image`` for anything else."""
    if Path(path).stat().st_size > MAX_BYTES:
        return Refusal(Reason.TOO_LARGE, f"A sidecar has at most {MAX_BYTES >> 20} MiB.", None)
    data = Path(path).read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    if expected_sha256 is not None and sha256 != expected_sha256.lower():
        return Refusal(Reason.CHECKSUM_MISMATCH, f"The stored file has SHA-256 {sha256}, not {expected_sha256}.", None)
    if sniff(data[:HEAD_BYTES], "sidecar.xmp") is not Format.XMP:
        return Refusal(Reason.NOT_AN_IMAGE, "The file does not begin like an XMP sidecar.", 0)
    return Sidecar(sha256, metadata.read(path, Format.XMP))
