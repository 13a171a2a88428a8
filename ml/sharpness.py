"""How sharp a photo is where it has structure, whatever its noise; whether it is smeared one way; how noisy it is.

Laplacian variance and the like rise with noise, and take a noisy blurred frame for a sharp one. Here detail is what a
fine band holds over what a coarse one holds, the same edges seen twice, after the noise of each band is taken away:
the noise-compensated two-band tile sharpness (NCT) of the model card (``ml/cards/signals.md``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.planes import Bytes, Doubles, Floats, luma_of

#: Energies are summed over blocks of so many pixels a side, and judged over tiles of two blocks a side.
BLOCK_PX, _TILE_BLOCKS = 16, 2
#: What the widest filter reaches beyond a block.
_MARGIN: Final = 8
#: Rows of blocks worked on at once: few, so that what one filter leaves for the next stays in the processor's cache.
_ROWS_AT_ONCE: Final = 4
#: Percent of blocks with the weakest gradients, where noise shows best; share of tiles with the most structure.
_FLATTEST, _MOST_STRUCTURED, _PERCENTILE = 30, 0.3, 75
#: The part of the fine band that is noise where the picture is flattest; the rest is texture. Set where frames that
#: differ in noise alone come out even.
_BAND_SHARE: Final = 0.9
#: Grey levels between which noise is not clipped away.
_UNCLIPPED: Final = (8.0, 247.0)
#: Squared grey levels in the coarse band, below which there is nothing to be sharp.
_STRUCTURE: Final = 1.0
#: Of a part of the photo, so many tiles at least must have structure: one alone says little.
_BOX_TILES: Final = 2
#: Directions in which gradients are compared, over half a turn.
_ANGLES: Final = 8
_TINY: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """Of one photo. ``nan`` where there is nothing to tell it by.

    ``sharpness``: fine over coarse amplitude, some 0.4 (soft) to 1.2, for comparing frames of one scene, not scenes.
    ``motion``: 0 and up, how much more detail is missing in one direction than in another; a frame softer than its
    neighbours and above 0.3 was smeared, along ``motion_angle``: 0 to 180 degrees, clockwise from level. ``noise``:
    standard deviation of luma at the preview's size, 0 to 1. ``tiles``: (rows, columns) sharpness of 32-pixel tiles,
    nan where without structure; ``structure``: their coarse amplitude in grey levels.
    """

    sharpness: float
    motion: float
    motion_angle: float
    noise: float
    tiles: Floats
    structure: Floats


NOTHING: Final = Detail(
    math.nan, math.nan, math.nan, math.nan, np.full((1, 1), np.nan, np.float32), np.zeros((1, 1), np.float32)
)


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Means over blocks, each (rows, columns): luma and what Immerkær's operator answers, in grey levels; squares of
    the two bands; squares and product (3, ...) of the gradients across and down, of the picture as the fine band and
    as the coarse band sees it."""

    level: Floats
    rough: Floats
    fine: Floats
    coarse: Floats
    fine_slope: Floats
    coarse_slope: Floats


def measure(preview: Bytes) -> Detail:
    """Of upright sRGB pixels (height, width, 3); ``NOTHING`` if a side has less than 48 pixels."""
    if min(preview.shape[:2]) < 2 * _MARGIN + _TILE_BLOCKS * BLOCK_PX:
        return NOTHING
    blocks = _blocks(preview)
    sigma, noise = _noise(blocks)
    fine, coarse = _tiles(blocks.fine) - noise * _GAINS.fine, _tiles(blocks.coarse) - noise * _GAINS.coarse
    structured = coarse > max(_STRUCTURE, noise * _GAINS.coarse)
    ratio = np.sqrt(np.maximum(fine, 0) / np.where(structured, coarse, 1))
    tiles = np.where(structured, ratio, np.nan).astype(np.float32)
    chosen = _highest(coarse, _MOST_STRUCTURED) & structured
    if not chosen.any():
        return Detail(math.nan, math.nan, math.nan, sigma, tiles, np.zeros_like(tiles))
    motion, angle = _motion(blocks, chosen, noise)
    sharpness = float(np.percentile(tiles[chosen].astype(np.float64), _PERCENTILE))
    return Detail(sharpness, motion, angle, sigma, tiles, np.sqrt(np.maximum(coarse, 0)).astype(np.float32))


