"""Finished pixels into a file's bytes, with the profile of their colour space and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyvips

from ml import profiles, renditions
from ml.exporting.plan import Plan, StillFormat
from ml.profiles import Space
from ml.refusals import Reason, Refused

#: From this quality on, colours are kept at full resolution.
_FULL_COLOR_QUALITY: Final = 90
#: Huffman tables of a JPEG's own take all of its coefficients into memory, 6 bytes a pixel, for 2 to 5 % of its size.
_OPTIMIZED_MAX: Final = 50_000_000
#: Below this, a smaller file is not worth what it shows; the longest side of a WebP.
LEAST_QUALITY, WEBP_MAX_PX = 40, 16_383
#: Pixels a millimetre: 300 an inch, so that programs for print start from a useful size.
_DOTS: Final = 300 / 25.4
_LONGEST: Final = {StillFormat.JPEG: renditions.JPEG_MAX_PX, StillFormat.WEBP: WEBP_MAX_PX}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file's bytes. ``quality`` is that of JPEG and WebP."""

    data: bytes
    quality: int | None


def encoded(image: pyvips.Image, plan: Plan, *, beside: int) -> Encoded:
    """The image as JPEG, PNG or WebP, with the profile; ``beside``: bytes that metadata will add.

    ``max_bytes`` is met by less quality, found by bisection, down to ``LEAST_QUALITY``: that file may still be larger.
    Raises Refused for a picture that is too large for its format.
    """
    longest = _LONGEST.get(plan.format)
    if longest and max(image.width, image.height) > longest:
        raise Refused(Reason.TOO_LARGE, f"A side of a {plan.format.upper()} has at most {longest:,} pixels.")
    image = _tagged(image, plan.color_space)
    if plan.format is StillFormat.PNG:
        return Encoded(image.pngsave_buffer(compression=6, keep="icc"), None)
    if plan.max_bytes is None:
        return _at(image, plan, plan.quality)
    image, most = image.copy_memory(), plan.max_bytes - beside
    best = _at(image, plan, plan.quality)
    return best if len(best.data) <= most else _bisected(image, plan, most)


def save_tiff(image: pyvips.Image, space: Space, path: Path) -> None:
    """The image as TIFF, with the profile. Not by way of memory: 100 megapixels of 16 bits are half a gigabyte."""
    _tagged(image, space).tiffsave(str(path), compression="deflate", predictor="horizontal", keep="icc")


def _bisected(image: pyvips.Image, plan: Plan, most: int) -> Encoded:
    """At the highest quality below the plan's whose file has at most ``most`` bytes, else at the least."""
    below, above = min(LEAST_QUALITY, plan.quality), plan.quality
    best = _at(image, plan, below)
    while len(best.data) <= most and above - below > 1:
        middle = (below + above) // 2
        tried = _at(image, plan, middle)
        if len(tried.data) <= most:
            best, below = tried, middle
        else:
            above = middle
    return best


def _at(image: pyvips.Image, plan: Plan, quality: int) -> Encoded:
    if plan.format is StillFormat.WEBP:
        return Encoded(image.webpsave_buffer(Q=quality, effort=4, keep="icc"), quality)
    data = image.jpegsave_buffer(
        Q=quality,
        subsample_mode="off" if quality >= _FULL_COLOR_QUALITY else "on",
        optimize_coding=image.width * image.height <= _OPTIMIZED_MAX,
        interlace=False,
        keep="icc",
    )
    return Encoded(data, quality)


def _tagged(image: pyvips.Image, space: Space) -> pyvips.Image:
    """The image without anything beside its pixels but the profile of its space."""
    plain = image.copy(xres=_DOTS, yres=_DOTS)
    for name in plain.get_fields():
        if name.startswith(("exif-", "xmp-", "iptc-", "icc-", "orientation", "jpeg-thumbnail", "png-comment")):
            plain.remove(name)
    plain.set_type(pyvips.GValue.blob_type, "icc-profile-data", profiles.icc(space))
    return plain
