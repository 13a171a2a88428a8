"""The technical quality of a photo, measured in one pass over its preview. What the numbers mean: ``cards/signals.md``.

Fields are named as the features that rank photos by them; ``nan`` says that a photo gives no answer, never that the
answer is 0. Faces are found apart, by models that are installed apart (``ml.faces``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml import exposure, planes, sharpness, subject
from ml.faces.face import Face
from ml.planes import Bytes, Floats
from ml.sharpness import Detail

#: Goes up when a number changes for the same pixels: signals of two versions are not comparable.
SIGNALS_VERSION: Final = 1
#: Tiles on the long edge of a tile map, at most.
MAP_TILES: Final = 32
#: A sharpness of 2 is full scale in a tile map: no lens is that sharp, only ringing.
MAP_FULL_SHARPNESS: Final = 2.0


@dataclass(frozen=True, slots=True)
class TileMap:
    """Where in the upright frame: ``rows`` × ``columns`` bytes each, row by row from the upper left.

    ``sharpness``: 0 to 255 for 0 to 2, 0 also where nothing is to be sharp. ``highlights``, ``shadows``: 0 to 255 for
    the share of a tile that is burnt out or black.
    """

    rows: int
    columns: int
    sharpness: bytes
    highlights: bytes
    shadows: bytes


@dataclass(frozen=True, slots=True)
class Signals:
    """Of one photo. ``ml.sharpness.Detail``, ``ml.exposure.Exposure`` and ``ml.subject.Subject`` say the units.

    ``subject_sharpness`` is the mean sharpness of where the subject probably is. ``faces``: None where none were looked
    for.
    """

    sharpness: float
    subject_sharpness: float
    motion: float
    motion_angle: float
    noise: float
    brightness: float
    exposure_error: float
    back_light: float
    range_ev: float
    contrast: float
    highlight_clip: float
    highlight_clip_all: float
    shadow_clip: float
    shadow_clip_any: float
    specular: float
    colour: float
    cast: float
    cast_angle: float
    subject_size: float
    centre_offset: float
    tilt: float
    tiles: TileMap
    faces: tuple[Face, ...] | None = None


def measure(preview: Bytes, faces: Sequence[Face] | None = None, detail: Detail | None = None) -> Signals:
    """Of upright sRGB pixels (height, width, 3), any size. The same pixels give the same bits, whatever the threads.

    ``faces``: those that ``ml.faces.find`` found in it; the prominent ones are the subject. ``detail``: the preview's,
    if it is known already.
    """
    small = planes.reduced(preview)
    detail = sharpness.measure(preview) if detail is None else detail
    found = subject.find(planes.luma(small), detail.tiles)
    if prominent := [face.box for face in faces or () if face.prominent]:
        found = subject.favouring(found, prominent)
    light = exposure.measure(small, found.weight)
    rows, columns = _map_size(detail)
    tiles = TileMap(
        rows,
        columns,
        _mapped(np.nan_to_num(detail.tiles) / np.float32(MAP_FULL_SHARPNESS), rows, columns),
        _mapped(light.highlights.astype(np.float32), rows, columns),
        _mapped(light.shadows.astype(np.float32), rows, columns),
    )
    return Signals(
        sharpness=detail.sharpness,
        subject_sharpness=_of_subject(detail, found.place),
        motion=detail.motion,
        motion_angle=detail.motion_angle,
        noise=detail.noise,
        brightness=light.brightness,
        exposure_error=light.exposure_error,
        back_light=light.back_light,
        range_ev=light.range_ev,
        contrast=light.contrast,
        highlight_clip=light.highlight_clip,
        highlight_clip_all=light.highlight_clip_all,
        shadow_clip=light.shadow_clip,
        shadow_clip_any=light.shadow_clip_any,
        specular=light.specular,
        colour=light.colour,
        cast=light.cast,
        cast_angle=light.cast_angle,
        subject_size=found.size,
        centre_offset=found.centre_offset,
        tilt=found.tilt,
        tiles=tiles,
        faces=None if faces is None else tuple(faces),
    )


def _of_subject(detail: Detail, place: Floats) -> float:
    """The mean of the tiles' sharpness, each weighted by how likely it shows the subject times its structure."""
    mine = planes.averaged(place, *detail.tiles.shape).astype(np.float64) * detail.structure
    total = float(mine[np.isfinite(detail.tiles)].sum())
    return float((np.nan_to_num(detail.tiles) * mine).sum()) / total if total else math.nan


def _map_size(detail: Detail) -> tuple[int, int]:
    rows, columns = detail.tiles.shape
    factor = -(-max(rows, columns) // MAP_TILES)
    return max(1, round(rows / factor)), max(1, round(columns / factor))


def _mapped(values: Floats, rows: int, columns: int) -> bytes:
    shares = planes.averaged(values, rows, columns)
    return np.clip(np.rint(shares * 255), 0, 255).astype(np.uint8).tobytes()
