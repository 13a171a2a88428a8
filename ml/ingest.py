"""What the isolated child runs for a photo: everything that ingest needs, from one decode.

The functions take and give what MessagePack carries; pictures pass as files in a folder of the caller's. A file that
gives no picture is an answer, not an accident: they return ``Refusal`` (the answer has a key ``refused``), and raise
only for what is nobody's fault but ours, or the machine's.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from ml import crops, decode, metadata, raws, renditions
from ml.decode import Original, Picture
from ml.formats import Format
from ml.metadata import Metadata
from ml.raws import Source
from ml.refusals import Reason, Refused
from ml.renditions import Kind, Rendition

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no picture: ``message`` is for the photographer, ``byte_offset`` where the file breaks, if known."""

    refused: Reason
    message: str
    byte_offset: int | None


@dataclass(frozen=True, slots=True)
class Developed:
    """All that one reading of a photo gives.

    ``width`` and ``height`` are of the upright picture in full; ``sha256`` (hexadecimal) and ``byte_size`` of the
    file; ``average_color`` is 0xRRGGBB; ``notes`` say what was odd or had to be guessed about the pixels.
    """

    format: Format
    width: int
    height: int
    sha256: str
    byte_size: int
    renditions: list[Rendition]
    thumbhash: bytes
    average_color: int
    metadata: Metadata
    source: Source
    notes: list[str]


def answering(function: Callable[P, T]) -> Callable[P, T | Refusal]:
    @functools.wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T | Refusal:
        try:
            return function(*args, **kwargs)
        except Refused as refused:
            return Refusal(refused.code, str(refused), refused.byte_offset)

    return answer


@answering
def develop(path: str, out: str, filename: str, *, full: bool = True, expected_sha256: str | None = None) -> Developed:
    """Hash the file, read its metadata, decode it once, and write its renditions to the folder ``out``.

    ``filename`` is what the photographer calls it, a hint to its format. Without ``full`` that rendition is left for
    the function of this name. A file whose SHA-256 is not ``expected_sha256`` is refused before anything is decoded.
    """
    sha256, byte_size = _hashed(Path(path))
    if expected_sha256 is not None and sha256 != expected_sha256.lower():
        raise Refused(Reason.CHECKSUM_MISMATCH, f"The stored file has SHA-256 {sha256}, not {expected_sha256}.")
    with decode.opened(Path(path), filename) as original:
        picture, source = _picture(original)
        small = renditions.small(picture.image, Path(out))
        made = [*small.renditions, *([crops.full(original, Path(out))] if full else [])]
        return Developed(
            original.format,
            picture.width,
            picture.height,
            sha256,
            byte_size,
            made,
            small.thumbhash,
            small.average_color,
            metadata.read(path, original.format),
            source,
            list(picture.notes),
        )


@answering
def full(path: str, out: str, filename: str) -> Rendition:
    """Write the picture at its full size to ``out``: see ``ml.crops.full``."""
    with decode.opened(Path(path), filename) as original:
        return crops.full(original, Path(out))


@answering
def crop(
    path: str, out: str, filename: str, *, x: float, y: float, width: float, height: float, max_px: int
) -> Rendition:
    """Write a part of the upright picture (fractions 0 to 1 of it) to ``out``, at 1:1 unless ``max_px`` is less."""
    with decode.opened(Path(path), filename) as original:
        return crops.crop(original, decode.Area(x, y, width, height), max_px, Path(out))


@answering
def develop_raw(path: str, out: str, filename: str) -> list[Rendition]:
    """Develop the sensor's data in full, and write ``full`` and the three small renditions from that to ``out``."""
    with decode.opened(Path(path), filename) as original:
        if not original.format.is_raw:
            raise Refused(Reason.FORMAT_UNSUPPORTED, "Only a RAW file can be developed.")
        whole = raws.developed(original, renditions.JPEG_MAX_PX)
        preview = whole.image.thumbnail_image(renditions.PREVIEW_PX, height=renditions.PREVIEW_PX, size="down")
        made = renditions.small(preview.copy_memory(), Path(out)).renditions
        return [*made, renditions.jpeg(Kind.FULL, whole.image, Path(out), quality=crops.FULL_QUALITY)]


def _picture(original: Original) -> tuple[Picture, Source]:
    if original.format.is_raw:
        return raws.picture(original, renditions.PREVIEW_PX)
    return decode.picture(original, renditions.PREVIEW_PX), Source.DECODE


def _hashed(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()
