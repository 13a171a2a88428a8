"""Finds faces with YuNet (Wu, Peng and Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector"), an ONNX file.

The network answers with grids of cells, each with a score, a box and five landmarks; they are decoded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml import planes
from ml.faces.unusable import Unusable
from ml.planes import Bytes, Floats

#: Pixels of the input to a cell of each grid. Sides of the input are multiples of the last.
STRIDES: Final = (8, 16, 32)
#: Long edges at which a photo is searched. YuNet has learnt faces of 10 to 300 pixels: those of a group show in the
#: large picture, one that fills the frame in the small one.
SEARCHED_PX: Final = (320, 1024)
#: Less is no face.
LEAST_SCORE: Final = 0.75
#: Two boxes are of one face if they share more than this of what they cover together.
SAME_FACE: Final = 0.3
#: A box lies in another with more than this share of its area.
INSIDE: Final = 0.7
#: So many cells are looked at, the best: more than a crowd has.
CANDIDATES: Final = 1000
_NUMBERS: Final = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """n faces: ``scores`` (n,) 0 to 1; ``boxes`` (n, 4): x, y, width, height; ``landmarks`` (n, 5, 2): x, y of the
    right eye (the person's own), the left one, the nose, the right and left corner of the mouth.
    """

    scores: Floats
    boxes: Floats
    landmarks: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def at(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Detections:
        return Detections(self.scores[which], self.boxes[which], self.landmarks[which])

    def over(self, width: float, height: float) -> Detections:
        """Boxes and landmarks in parts of a frame of this size."""
        size: Floats = np.array([width, height, width, height], np.float32)
        return Detections(self.scores, self.boxes / size, self.landmarks / size[:2])


class Detector:
    """An open YuNet. Threads may share it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = session.get_inputs()[0]
        height, width = self._input.shape[2:]
        #: The one size that the file takes, if it takes no other.
        self._fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None

    @classmethod
    def open(cls, path: str | Path) -> Detector:
        """Raises ``Unusable``."""
        session = _session(Path(path))
        if missing := _names() - {output.name for output in session.get_outputs()}:
            raise Unusable(f"{Path(path).name} is no YuNet: it does not answer {', '.join(sorted(missing))}.")
        try:
            detector = cls(session)
            detector.find(np.zeros((STRIDES[-1], STRIDES[-1], 3), np.uint8))
        except Exception as error:  # whatever it is, it would be the same with every photo
            raise Unusable(f"{Path(path).name} is no YuNet: {error}") from error
        return detector

    def find(self, preview: Bytes) -> Detections:
        """In upright sRGB pixels (height, width, 3); in parts of the frame, best first. The same pixels give the same
        bits, whatever the threads."""
        edges = SEARCHED_PX if self._fixed is None else (min(self._fixed),)
        found = joined([suppressed(self._searched(planes.reduced(preview, edge))) for edge in edges])
        return suppressed(whole(found))

    def _searched(self, picture: Floats) -> Detections:
        _, height, width = picture.shape
        down, across = self._fixed or (_padded(height), _padded(width))
        blob = np.zeros((1, 3, down, across), np.float32)
        blob[0, :, :height, :width] = picture[::-1]  # blue first
        names = sorted(_names())
        answers = dict(zip(names, self._session.run(names, {self._input.name: blob}), strict=True))
        return decoded(answers, down, across).over(width, height)


def decoded(answers: Mapping[str, Floats], height: int, width: int) -> Detections:
    """Of an input of this size, in its pixels: the cells whose score is at least ``LEAST_SCORE``.

    ``answers``: for each stride s and its n cells, row by row, ``cls_s`` and ``obj_s`` (1, n, 1), whose geometric mean
    is the score; ``bbox_s`` (1, n, 4), the centre from the cell's corner, in cells, and the logarithm of the size in
    cells; ``kps_s`` (1, n, 10), five points from the cell's corner.
    """
    return joined([_decoded(answers, stride, height // stride, width // stride) for stride in STRIDES])


def _decoded(answers: Mapping[str, Floats], stride: int, rows: int, columns: int) -> Detections:
    shares, objects, boxes, points = (
        np.asarray(answers[f"{name}_{stride}"], np.float32).reshape(rows * columns, numbers)
        for name, numbers in _NUMBERS.items()
    )
    scores = np.sqrt(np.clip(shares[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
    sure = np.flatnonzero(scores >= LEAST_SCORE)
    corner = np.stack((sure % columns, sure // columns), axis=1).astype(np.float32)
    size = np.exp(boxes[sure, 2:])
    upper_left = corner + boxes[sure, :2] - size / 2
    landmarks = corner[:, None] + points[sure].reshape(-1, 5, 2)
    step = np.float32(stride)
    return Detections(scores[sure], np.concatenate((upper_left, size), axis=1) * step, landmarks * step)


def whole(found: Detections) -> Detections:
    """Without those that lie in a face at least twice as large: a cheek, to who looks too closely."""
    areas = found.boxes[:, 2:].prod(axis=1)
    parts = _both(found.boxes[:, None], found.boxes) > INSIDE * areas[:, None]
    return found.at(~(parts & (areas >= 2 * areas[:, None])).any(axis=1))


def suppressed(found: Detections) -> Detections:
    """One for each face: the best first, and no other that is of a face that a better one shows."""
    found = found.at(np.argsort(-found.scores, kind="stable")[:CANDIDATES])
    left, kept = np.arange(len(found)), []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[_shared(found.boxes[best], found.boxes[left]) <= SAME_FACE]
    return found.at(np.array(kept, np.intp))


def joined(found: Sequence[Detections]) -> Detections:
    return Detections(
        np.concatenate([each.scores for each in found]),
        np.concatenate([each.boxes for each in found]),
        np.concatenate([each.landmarks for each in found]),
    )


def _shared(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box with each of the others (n, 4)."""
    both = _both(box, boxes)
    shares: Floats = both / (box[2:].prod() + boxes[:, 2:].prod(axis=1) - both)
    return shares


def _both(boxes: Floats, others: Floats) -> Floats:
    """The area that each box shares with each of the others, by the rules of broadcasting."""
    upper_left = np.maximum(boxes[..., :2], others[..., :2])
    lower_right = np.minimum(boxes[..., :2] + boxes[..., 2:], others[..., :2] + others[..., 2:])
    areas: Floats = np.maximum(lower_right - upper_left, 0).prod(axis=-1)
    return areas


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as missing:
        raise Unusable("To find faces, onnxruntime is needed: pip install 'kilo[faces]'.") from missing
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise Unusable(f"{path.name} cannot be read: {error.strerror}.") from error
    except Exception as error:  # onnxruntime has a class of its own for each thing that may be wrong with a file
        raise Unusable(f"{path.name} is no ONNX file that onnxruntime can run: {error}") from error


def _names() -> set[str]:
    return {f"{name}_{stride}" for name in _NUMBERS for stride in STRIDES}


def _padded(size: int) -> int:
    return -(-size // STRIDES[-1]) * STRIDES[-1]
