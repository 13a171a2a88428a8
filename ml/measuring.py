"""What the isolated child runs to measure a photo: everything that culling and search need, from one preview.

The preview is the stored file, not the pixels it was made of: so the same numbers are found again at any time, by any
worker, whether a photo has just come in or has been here for years.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml import decode, descriptors, records, sharpness, signals
from ml.capture_time import CaptureTime
from ml.embedding import concept, facts
from ml.faces import finding
from ml.faces.finding import Models
from ml.faces.unusable import Unusable
from ml.metadata import Metadata

_SAME: Final = ("aperture", "exposure_time_s", "iso", "flash_fired", "lens_model", "gps_latitude", "gps_longitude")


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one photo, as it is stored: see ``ml.records`` for ``signals``, ``tiles`` and ``faces``.

    ``descriptors`` are packed; ``vector`` is of ``concept-v1``, float16, little-endian. ``in_the_eyes``: a landmarker
    looked at the faces.
    """

    signals: dict[str, float | None]
    tile_rows: int
    tile_columns: int
    tiles: bytes
    descriptors: bytes
    faces: list[dict[str, Any]] | None
    vector: bytes
    in_the_eyes: bool


def measure(
    path: str, known: Mapping[str, Any], detector: str | None = None, landmarker: str | None = None
) -> Measured:
    """Of the preview at ``path``. ``known``: what was stored of the photo's metadata, by the names of ``_metadata``.

    ``detector`` and ``landmarker``: files of ``ml.faces``; without the first, or if it is no use, nobody looks for
    faces; without the second, or if that one is no use, nothing is told of eyes.
    """
    preview = decode.rendition(Path(path))
    detail = sharpness.measure(preview)
    models = None if detector is None else _models(detector, landmarker)
    found = signals.measure(preview, None if models is None else finding.find(preview, models, detail), detail)
    told = facts.of(_metadata(known), None if found.faces is None else len(found.faces))
    return Measured(
        records.numbers(found),
        found.tiles.rows,
        found.tiles.columns,
        records.tiles(found),
        descriptors.describe(preview).pack(),
        records.faces(found),
        concept.describe(preview, found, told).astype("<f2").tobytes(),
        models is not None and models.landmarker is not None,
    )


def _models(detector: str, landmarker: str | None) -> Models | None:
    """Those that are of use: without a landmarker nothing is told of eyes, without a detector nobody looks."""
    for eyes in dict.fromkeys((landmarker, None)):
        with suppress(Unusable):
            return finding.models(detector, eyes)
    return None


def _metadata(known: Mapping[str, Any]) -> Metadata:
    """What was stored of a file's metadata, as far as concepts need it."""
    film = known["focal_length_35mm"]
    return Metadata(
        captured=CaptureTime(known["captured_local"], offset_minutes=known["offset_minutes"]),
        focal_length_35mm=film if isinstance(film, int | float) and film > 0 else None,
        **{name: known[name] for name in _SAME},
    )