def of_box(detail: Detail, height: int, width: int, box: tuple[float, float, float, float]) -> float:
    """Of what lies in a box (x, y, width, height) of a photo of this size, all in pixels: the mean of its tiles, each
    weighted by its structure and by how much of it lies within; nan if it holds less than two tiles with structure.
    """
    x, y, wide, high = box
    rows, columns = detail.tiles.shape
    down, across = _within(y, y + high, _fitted(height)[1], rows), _within(x, x + wide, _fitted(width)[1], columns)
    within = down[:, None] * across * np.isfinite(detail.tiles)
    if within.sum() < _BOX_TILES:
        return math.nan
    weight = within * detail.structure
    return float((np.nan_to_num(detail.tiles) * weight).sum() / weight.sum())


def _within(low: float, high: float, first: int, count: int) -> Doubles:
    """The share of each tile along an axis, ``count`` of them from pixel ``first`` on, that lies between two pixels."""
    size = BLOCK_PX * _TILE_BLOCKS
    start = first + size * np.arange(count)
    shares: Doubles = np.clip((np.minimum(high, start + size) - np.maximum(low, start)) / size, 0, 1)
    return shares


def _noise(blocks: _Blocks) -> tuple[float, float]:
    """Standard deviation (0 to 1), and the variance in squared grey levels to take away from the bands.

    Immerkær 1996, "Fast Noise Variance Estimation", where the picture has the weakest gradients and is not clipped.
    Noise that was smoothed, by a camera, JPEG or by scaling, is weaker to his operator than it is to the fine band: for
    the bands, the fine band itself is asked too.
    """
    usable = (blocks.level > _UNCLIPPED[0]) & (blocks.level < _UNCLIPPED[1])
    if not usable.any():
        return math.nan, 0.0
    slope = (blocks.coarse_slope[0] + blocks.coarse_slope[1])[usable]
    flat = slope <= np.percentile(slope, _FLATTEST)
    sigma = float(np.median(blocks.rough[usable][flat])) * math.sqrt(math.pi / 2) / 6
    band = float(np.median(blocks.fine[usable][flat])) * _BAND_SHARE / _GAINS.fine
    return sigma / 255, max(sigma**2, band)


def _motion(blocks: _Blocks, chosen: NDArray[np.bool_], noise: float) -> tuple[float, float]:
    """Log ratio of the most to the least detail over directions, and the direction with the least, in degrees."""
    fine = _by_direction(blocks.fine_slope, chosen, noise * _GAINS.fine_slope)
    detail = np.log(fine / _by_direction(blocks.coarse_slope, chosen, noise * _GAINS.coarse_slope))
    return float(detail.max() - detail.min()), 180 / _ANGLES * float(detail.argmin())


def _by_direction(slope: Floats, chosen: NDArray[np.bool_], noise: float) -> Doubles:
    """Mean squared gradient towards each of ``_ANGLES`` directions, which the structure tensor holds all."""
    across, down, both = (float(_tiles(part)[chosen].mean(dtype=np.float64)) for part in slope)
    turn = np.arange(_ANGLES) * np.pi / _ANGLES
    x, y = np.cos(turn), np.sin(turn)
    energy: Doubles = np.maximum((across - noise) * x**2 + (down - noise) * y**2 + both * 2 * x * y, _TINY)
    return energy


