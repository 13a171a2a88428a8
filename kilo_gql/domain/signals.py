"""What was measured in a photo, as people and programs read it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.errors import NotFound
from kilo_gql.models import Asset, AssetSignals
from kilo_gql.operations import operation

#: Faces that are shown of one photo: the largest.
FACES_MAX: Final = 40


class TileMap(msgspec.Struct, frozen=True):
    """Where in the frame, as ``ml.signals.TileMap``; the maps are base64 of ``rows`` × ``columns`` bytes."""

    rows: int
    columns: int
    sharpness: str
    highlights: str
    shadows: str


class Face(msgspec.Struct, frozen=True):
    """A face: box and points in parts of the upright frame, 0 to 1. None is "can't tell".

    ``score``: how surely it is one. ``right_eye_open`` and ``left_eye_open``: the person's own, 0 to 1. ``landmarks``:
    x and y of the right eye, the left eye, the nose, the right and the left corner of the mouth. ``prominent``: it is
    one of those that the photo is of.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    sharpness: float | None
    right_eye_open: float | None
    left_eye_open: float | None
    prominent: bool
    landmarks: list[float]


class Signals(msgspec.Struct, frozen=True):
    """Of one photo. ``ml.signals.Signals`` says what the numbers are; None is "can't tell", never 0.

    ``version``: of the numbers; 0 while the preview is another than the one they were taken from. ``faces``: None where
    nobody looked, and ``face_models`` says with what they were found.
    """

    asset_id: UUID
    version: int
    measured_at: datetime
    sharpness: float | None
    subject_sharpness: float | None
    motion: float | None
    motion_angle: float | None
    noise: float | None
    brightness: float | None
    exposure_error: float | None
    back_light: float | None
    range_ev: float | None
    contrast: float | None
    highlight_clip: float | None
    highlight_clip_all: float | None
    shadow_clip: float | None
    shadow_clip_any: float | None
    specular: float | None
    colour: float | None
    cast: float | None
    cast_angle: float | None
    subject_size: float | None
    centre_offset: float | None
    tilt: float | None
    tiles: TileMap
    face_models: str | None
    faces: list[Face] | None


@operation(Perm.ASSET_READ)
async def get_signals(tx: Tx, asset_id: UUID) -> Signals:
    """What was measured in a photo: sharpness, exposure, framing, where in the frame, and the faces if any were sought.

    Null is "can't tell". Raises NotFound ``not_measured`` before it has been measured.
    """
    await tx.get(Asset, asset_id)
    found = (await _signals(tx, [asset_id])).get(asset_id)
    if found is None:
        raise NotFound(
            "This photo has not been measured.",
            code="not_measured",
            remediation=["Wait until its readiness says that its signals are there."],
        )
    return found


@operation(Perm.ASSET_READ)
async def signals_by_asset(tx: Tx, ids: list[UUID]) -> list[Signals | None]:
    """What was measured in each photo, in the order asked for; None for those that have not been measured."""
    found = await _signals(tx, ids)
    return [found.get(id_) for id_ in ids]


_COLUMNS: Final = (
    AssetSignals.asset_id,
    AssetSignals.signals_version,
    AssetSignals.measured_at,
    AssetSignals.signals,
    AssetSignals.tile_rows,
    AssetSignals.tile_columns,
    AssetSignals.tiles,
    AssetSignals.face_models,
    AssetSignals.faces,
)
_HEAD: Final = ("asset_id", "version", "measured_at")
_TAIL: Final = ("tiles", "face_models", "faces")
_NUMBERS: Final = tuple(name for name in Signals.__struct_fields__ if name not in (*_HEAD, *_TAIL))


async def _signals(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Signals]:
    rows = await tx.rows(select(*_COLUMNS).where(AssetSignals.asset_id.in_(ids)))
    return {row.asset_id: _shown(row) for row in rows}


def _shown(row: Any) -> Signals:
    return Signals(
        asset_id=row.asset_id,
        version=row.signals_version,
        measured_at=row.measured_at,
        tiles=_tiles(row.tile_rows, row.tile_columns, row.tiles),
        face_models=row.face_models,
        faces=None if row.faces is None else [_face(face) for face in row.faces[:FACES_MAX]],
        **{name: row.signals.get(name) for name in _NUMBERS},
    )


def _tiles(rows: int, columns: int, maps: bytes) -> TileMap:
    size = rows * columns
    parts = (b64encode(maps[start : start + size]).decode() for start in range(0, 3 * size, size))
    return TileMap(rows, columns, *parts)


def _face(record: Mapping[str, Any]) -> Face:
    """As ``ml.records.faces`` writes them, the largest first."""
    x, y, width, height = record["box"]
    right, left = record["eyes_open"]
    return Face(
        x=x,
        y=y,
        width=width,
        height=height,
        score=record["score"],
        sharpness=record["sharpness"],
        right_eye_open=right,
        left_eye_open=left,
        prominent=record["prominent"],
        landmarks=[number for point in record["landmarks"] for number in point],
    )
