"""Model files of the true shapes, written byte by byte: they see what they are told to, and need no training.

The detector takes red for faces, the landmarker sees the same points in every picture.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.faces.yunet import STRIDES

#: Landmarks of a face that the detector sees in a red cell, in cells from its corner.
LANDMARKS: Final = ((0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (0.125, 1.25), (0.875, 1.25))
_PARTS: Final = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
_BLINKS: Final = (9, 10)

Floats = NDArray[np.floating]


def yunet(path: Path, size: tuple[int, int] | None = None, cells: tuple[float, float] = (3, 4)) -> Path:
    """Sees a face, so many cells wide and high, around the middle of each cell of stride 32 that is red throughout.
    ``size``: (height, width) that it is fixed to."""
    nodes, numbers, outputs = [], [], []
    for stride in STRIDES:
        kernel = np.zeros((16, 3, stride, stride), np.float32)
        if stride == STRIDES[-1]:  # blue, green, red
            kernel[0, 2], kernel[0, :2] = 1 / (255 * stride**2), -1 / (255 * stride**2)
        bias = np.array([0, 1, 0.5, 0.5, *np.log(cells), *np.ravel(LANDMARKS)], np.float32)
        names = [f"{part}_{stride}" for part in _PARTS]
        numbers += [_tensor(f"kernel_{stride}", kernel), _tensor(f"bias_{stride}", bias)]
        outputs += [_value(name, [1, None, width]) for name, width in zip(names, _PARTS.values(), strict=True)]
        nodes += [
            _node("Conv", ["input", f"kernel_{stride}", f"bias_{stride}"], [f"grid_{stride}"], strides=[stride] * 2),
            _node("Transpose", [f"grid_{stride}"], [f"rows_{stride}"], perm=[0, 2, 3, 1]),
            _node("Reshape", [f"rows_{stride}", "cells"], [f"cells_{stride}"]),
            _node("Split", [f"cells_{stride}", "parts"], names, axis=2),
        ]
    numbers += [_tensor("cells", np.array([1, -1, 16])), _tensor("parts", np.array(list(_PARTS.values())))]
    taken = _value("input", [1, 3, *(size or (None, None))])
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"drawn")
    graph += b"".join(_field(5, tensor) for tensor in numbers)
    graph += _field(11, taken) + b"".join(_field(12, output) for output in outputs)
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))
    return path


def landmarker(path: Path, points: Floats, *, seed: int = 0) -> Path:
    """Answers every picture with ``points`` (478, 3), in pixels of 256. It is sure of a face where the picture is
    green; what it says of both eyes is 0.3 more than a sum of the points that are read, weighted by the seed."""
    sure = np.zeros((1, 1, 1, 3)), np.array([-20.0])
    sure[0][..., 1] = 40
    weights, bias = np.zeros((52, 146 * 2)), np.zeros(52)
    weights[_BLINKS, :], bias[list(_BLINKS)] = np.random.default_rng(seed).uniform(0, 1e-6, 146 * 2), 0.3
    still = np.zeros((points.size, 1, 1, 3)), points.ravel()
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("face_landmarks_detector.tflite", _of_the_mean((1, 256, 256, 3), [still, sure, sure]))
        bundle.writestr("face_blendshapes.tflite", _of_points((1, 146, 2), weights, bias))
    return path


class _Network:
    """A TFLite file that grows by an operator at a time."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._graph, self._model = schema.SubGraphT(), schema.ModelT()
        self._graph.tensors, self._graph.operators, self._graph.outputs = [], [], []
        self._model.version, self._model.buffers, self._model.operatorCodes = 3, [schema.BufferT()], []
        self._graph.inputs = [self.tensor(shape)]

    @property
    def input(self) -> int:
        return int(self._graph.inputs[0])

    def tensor(self, shape: Sequence[int], values: Floats | None = None) -> int:
        tensor, buffer = self._schema.TensorT(), self._schema.BufferT()
        buffer.data = None if values is None else np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
        tensor.shape, tensor.name, tensor.buffer = list(shape), f"t{len(self._graph.tensors)}", len(self._model.buffers)
        self._model.buffers.append(buffer)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def add(self, name: str, options: Any, inputs: list[int], shape: Sequence[int], *, out: bool = False) -> int:
        code, operator = self._schema.OperatorCodeT(), self._schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(self._schema.BuiltinOperator, name)
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            len(self._model.operatorCodes),
            inputs,
            [self.tensor(shape)],
        )
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType, operator.builtinOptions = getattr(self._schema.BuiltinOptions, kind), options
        self._model.operatorCodes.append(code)
        self._graph.operators.append(operator)
        self._graph.outputs += operator.outputs if out else []
        return int(operator.outputs[0])

    def options(self, name: str, **values: int) -> Any:
        options = getattr(self._schema, f"{name}OptionsT")()
        for field, value in values.items():
            setattr(options, field, value)
        return options

    def bytes(self) -> bytes:
        import flatbuffers

        self._model.subgraphs = [self._graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _of_the_mean(shape: tuple[int, ...], answers: list[tuple[Floats, Floats]]) -> bytes:
    """Each answer is a linear map of the picture's mean colour."""
    network = _Network(shape)
    pool = network.options("Pool2D", padding=1, strideH=1, strideW=1, filterHeight=shape[1], filterWidth=shape[2])
    mean = network.add("AVERAGE_POOL_2D", pool, [network.input], (1, 1, 1, shape[3]))
    for weights, bias in answers:
        numbers = [network.tensor(weights.shape, weights), network.tensor(bias.shape, bias)]
        step = network.options("Conv2D", padding=1, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
        network.add("CONV_2D", step, [mean, *numbers], (1, 1, 1, len(bias)), out=True)
    return network.bytes()


def _of_points(shape: tuple[int, ...], weights: Floats, bias: Floats) -> bytes:
    network = _Network(shape)
    numbers = [network.tensor(weights.shape, weights), network.tensor(bias.shape, bias)]
    network.add("FULLY_CONNECTED", network.options("FullyConnected"), [network.input, *numbers], (1, 52), out=True)
    return network.bytes()


def _field(number: int, content: bytes | int) -> bytes:
    """Of a Protocol Buffers message."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    groups = [value >> at & 127 for at in range(0, max(1, value.bit_length()), 7)]
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    dims = b"".join(_field(1, size) for size in values.shape)
    return (
        dims
        + _field(2, 1 if values.dtype == np.float32 else 7)
        + _field(8, name.encode())
        + _field(9, values.tobytes())
    )


def _value(name: str, shape: Sequence[int | None]) -> bytes:
    dims = b"".join(_field(1, _field(2, b"any") if size is None else _field(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int | Sequence[int]) -> bytes:
    node = b"".join(_field(1, name.encode()) for name in inputs) + b"".join(
        _field(2, name.encode()) for name in outputs
    )
    node += _field(4, kind.encode())
    for name, value in attributes.items():
        whole = isinstance(value, int)
        values = _field(3, value) if whole else b"".join(_field(8, each) for each in value)
        node += _field(5, _field(1, name.encode()) + values + _field(20, 2 if whole else 7))
    return node