def _tiles(blocks: Floats) -> Floats:
    rows, columns = (size // _TILE_BLOCKS for size in blocks.shape)
    whole = blocks[: rows * _TILE_BLOCKS, : columns * _TILE_BLOCKS]
    tiles: Floats = whole.reshape(rows, _TILE_BLOCKS, columns, _TILE_BLOCKS).mean(axis=(1, 3))
    return tiles


def _highest(values: Floats, share: float) -> NDArray[np.bool_]:
    """A mask of the highest ``share`` of the values, at least one of them, and all that are equal to the last."""
    count = max(1, round(share * values.size))
    chosen: NDArray[np.bool_] = values >= np.partition(values.ravel(), values.size - count)[values.size - count]
    return chosen


def _fitted(size: int) -> tuple[int, int]:
    """How many blocks fit along an edge of this many pixels, and where the first begins."""
    count = (size - 2 * _MARGIN) // BLOCK_PX
    return count, (size - count * BLOCK_PX) // 2


def _blocks(preview: Bytes) -> _Blocks:
    height, width, _ = preview.shape
    (rows, top), (columns, left) = _fitted(height), _fitted(width)
    top, left = top - _MARGIN, left - _MARGIN
    wide = columns * BLOCK_PX + 2 * _MARGIN
    means = np.empty((10, rows, columns), np.float32)
    for row in range(0, rows, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, rows - row)
        y, high = top + row * BLOCK_PX, count * BLOCK_PX + 2 * _MARGIN
        filtered = _filtered(luma_of(preview[y : y + high, left : left + wide]))
        for mean, values in zip(means, filtered, strict=True):
            mean[row : row + count] = _averaged(values, count, columns)
    return _Blocks(means[0], means[1], means[2], means[3], means[4:7], means[7:10])


def _filtered(luma: Floats) -> list[Floats]:
    """What ``_Blocks`` holds, within ``_MARGIN`` of the edges of ``luma``, at every pixel or at some of them.

    Smoothed three times, "à trous", a picture has Gaussian blurs of 0.71, 1.58 and 3.24 pixels: between two lies a
    band. Of the second, every other pixel tells all; of gradients and roughness, every other row tells enough.
    """
    once = _smoothed(luma, 1)
    twice = _smoothed(once, 2)
    half = np.ascontiguousarray(twice[1::2, 1::2])
    coarse = half[2:-3, 2:-3] - _smoothed(half, 2)[:-1, :-1]
    fine = once[7:-7, 7:-7] - twice[5:-5, 5:-5]
    rough = luma[7:-9:2, 7:-7] + luma[9:-7:2, 7:-7] - 2 * luma[8:-8:2, 7:-7]
    rough = np.abs(rough[:, 2:] + rough[:, :-2] - 2 * rough[:, 1:-1])
    fine_slope = once[7:-7:2, 8:-6] - once[7:-7:2, 6:-8], once[8:-6:2, 7:-7] - once[6:-8:2, 7:-7]
    coarse_slope = half[2:-3, 3:-2] - half[2:-3, 1:-4], half[3:-2, 2:-3] - half[1:-4, 2:-3]
    products = [(x * x, y * y, x * y) for x, y in (fine_slope, coarse_slope)]
    return [luma[8:-8:2, 8:-8], rough, fine * fine, coarse * coarse, *products[0], *products[1]]


def _smoothed(values: Floats, step: int) -> Floats:
    """By 1 2 1 both ways, over neighbours ``step`` apart; ``step`` pixels less at each edge."""
    down = values[: -2 * step] + values[2 * step :]
    middle = values[step:-step]
    down += middle
    down += middle
    across = down[:, : -2 * step] + down[:, 2 * step :]
    middle = down[:, step:-step]
    across += middle
    across += middle
    across *= np.float32(1 / 16)
    return across


def _averaged(values: Floats, rows: int, columns: int) -> Floats:
    height, width = values.shape
    down = np.add.reduce(values.reshape(rows, height // rows, width), axis=1)
    means: Floats = np.add.reduce(down.reshape(rows, columns, width // columns), axis=2)
    means *= np.float32(rows * columns / values.size)
    return means


@dataclass(frozen=True, slots=True)
class _Gains:
    """What white noise of variance 1 becomes in each band, and in each gradient."""

    fine: float
    coarse: float
    fine_slope: float
    coarse_slope: float


def _gains() -> _Gains:
    """The energy of what one bright pixel becomes, over the places it may have between those that are looked at."""
    size, energies = BLOCK_PX + 2 * _MARGIN, np.zeros(10)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        point = np.zeros((size, size), np.float32)
        point[size // 2 + y, size // 2 + x] = 1
        energies += [float(values.mean(dtype=np.float64)) * BLOCK_PX**2 / 4 for values in _filtered(point)]
    return _Gains(*(float(energies[at]) for at in (2, 3, 4, 7)))


_GAINS: Final = _gains()
