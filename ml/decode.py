"""From a file to upright pixels, in sRGB unless asked otherwise, decoded once and no larger than asked for.

libvips reads JPEG, PNG, WebP, TIFF, AVIF and GIF; ``ml.heif`` reads HEIC, ``ml.raws`` RAW. Every
loader of libvips that is not named here is blocked: what a file is was decided by ``ml.formats``, not by libvips.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import pyvips
from numpy.typing import NDArray

from ml import color, extents, heif, jpeg
from ml.formats import HEAD_BYTES, Format, sniff
from ml.refusals import Reason, Refused, check_size

#: libjpeg halves while it decodes, almost for nothing; the last step is left to a proper filter.
_LAST_STEP: Final = 1.25
_LOADERS: Final = {
    Format.JPEG: "jpegload_buffer",
    Format.PNG: "pngload_buffer",
    Format.WEBP: "webpload_buffer",
    Format.TIFF: "tiffload_buffer",
    Format.AVIF: "heifload_buffer",
    Format.GIF: "gifload_buffer",
}
#: What libjpeg says when it meets the end mark before the last line, and fills up with grey.
_PIXELS_MISSING: Final = "premature end of data segment"
_CUT_SHORT: Final = ("premature end", "unexpected end", "end of file", "bad seek")
_SEVERAL: Final = {
    **dict.fromkeys((Format.GIF, Format.WEBP), "animated: first frame"),
    **dict.fromkeys((Format.TIFF, Format.AVIF, Format.PNG), "several pictures: first one"),
}
#: So many zeros at the end are no compressed picture.
_ZEROS, _GIF_TRAILER = 256, b";"
#: EXIF orientations that lie on their side.
_SIDEWAYS: Final = (5, 6, 7, 8)

#: Brings an image into the colours that are wanted, and says what had to be guessed: ``color.to_srgb`` is one.
Into: TypeAlias = Callable[[pyvips.Image], tuple[pyvips.Image, list[str]]]

NO_END_MARK: Final = "no end mark after the picture"

pyvips.cache_set_max(0)
pyvips.concurrency_set(1)
pyvips.operation_block_set("VipsForeignLoad", True)
for _loader in ("Jpeg", "Png", "Webp", "Tiff", "Heif", "Nsgif"):
    pyvips.operation_block_set(f"VipsForeignLoad{_loader}", False)


@dataclass(frozen=True, slots=True)
class Original:
    """A file held open: its bytes are mapped, not copied."""

    path: Path
    data: jpeg.Buffer
    format: Format


class Part(Protocol):
    """What is wanted of a picture: ``Area`` is one."""

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, width and height of it in a picture of ``width`` × ``height``."""

    def whole_px(self, width: int, height: int, max_px: int) -> int:
        """The long edge that the whole, of ``width`` × ``height``, is to be reduced to."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of a picture, in fractions of the upright whole: 0 to 1 from its left and top edge.

    Raises ValueError for one that does not begin within the picture.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if not (0 <= self.x < 1 and 0 <= self.y < 1 and 0 < self.width <= 1 and 0 < self.height <= 1):
            raise ValueError(f"not a part of a picture: {self}")

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, width and height in a picture of ``width`` × ``height``: at least one pixel, none outside."""
        left, top = min(int(self.x * width), width - 1), min(int(self.y * height), height - 1)
        right, bottom = round((self.x + self.width) * width), round((self.y + self.height) * height)
        return left, top, max(1, min(right, width) - left), max(1, min(bottom, height) - top)

    def whole_px(self, width: int, height: int, max_px: int) -> int:
        """The long edge of the whole at which this part of ``width`` × ``height`` has one of ``max_px``, or 1:1."""
        part = max(self.width * width, self.height * height)
        return max(1, min(max(width, height), round(max(width, height) * max_px / part)))


@dataclass(frozen=True, slots=True)
class Picture:
    """Upright, three bands (8-bit sRGB unless asked otherwise), perhaps reduced.

    ``width`` and ``height`` are of the whole upright picture.
    """

    image: pyvips.Image
    width: int
    height: int
    notes: tuple[str, ...] = ()


