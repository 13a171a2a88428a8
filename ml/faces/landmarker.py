"""How far the eyes of a face are open, by MediaPipe's Face Landmarker, a ``.task`` file: a ZIP of TFLite networks.

One network puts 478 points on a face (Grishchenko et al. 2020, "Attention Mesh"), another reads from 146 of them how
far each eye is shut (Apple's ARKit names it ``eyeBlink``). Faces are found by YuNet: the file's own detector is for
faces close to the camera.
"""

from __future__ import annotations

import math
import threading
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.faces.face import CANNOT_TELL, Eyes
from ml.faces.patches import Square, framing, sampled
from ml.faces.unusable import Unusable
from ml.planes import Bytes, Doubles, Floats

#: A face of less pixels in height has too little of its eyes: below, open ones begin to look shut (model card).
LEAST_PX: Final = 64
#: Degrees to the side beyond which the nose hides the far eye, and beyond which neither is seen well enough.
ASIDE, AWAY = 30.0, 55.0
#: Less, and the points are on no face that shows.
_LEAST_PRESENCE: Final = 0.5
_POINTS, _PX = "face_landmarks_detector.tflite", 256
_SHAPES = "face_blendshapes.tflite"
_POINT_COUNT, _SHAPE_COUNT = 478, 52
#: Places of eyeBlinkLeft and eyeBlinkRight among the 52.
_BLINK_LEFT, _BLINK_RIGHT = 9, 10
#: Outer corners of the right and the left eye.
_CORNERS: Final = (33, 263)
#: The square around YuNet's box that shows a face as the network has learnt it: its side, and how far its middle lies
#: towards the chin, both in the longer side of the box. Around points of its own: a share of what they span.
_AROUND_BOX, _TOWARDS_CHIN, _AROUND_POINTS = 1.3, 0.06, 1.5
_LARGEST_FILE: Final = 64 * 2**20
# fmt: off
#: The points that the second network reads, as MediaPipe's face_blendshapes_graph.cc lists them (Apache-2.0).
_READ: Final = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81,
    82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154,
    155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263,
    267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321,
    323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387,
    388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)
# fmt: on


class Landmarker:
    """An open Face Landmarker. Threads may share it: they take turns."""

    def __init__(self, points: _Network, shapes: _Network) -> None:
        self._points = points
        self._shapes = shapes
        self._turn = threading.Lock()

    @classmethod
    def open(cls, path: str | Path) -> Landmarker:
        """Raises ``Unusable``."""
        points, shapes = _members(Path(path))
        try:
            return cls(
                _Network(points, (1, _PX, _PX, 3), {_POINT_COUNT * 3, 1}),
                _Network(shapes, (1, len(_READ), 2), {_SHAPE_COUNT}),
            )
        except (ValueError, RuntimeError) as error:
            raise Unusable(f"{Path(path).name} is no Face Landmarker: {error}") from error

    def eyes(self, preview: Bytes, box: Doubles, right_eye: Doubles, left_eye: Doubles) -> Eyes:
        """Of the face in ``box`` (x, y, width, height), with its eyes (x, y) there, all in pixels of the preview."""
        if box[3] < LEAST_PX:
            return CANNOT_TELL
        points, presence = self.points(preview, box, right_eye, left_eye)
        if presence < _LEAST_PRESENCE:
            return CANNOT_TELL
        return told(*self.open_of(points), yaw(points))

    def points(self, preview: Bytes, box: Doubles, right_eye: Doubles, left_eye: Doubles) -> tuple[Doubles, float]:
        """On that face: x, y and depth (478, 3) in pixels of the preview, and how surely they are on one, 0 to 1.

        They are found twice, the second time in a square around the first ones: steadier, as the next frame of a film.
        """
        with self._turn:
            first, _ = self._found(preview, _around(box, right_eye, left_eye))
            return self._found(preview, framing(first[:, :2], _roll(first), _AROUND_POINTS))

    def open_of(self, points: Doubles) -> tuple[float, float]:
        """How far the right and the left eye are open, by the points of a face, however well they show."""
        with self._turn:
            shapes = self._shapes.run(points[_READ, :2].astype(np.float32)[None])[_SHAPE_COUNT]
        return 1 - float(shapes[_BLINK_RIGHT]), 1 - float(shapes[_BLINK_LEFT])

    def _found(self, preview: Bytes, square: Square) -> tuple[Doubles, float]:
        """Points (478, 3) in pixels of the preview, the third towards the back, and how surely they are on a face."""
        answers = self._points.run(sampled(preview, square, _PX)[None])
        points = answers[_POINT_COUNT * 3].reshape(_POINT_COUNT, 3).astype(np.float64) / _PX
        presence = 1 / (1 + math.exp(-max(-700.0, float(answers[1][0]))))
        return np.column_stack((square.to_picture(points[:, :2]), points[:, 2] * square.side)), presence


class _Network:
    """A TFLite network with one input of this shape, and outputs of these sizes, by which it gives them."""

    def __init__(self, content: bytes, shape: tuple[int, ...], sizes: set[int]) -> None:
        self._interpreter = interpreter = _interpreter()(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        taken, given = interpreter.get_input_details(), interpreter.get_output_details()
        # where two outputs are of one size, the first is meant
        self._outputs = {int(np.prod(each["shape"])): each["index"] for each in reversed(given)}
        if [tuple(each["shape"]) for each in taken] != [shape] or not sizes <= set(self._outputs):
            raise ValueError("its networks take and give other numbers.")
        self._input = taken[0]["index"]

    def run(self, values: Floats) -> dict[int, Floats]:
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return {size: self._interpreter.get_tensor(at).ravel() for size, at in self._outputs.items()}


def told(right: float, left: float, yaw: float) -> Eyes:
    """What can be said of two eyes of a face turned by this many degrees, positive: towards its own left."""
    if abs(yaw) > AWAY:
        return CANNOT_TELL
    right, left = (min(max(eye, 0.0), 1.0) for eye in (right, left))
    return Eyes(None if yaw < -ASIDE else right, None if yaw > ASIDE else left)


def yaw(points: Doubles) -> float:
    """Degrees by which a face of these points is turned to the side, positive: towards its own left."""
    x, y, back = points[_CORNERS[1]] - points[_CORNERS[0]]
    return math.degrees(math.atan2(back, math.hypot(x, y)))


def _around(box: Doubles, right_eye: Doubles, left_eye: Doubles) -> Square:
    across = left_eye - right_eye
    angle, longer = math.atan2(across[1], across[0]), float(max(box[2:]))
    x, y = box[:2] + box[2:] / 2 + np.array([-math.sin(angle), math.cos(angle)]) * (_TOWARDS_CHIN * longer)
    return Square(float(x), float(y), _AROUND_BOX * longer, angle)


def _roll(points: Doubles) -> float:
    x, y, _ = points[_CORNERS[1]] - points[_CORNERS[0]]
    return math.atan2(y, x)


def _members(path: Path) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(path) as bundle:
            if sum(bundle.getinfo(name).file_size for name in (_POINTS, _SHAPES)) > _LARGEST_FILE:
                raise Unusable(f"{path.name} is no Face Landmarker: its networks are too large.")
            return bundle.read(_POINTS), bundle.read(_SHAPES)
    except OSError as error:
        raise Unusable(f"{path.name} cannot be read: {error.strerror}.") from error
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError) as error:
        raise Unusable(f"{path.name} is no Face Landmarker with blend shapes: {error}") from error


def _interpreter() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as missing:
        raise Unusable("To see open eyes, ai-edge-litert is needed: pip install 'kilo[faces]'.") from missing
    return Interpreter
