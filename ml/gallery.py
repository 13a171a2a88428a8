"""The pictures that a client gallery hands out, made in the isolated child.

What is looked at is made of the stored preview, what is taken home at full size of the original. All are sRGB; none
says more than whose picture it is, and those that are only looked at not even that.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyvips

from ml import crops, decode, jpeg, plain_exif, raws, renditions, stripping, watermarks
from ml.decode import Original, Picture
from ml.ingest import answering
from ml.plain_exif import Credit
from ml.watermarks import Mark

#: What a card in a message is (Open Graph): pixels.
CARD_PX: Final = (1200, 630)
_PREVIEW_QUALITY, _THUMBNAIL_QUALITY, _CARD_QUALITY, _WEB_QUALITY = 85, 78, 82, 85
_JPEG, _WEBP = "image/jpeg", "image/webp"
_ICC_PARTS: Final = b"ICC_PROFILE\0\x01\x01"


@dataclass(frozen=True, slots=True)
class Made:
    """A file at ``path``; ``width`` × ``height`` upright pixels; ``sha256`` in hexadecimal, ``crc32`` as zlib's.

    ``stripped``: it is the original itself, without its metadata.
    """

    path: str
    content_type: str
    width: int
    height: int
    byte_size: int
    sha256: str
    crc32: int
    stripped: bool = False


@answering
def thumbnail(path: str, out: str, *, mark: Mapping[str, Any] | None) -> Made:
    """The preview at ``path`` reduced to a thumbnail."""
    small = _preview(path).thumbnail_image(renditions.THUMBNAIL_PX, height=renditions.THUMBNAIL_PX, size="down")
    image = _marked(small.copy_memory(), mark)
    data = image.webpsave_buffer(Q=_THUMBNAIL_QUALITY, effort=2, keep="none")
    return _written(data, Path(out) / "thumbnail.webp", _WEBP, image)


@answering
def preview(path: str, out: str, *, mark: Mapping[str, Any] | None) -> Made:
    """The preview at ``path`` with its mark."""
    image = _marked(_preview(path), mark)
    return _written(_encoded(image, _PREVIEW_QUALITY), Path(out) / "preview.jpg", _JPEG, image)


@answering
def card(path: str, out: str, *, mark: Mapping[str, Any] | None) -> Made:
    """The part of the preview at ``path`` that draws attention, 1,200 × 630, for links in messages."""
    width, height = CARD_PX
    image = _preview(path).thumbnail_image(width, height=height, crop="attention", size="both")
    image = _marked(image.copy_memory(), mark)
    return _written(_encoded(image, _CARD_QUALITY), Path(out) / "card.jpg", _JPEG, image)


@answering
def web(path: str, out: str, filename: str, *, mark: Mapping[str, Any] | None, credit: Mapping[str, Any]) -> Made:
    """The preview at ``path``, with a profile and a credit; its coded pixels as they are, unless it is marked."""
    if mark is None:
        data, image = Path(path).read_bytes(), _preview(path)
    else:
        image = _marked(_preview(path), mark)
        data = _encoded(image, _WEB_QUALITY)
    return _written(_credited(data, Credit(**credit)), Path(out) / "web.jpg", _JPEG, image)


@answering
def full(path: str, out: str, filename: str, *, mark: Mapping[str, Any] | None, credit: Mapping[str, Any]) -> Made:
    """All pixels of the photo at ``path`` as a JPEG in sRGB, with a profile and a credit."""
    with decode.opened(Path(path), filename) as original:
        image = _marked(_whole(original).image, mark)
    data = _encoded(image, crops.FULL_QUALITY, subsample="off")
    return _written(_credited(data, Credit(**credit)), Path(out) / "full.jpg", _JPEG, image)


@answering
def stripped(path: str, out: str, filename: str, *, credit: Mapping[str, Any]) -> Made | None:
    """The original at ``path`` without what it tells of place, owner and camera; None if its format does not allow it.

    ``width`` and ``height`` are not told: nothing is decoded.
    """
    with decode.opened(Path(path), filename) as original:
        format = original.format
    target = Path(out) / f"original.{format.extension}"
    if not stripping.strip(Path(path), target, format, Credit(**credit)):
        return None
    data = target.read_bytes()
    return Made(
        str(target), format.content_type, 0, 0, len(data), hashlib.sha256(data).hexdigest(), zlib.crc32(data), True
    )


def _whole(original: Original) -> Picture:
    if original.format.is_raw:
        return raws.picture(original, renditions.JPEG_MAX_PX, half=False)[0]
    return decode.picture(original, renditions.JPEG_MAX_PX)


def _preview(path: str) -> pyvips.Image:
    return decode.of_jpeg(Path(path).read_bytes(), renditions.PREVIEW_PX).image


def _marked(image: pyvips.Image, mark: Mapping[str, Any] | None) -> pyvips.Image:
    return image if mark is None else watermarks.marked(image, Mark(**mark))


def _encoded(image: pyvips.Image, quality: int, subsample: str = "on") -> bytes:
    data: bytes = image.jpegsave_buffer(
        Q=quality, subsample_mode=subsample, keep="none", interlace=False, optimize_coding=False
    )
    return data


def _credited(data: bytes, credit: Credit) -> bytes:
    """A JPEG of ours with an sRGB profile and a credit, in front of its first table."""
    profile = pyvips.Operation.call("profile_load", "srgb")
    at = next(found.start for found in jpeg.segments(data) if found.marker != 0xE0)
    exif = plain_exif.block(credit)
    parts = [data[:at], _segment(0xE1, b"Exif\0\0" + exif) if exif else b"", _segment(0xE2, _ICC_PARTS + profile)]
    return b"".join([*parts, data[at:]])


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _written(data: bytes, path: Path, content_type: str, image: pyvips.Image) -> Made:
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    return Made(str(path), content_type, image.width, image.height, len(data), sha256, zlib.crc32(data))


__all__ = ["CARD_PX", "Made", "card", "full", "preview", "stripped", "thumbnail", "web"]
