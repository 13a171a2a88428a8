"""Pixels in, faces out, through the real runtimes: the model files are drawn (``model_files``)."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import faces, measuring, signals
from ml.faces import Detector, Landmarker, Models, Unusable
from ml.faces.face import CANNOT_TELL
from tests.ml_faces import model_files
from tests.support import pictures

pytest.importorskip("onnxruntime", reason="needs the extra faces")
pytest.importorskip("ai_edge_litert", reason="needs the extra faces")

_PROGRAM = """
import sys
import numpy as np
from ml import faces
loaded = {"onnxruntime", "ai_edge_litert"} & set(sys.modules)
picture = np.load(sys.argv[1])
sys.stdout.write(repr(loaded) + repr(faces.find(picture, faces.models(*sys.argv[2:]))))
"""


def straight() -> np.ndarray:
    """Points of a face seen straight on, scattered by a seed."""
    points = np.random.default_rng(11).uniform(60, 190, (478, 3)) * (1, 1, 0.1)
    points[33], points[263] = (80, 100, 0), (176, 100, 0)
    return points


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return model_files.yunet(folder / "yunet.onnx"), model_files.landmarker(folder / "eyes.task", straight())


@pytest.fixture(scope="module")
def models(files: tuple[Path, Path]) -> Models:
    return faces.models(*files)


def portrait() -> np.ndarray:
    """Green with structure, 1024 × 512, and a red cell, which is a face of 96 × 128 pixels."""
    picture = pictures.noise(1024, 512) // 3
    picture[..., 1] += 165
    picture[160:192, 320:352] = (255, 0, 0)
    return picture


def test_a_face_is_found_measured_and_looked_in_the_eyes(models: Models) -> None:
    (found,) = faces.find(portrait(), models)
    assert tuple(found.box) == pytest.approx(((336 - 48) / 1024, (176 - 64) / 512, 96 / 1024, 128 / 512), abs=1e-6)
    assert found.score == pytest.approx(1, abs=1e-5)
    assert tuple(found.landmarks.right_eye) == pytest.approx((320 / 1024, 160 / 512), abs=1e-6)
    assert tuple(found.landmarks.left_mouth) == pytest.approx((348 / 1024, 200 / 512), abs=1e-6)
    assert 0 < found.sharpness < 2
    right, left = found.eyes_open
    assert right == left
    assert right is not None
    assert 0.3 < right < 0.7
    assert found.prominent


def test_without_a_landmarker_nothing_is_told_of_eyes(models: Models) -> None:
    (found,) = faces.find(portrait(), Models(models.detector))
    assert found.eyes_open == CANNOT_TELL
    assert math.isnan(faces.eyes_open((found,)))
    assert found.sharpness == faces.find(portrait(), models)[0].sharpness


def test_where_there_is_no_face_there_is_none(models: Models) -> None:
    assert faces.find(pictures.noise(300, 200), models) == ()
    assert signals.measure(portrait(), ()).faces == ()
    for shape in ((1, 1, 3), (1, 2000, 3), (33, 7, 3)):
        assert faces.find(np.zeros(shape, np.uint8), models) == ()


def test_a_face_that_fills_the_frame_is_one_whatever_its_parts_look_like(models: Models) -> None:
    """Seen closely, the red field is sixteen faces; seen as a whole, one."""
    picture = np.zeros((512, 1024, 3), np.uint8)
    picture[128:256, 384:512] = (255, 0, 0)
    (found,) = faces.find(picture, models)
    assert (found.box.width * 1024, found.box.height * 512) == pytest.approx((384, 448), abs=0.1)  # cut by the frame
    assert found.box.y == 0


def test_a_small_face_has_neither_sharpness_nor_eyes(files: tuple[Path, Path], models: Models) -> None:
    small = Detector.open(model_files.yunet(files[0].with_name("small.onnx"), cells=(1, 1.4)))
    (found,) = faces.find(portrait(), Models(small, models.landmarker))
    assert (found.box.width * 1024, found.box.height * 512) == pytest.approx((32, 44.8), abs=1e-3)
    assert math.isnan(found.sharpness)
    assert found.eyes_open == CANNOT_TELL
    assert found.prominent


def test_a_fixed_detector_finds_the_same(files: tuple[Path, Path], models: Models) -> None:
    fixed = Detector.open(model_files.yunet(files[0].with_name("fixed.onnx"), (1024, 1024)))
    (there,), (here,) = faces.find(portrait(), models), faces.find(portrait(), Models(fixed, models.landmarker))
    assert here == there


def test_pixels_are_not_changed(models: Models) -> None:
    picture = portrait()
    picture.flags.writeable = False
    faces.find(picture, models)
    assert np.array_equal(picture, portrait())


def test_the_same_whatever_was_seen_before_and_who_else_looks(models: Models) -> None:
    shown = [np.roll(portrait(), at, axis=(0, 1)) for at in (0, 32, 64, 96)]
    alone = [faces.find(picture, models) for picture in shown]
    assert len(set(alone)) == 4
    assert [faces.find(picture, models) for picture in shown[::-1]] == alone[::-1]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda picture: faces.find(picture, models), shown * 4)) == alone * 4


def test_the_same_bits_whatever_the_threads_and_no_runtime_before_a_model_is_opened(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    np.save(tmp_path / "picture.npy", portrait())
    answers = []
    for threads in ("1", "4"):
        env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", _PROGRAM, str(tmp_path / "picture.npy"), *map(str, files)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("set()(Face(")
        answers.append(hashlib.sha256(done.stdout.encode()).hexdigest())
    assert len(set(answers)) == 1


def test_models_stay_open_until_others_are_asked_for(files: tuple[Path, Path]) -> None:
    first = faces.models(*files)
    assert faces.models(*files) == first  # the same two
    assert faces.models(files[0]).landmarker is None


def test_a_landmarker_that_is_no_use_costs_no_photo_its_faces(files: tuple[Path, Path], tmp_path: Path) -> None:
    preview, broken = tmp_path / "preview.jpg", tmp_path / "eyes.task"
    preview.write_bytes(pictures.jpeg(portrait(), quality=100))
    broken.write_bytes(b"nothing")
    known: dict[str, Any] = dict.fromkeys((*measuring._SAME, "focal_length_35mm", "captured_local", "offset_minutes"))
    whole, without, cut = (
        measuring.measure(str(preview), known, str(files[0]), eyes) for eyes in (str(files[1]), None, str(broken))
    )
    assert cut == without
    assert [len(found.faces or ()) for found in (whole, cut)] == [1, 1]
    assert (cut.faces or [{}])[0]["eyes_open"] == CANNOT_TELL
    assert measuring.measure(str(preview), known, str(broken), str(files[1])).faces is None


def test_files_that_are_not_what_they_should_be(files: tuple[Path, Path], tmp_path: Path) -> None:
    detector, landmarker = files
    other = tmp_path / "other.task"
    model_files.landmarker(other, np.zeros((68, 3)))
    with pytest.raises(Unusable, match="no Face Landmarker"):
        Landmarker.open(other)
    with pytest.raises(Unusable, match="no ONNX file"):
        Detector.open(landmarker)
    with pytest.raises(Unusable, match="no Face Landmarker"):
        Landmarker.open(detector)
    graph = detector.read_bytes().replace(b"kps_32", b"kpt_32")
    (tmp_path / "other.onnx").write_bytes(graph)
    with pytest.raises(Unusable, match="it does not answer kps_32"):
        Detector.open(tmp_path / "other.onnx")
    widths = [np.array(each, np.int64).tobytes() for each in ((1, 1, 4, 10), (1, 1, 10, 4))]
    (tmp_path / "mixed.onnx").write_bytes(detector.read_bytes().replace(*widths))
    with pytest.raises(Unusable, match=r"mixed\.onnx is no YuNet"):
        Detector.open(tmp_path / "mixed.onnx")
