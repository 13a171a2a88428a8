"""What an export will be, photo by photo, before a pixel is touched: names, sizes, crops, and what may disappoint.

The job works by the same plan that the preview shows. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise
from typing import Final
from uuid import UUID

from kilo_gql.domain.export_crops import WHOLE, Box, Subject, common_ratio, crop_to, slides_of, story_crop
from kilo_gql.domain.export_names import Named, captured_of, stem_by
from kilo_gql.domain.export_settings import (
    CarouselRatio,
    CarouselSettings,
    ExportSettings,
    ImageFormat,
    PictureSettings,
    SheetSettings,
    StillSettings,
    StoryFit,
    StorySettings,
)
from kilo_gql.errors import BadRequest
from kilo_gql.zips import safe_names

#: Slides that Instagram takes in one carousel.
SLIDES_MAX: Final = 20

#: Width to height, and the pixels that Instagram shows. Portrait first: it takes the most of a screen.
RATIOS: Final = {"4:5": 4 / 5, "1:1": 1.0, "3:4": 3 / 4, "1.91:1": 1.91}
_SLIDE_PX: Final = {"4:5": (1080, 1350), "1:1": (1080, 1080), "3:4": (1080, 1440), "1.91:1": (1080, 566)}
STORY_PX: Final = (1080, 1920)

#: Bits a pixel takes in a JPEG by quality: the median of 23 photos of 20 cameras; a single one takes from a tenth to
#: twice as many. What is between is on a line between.
_BITS: Final = ((1, 0.1), (50, 0.5), (75, 0.8), (85, 1.2), (92, 1.8), (96, 2.4), (100, 4.8))
_BITS_OF: Final = {ImageFormat.PNG: 14.0, ImageFormat.TIFF: 22.0}
_WEBP_TO_JPEG: Final = 0.7
#: A sheet's small picture, in bytes, and the paper around it.
_SHEET_PHOTO, _SHEET_PAGE = 60_000, 30_000


class Fit(StrEnum):
    """How a photo comes to its size: whole and scaled, cut, or whole before a blurred copy of itself."""

    WHOLE = "whole"
    CROP = "crop"
    PAD_BLUR = "pad_blur"


class PlanWarning(StrEnum):
    """What may disappoint. SIZE_UNKNOWN: the photo was never measured, so nothing could be planned for it."""

    UPSCALED = "upscaled"
    SUBJECT_CUT = "subject_cut"
    SIZE_UNKNOWN = "size_unknown"


@dataclass(frozen=True, slots=True)
class Photo:
    """What is known of a photo of an export. ``width_px`` and ``height_px`` are of the upright picture, 0: unknown."""

    asset_id: UUID
    filename: str
    width_px: int
    height_px: int
    captured_local: str | None
    camera: str | None
    rating: int
    label: str | None
    subject: Subject

    @property
    def aspect(self) -> float:
        return self.width_px / self.height_px if self.width_px and self.height_px else 1.0


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that will be. ``crop``: the part of the upright picture it shows. ``name``: in the archive."""

    name: str
    width_px: int
    height_px: int
    crop: Box


@dataclass(frozen=True, slots=True)
class PlannedPhoto:
    """A photo of an export and its files, none of a contact sheet. ``position`` from 0."""

    position: int
    asset_id: UUID
    fit: Fit
    files: tuple[PlannedFile, ...]
    estimated_bytes: int
    warnings: tuple[PlanWarning, ...]


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """All of an export. ``ratio``: of a carousel's slides. Sizes in bytes are estimates."""

    ratio: str | None
    photos: tuple[PlannedPhoto, ...]
    file_count: int
    estimated_bytes: int


def plan(
    settings: ExportSettings, photos: Sequence[Photo], project: str, places: Sequence[int] | None = None
) -> ExportPlan:
    """What comes of these photos, in this order; ``project``: its title.

    ``places``: of each photo in its export, from 0; None: no other belongs to it. One that was deleted leaves a gap, so
    that no other photo takes its number. Raises BadRequest ``too_many_slides``, which tells how many there would be.
    """
    if isinstance(settings, SheetSettings):
        return _sheet(settings, photos)
    ratio = _ratio(settings, photos)
    shapes = [_shape(settings, photo, ratio) for photo in photos]
    count = sum(len(crops) for _, crops, _ in shapes)
    if isinstance(settings, CarouselSettings) and count > SLIDES_MAX:
        raise BadRequest(
            f"A carousel has at most {SLIDES_MAX} slides; these photos make {count}.",
            code="too_many_slides",
            details={"slides": count, "max": SLIDES_MAX},
            remediation=["Choose fewer photos, or leave panoramas whole (`splitPanoramas`: false)."],
        )
    placed = list(zip(range(len(photos)) if places is None else places, photos, strict=True))
    names = iter(_names(settings, placed, [len(crops) for _, crops, _ in shapes], project))
    planned = tuple(
        _planned(settings, position, photo, shape, list(islice(names, len(shape[1]))), ratio)
        for (position, photo), shape in zip(placed, shapes, strict=True)
    )
    return ExportPlan(ratio, planned, count, sum(one.estimated_bytes for one in planned))


# --- shapes --------------------------------------------------------------------------------------------------------

_Shape = tuple[Fit, list[Box], bool]


