"""Small photos of every format, made in memory: their pixels are known, so what comes out can be compared."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pillow_heif
import pyvips
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_BLOB, _TEXT, _INT = pyvips.GValue.blob_type, pyvips.GValue.gstr_type, pyvips.GValue.gint_type


def pixels(width: int = 96, height: int = 64) -> Pixels:
    """Four flat quarters of different colours, clockwise red, green, white, blue: no codec changes them much."""
    picture = np.zeros((height, width, 3), np.uint8)
    half, middle = height // 2, width // 2
    picture[:half, :middle] = (200, 40, 40)
    picture[:half, middle:] = (40, 160, 60)
    picture[half:, middle:] = (240, 240, 240)
    picture[half:, :middle] = (40, 60, 180)
    return picture


def noise(width: int, height: int, seed: int = 1) -> Pixels:
    """What does not compress, so that a file has bytes everywhere."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def image(picture: Pixels, *, orientation: int = 1, **fields: str) -> pyvips.Image:
    """An image with EXIF ``fields`` ("exif-ifd0-Make") and an orientation, whose stored pixels are ``picture``."""
    made = pyvips.Image.new_from_array(picture).copy(interpretation="srgb" if picture.ndim == 3 else "b-w")
    for name, value in fields.items():
        made.set_type(_TEXT, name.replace("_", "-"), value)
    if orientation != 1:
        made.set_type(_INT, "orientation", orientation)
    return made


def jpeg(picture: Pixels | None = None, *, quality: int = 95, orientation: int = 1, **fields: str) -> bytes:
    """A camera's JPEG with EXIF that must not leak: a make and a place."""
    named = {"exif_ifd0_Make": "Secret Camera Works", "exif_ifd3_GPSLatitude": "52/1 31/1 0/1", **fields}
    chosen = pixels() if picture is None else picture
    made: bytes = image(chosen, orientation=orientation, **named).jpegsave_buffer(Q=quality, subsample_mode="off")
    return made


def adobe_rgb_jpeg(picture: Pixels) -> bytes:
    """As a camera set to Adobe RGB writes it: no profile, only EXIF says so."""
    return jpeg(picture, exif_ifd2_ColorSpace="65535", exif_ifd4_InteroperabilityIndex="R03")


def with_profile(made: pyvips.Image, profile: bytes) -> pyvips.Image:
    """The image, tagged with an ICC profile."""
    tagged = made.copy()
    tagged.set_type(_BLOB, "icc-profile-data", profile)
    return tagged


def cmyk_jpeg() -> bytes:
    """``pixels`` in the generic press space of libvips, without the profile that says so."""
    made: bytes = image(pixels()).icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(Q=95, keep="none")
    return made


