"""What can be set of an export: for each preset its settings, their ranges, and what they are where nothing is said.

``DEFAULTS`` is the table of it all. A setting that a preset does not have is refused, not passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from kilo_gql.domain.export_names import checked_template
from kilo_gql.domain.watermarks import MarkKind, Watermark
from kilo_gql.errors import BadRequest
from kilo_gql.models import ExportPreset
from kilo_gql.text import one_line

TITLE_MAX: Final = 200
_AT: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")


class ImageFormat(StrEnum):
    """What kind of file is written."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"

    @property
    def extension(self) -> str:
        return {"jpeg": "jpg", "tiff": "tif"}.get(self.value, self.value)


class ColorSpace(StrEnum):
    """The colours of the file; its profile is embedded."""

    SRGB = "srgb"
    DISPLAY_P3 = "display_p3"
    ADOBE_RGB = "adobe_rgb"
    PROPHOTO_RGB = "prophoto_rgb"


class Sharpening(StrEnum):
    """Output sharpening, after the picture has its size."""

    NONE = "none"
    SCREEN_LOW = "screen_low"
    SCREEN = "screen"
    SCREEN_HIGH = "screen_high"
    PRINT = "print"


class MetadataPolicy(StrEnum):
    """What the file tells about the photo: everything, everything but where, creator and copyright, or nothing."""

    ALL = "all"
    NO_LOCATION = "no_location"
    COPYRIGHT = "copyright"
    NONE = "none"


class CarouselRatio(StrEnum):
    """Width to height of all slides; AUTO is the one that the photos lose least to."""

    AUTO = "auto"
    SQUARE = "1:1"
    PORTRAIT = "4:5"
    TALL = "3:4"
    LANDSCAPE = "1.91:1"


class StoryFit(StrEnum):
    """How a photo fills 9:16: cut, or whole before a blurred copy of itself. AUTO cuts where the subject stays in."""

    AUTO = "auto"
    CROP = "crop"
    BLUR = "blur"


class Paper(StrEnum):
    """Sheet sizes."""

    A4 = "a4"
    LETTER = "letter"


class PaperOrientation(StrEnum):
    """How the sheet lies."""

    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"


