"""The photos that shoots and clusters are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from ml import decode
from ml.decode import Picture
from ml.evaluation.degradations import Pixels
from ml.refusals import Refused

#: Smaller photos show only themselves once cropped and enlarged.
MIN_PX: Final = 250
#: The long edge of a place that shoots look at.
PLACE_PX: Final = 480
_ENDINGS: Final = frozenset((".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff"))


@dataclass(frozen=True, slots=True)
class Folder:
    """``paths``: photos that can be read and are large enough; ``places``: the same, reduced to ``PLACE_PX``;
    ``left_out``: what could not be read, or is too small."""

    paths: Sequence[Path]
    places: Sequence[Image.Image]
    left_out: Sequence[Path]

    def half(self, which: int) -> Folder:
        """Every other photo: 0 the first, 1 the second of each two."""
        return Folder(self.paths[which::2], self.places[which::2], ())


def read(folder: Path) -> Folder:
    """The folder's photos and those of the folders in it, by path."""
    paths, places, left_out = [], [], []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file()):
        try:
            found = _picture(path, PLACE_PX)
        except (Refused, OSError):
            found = None
        if found is None or min(found.width, found.height) < MIN_PX:
            left_out.append(path)
        else:
            paths.append(path)
            places.append(Image.fromarray(_pixels(found)))
    return Folder(paths, places, left_out)


def load(path: Path, max_px: int) -> Pixels:
    """Upright sRGB (height, width, 3) with a long edge of at most ``max_px``. Raises Refused or OSError."""
    return _pixels(_picture(path, max_px))


def _picture(path: Path, max_px: int) -> Picture:
    with decode.opened(path, path.name) as original:
        return decode.picture(original, max_px)


def _pixels(found: Picture) -> Pixels:
    return np.asarray(found.image.numpy(), np.uint8)
