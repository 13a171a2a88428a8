"""The faces of a photo, from its preview and the models that are installed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ml import sharpness
from ml.faces.face import CANNOT_TELL, Box, Eyes, Face, Landmarks, Point, prominent
from ml.faces.landmarker import Landmarker
from ml.faces.yunet import Detections, Detector
from ml.planes import Bytes, Doubles
from ml.sharpness import Detail

#: The part of a face from above that holds the eyes and brows, which are what should be sharp.
EYES_HALF: Final = 0.45
#: The eyes of so many faces are looked at, the largest: a crowd costs no more than a choir.
LOOKED_AT: Final = 40


@dataclass(frozen=True, slots=True)
class Models:
    """Open models. Without a landmarker, nothing is told about eyes."""

    detector: Detector
    landmarker: Landmarker | None = None


#: Kept open in this process until others are asked for.
_detector: Final = functools.lru_cache(maxsize=1)(Detector.open)
_landmarker: Final = functools.lru_cache(maxsize=1)(Landmarker.open)


def models(detector: str | Path, landmarker: str | Path | None = None) -> Models:
    """From the files at these paths, kept open in this process until others are asked for. Raises ``Unusable``."""
    return Models(_detector(detector), _landmarker(landmarker) if landmarker is not None else None)


def find(preview: Bytes, models: Models, detail: Detail | None = None) -> tuple[Face, ...]:
    """In upright sRGB pixels (height, width, 3), the surest first. ``detail``: the preview's, if it is known already.

    The same pixels give the same numbers, whatever the threads and whatever was looked at before.
    """
    found = _within_frame(models.detector.find(preview))
    if not len(found):
        return ()
    height, width, _ = preview.shape
    detail = sharpness.measure(preview) if detail is None else detail
    boxes = found.boxes.astype(np.float64) * np.array([width, height, width, height])
    sharp = [sharpness.of_box(detail, height, width, (x, y, w, h * EYES_HALF)) for x, y, w, h in boxes.tolist()]
    eyes = _eyes(preview, models.landmarker, boxes, found.landmarks.astype(np.float64) * np.array([width, height]))
    count = prominent(boxes[:, 2:].prod(axis=1).tolist())
    return tuple(
        Face(Box(*box), score, Landmarks(*(Point(*point) for point in points)), *rest)
        for box, score, points, *rest in zip(
            found.boxes.tolist(), found.scores.tolist(), found.landmarks.tolist(), sharp, eyes, count, strict=True
        )
    )


def _eyes(preview: Bytes, landmarker: Landmarker | None, boxes: Doubles, landmarks: Doubles) -> list[Eyes]:
    eyes = [CANNOT_TELL] * len(boxes)
    if landmarker is not None:
        for face in np.argsort(-boxes[:, 2:].prod(axis=1), kind="stable")[:LOOKED_AT]:
            eyes[face] = landmarker.eyes(preview, boxes[face], *landmarks[face, :2])
    return eyes


def _within_frame(found: Detections) -> Detections:
    upper_left = np.clip(found.boxes[:, :2], 0, 1)
    size = np.clip(found.boxes[:, :2] + found.boxes[:, 2:], 0, 1) - upper_left
    shown = Detections(found.scores, np.concatenate((upper_left, size), axis=1), found.landmarks)
    return shown.at(size.min(axis=1) > 0)