class _Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What every preset has: nothing but its ways of being read and kept."""


class PictureSettings(_Settings, frozen=True, kw_only=True):
    """Of every preset that makes pictures.

    ``jpeg_quality``: 1 to 100, of WebP as well. ``max_file_kb``: the most a file may have, in 1,000 bytes; quality
    yields. ``watermark``: a mark, True for the plain one (the project's title). ``naming``: a template of
    ``export_names``. ``develop``: from the sensor's data, where the photo is a RAW file.
    """

    jpeg_quality: Annotated[int, Meta(ge=1, le=100)]
    color_space: ColorSpace = ColorSpace.SRGB
    sharpen: Sharpening
    max_file_kb: Annotated[int, Meta(ge=16, le=1_000_000)] | None = None
    watermark: bool | Watermark = False
    metadata: MetadataPolicy
    naming: str
    develop: bool = False

    @property
    def mark(self) -> Watermark | None:
        """The mark to put onto the pictures."""
        return _PLAIN_MARK if self.watermark is True else (self.watermark or None)


class StillSettings(PictureSettings, frozen=True, kw_only=True):
    """One file a photo. ``long_edge_px``: never enlarged to it; None: all pixels. ``bit_depth``: of PNG and TIFF."""

    format: ImageFormat = ImageFormat.JPEG
    long_edge_px: Annotated[int, Meta(ge=64, le=16_384)] | None
    bit_depth: Literal[8, 16] = 8


class CarouselSettings(PictureSettings, frozen=True, kw_only=True):
    """Slides of one shape. ``split_panoramas``: a very wide photo becomes two or three slides that join."""

    ratio: CarouselRatio = CarouselRatio.AUTO
    split_panoramas: bool = True


class StorySettings(PictureSettings, frozen=True, kw_only=True):
    """Pictures of 1080 × 1920 pixels."""

    fit: StoryFit = StoryFit.AUTO


class SheetSettings(_Settings, frozen=True, kw_only=True):
    """A PDF of small pictures. ``title`` None: the project's. ``gallery_id``: where its QR code leads."""

    paper: Paper = Paper.A4
    orientation: PaperOrientation = PaperOrientation.PORTRAIT
    columns: Annotated[int, Meta(ge=1, le=12)] = 4
    rows: Annotated[int, Meta(ge=1, le=16)] = 5
    title: str | None = None
    subtitle: str | None = None
    gallery_id: UUID | None = None


Pictured = StillSettings | CarouselSettings | StorySettings
ExportSettings = Pictured | SheetSettings

#: For whom each preset is, in its defaults. Where a photo was taken is told by none of them unless somebody says so:
#: exports leave the house. ``full_res`` keeps the other words for whoever goes on working with the files; what is
#: published carries creator and copyright alone.
DEFAULTS: Final[dict[ExportPreset, ExportSettings]] = {
    ExportPreset.FULL_RES: StillSettings(
        jpeg_quality=95, long_edge_px=None, sharpen=Sharpening.NONE, metadata=MetadataPolicy.NO_LOCATION,
        naming="{name}",
    ),
    ExportPreset.WEB: StillSettings(
        jpeg_quality=82, long_edge_px=2048, sharpen=Sharpening.SCREEN, metadata=MetadataPolicy.COPYRIGHT,
        naming="{name}",
    ),
    ExportPreset.INSTAGRAM_CAROUSEL: CarouselSettings(
        jpeg_quality=90, sharpen=Sharpening.SCREEN, metadata=MetadataPolicy.COPYRIGHT, naming="{seq:02}_{name}"
    ),
    ExportPreset.STORY_9X16: StorySettings(
        jpeg_quality=90, sharpen=Sharpening.SCREEN, metadata=MetadataPolicy.COPYRIGHT, naming="{seq:02}_{name}"
    ),
    ExportPreset.CONTACT_SHEET_PDF: SheetSettings(),
}  # fmt: skip

_PLAIN_MARK: Final = Watermark(text="{project}")
_MARK_FIELDS: Final = frozenset(field.name for field in fields(Watermark))


def settings_of(preset: ExportPreset, given: object) -> ExportSettings:
    """The preset's settings with those that were given, in camelCase as JSON has them.

    Raises BadRequest, which names the field (``details.field``), for a value out of its range and for a setting that
    this preset does not have.
    """
    plain = DEFAULTS[preset]
    if not isinstance(given, Mapping):
        raise BadRequest("Settings are an object.", details={"field": "settings"})
    try:
        settings = msgspec.convert({**as_json(plain), **_marked(given)}, type(plain))
    except msgspec.ValidationError as error:
        raise _refusal(preset, plain, str(error)) from None
    return _checked(settings)


def as_json(settings: ExportSettings) -> dict[str, Any]:
    """Every setting by name, for the row and for answers."""
    made: dict[str, Any] = msgspec.to_builtins(settings)
    return made


def _marked(given: Mapping[str, Any]) -> Mapping[str, Any]:
    mark = given.get("watermark")
    if isinstance(mark, Mapping):
        for name in mark:
            if name not in _MARK_FIELDS:
                raise BadRequest(f"A watermark has no `{name}`.", details={"field": f"settings.watermark.{name}"})
        if "text" not in mark:
            return {**given, "watermark": {"text": _PLAIN_MARK.text, **mark}}
    return given


def _checked(settings: ExportSettings) -> ExportSettings:
    """What types cannot say."""
    if isinstance(settings, PictureSettings):
        checked_template(settings.naming)
        if (mark := settings.mark) is not None:
            if mark.kind is not MarkKind.TEXT:
                raise BadRequest("An export is marked with a text.", details={"field": "settings.watermark.kind"})
            _checked_mark(mark)
    else:
        for name in ("title", "subtitle"):
            if (text := getattr(settings, name)) is not None:
                one_line(text, field=f"settings.{name}", limit=TITLE_MAX)
    return settings


def _checked_mark(mark: Watermark) -> None:
    """Raises BadRequest ``bad_watermark``, with the field as it is called here."""
    try:
        mark.checked()
    except BadRequest as error:
        error.details["field"] = f"settings.watermark.{error.details['field'].rpartition('.')[2]}"
        raise


def _refusal(preset: ExportPreset, plain: ExportSettings, error: str) -> BadRequest:
    if unknown := _UNKNOWN.search(error):
        known = [field.encode_name for field in msgspec.structs.fields(plain)]
        return BadRequest(
            f"{preset.value} has no setting `{unknown[1]}`.",
            details={"field": f"settings.{unknown[1]}", "known": known},
        )
    place, says = _AT.search(error), _AT.sub("", error)
    field = f"settings.{place[1]}" if place and place[1] else "settings"
    return BadRequest(f"{field}: {says}", details={"field": field})