def sixteen_bit_tiff() -> bytes:
    """``pixels`` in 16 bits a sample."""
    made: bytes = (image(pixels()).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16").tiffsave_buffer()
    return made


def heic(picture: Pixels | None = None) -> bytes:
    """HEVC in HEIF, 4:4:4."""
    chosen = pixels() if picture is None else picture
    file = io.BytesIO()
    heif = pillow_heif.from_bytes("RGB", (chosen.shape[1], chosen.shape[0]), chosen.tobytes())
    heif.save(file, quality=95, chroma=444)
    return file.getvalue()


def avif() -> bytes:
    """AV1 in HEIF."""
    made: bytes = image(pixels()).heifsave_buffer(compression="av1", Q=95, effort=0, subsample_mode="off")
    return made


def translucent_png() -> bytes:
    """Black, of which the left half is fully transparent."""
    alpha = np.zeros((64, 96, 4), np.uint8)
    alpha[:, 48:, 3] = 255
    made: bytes = pyvips.Image.new_from_array(alpha).copy(interpretation="srgb").pngsave_buffer()
    return made


def frames(suffix: str) -> bytes:
    """Two pictures in one file: ``pixels``, then all black."""
    first = image(pixels())
    both = first.join(first * 0, "vertical").cast("uchar").copy(interpretation="srgb")
    both.set_type(_INT, "page-height", first.height)
    made: bytes = both.write_to_buffer(suffix)
    return made


def cut_to_header_png(width: int, height: int) -> bytes:
    """A PNG that announces so many pixels and has none."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
        + _chunk(b"IDAT", b"x\x9c\x03\x00\x00\x00\x00\x01")
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# --- DNG -------------------------------------------------------------------------------------------------------------

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "2I", _SRATIONAL: "2i"}
_Tag = tuple[int, int, Sequence[Any]]


def dng(
    preview: bytes | None, *, width: int = 128, height: int = 96, orientation: int = 1, level: int = 12_000
) -> bytes:
    """A DNG 1.4: a mosaic of one grey ``level`` of 65,535, and ``preview`` (a JPEG, the stored way up) if given."""
    mosaic = np.full((height, width), level, "<u2").tobytes()
    coded = preview or b""
    camera: list[_Tag] = [
        (271, _ASCII, b"Kilo\x00"),
        (272, _ASCII, b"Test Camera\x00"),
        (274, _SHORT, [orientation]),
        (50706, _BYTE, [1, 4, 0, 0]),
        (50708, _ASCII, b"Kilo Test Camera\x00"),
        (50721, _SRATIONAL, [(3, 1), (-1, 1), (0, 1), (-1, 1), (2, 1), (0, 1), (0, 1), (0, 1), (1, 1)]),
        (50728, _RATIONAL, [(1, 1), (1, 1), (1, 1)]),
        (50778, _SHORT, [21]),
    ]
    sensor: list[_Tag] = [
        (254, _LONG, [0]),
        (256, _LONG, [width]),
        (257, _LONG, [height]),
        (258, _SHORT, [16]),
        (259, _SHORT, [1]),
        (262, _SHORT, [32803]),
        (277, _SHORT, [1]),
        (278, _LONG, [height]),
        (279, _LONG, [len(mosaic)]),
        (33421, _SHORT, [2, 2]),
        (33422, _BYTE, [0, 1, 1, 2]),
        (50714, _SHORT, [0]),
        (50717, _LONG, [65_535]),
    ]
    if preview is None:
        return _tiff([(sorted([*camera, *sensor]), mosaic)])
    size = pyvips.Image.jpegload_buffer(coded)
    reduced: list[_Tag] = [
        (254, _LONG, [1]),
        (256, _LONG, [size.width]),
        (257, _LONG, [size.height]),
        (258, _SHORT, [8, 8, 8]),
        (259, _SHORT, [7]),
        (262, _SHORT, [6]),
        (277, _SHORT, [3]),
        (278, _LONG, [size.height]),
        (279, _LONG, [len(coded)]),
    ]
    return _tiff([(sorted([*camera, *reduced]), coded), (sensor, mosaic)])


def _tiff(directories: list[tuple[list[_Tag], bytes]]) -> bytes:
    """Little-endian TIFF: the first directory, the second as its SubIFD, each with one strip of its own."""
    at, parts, starts = 8, [], []
    for index, (tags, strip) in enumerate(directories):
        has_sub = index == 0 and len(directories) > 1
        count = len(tags) + 1 + has_sub
        extra_at = at + 2 + 12 * count + 4
        extras = sum(len(_value(kind, values)) for _, kind, values in tags if len(_value(kind, values)) > 4)
        strip_at = extra_at + extras
        starts.append(at)
        complete = [*tags, (273, _LONG, [strip_at])]
        if has_sub:
            complete.append((330, _LONG, [strip_at + len(strip)]))
        entries, extra = b"", b""
        for tag, kind, values in sorted(complete):
            value = _value(kind, values)
            field = value.ljust(4, b"\x00") if len(value) <= 4 else struct.pack("<I", extra_at + len(extra))
            extra += value if len(value) > 4 else b""
            entries += struct.pack("<HHI", tag, kind, len(values)) + field
        parts.append(struct.pack("<H", count) + entries + bytes(4) + extra + strip)
        at += len(parts[-1])
    return b"II*\x00" + struct.pack("<I", starts[0]) + b"".join(parts)


def _value(kind: int, values: Sequence[Any]) -> bytes:
    if kind == _ASCII:
        return bytes(values)
    flat = [number for value in values for number in (value if isinstance(value, tuple) else (value,))]
    return struct.pack(f"<{len(flat)}{_CODES[kind][-1]}", *flat)
