"""The files made of a photo's pixels. None carries EXIF, XMP, IPTC or a thumbnail of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import pyvips

from ml import thumbhash

PREVIEW_PX, THUMBNAIL_PX, MICRO_PX = 2048, 512, 320
#: The longest side a JPEG can have (libjpeg).
JPEG_MAX_PX: Final = 65_500

_JPEG: Final = "image/jpeg"
_WEBP: Final = "image/webp"


class Kind(StrEnum):
    """What a rendition is for."""

    PREVIEW = "preview"
    THUMBNAIL = "thumbnail"
    MICRO = "micro"
    FULL = "full"
    CROP = "crop"


@dataclass(frozen=True, slots=True)
class Rendition:
    """A file at ``path``; ``width`` × ``height`` upright pixels; ``sha256`` in hexadecimal."""

    kind: Kind
    path: str
    content_type: str
    width: int
    height: int
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Small:
    """The three renditions that a grid and a cull screen need, and what stands there before they load.

    ``average_color`` is 0xRRGGBB, the mean of the sRGB values.
    """

    renditions: list[Rendition]
    thumbhash: bytes
    average_color: int


def small(preview: pyvips.Image, out: Path) -> Small:
    """Preview, thumbnail and micro from the preview's pixels (in memory, sRGB, at most ``PREVIEW_PX``)."""
    thumbnail = _within(preview, THUMBNAIL_PX)
    micro = _within(thumbnail, MICRO_PX)
    renditions = [
        jpeg(Kind.PREVIEW, preview, out, quality=85),
        _webp(Kind.THUMBNAIL, thumbnail, out, quality=78),
        _webp(Kind.MICRO, micro, out, quality=72),
    ]
    red, green, blue = (round(value) for value in micro.numpy().mean(axis=(0, 1)))
    tiny = _within(micro, thumbhash.MAX_PX).numpy()
    return Small(renditions, thumbhash.encode(tiny), red << 16 | green << 8 | blue)


def jpeg(kind: Kind, image: pyvips.Image, out: Path, *, quality: int, subsample: str = "on") -> Rendition:
    """A baseline JPEG: browsers decode it in half the time of a progressive one, a WebP or an AVIF of that size."""
    data = image.jpegsave_buffer(
        Q=quality, subsample_mode=subsample, keep="none", interlace=False, optimize_coding=False
    )
    return written(kind, data, out, _JPEG, image.width, image.height)


def written(kind: Kind, data: bytes, out: Path, content_type: str, width: int, height: int) -> Rendition:
    """The encoded rendition, stored in the folder ``out`` under the name of its kind."""
    path = out / f"{kind}.{'jpg' if content_type == _JPEG else 'webp'}"
    path.write_bytes(data)
    return Rendition(kind, str(path), content_type, width, height, len(data), hashlib.sha256(data).hexdigest())


def _webp(kind: Kind, image: pyvips.Image, out: Path, *, quality: int) -> Rendition:
    data = image.webpsave_buffer(Q=quality, effort=2, keep="none")
    return written(kind, data, out, _WEBP, image.width, image.height)


def _within(image: pyvips.Image, max_px: int) -> pyvips.Image:
    return image.thumbnail_image(max_px, height=max_px, size="down").copy_memory()
