"""Pictures whose truth is known: scenes drawn from a seed, blurred in linear light, with noise of a known strength."""

from __future__ import annotations

import math

import numpy as np
import pyvips
from numpy.typing import NDArray

from kilo_gql import sample_scenes

Pixels = NDArray[np.uint8]
Light = NDArray[np.float32]


def scene(seed: int, width: int = 768, height: int = 512) -> Light:
    """Linear light 0 to 1 (height, width, 3): a lake between mountains."""
    return np.clip(sample_scenes.lake(width, height, seed), 0, 1)


def pebbles(seed: int, width: int = 768, height: int = 512) -> Light:
    """Stones of every size and grey, strewn without order: edges in all directions alike."""
    random = np.random.default_rng(seed)
    light = np.full((height, width), 0.2, np.float32)
    for _ in range(150):
        radius, at_y, at_x = random.uniform(6, 40), random.uniform(0, height), random.uniform(0, width)
        top, left = max(0, int(at_y - radius) - 1), max(0, int(at_x - radius) - 1)
        part = light[top : int(at_y + radius) + 2, left : int(at_x + radius) + 2]
        y, x = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
        cover = np.clip(radius - np.hypot(y - at_y, x - at_x) + 0.5, 0, 1)
        part += cover * (random.uniform(0.02, 0.7) - part)
    return light[..., None].repeat(3, axis=2)


def defocused(light: Light, radius: float) -> Light:
    """As a lens out of focus shows it: a disk of this radius in pixels, its edge smooth."""
    reach = math.ceil(radius) + 1
    fine = (np.arange((2 * reach + 1) * 8) + 0.5) / 8 - reach - 0.5
    inside = fine[:, None] ** 2 + fine**2 <= radius**2
    return _convolved(light, inside.reshape(2 * reach + 1, 8, 2 * reach + 1, 8).mean(axis=(1, 3)))


def moved(light: Light, pixels: int, *, upright: bool = False) -> Light:
    """As a camera that moves while it exposes shows it: level, or ``upright``."""
    line = np.ones((pixels, 1) if upright else (1, pixels))
    return _convolved(light, line)


def pixels(light: Light, *, noise: float = 0, seed: int = 0) -> Pixels:
    """Encoded sRGB with white noise of this standard deviation (of full scale 1) in each channel."""
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)
    noisy = encoded + noise * np.random.default_rng(seed).standard_normal(light.shape)
    return np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8)


def turned(picture: Pixels, degrees: float) -> Pixels:
    """The middle three quarters of the picture, turned clockwise."""
    height, width, _ = picture.shape
    whole = pyvips.Image.new_from_array(picture).rotate(degrees)
    kept = width * 3 // 4, height * 3 // 4
    left, top = (whole.width - kept[0]) // 2, (whole.height - kept[1]) // 2
    return np.array(whole.crop(left, top, *kept).cast("uchar"))


def jpeg(picture: Pixels, quality: int) -> Pixels:
    """What is left of it after JPEG."""
    data = pyvips.Image.new_from_array(picture).copy(interpretation="srgb").jpegsave_buffer(Q=quality)
    return np.array(pyvips.Image.jpegload_buffer(data))


def scaled(picture: Pixels, factor: float) -> Pixels:
    return np.array(pyvips.Image.new_from_array(picture).copy(interpretation="srgb").resize(factor))


def _convolved(light: Light, kernel: NDArray[np.floating]) -> Light:
    """The frame goes on beyond its edge as it ends there."""
    reach = max(kernel.shape) // 2 + 1
    wide = np.pad(light, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    mask = pyvips.Image.new_from_array((kernel / kernel.sum()).tolist())
    blurred = np.array(pyvips.Image.new_from_array(wide).conv(mask, precision="float"))
    return np.clip(blurred[reach:-reach, reach:-reach], 0, 1)
