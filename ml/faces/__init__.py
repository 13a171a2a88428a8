"""Faces, their sharpness and their eyes, where models for it are installed. What the numbers mean: ``cards/faces.md``.

Importing this loads no runtime; opening a model does.
"""

from ml.faces.face import Box, Eyes, Face, Landmarks, Point, eyes_open, sharpness
from ml.faces.finding import EYES_HALF, Models, find, models
from ml.faces.landmarker import Landmarker
from ml.faces.unusable import Unusable
from ml.faces.yunet import Detector

__all__ = [
    "EYES_HALF",
    "Box",
    "Detector",
    "Eyes",
    "Face",
    "Landmarker",
    "Landmarks",
    "Models",
    "Point",
    "Unusable",
    "eyes_open",
    "find",
    "models",
    "sharpness",
]
