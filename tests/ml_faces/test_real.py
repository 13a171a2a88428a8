"""The published models, on a real picture: where a folder with them is named.

``KILO_TEST_WEIGHTS``: holds yunet_n_dynamic.onnx, yunet_n_640_640.onnx and face_landmarker.task, as published.
``KILO_TEST_PHOTOS``: holds a folder ``faces``, a face with open eyes or more in each photo, and a folder ``labelled``
of photos without any.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import pyvips

from ml import faces
from ml.faces import Detector, Face, Models

pytest.importorskip("onnxruntime", reason="needs the extra faces")
pytest.importorskip("ai_edge_litert", reason="needs the extra faces")


def named(variable: str) -> Path:
    if not (folder := os.environ.get(variable)):
        pytest.skip(f"{variable} names no folder")
    return Path(folder)


@pytest.fixture(scope="module")
def models() -> Models:
    folder = named("KILO_TEST_WEIGHTS")
    return faces.models(folder / "yunet_n_dynamic.onnx", folder / "face_landmarker.task")


@pytest.fixture(scope="module")
def portraits() -> list[np.ndarray]:
    return [photo(path) for path in sorted((named("KILO_TEST_PHOTOS") / "faces").iterdir())]


@pytest.fixture(scope="module")
def seen(models: Models, portraits: list[np.ndarray]) -> list[tuple[Face, ...]]:
    return [faces.find(portrait, models) for portrait in portraits]


def photo(path: Path) -> np.ndarray:
    image = pyvips.Image.new_from_file(str(path)).autorot().colourspace("srgb")
    return np.asarray((image.flatten() if image.hasalpha() else image).numpy())


def test_each_photo_of_a_face_has_one(seen: list[tuple[Face, ...]]) -> None:
    assert sum(map(bool, seen)) >= 0.95 * len(seen) > 0


def test_no_face_where_there_is_none(models: Models) -> None:
    empty = [path for path in (named("KILO_TEST_PHOTOS") / "labelled").rglob("*") if path.is_file()]
    hits = [path.name for path in empty if faces.find(photo(path), Models(models.detector))]
    assert len(empty) > 0
    assert len(hits) <= 0.01 * len(empty), hits


def test_open_eyes_are_told_so(seen: list[tuple[Face, ...]]) -> None:
    worst = np.array([faces.eyes_open(found) for found in seen])
    assert np.isfinite(worst).mean() >= 0.95
    assert np.nanmin(worst) > 0.5


def test_what_is_too_small_is_not_told(models: Models, portraits: list[np.ndarray]) -> None:
    small = [portrait[::6, ::6] for portrait in portraits]
    found = [
        face for portrait in small for face in faces.find(portrait, models) if face.box.height * len(portrait) < 64
    ]
    assert len(found) > 0
    assert all(face.eyes_open == (None, None) and math.isnan(face.sharpness) for face in found)


def test_a_mirrored_face_is_the_same_with_its_eyes_swapped(models: Models, portraits: list[np.ndarray]) -> None:
    for portrait in portraits[:8]:
        (face, *_), (mirrored, *_) = (faces.find(each, models) for each in (portrait, portrait[:, ::-1].copy()))
        assert tuple(mirrored.eyes_open) == pytest.approx(tuple(face.eyes_open[::-1]), abs=0.2)
        assert mirrored.box.x + mirrored.box.width == pytest.approx(1 - face.box.x, abs=0.02)


def test_both_files_of_the_detector_find_the_same_faces(models: Models, portraits: list[np.ndarray]) -> None:
    fixed = Models(Detector.open(named("KILO_TEST_WEIGHTS") / "yunet_n_640_640.onnx"))
    for portrait in portraits[:8]:
        (one, *_), (other, *_) = faces.find(portrait, Models(models.detector)), faces.find(portrait, fixed)
        assert np.abs(np.subtract(other.box, one.box)).max() < 0.15 * one.box.height


def test_the_same_numbers_whoever_else_looks(
    models: Models, portraits: list[np.ndarray], seen: list[tuple[Face, ...]]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda portrait: faces.find(portrait, models), portraits[::-1]))
    assert [repr(found) for found in again[::-1]] == [repr(found) for found in seen]