@contextmanager
def opened(path: Path, filename: str) -> Iterator[Original]:
    """The photo at ``path``, whose name ``filename`` is a hint. Raises Refused if it is none."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            raise Refused(Reason.NOT_AN_IMAGE, "The file is empty.", 0)
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    format = sniff(data[:HEAD_BYTES], filename)
    if format is None or format is Format.XMP:
        raise Refused(Reason.NOT_AN_IMAGE, "The file does not begin like a photo of a known format.", 0)
    yield Original(path, data, format)  # closed by the last to use it: libvips keeps a reference


def picture(original: Original, max_px: int, area: Part | None = None, *, into: Into = color.to_srgb) -> Picture:
    """The photo, or an ``area`` of it, with a long edge of at most ``max_px`` (never enlarged). Raises Refused.

    A JPEG is refused as truncated if pixels are missing, even before an end mark, and accepted with a note if only the
    end mark is, or if it is damaged and libjpeg can go on.
    """
    if original.format is Format.JPEG:
        return of_jpeg(original.data, max_px, area, into=into)
    with _refusing(original.data, original.format):
        _check_tail(original)
        if original.format is Format.HEIC:
            image, notes = heif.load(original.data)
            return finished(image, max_px, area, notes, into=into)
        image = _load(original.data, original.format, fail_on="truncated")
        several = image.get_typeof("n-pages") and image.get("n-pages") > 1
        return finished(image, max_px, area, (_SEVERAL[original.format],) if several else (), into=into)


def of_jpeg(
    data: jpeg.Buffer,
    max_px: int,
    area: Part | None = None,
    orientation: int | None = None,
    *,
    into: Into = color.to_srgb,
) -> Picture:
    """As ``picture``. ``orientation`` (EXIF, 1 to 8) overrides what the JPEG says of itself."""
    with _refusing(data, Format.JPEG):
        if not jpeg.ends(data):
            return _jpeg(jpeg.closed(data), "warning", max_px, area, orientation, (NO_END_MARK,), into=into)
        try:
            return _jpeg(data, "warning", max_px, area, orientation, into=into)
        except pyvips.Error as error:
            if _PIXELS_MISSING in _said(error):
                raise
            notes = (f"unsound JPEG: {_said(error)}",)
            return _jpeg(data, "truncated", max_px, area, orientation, notes, into=into)


def finished(
    image: pyvips.Image,
    max_px: int,
    area: Part | None = None,
    notes: tuple[str, ...] = (),
    size: tuple[int, int] | None = None,
    *,
    into: Into = color.to_srgb,
) -> Picture:
    """The image reduced, turned upright, in its colours (sRGB, unless asked otherwise), in memory.

    ``size`` is what it had if it was loaded reduced."""
    width, height = _upright(image, size or (image.width, image.height))
    whole = max_px if area is None else area.whole_px(width, height, max_px)
    if image.interpretation == "cmyk":  # before libvips reduces it, which would forget that there is no profile
        image, guessed = into(image)
        image = _reduced(image, whole)
    else:
        image, guessed = into(_reduced(image, whole))
    if area is not None:
        image = image.crop(*area.pixels(image.width, image.height))
    return Picture(image.copy_memory(), width, height, (*notes, *guessed))


def _reduced(image: pyvips.Image, whole: int) -> pyvips.Image:
    """Upright, with a long edge of at most ``whole``. libvips' thumbnail would make 8 bits of 16."""
    if image.format != "ushort":
        return image.thumbnail_image(whole, height=whole, size="down")
    factor = whole / max(image.width, image.height)
    if factor < 1:
        alpha = image.hasalpha()
        image = (image.premultiply() if alpha else image).resize(factor)
        image = image.unpremultiply().cast("ushort") if alpha else image
    return image if orientation_of(image) == 1 else image.copy_memory().autorot()


