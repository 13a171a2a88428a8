"""What goes wrong with a photo, done to a good one: degradations with a known strength, by family.

Blur, double images and exposure happen to light, so they are done in linear sRGB; noise, haze and chroma to the encoded
values, as a camera's own processing leaves them. The first five families were at hand when the prior's signs and scales
were set; the rest (``HELD_OUT``) were not, and figures are given for them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyvips
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Linear = NDArray[np.float32]

#: Strengths are for a picture this long and follow its size.
REFERENCE_PX: Final = 1600


@dataclass(frozen=True, slots=True)
class Family:
    """``apply`` takes sRGB pixels (height, width, 3), a severity above 0 to 1 and a source of randomness.

    ``seen`` is what a person makes of severity 1, by feature of technique and in that feature's scales: the truth that
    a simulated photographer picks by, whatever the signals measure. ``named_by`` are features whose chip names it.
    """

    name: str
    apply: Callable[[Pixels, float, np.random.Generator], Pixels]
    seen: Mapping[str, float]
    named_by: frozenset[str]


def defocus(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """A disc of up to 4 px radius."""
    radius = max(4 * severity * _size(pixels), 0.6)
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _convolved(pixels, np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def motion(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """A line of up to 20 px in any direction."""
    return _convolved(pixels, _line(max(20 * severity * _size(pixels), 2.0), random.uniform(0, math.pi)))


def double_image(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """The picture and itself shifted by up to 14 px, each at half the light."""
    length, angle = max(14 * severity * _size(pixels), 2.0), random.uniform(0, math.pi)
    shift = (round(length * math.sin(angle)), round(length * math.cos(angle)))
    linear = _linear(pixels)
    return _encoded((linear + np.roll(linear, shift, axis=(0, 1))) / np.float32(2))


def sensor_noise(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """Of up to 0.05 of the range, somewhat stronger in the shadows."""
    values = pixels.astype(np.float32) / 255
    sigma = 0.05 * severity * (1.2 - 0.4 * values)
    return _bytes(values + sigma * random.standard_normal(values.shape, np.float32))


def under_exposure(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """By up to 2.5 stops."""
    return exposed(pixels, -2.5 * severity)


def over_exposure(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """By up to 2 stops: highlights burn out."""
    return exposed(pixels, 2 * severity)


def haze(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """Up to 0.6 of the contrast is lost to a grey veil."""
    return _bytes(pixels.astype(np.float32) / 255 * (1 - 0.6 * severity) + 0.36 * severity)


def lean(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """Turned by up to 6 degrees to either side, and cut to what is left of the frame, at the same scale."""
    height, width = pixels.shape[:2]
    angle = math.radians(6 * severity)
    kept = 1 / (math.cos(angle) + max(width / height, height / width) * math.sin(angle))
    side = float(random.choice([-1, 1]))
    turned = _image(pixels).rotate(side * math.degrees(angle), interpolate=pyvips.Interpolate.new("bicubic"))
    w, h = int(width * kept), int(height * kept)
    return np.asarray(turned.crop((turned.width - w) // 2, (turned.height - h) // 2, w, h).numpy(), np.uint8)


def chroma_smear(pixels: Pixels, severity: float, random: np.random.Generator) -> Pixels:
    """The colour channels drift up to 5 px apart, as with a poor lens towards its edge."""
    shift = max(1, round(5 * severity * _size(pixels)))
    red, green, blue = np.moveaxis(pixels, 2, 0)
    return np.stack((np.roll(red, shift, axis=1), green, np.roll(blue, -shift, axis=1)), axis=2)


_SHARP: Final = frozenset({"sharpness", "subject_sharpness"})

TUNING: Final = (
    Family("defocus", defocus, {"sharpness": -3, "subject_sharpness": -3}, _SHARP),
    Family("sensor_noise", sensor_noise, {"noise": 3}, frozenset({"noise"})),
    Family(
        "under_exposure",
        under_exposure,
        {"exposure_error": 3, "shadow_clip": 1},
        frozenset({"exposure_error", "shadow_clip", "contrast"}),
    ),
    Family("haze", haze, {"exposure_error": 2}, frozenset({"contrast", "exposure_error"})),
    Family("lean", lean, {"tilt": 3}, frozenset({"tilt"})),
)
HELD_OUT: Final = (
    Family("motion", motion, {"motion": 3, "sharpness": -1.5, "subject_sharpness": -1.5}, _SHARP | {"motion"}),
    Family(
        "over_exposure",
        over_exposure,
        {"exposure_error": 2, "highlight_clip": 2.5},
        frozenset({"exposure_error", "highlight_clip"}),
    ),
    Family(
        "double_image", double_image, {"motion": 1.5, "sharpness": -2, "subject_sharpness": -2}, _SHARP | {"motion"}
    ),
    Family("chroma_smear", chroma_smear, {"sharpness": -2, "subject_sharpness": -1}, _SHARP | {"colour"}),
)


def exposed(pixels: Pixels, stops: float) -> Pixels:
    """The picture with ``stops`` EV more light."""
    return _encoded(_linear(pixels) * np.float32(2**stops))


def _size(pixels: Pixels) -> float:
    return float(max(pixels.shape[:2])) / REFERENCE_PX


def _line(length: float, angle: float) -> NDArray[np.float64]:
    reach = math.ceil(length / 2)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for along in np.linspace(-length / 2, length / 2, 8 * reach + 1):
        kernel[reach + round(along * math.sin(angle)), reach + round(along * math.cos(angle))] += 1
    return kernel


def _convolved(pixels: Pixels, kernel: NDArray[np.float64]) -> Pixels:
    mask = pyvips.Image.new_from_array((kernel / kernel.sum()).tolist())
    return _encoded(_image(_linear(pixels)).conv(mask, precision="float").numpy())


def _image(values: Pixels | Linear) -> pyvips.Image:
    return pyvips.Image.new_from_array(values)


def _linear(pixels: Pixels) -> Linear:
    """IEC 61966-2-1."""
    levels = np.arange(256) / 255
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return np.asarray(table.astype(np.float32)[pixels])


def _encoded(linear: NDArray[np.floating]) -> Pixels:
    light = np.clip(linear, 0, 1)
    return _bytes(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055))


def _bytes(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
