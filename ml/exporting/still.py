"""What the isolated child runs for a photo of an export: one decode, and the files that its plan asks for.

As in ``ml.ingest``, pictures pass as files in a folder of the caller's, and a photo that gives no picture is an answer
(``Refusal``, with the key ``refused``).
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pyvips

from ml import color, decode, profiles, raws
from ml.decode import Into, Original, Picture
from ml.exporting import plan as plans
from ml.exporting import splicing, tags
from ml.exporting.cutting import Scale, cut_out
from ml.exporting.encoding import encoded, save_tiff
from ml.exporting.marking import marked
from ml.exporting.plan import WHOLE, Cut, Plan, StillFormat
from ml.exporting.sharpening import sharpened
from ml.ingest import answering
from ml.profiles import Space
from ml.refusals import Refused

#: A picture is decoded in full when nothing smaller is wanted.
_ALL_PX: Final = 1 << 20
_PART: Final = 1 << 20
#: The camera's JPEG within a RAW file does if it has this much of the pixels' edge that is wanted.
_ENOUGH: Final = 0.9

DEVELOPED: Final = "developed from the RAW data: the JPEG inside is smaller than what was asked for"
NOT_DEVELOPED: Final = "the JPEG inside the RAW file: its data do not develop"


@dataclass(frozen=True, slots=True)
class Still:
    """A file that was made: ``sha256`` in hexadecimal, ``crc32`` as ZIP has it, ``width`` × ``height`` in pixels.

    ``quality`` is that of JPEG and WebP. ``notes``: what had to be guessed, or could not be kept to.
    """

    path: str
    content_type: str
    byte_size: int
    sha256: str
    crc32: int
    width: int
    height: int
    quality: int | None
    notes: list[str] = field(default_factory=list)


@answering
def render(path: str, out: str, stem: str, plan: dict[str, Any]) -> list[Still]:
    """The photo at ``path`` as its plan (``ml.exporting.plan.Plan``) says, in ``out`` as ``{stem}-{part}.{extension}``.

    One file for each crop, in their order, or one of the whole picture. Raises ValueError for what is no plan.
    """
    wanted = plans.read(plan)
    with decode.opened(Path(path), f"photo.{wanted.format_in}") as original:
        told = tags.told(wanted, original)
        return [
            _written(image, notes, wanted, told, Path(out) / f"{stem}-{part}.{wanted.format.extension}")
            for part, (image, notes) in enumerate(_images(original, wanted, Path(out)))
        ]


def _images(original: Original, plan: Plan, out: Path) -> Iterator[tuple[pyvips.Image, list[str]]]:
    """The pixels of each file. The photo is decoded once for crops of one size that stand together."""
    profile = _profile(plan, out)
    into = _into(plan, profile)
    for _, cuts in itertools.groupby(plan.crops or [WHOLE], key=_size):
        same = list(cuts)
        scale = Scale(same[0], plan.size_px, plan.long_edge_px, plan.fit)
        picture = _decoded(original, plan, scale, into)
        for cut in same:
            image = cut_out(picture.image, scale, cut, (picture.width, picture.height))
            image = sharpened(image, plan.sharpen)
            if plan.watermark is not None:
                image = marked(image, plan.watermark, profile)
            yield image, list(picture.notes)


def _size(cut: Cut) -> tuple[float, float]:
    """Crops are of one size if they differ by less than any pixel."""
    return round(cut.width, 6), round(cut.height, 6)


def _written(image: pyvips.Image, notes: list[str], plan: Plan, told: tags.Told, path: Path) -> Still:
    blocks = tags.blocks(told, plan.color_space, image.width, image.height)
    quality = None
    if plan.format is StillFormat.TIFF:
        save_tiff(image, plan.color_space, path)
        splicing.extend_tiff(path, blocks)
    else:
        done = encoded(image, plan, beside=blocks.size)
        path.write_bytes(splicing.spliced(plan.format, done.data, blocks))
        quality = done.quality
    size, sha256, crc32 = _summed(path)
    if plan.max_bytes is not None and size > plan.max_bytes:
        least = "" if quality is None else f" at quality {quality}"
        notes = [*notes, f"larger than {plan.max_bytes} bytes{least}"]
    return Still(str(path), plan.format.content_type, size, sha256, crc32, image.width, image.height, quality, notes)


def _summed(path: Path) -> tuple[int, str, int]:
    """A file's size, SHA-256 and CRC-32."""
    sha256, crc32 = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(_PART):
            sha256.update(part)
            crc32 = zlib.crc32(part, crc32)
        return file.tell(), sha256.hexdigest(), crc32


# --- decoding --------------------------------------------------------------------------------------------------------


def _profile(plan: Plan, out: Path) -> str | None:
    """The profile to convert to, as a file, since libvips takes it from a file alone; None for sRGB."""
    if plan.color_space is Space.SRGB:
        return None
    path = out / f"{plan.color_space}.icc"
    path.write_bytes(profiles.icc(plan.color_space))
    return str(path)


def _into(plan: Plan, profile: str | None) -> Into:
    """Brings pixels into the plan's colours: plain sRGB without a detour, anything else through its profile."""
    if profile is None and plan.bits == 8:
        return color.to_srgb
    return lambda image: color.to_space(image, profile, plan.bits)


def _decoded(original: Original, plan: Plan, scale: Scale, into: Into) -> Picture:
    if not original.format.is_raw:
        return decode.picture(original, _ALL_PX, scale, into=into)
    if not plan.develop:
        return _camera_jpeg(original, scale, into)
    try:
        return _developed(original, scale, into)
    except Refused:
        picture = _camera_jpeg(original, scale, into)
        return replace(picture, notes=(*picture.notes, NOT_DEVELOPED))


def _camera_jpeg(original: Original, scale: Scale, into: Into) -> Picture:
    """The JPEG inside a RAW file, or what developing gives where that JPEG is smaller than what is wanted."""
    preview = raws.large_preview(original)
    content = preview.content if preview is not None and isinstance(preview.content, bytes) else None
    if preview is None or content is None:
        return _developed(original, scale, into)
    if preview.long_edge < _ENOUGH * scale.whole_px(*preview.sensor, _ALL_PX):
        try:
            developed = _developed(original, scale, into)
            return replace(developed, notes=(*developed.notes, DEVELOPED))
        except Refused:
            pass
    return decode.of_jpeg(content, _ALL_PX, scale, preview.orientation, into=into)


def _developed(original: Original, scale: Scale, into: Into) -> Picture:
    if into is color.to_srgb:
        return raws.developed(original, _ALL_PX, scale)
    return raws.developed_into(original, _ALL_PX, scale, into)