def _ratio(settings: PictureSettings, photos: Sequence[Photo]) -> str | None:
    if not isinstance(settings, CarouselSettings):
        return None
    if settings.ratio is not CarouselRatio.AUTO:
        return settings.ratio.value
    return common_ratio([photo.aspect for photo in photos], RATIOS, split=settings.split_panoramas)


def _shape(settings: PictureSettings, photo: Photo, ratio: str | None) -> _Shape:
    """How a photo is cut, and whether its subject is."""
    if isinstance(settings, StorySettings):
        return _story(settings, photo)
    if ratio is None:
        return Fit.WHOLE, [WHOLE], False
    if isinstance(settings, CarouselSettings) and settings.split_panoramas:
        crops = slides_of(photo.aspect, RATIOS[ratio], photo.subject)
    else:
        crops = [crop_to(photo.aspect, RATIOS[ratio], photo.subject)]
    first, last = crops[0], crops[-1]
    shown = Box(first.x, first.y, last.right - first.x, first.height)
    return Fit.CROP, crops, photo.subject.is_cut_by(shown)


def _story(settings: StorySettings, photo: Photo) -> _Shape:
    crop, well = story_crop(photo.aspect, photo.subject)
    if settings.fit is StoryFit.BLUR or (settings.fit is StoryFit.AUTO and not well):
        return Fit.PAD_BLUR, [WHOLE], False
    return Fit.CROP, [crop], photo.subject.is_cut_by(crop)


# --- names and sizes -----------------------------------------------------------------------------------------------


def _names(
    settings: PictureSettings, placed: Sequence[tuple[int, Photo]], counts: Sequence[int], project: str
) -> list[str]:
    """Of all files: safe on every system, each another one."""
    suffix, wanted = extension_of(settings), list[str]()
    for (position, photo), count in zip(placed, counts, strict=True):
        about = Named(
            photo.filename,
            position + 1,
            captured_of(photo.captured_local),
            project,
            photo.rating,
            photo.label,
            photo.camera,
        )
        stem = stem_by(settings.naming, about)
        wanted += [f"{stem}.{suffix}"] if count == 1 else [f"{stem}_{part}.{suffix}" for part in range(1, count + 1)]
    return safe_names(wanted)


def extension_of(settings: PictureSettings) -> str:
    """Of the files, without a dot."""
    return format_of(settings).extension


def format_of(settings: PictureSettings) -> ImageFormat:
    """Carousels and stories are JPEG: nothing else is taken everywhere."""
    return settings.format if isinstance(settings, StillSettings) else ImageFormat.JPEG


def _planned(
    settings: PictureSettings, position: int, photo: Photo, shape: _Shape, names: Sequence[str], ratio: str | None
) -> PlannedPhoto:
    fit, crops, cut = shape
    size = size_px(settings, photo, ratio)
    warnings = [PlanWarning.SUBJECT_CUT] if cut else []
    if not photo.width_px:
        warnings.append(PlanWarning.SIZE_UNKNOWN)
    elif _is_upscaled(photo, fit, crops[0], size):
        warnings.insert(0, PlanWarning.UPSCALED)
    files = tuple(PlannedFile(name, *size, crop) for name, crop in zip(names, crops, strict=True))
    estimate = sum(_estimated(settings, file.width_px * file.height_px) for file in files)
    return PlannedPhoto(position, photo.asset_id, fit, files, estimate, tuple(warnings))


def size_px(settings: PictureSettings, photo: Photo, ratio: str | None) -> tuple[int, int]:
    """Width and height of each file of a photo."""
    if ratio is not None:
        return _SLIDE_PX[ratio]
    if isinstance(settings, StorySettings):
        return STORY_PX
    longest = max(photo.width_px, photo.height_px)
    edge = settings.long_edge_px if isinstance(settings, StillSettings) else None
    if edge is None or longest <= edge:
        return photo.width_px, photo.height_px
    return max(1, round(photo.width_px * edge / longest)), max(1, round(photo.height_px * edge / longest))


def _is_upscaled(photo: Photo, fit: Fit, crop: Box, size: tuple[int, int]) -> bool:
    width, height = photo.width_px * crop.width, photo.height_px * crop.height
    if fit is Fit.PAD_BLUR:  # the whole picture, as large as fits
        return min(size[0] / width, size[1] / height) > 1
    return fit is Fit.CROP and round(width) < size[0]


def _estimated(settings: PictureSettings, pixels: int) -> int:
    kind = format_of(settings)
    bits = _BITS_OF.get(kind)
    if bits is None:
        bits = _bits(settings.jpeg_quality) * (_WEBP_TO_JPEG if kind is ImageFormat.WEBP else 1)
    elif isinstance(settings, StillSettings) and settings.bit_depth == 16:
        bits *= 2
    most = settings.max_file_kb
    size = round(pixels * bits / 8)
    return size if most is None else min(size, most * 1_000)


def _bits(quality: int) -> float:
    for (below, least), (above, most) in pairwise(_BITS):
        if quality <= above:
            return least + (most - least) * (quality - below) / (above - below)
    return _BITS[-1][1]


def _sheet(settings: SheetSettings, photos: Sequence[Photo]) -> ExportPlan:
    planned = tuple(
        PlannedPhoto(position, photo.asset_id, Fit.WHOLE, (), _SHEET_PHOTO, ()) for position, photo in enumerate(photos)
    )
    pages = -(-len(photos) // (settings.columns * settings.rows))
    return ExportPlan(None, planned, 1, len(photos) * _SHEET_PHOTO + pages * _SHEET_PAGE)
