"""How a photo is laid out: its shape, how much goes on in it, symmetry, lines, a horizon, text."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ml import planes
from ml.embedding.view import View, share

_GRID: Final = 64
#: Grey levels over two pixels from which a difference is an edge.
_EDGE: Final = 24.0
#: A line is level or upright if it leans by no more than this (tangent).
_STRAIGHT: Final = 0.06
#: Text: blocks of so many pixels, strokes of such a difference, a ground so even.
_BLOCK, _STROKE, _EVEN = 16, 50.0, 14.0
_TINY: Final = 1e-6


def measure(view: View) -> dict[str, float]:
    """By dimension, in the units that ``ml.embedding.dimensions`` says."""
    strength = np.hypot(view.across, view.down)
    busy = share(strength > _EDGE)
    wide = math.log2(view.aspect)
    return {
        "portrait": -wide,
        "landscape": wide,
        "square": abs(wide),
        "panorama": abs(wide),
        "minimal": busy,
        "busy": busy,
        "symmetric": _symmetry(view),
        "horizon": _horizon(view),
        "straight_lines": _straight(view),
        "text": _text(view),
    }


def _symmetry(view: View) -> float:
    """-1 to 1: how the picture correlates with its mirror image, apart from what is the same along each row."""
    grid = planes.averaged(view.luma, _GRID, _GRID).astype(np.float64)
    grid -= grid.mean(axis=1, keepdims=True)
    energy = float((grid * grid).sum())
    return float((grid * grid[:, ::-1]).sum()) / energy if energy > _GRID**2 else math.nan


def _horizon(view: View) -> float:
    """0 to 1: over how much of its width the picture steps the same way at one height, above and below it even."""
    light = view.lightness
    rows = len(light)
    if rows < 8:
        return 0.0
    reach = max(2, rows // 16)
    above, below = (np.add.reduce([light[at + part : rows - 2 * reach + at + part] for part in range(reach)])
                    for at in (0, reach))  # fmt: skip
    step = (below - above) / reach
    steps = np.maximum((step > 5).mean(axis=1), (step < -5).mean(axis=1))
    middle = slice(len(steps) // 6, len(steps) - len(steps) // 6)
    return float(steps[middle].max(initial=0.0))


def _straight(view: View) -> float:
    """Share of the edges, by strength, that are level or upright; 0 where there are hardly any."""
    x, y = np.abs(view.across), np.abs(view.down)
    larger = np.maximum(x, y)
    edges = larger > _EDGE
    if share(edges) < 0.01:
        return 0.0
    straight = edges & (np.minimum(x, y) <= _STRAIGHT * larger)
    return float(larger[straight].sum()) / (float(larger[edges].sum()) + _TINY)


def _text(view: View) -> float:
    """Share of blocks that have an even ground crossed by strong strokes, both into the dark and out of it."""
    height, width = (size - size % _BLOCK for size in view.luma.shape)
    if not height or not width:
        return 0.0
    ground = _by_block(view.luma[:height, :width]).max(axis=(1, 3))
    near_ground = _by_block(view.luma[:height, :width]) > ground[:, None, :, None] - _EVEN
    falls, rises = (_by_block(sign * view.across[:height, :width] > _STROKE).mean(axis=(1, 3)) for sign in (-1, 1))
    written = (near_ground.mean(axis=(1, 3)) > 0.4) & (np.minimum(falls, rises) > 0.06)
    return share(written)


def _by_block(values: planes.Floats | np.ndarray) -> np.ndarray:
    height, width = values.shape
    return values.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
