"""From a plan's crops to pixels: reduced once, to the scale at which a crop has its size, and cut at whole pixels.

So neighbouring slides of a panorama come from one reduced picture and join without a gap or an overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import pyvips

from ml.decode import Area
from ml.exporting.plan import WHOLE, Cut, Fit

#: A crop whose ratio differs by less than this from its size's is meant to have it: its fractions were rounded.
_SAME_RATIO: Final = 0.01
_ALMOST: Final = 1e-6
#: The blurred surroundings: reduced so many times, blurred by so many of those pixels, and so much darker.
_REDUCED, _BLUR, _DIMMED = 16, 2.5, 0.62


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a whole picture is wanted for the sake of one of its crops (a ``ml.decode.Part``)."""

    cut: Cut
    size: tuple[int, int] | None
    long_edge: int | None
    fit: Fit

    def factor(self, width: int, height: int) -> float:
        """By which a picture of ``width`` × ``height`` is to be multiplied; above 1 only for the sake of ``size``."""
        across, down = _extent(self.cut, (width, height))
        if self.size is not None:
            wide, tall = self.size[0] / across, self.size[1] / down
            if self.fit is Fit.PAD_BLUR:
                return min(wide, tall)
            return wide if abs(tall / wide - 1) < _SAME_RATIO else max(wide, tall)
        return 1.0 if self.long_edge is None else min(1.0, self.long_edge / max(across, down))

    def whole_px(self, width: int, height: int, max_px: int) -> int:
        """The long edge of the reduced whole, at most ``max_px``."""
        longest = max(width, height)
        return max(1, min(longest, max_px, math.ceil(longest * min(1.0, self.factor(width, height)) - _ALMOST)))

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """All of it: several crops are cut out of one reduced picture."""
        return 0, 0, width, height


def cut_out(whole: pyvips.Image, scale: Scale, cut: Cut, full: tuple[int, int]) -> pyvips.Image:
    """A crop of the reduced ``whole``, whose full size is ``full``: of exactly the plan's size, if it has one."""
    if scale.size is None:
        return whole if cut == WHOLE else whole.crop(*_area(cut).pixels(whole.width, whole.height))
    factor = scale.factor(*full)
    if factor > 1:
        whole = whole.resize(factor)
    if scale.fit is Fit.PAD_BLUR:
        picture = whole.crop(*_area(cut).pixels(whole.width, whole.height))
        exact = (min(side, round(part * factor)) for side, part in zip(scale.size, _extent(cut, full), strict=True))
        return _before_blur(_stretched(picture, *exact), *scale.size)
    width, height = scale.size
    if whole.width < width or whole.height < height:  # rounded fractions: less than one in a hundred
        whole = whole.resize(max(1.0, width / whole.width), vscale=max(1.0, height / whole.height))
    left = _placed((cut.x + cut.width / 2) * full[0] * factor, width, whole.width)
    top = _placed((cut.y + cut.height / 2) * full[1] * factor, height, whole.height)
    return whole.crop(left, top, width, height)


def _extent(cut: Cut, full: tuple[int, int]) -> tuple[float, float]:
    return cut.width * full[0], cut.height * full[1]


def _stretched(picture: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """The picture in exactly this size, from which cutting at whole pixels may have left it a pixel away."""
    if (picture.width, picture.height) == (width, height):
        return picture
    return picture.resize(width / picture.width, vscale=height / picture.height)


def _area(cut: Cut) -> Area:
    return Area(cut.x, cut.y, cut.width, cut.height)


def _placed(middle: float, size: int, whole: int) -> int:
    """Where a stretch of ``size`` around ``middle`` begins, within the whole."""
    return min(max(0, math.floor(middle - size / 2 + 0.5 + _ALMOST)), whole - size)


def _before_blur(picture: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """The picture in the middle of ``width`` × ``height``, before a dim and blurred copy of itself."""
    small = picture.thumbnail_image(
        max(2, width // _REDUCED), height=max(2, height // _REDUCED), crop="centre", size="both"
    )
    soft = (small.gaussblur(_BLUR) * _DIMMED).cast(picture.format).copy(interpretation=picture.interpretation)
    behind = soft.resize(width / soft.width, vscale=height / soft.height, kernel="cubic")
    return behind.insert(picture, (width - picture.width) // 2, (height - picture.height) // 2)
