"""What a still is to become: the plan that the caller sends, as typed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from ml.exporting.sharpening import Sharpening
from ml.profiles import Space
from ml.watermarks import Mark


class StillFormat(StrEnum):
    """What is written."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"

    @property
    def extension(self) -> str:
        """With which to name a file of it, without the dot."""
        return {"jpeg": "jpg", "tiff": "tif"}.get(self.value, self.value)

    @property
    def content_type(self) -> str:
        """Its media type."""
        return f"image/{self.value}"


class Fit(StrEnum):
    """How a crop gets into an exact size: cut to its ratio, or whole before a blurred copy of itself."""

    CROP = "crop"
    PAD_BLUR = "pad_blur"


class Policy(StrEnum):
    """What a file tells beside its picture; see ``ml.exporting.tags``."""

    ALL = "all"
    NO_LOCATION = "no_location"
    COPYRIGHT = "copyright"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of the upright picture in fractions of it, 0 to 1 from its left and top edge."""

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0


WHOLE = Cut()


@dataclass(frozen=True, slots=True)
class Fields:
    """What the house knows of a photo; None (or no keywords) where it knows nothing.

    ``rating``: -1 (rejected) to 5; ``captured_local``: ISO 8601, with or without an offset; ``gps``: latitude and
    longitude in degrees (WGS 84).
    """

    title: str | None = None
    description: str | None = None
    keywords: list[str] = field(default_factory=list)
    creator: str | None = None
    copyright: str | None = None
    rating: int | None = None
    label: str | None = None
    captured_local: str | None = None
    gps: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a photo becomes files: one for each of ``crops``, or one of the whole picture.

    ``size_px`` (width, height) is met exactly, enlarging if it must; ``long_edge_px`` never enlarges. ``quality`` 1 to
    100 is of JPEG and WebP; with ``max_bytes`` it is the most that is tried. ``bit_depth`` 16 is of PNG and TIFF.
    ``develop``: from the RAW data instead of the camera's JPEG. ``format_in`` is a hint to what the file is.
    """

    format: StillFormat = StillFormat.JPEG
    quality: int = 90
    long_edge_px: int | None = None
    crops: list[Cut] | None = None
    size_px: tuple[int, int] | None = None
    fit: Fit = Fit.CROP
    color_space: Space = Space.SRGB
    sharpen: Sharpening = Sharpening.NONE
    watermark: Mark | None = None
    metadata: Policy = Policy.NONE
    fields: Fields = field(default_factory=Fields)
    max_bytes: int | None = None
    bit_depth: int = 8
    develop: bool = False
    format_in: str = "jpeg"

    @property
    def bits(self) -> int:
        """Of a sample of the written file: JPEG and WebP have no more than 8."""
        return self.bit_depth if self.format in (StillFormat.PNG, StillFormat.TIFF) else 8


def read(plan: dict[str, Any]) -> Plan:
    """The plan as typed values. Raises ValueError where it is none."""
    read = msgspec.convert(plan, Plan)
    if read.bit_depth not in (8, 16) or not 1 <= read.quality <= 100 or read.color_space is Space.DEVELOPED:
        raise ValueError(f"not a plan of a still: {read}")
    return read
