"""What CLIP models are shown of a picture: its middle, at their size, normalised as in their training."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from ml.planes import Bytes, Floats

#: Of the pictures that OpenAI trained CLIP with; those after it kept them. Red, green, blue, 0 to 1.
_MEAN: Final = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_DEVIATION: Final = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def prepared(picture: Bytes, side: int) -> Floats:
    """(3, side, side) of upright sRGB pixels (height, width, 3): the short edge reduced by Pillow's bicubic filter to
    ``side``, and the middle of the long one. Equals Resize, CenterCrop, ToTensor and Normalize of torchvision.
    """
    height, width, _ = picture.shape
    short = min(height, width)
    size = (side * width // short, side * height // short)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    top, left = round((size[1] - side) / 2), round((size[0] - side) / 2)
    middle = small[top : top + side, left : left + side].astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(np.moveaxis((middle - _MEAN) / _DEVIATION, 2, 0))
