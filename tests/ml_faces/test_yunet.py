"""What a network says, decoded: by hand-made answers, without a runtime."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from ml.faces import yunet
from ml.faces.yunet import CANDIDATES, STRIDES, Detections, Detector

Answers = dict[str, np.ndarray]


def silence(height: int, width: int) -> Answers:
    """What the network answers of an empty picture."""
    cells = {stride: (height // stride) * (width // stride) for stride in STRIDES}
    parts = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    return {f"{name}_{s}": np.zeros((1, cells[s], n), np.float32) for name, n in parts.items() for s in STRIDES}


def say(answers: Answers, stride: int, cell: int, score: float, box: list[float], points: list[float]) -> None:
    answers[f"cls_{stride}"][0, cell] = score
    answers[f"obj_{stride}"][0, cell] = score
    answers[f"bbox_{stride}"][0, cell] = box
    answers[f"kps_{stride}"][0, cell] = points


class Session:
    """Answers as a runtime does, nothing found unless it is told, of an input that it keeps."""

    def __init__(self, answers: Answers | None, shape: list[int | str]) -> None:
        self.answers = answers
        self.shape, self.name = shape, "input"
        self.seen: list[np.ndarray] = []

    def get_inputs(self) -> list[Session]:
        return [self]

    def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.seen.append(feeds[self.name])
        answers = self.answers or silence(*feeds[self.name].shape[2:])
        return [answers[name] for name in names]


def test_a_cell_is_decoded_to_pixels() -> None:
    answers = silence(64, 96)
    points = [0.0, 0.25, 1.0, 0.25, 0.5, 0.5, 0.0, 1.0, 1.0, 1.0]
    say(answers, 16, 8, 0.81, [0.5, 0.25, np.log(2), np.log(3)], points)  # the second row's third cell, of six
    found = yunet.decoded(answers, 64, 96)
    assert found.scores.tolist() == pytest.approx([0.81])
    assert found.boxes.tolist() == [pytest.approx([2.5 * 16 - 16, 1.25 * 16 - 24, 32, 48])]
    assert found.landmarks.tolist() == [[[32, 20], [48, 20], [40, 24], [32, 32], [48, 32]]]


@pytest.mark.parametrize(("stride", "cell", "corner"), [(8, 13, (8, 8)), (16, 7, (16, 16)), (32, 5, (64, 32))])
def test_cells_are_counted_row_by_row_in_each_grid(stride: int, cell: int, corner: tuple[int, int]) -> None:
    answers = silence(64, 96)
    say(answers, stride, cell, 1, [0, 0, 0, 0], [0] * 10)
    (face,) = yunet.decoded(answers, 64, 96).landmarks.tolist()
    assert face == [list(corner)] * 5


def test_a_score_is_the_geometric_mean_within_0_and_1_and_too_little_is_no_face() -> None:
    answers = silence(64, 96)
    for cell, (shares, objects) in enumerate([(1.2, 0.81), (0.9, 0.6), (0.5, 1.3), (-1, -1), (np.nan, 1)]):
        answers["cls_8"][0, cell], answers["obj_8"][0, cell] = shares, objects
    assert yunet.decoded(answers, 64, 96).scores.tolist() == pytest.approx([0.9])
    assert yunet.LEAST_SCORE == 0.75


def faces(*boxes: tuple[float, float, float, float], scores: list[float] | None = None) -> Detections:
    count = len(boxes)
    given = np.array(scores if scores is not None else np.linspace(0.99, 0.8, count), np.float32)
    return Detections(given, np.array(boxes, np.float32).reshape(count, 4), np.zeros((count, 5, 2), np.float32))


def test_of_two_boxes_of_one_face_the_better_stays() -> None:
    found = faces((0, 0, 10, 10), (1, 1, 10, 10), (30, 0, 10, 10), scores=[0.8, 0.9, 0.85])
    assert yunet.suppressed(found).boxes.tolist() == [[1, 1, 10, 10], [30, 0, 10, 10]]


@pytest.mark.parametrize(("apart", "left"), [(5, 1), (6, 2)])  # they share 5/15, then 4/16 of what they cover
def test_faces_cheek_by_cheek_are_two(apart: int, left: int) -> None:
    assert len(yunet.suppressed(faces((0, 0, 10, 10), (apart, 0, 10, 10)))) == left


def test_what_a_worse_one_would_have_hidden_stays_when_that_one_goes() -> None:
    found = yunet.suppressed(faces((0, 0, 10, 10), (5, 0, 10, 10), (10, 0, 10, 10)))
    assert found.boxes[:, 0].tolist() == [0, 10]


def test_a_part_of_a_larger_face_is_none() -> None:
    found = faces((40, 40, 20, 20), (0, 0, 100, 100), (85, 10, 20, 20), (90, 40, 20, 20))
    assert yunet.whole(found).boxes.tolist() == [[0, 0, 100, 100], [90, 40, 20, 20]]  # half outside is another's


def test_the_order_of_the_cells_does_not_matter() -> None:
    boxes = [(x, y, 10.0, 10.0) for x, y in itertools.product((0.0, 4.0, 12.0), (0.0, 3.0))]
    scores = [0.9, 0.8, 0.95, 0.85, 0.99, 0.81]
    expected = yunet.suppressed(faces(*boxes, scores=scores)).boxes.tolist()
    for order in itertools.permutations(range(6)):
        mixed = faces(*(boxes[at] for at in order), scores=[scores[at] for at in order])
        assert yunet.suppressed(mixed).boxes.tolist() == expected


def test_a_picture_that_is_all_faces_costs_a_bounded_time() -> None:
    spread = faces(*((float(x), float(y), 0.5, 0.5) for x in range(60) for y in range(60)), scores=[0.9] * 3600)
    assert len(yunet.suppressed(spread)) == CANDIDATES


def test_no_face_at_all() -> None:
    assert len(yunet.suppressed(yunet.whole(yunet.decoded(silence(32, 32), 32, 32)))) == 0


def test_the_network_sees_blue_green_red_with_black_at_the_lower_and_right_edge() -> None:
    session = Session(silence(64, 96), [1, 3, 64, 96])
    preview = np.empty((40, 50, 3), np.uint8)
    preview[:] = (10, 20, 30)
    Detector(session).find(preview)
    (seen,) = session.seen
    assert seen.shape == (1, 3, 64, 96)
    assert [set(np.unique(plane)) for plane in seen[0, :, :40, :50]] == [{30}, {20}, {10}]
    assert not seen[0, :, 40:].any()
    assert not seen[0, :, :, 50:].any()


def test_a_size_that_is_fixed_tells_parts_of_the_frame_not_of_its_border() -> None:
    answers = silence(64, 64)
    say(answers, 8, 0, 1, [2.5, 1.25, np.log(5), np.log(2.5)], [2.5, 1.25] * 5)
    found = Detector(Session(answers, [1, 3, 64, 64])).find(np.zeros((40, 80, 3), np.uint8))  # seen as 20 × 40
    assert found.boxes.tolist() == [pytest.approx([0, 0, 1, 1], abs=1e-6)]
    assert found.landmarks[0, 0].tolist() == [0.5, 0.5]


def test_any_size_is_searched_whole_and_close() -> None:
    session = Session(None, ["batch", 3, "height", "width"])
    assert len(Detector(session).find(np.zeros((1365, 2048, 3), np.uint8))) == 0
    assert [seen.shape for seen in session.seen] == [(1, 3, 224, 320), (1, 3, 704, 1024)]


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_what_is_no_model_says_so(tmp_path: Path, content: bytes | None) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra faces")
    path = tmp_path / "face.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(yunet.Unusable, match=r"face\.onnx"):
        Detector.open(path)
