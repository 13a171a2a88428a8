"""Signals as a database keeps them, and back: JSON has no nan, and "can't tell" is null there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from ml.faces.face import Box, Eyes, Face, Landmarks, Point
from ml.signals import Signals, TileMap

#: Fields of ``Signals`` that are no numbers.
_OTHER: Final = ("tiles", "faces")
NUMBERS: Final = tuple(field.name for field in fields(Signals) if field.name not in _OTHER)


def numbers(found: Signals) -> dict[str, float | None]:
    """The numbers by name, None for nan."""
    return {name: _or_none(float(getattr(found, name))) for name in NUMBERS}


def tiles(found: Signals) -> bytes:
    """The three maps, one after another: sharpness, highlights, shadows."""
    return found.tiles.sharpness + found.tiles.highlights + found.tiles.shadows


def faces(found: Signals) -> list[dict[str, Any]] | None:
    """The faces as plain values, the largest first; None where nobody looked."""
    if found.faces is None:
        return None
    largest_first = sorted(found.faces, key=lambda face: -face.box.area)
    return [asdict(face) | {"sharpness": _or_none(face.sharpness)} for face in largest_first]


def signals_of(
    numbers: Mapping[str, float | None],
    rows: int,
    columns: int,
    tiles: bytes,
    faces: Sequence[Mapping[str, Any]] | None = None,
) -> Signals:
    """The signals that these were made of; a number that is not there is one that nobody can tell."""
    size = rows * columns
    known = {name: math.nan if (value := numbers.get(name)) is None else value for name in NUMBERS}
    maps = (tiles[start : start + size] for start in (0, size, 2 * size))
    found = None if faces is None else tuple(_face(face) for face in faces)
    return Signals(**known, tiles=TileMap(rows, columns, *maps), faces=found)


def _face(record: Mapping[str, Any]) -> Face:
    sharpness = record["sharpness"]
    return Face(
        box=Box(*record["box"]),
        score=record["score"],
        landmarks=Landmarks(*(Point(*point) for point in record["landmarks"])),
        sharpness=math.nan if sharpness is None else sharpness,
        eyes_open=Eyes(*record["eyes_open"]),
        prominent=record["prominent"],
    )


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
