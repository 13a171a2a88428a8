"""Pictures at their own size: the whole (``full``) and a part of it (``crop``), for looking at sharpness."""

from __future__ import annotations

from pathlib import Path

from ml import decode, jpeg, raws, renditions
from ml.decode import Area, Original, Picture
from ml.formats import Format
from ml.renditions import Kind, Rendition

FULL_QUALITY, CROP_QUALITY = 92, 90


def full(original: Original, out: Path) -> Rendition:
    """The whole picture as a JPEG. Raises Refused.

    An upright JPEG, or the camera's JPEG in a RAW file, keeps its coded pixels: only what is not picture is cut away.
    Everything else is encoded again: what lies on its side (libvips cannot turn coded pixels), what needs its EXIF to
    have the right colours, and what browsers do not show.
    """
    data = _upright_jpeg(original)
    coded = None if data is None else jpeg.stripped(data)
    if coded is not None and (frame := jpeg.frame(coded)) is not None:
        return renditions.written(Kind.FULL, coded, out, "image/jpeg", frame.width, frame.height)
    picture = _picture(original, renditions.JPEG_MAX_PX, None)
    return renditions.jpeg(Kind.FULL, picture.image, out, quality=FULL_QUALITY, subsample="off")


def crop(original: Original, area: Area, max_px: int, out: Path) -> Rendition:
    """The ``area`` as a JPEG with a long edge of at most ``max_px``, never enlarged. Raises Refused.

    A JPEG is decoded no further down than the area reaches, and reduced while it is decoded.
    """
    picture = _picture(original, max_px, area)
    return renditions.jpeg(Kind.CROP, picture.image, out, quality=CROP_QUALITY, subsample="off")


def _picture(original: Original, max_px: int, area: Area | None) -> Picture:
    if original.format.is_raw:
        return raws.picture(original, max_px, area, half=False)[0]
    return decode.picture(original, max_px, area)


def _upright_jpeg(original: Original) -> jpeg.Buffer | None:
    """The JPEG that shows the picture the right way up, if there is one."""
    if original.format is Format.JPEG:
        return original.data if decode.shows_as_it_is(original.data) else None
    if not original.format.is_raw:
        return None
    preview = raws.large_preview(original)
    return preview.content if preview and isinstance(preview.content, bytes) and preview.orientation == 1 else None