def _jpeg(
    data: jpeg.Buffer,
    fail_on: str,
    max_px: int,
    area: Part | None,
    orientation: int | None,
    notes: tuple[str, ...] = (),
    *,
    into: Into,
) -> Picture:
    image = _load(data, Format.JPEG, fail_on=fail_on)
    size = (image.width, image.height)
    if orientation is not None:
        image = turned(image, orientation)
    whole = max_px if area is None else area.whole_px(*_upright(image, size), max_px)
    shrink = next(n for n in (8, 4, 2, 1) if n == 1 or max(size) / n >= whole * _LAST_STEP)
    if shrink > 1:
        image = turned(_load(data, Format.JPEG, fail_on=fail_on, shrink=shrink), orientation_of(image))
    return finished(image, max_px, area, notes, size, into=into)


def rendition(path: Path) -> NDArray[np.uint8]:
    """A JPEG rendition of ours, which needs nothing done to it: (height, width, 3). Raises pyvips.Error if damaged."""
    found: NDArray[np.uint8] = pyvips.Image.jpegload_buffer(path.read_bytes(), fail_on="warning").numpy()
    return found


def shows_as_it_is(data: jpeg.Buffer) -> bool:
    """Whether a JPEG without its EXIF would look the same: it lies upright, and EXIF does not tell its colours."""
    with _refusing(data, Format.JPEG):
        image = _load(data, Format.JPEG)
    return orientation_of(image) == 1 and not color.is_adobe_rgb_by_exif(image)


def orientation_of(image: pyvips.Image) -> int:
    """EXIF orientation, 1 to 8."""
    found: int = image.get("orientation") if image.get_typeof("orientation") else 1
    return found if 1 <= found <= 8 else 1


def _upright(image: pyvips.Image, size: tuple[int, int]) -> tuple[int, int]:
    return (size[1], size[0]) if orientation_of(image) in _SIDEWAYS else size


def turned(image: pyvips.Image, orientation: int) -> pyvips.Image:
    """The image, said to be in another ``orientation`` (EXIF, 1 to 8)."""
    told = image.copy()
    told.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return told


def _load(data: jpeg.Buffer, format: Format, **options: Any) -> pyvips.Image:
    # not `thumbnail_buffer`: libvips 8.18 forgets `fail_on` there, and a cut JPEG would pass as grey
    image = getattr(pyvips.Image, _LOADERS[format])(data, access="sequential", **options)
    check_size(image.width, image.height)
    return image


def _check_tail(original: Original) -> None:
    """Two decoders go on where a card that lost power left zeros, and show what they make up."""
    if original.format in (Format.HEIC, Format.GIF) and not any(original.data[-_ZEROS:]):
        end = len(bytes(original.data[:]).rstrip(b"\x00"))
        if original.data[end - 1 : end] != _GIF_TRAILER:
            raise Refused(Reason.TRUNCATED, f"From byte {end:,} on, the file holds nothing but zeros.", end)


@contextmanager
def _refusing(data: jpeg.Buffer, format: Format) -> Iterator[None]:
    """Turn what the decoders say of the file into Refused."""
    try:
        yield
    except (pyvips.Error, ValueError, EOFError, RuntimeError, SyntaxError) as error:
        said, size = _said(error), len(data)
        if "out of memory" in said or "Insufficient memory" in said:  # of libvips, of libjpeg
            raise MemoryError(said) from None
        if extents.claimed(data, format) > size or any(words in said.lower() for words in _CUT_SHORT):
            raise Refused(Reason.TRUNCATED, f"The file ends before the picture does: {said}.", size) from None
        raise Refused(Reason.CORRUPT, f"The picture does not decode: {said}.") from None


def _said(error: Exception) -> str:
    """The decoder's first sentence: libvips repeats itself, and adds the names of its functions."""
    lines = [line.strip() for line in str(getattr(error, "detail", error)).splitlines()]
    said = next((line for line in lines if line and line != "Error"), type(error).__name__)
    return said.removeprefix("VipsJpeg: ").rstrip(".")[:300]
