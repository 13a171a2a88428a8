"""Photographs of 24 megapixels for the measurements: drawn scenes with the detail, noise and EXIF of a camera's."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kilo_gql import sample_scenes as scenes
from kilo_gql.sample_scenes import Linear
from kilo_gql.sample_shoot import Shot
from kilo_gql.sample_tiff import Blob, Directory, Field, Kind, long, rational, short, write

FULL: Final = (6000, 4000)
SMALL: Final = (900, 600)
#: A scene is drawn so many times smaller than its photo; what lies between comes from enlarging it, and from noise.
_COARSER: Final = 4
_QUALITY: Final = 92
_SCENES: Final[tuple[Callable[[int, int, int], Linear], ...]] = (scenes.street, scenes.lake, scenes.meadow)
_START: Final = datetime(2026, 6, 20, 9, 0, tzinfo=UTC)
_COMMENT: Final = b"\xff\xfe"


@dataclass(frozen=True, slots=True)
class Photo:
    """One exposure: as a JPEG of a camera, as a RAW file (DNG) with that JPEG in full size inside, and its name."""

    jpeg: bytes
    raw: bytes
    inside: bytes


def draw(count: int, size: tuple[int, int] = FULL) -> list[Photo]:
    """So many photos of ``size`` (width, height), each of another scene or with other noise."""
    return [_photo(number, size) for number in range(count)]


def numbered_jpeg(data: bytes, number: int) -> bytes:
    """The same picture in other bytes (a comment after the first mark), as no two photos of a shoot are the same."""
    comment = b"%016d" % number
    return data[:2] + _COMMENT + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def numbered_raw(data: bytes, number: int) -> bytes:
    """The same for a RAW file: a number behind its end, where no offset points."""
    return data + b"%016d" % number


def _photo(number: int, size: tuple[int, int]) -> Photo:
    shot = Shot(
        f"{number}", _START + timedelta(seconds=7 * number), Fraction(1, 250), iso=400, place=(47.5, 11.3, 801.0)
    )
    pixels = _pixels(number, size)
    picture = Image.fromarray(pixels)
    main = shot.directory(*size)
    jpeg = _encoded(picture, b"Exif\x00\x00" + write(main))
    inside = _encoded(picture, b"")
    return Photo(jpeg, _raw(main, pixels, inside), inside)


def _encoded(picture: Image.Image, exif: bytes) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY, subsampling="4:2:2", exif=exif)
    return out.getvalue()


def _pixels(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """sRGB: a scene, enlarged, with fine grain that is a little coloured."""
    scene = _SCENES[number % len(_SCENES)](size[0] // _COARSER, size[1] // _COARSER, number)
    encoded = (np.clip(scene, 0, 1) ** (1 / 2.4) * 255).astype(np.uint8)
    enlarged = np.asarray(Image.fromarray(encoded).resize(size, Image.Resampling.LANCZOS), np.int16)
    random = np.random.default_rng(number)
    grain = random.normal(0, 5.5, (size[1], size[0], 1)).astype(np.int16)
    tint = random.normal(0, 3, (size[1], size[0], 3)).astype(np.int16)
    return np.clip(enlarged + grain + tint, 0, 255).astype(np.uint8)


def _raw(main: Directory, pixels: NDArray[np.uint8], inside: bytes) -> bytes:
    """A DNG 1.4 whose first directory is the camera's JPEG, and whose sub-directory the mosaic of the sensor.

    Of 8 bits, with a table that makes 14 of them: with the JPEG about as large as a RAW file that a camera compresses.
    """
    height, width = pixels.shape[:2]
    mosaic = np.empty((height, width), np.uint8)
    for (row, column), color in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[row::2, column::2] = pixels[row::2, column::2, color]
    levels = mosaic.tobytes()
    sensor: Directory = {
        0x00FE: long(0), 0x0100: long(width), 0x0101: long(height), 0x0102: short(8), 0x0103: short(1),
        0x0106: short(32803), 0x0111: Blob(levels), 0x0115: short(1), 0x0116: long(height), 0x0117: long(len(levels)),
        0x011C: short(1), 0x828D: short(2, 2), 0x828E: Field(Kind.BYTE, b"\x00\x01\x01\x02"),
        0xC61D: short(16383), 0xC618: short(*(round((level / 255) ** 2.2 * 16383) for level in range(256))),
    }  # fmt: skip
    shown: Directory = {
        0x00FE: long(1), 0x0100: long(width), 0x0101: long(height), 0x0102: short(8, 8, 8), 0x0103: short(7),
        0x0106: short(6), 0x0111: Blob(inside), 0x0115: short(3), 0x0116: long(height), 0x0117: long(len(inside)),
        0xC612: Field(Kind.BYTE, b"\x01\x04\x00\x00"), 0xC628: rational(Fraction(1, 2), Fraction(1), Fraction(2, 3)),
    }  # fmt: skip
    return write({**main, **shown, 0x014A: [sensor]})
