"""A watermark on a finished picture, whatever its colour space and depth."""

from __future__ import annotations

import pyvips

from ml import watermarks
from ml.watermarks import Mark


def marked(image: pyvips.Image, mark: Mark, profile_path: str | None) -> pyvips.Image:
    """The RGB image with the mark on it; ``profile_path``: the ICC profile of its space (None: sRGB).

    Marks are drawn in 8-bit sRGB. For any other picture one is drawn onto black and onto white, which tells its colour
    and its opacity at each pixel, and laid over the picture's own numbers.
    """
    deep = image.format == "ushort"
    if profile_path is None and not deep:
        return watermarks.marked(image, mark)
    black = pyvips.Image.black(image.width, image.height, bands=3).copy(interpretation="srgb")
    on_black, on_white = watermarks.marked(black, mark), watermarks.marked((black + 255).cast("uchar"), mark)
    opacity = 1 - (on_white - on_black) / 255
    ink = (opacity > 0).ifthenelse(on_black / opacity, 0).cast("uchar").copy(interpretation="srgb")
    if profile_path is not None:
        ink = ink.icc_transform(profile_path, input_profile="srgb", intent="relative", depth=16 if deep else 8)
    elif deep:
        ink = ink.colourspace("rgb16")
    laid = image + (ink - image) * opacity
    return laid.rint().cast(image.format).copy(interpretation=image.interpretation)
