"""RAW through LibRaw (rawpy): the camera's own preview, or the sensor's data developed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyvips
import rawpy
from numpy.typing import NDArray

from ml import decode, extents, jpeg, profiles
from ml.decode import Into, Original, Part, Picture
from ml.profiles import Space
from ml.refusals import Reason, Refused, check_size

#: A preview with a shorter long edge is only good enough if the file cannot be developed.
PREVIEW_MIN_PX: Final = 1000
#: Half a stop, about what cameras add in their own JPEGs.
_BRIGHTNESS: Final = 1.4
#: How the sensor's data look: LibRaw's own brightness would make the frames of a bracket alike.
_LOOK: Final[dict[str, Any]] = {"use_camera_wb": True, "no_auto_bright": True, "bright": _BRIGHTNESS}
#: LibRaw's flip (dcraw's) -> EXIF orientation.
_ORIENTATIONS: Final = {0: 1, 3: 3, 5: 8, 6: 6}

SMALL_PREVIEW: Final = "only a small embedded preview, and the RAW data do not develop"


class Source(StrEnum):
    """Where the pixels of the renditions come from."""

    DECODE = "decode"
    EMBEDDED_PREVIEW = "embedded_preview"
    DEVELOP = "develop"


@dataclass(frozen=True, slots=True)
class Preview:
    """What the camera put beside the sensor's data: a JPEG, or bare pixels (height, width, 3) of 8 bits.

    ``sensor``: upright width and height of what developing in full would give.
    """

    content: bytes | NDArray[np.uint8]
    orientation: int
    long_edge: int
    sensor: tuple[int, int]


def picture(original: Original, max_px: int, area: Part | None = None, *, half: bool = True) -> tuple[Picture, Source]:
    """The embedded preview if it is large enough, else the RAW data developed (at ``half`` size). Raises Refused.

    ``width`` and ``height`` are what developing in full would give.
    """
    with _opened(original) as raw:
        width, height = _upright_size(raw)  # before developing, which halves them
        cut = _cut_short(original, raw)
        preview = _preview(raw)
        shown = preview and _is_large(preview, raw) and _of_preview(preview, max_px, area)
        if shown:
            found, source = _noted(shown, cut), Source.EMBEDDED_PREVIEW
        elif cut:
            raise Refused(Reason.TRUNCATED, f"The RAW file is cut short: {cut}.", len(original.data))
        else:
            found, source = _developed_or(preview, raw, max_px, area, half)
        return replace(found, width=width, height=height), source


def large_preview(original: Original) -> Preview | None:
    """The largest embedded preview, if it is large enough to stand for the photo. Raises Refused."""
    with _opened(original) as raw:
        preview = _preview(raw)
        return preview if preview is not None and _is_large(preview, raw) else None


def developed(original: Original, max_px: int, area: Part | None = None) -> Picture:
    """The sensor's data: camera white balance, LibRaw's default demosaicing, 8-bit sRGB. Raises Refused."""
    with _opened(original) as raw:
        return _developed(raw, max_px, area, half=False)


def developed_into(original: Original, max_px: int, area: Part | None, into: Into) -> Picture:
    """As ``developed``, with the same tones, but of 16 bits in ProPhoto's colours until ``into`` gets it.

    Raises Refused.
    """
    with _opened(original) as raw:
        pixels = raw.postprocess(**_LOOK, output_bps=16, output_color=rawpy.ColorSpace.ProPhoto)
        image = pyvips.Image.new_from_array(pixels).copy(interpretation="rgb16")
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profiles.icc(Space.DEVELOPED))
        return decode.finished(image, max_px, area, into=into)


@contextmanager
def _opened(original: Original) -> Iterator[rawpy.RawPy]:
    with _refusing(original), rawpy.imread(str(original.path)) as raw:
        check_size(raw.sizes.width, raw.sizes.height)
        yield raw


@contextmanager
def _refusing(original: Original) -> Iterator[None]:
    try:
        yield
    except rawpy.LibRawUnsufficientMemoryError as error:
        raise MemoryError(str(error)) from None
    except rawpy.LibRawError as error:
        size = len(original.data)
        if isinstance(error, rawpy.LibRawIOError) or extents.claimed(original.data, original.format) > size:
            raise Refused(Reason.TRUNCATED, f"The RAW file is cut short: {_said(error)}.", size) from None
        if isinstance(error, rawpy.LibRawFileUnsupportedError):
            raise Refused(
                Reason.FORMAT_UNSUPPORTED, "LibRaw does not know this camera's RAW, or not this kind of it."
            ) from None
        raise Refused(Reason.CORRUPT, f"LibRaw cannot read the RAW data: {_said(error)}") from None


def _upright_size(raw: rawpy.RawPy) -> tuple[int, int]:
    sizes = raw.sizes
    return (sizes.height, sizes.width) if sizes.flip in (5, 6) else (sizes.width, sizes.height)


def _preview(raw: rawpy.RawPy) -> Preview | None:
    try:
        thumb = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)
    content = thumb.data
    if not isinstance(content, bytes):
        return Preview(content, orientation, max(content.shape[:2]), _upright_size(raw))
    frame = jpeg.frame(content)
    if frame is None or not jpeg.ends(content):
        return None
    on_its_side = orientation in (5, 6, 7, 8)
    turned_already = on_its_side and (frame.width < frame.height) != (raw.sizes.width < raw.sizes.height)
    upright = 1 if turned_already else orientation
    return Preview(content, upright, max(frame.width, frame.height), _upright_size(raw))


def _is_large(preview: Preview, raw: rawpy.RawPy) -> bool:
    return preview.long_edge >= min(PREVIEW_MIN_PX, raw.sizes.width, raw.sizes.height)


def _developed_or(
    preview: Preview | None, raw: rawpy.RawPy, max_px: int, area: Part | None, half: bool
) -> tuple[Picture, Source]:
    try:
        return _developed(raw, max_px, area, half=half), Source.DEVELOP
    except rawpy.LibRawError as error:
        shown = preview and _of_preview(preview, max_px, area)
        if shown:
            return _noted(shown, SMALL_PREVIEW), Source.EMBEDDED_PREVIEW
        if isinstance(error, rawpy.LibRawIOError):
            raise
        raise Refused(
            Reason.NO_PREVIEW, f"There is no embedded preview that decodes, nor do the RAW data: {_said(error)}."
        ) from None


def _cut_short(original: Original, raw: rawpy.RawPy) -> str | None:
    """What is missing of the sensor's data, in words."""
    size = len(original.data)
    claimed = max(
        extents.claimed(original.data, original.format), extents.of_sensor(raw.sizes.width * raw.sizes.height)
    )
    return f"RAW data of {claimed:,} bytes or more are announced, the file has {size:,}" if claimed > size else None


def _of_preview(preview: Preview, max_px: int, area: Part | None) -> Picture | None:
    """None if it is damaged."""
    if not isinstance(preview.content, bytes):
        return decode.finished(_image(preview.content, preview.orientation), max_px, area)
    try:
        return decode.of_jpeg(preview.content, max_px, area, preview.orientation)
    except Refused:
        return None


def _developed(raw: rawpy.RawPy, max_px: int, area: Part | None, *, half: bool) -> Picture:
    pixels = raw.postprocess(**_LOOK, half_size=half, output_bps=8, output_color=rawpy.ColorSpace.sRGB)
    return decode.finished(_image(pixels, 1), max_px, area)


def _image(pixels: NDArray[np.uint8], orientation: int) -> pyvips.Image:
    return decode.turned(pyvips.Image.new_from_array(pixels).copy(interpretation="srgb"), orientation)


def _noted(picture: Picture, note: str | None) -> Picture:
    return replace(picture, notes=(*picture.notes, note)) if note else picture


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else type(error).__name__
    return said.decode("ascii", "replace") if isinstance(said, bytes) else str(said)
