"""TIFF directories as bytes, little-endian (TIFF 6.0): what an Exif block is, and what a TIFF file ends with."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final, TypeAlias

HEADER: Final = b"II*\x00"
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825


class Kind(IntEnum):
    """Field types of TIFF 6.0."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    UNDEFINED = 7
    SRATIONAL = 10


_SIZES: Final = {Kind.SHORT: 2, Kind.LONG: 4, Kind.RATIONAL: 8, Kind.SRATIONAL: 8}


@dataclass(frozen=True, slots=True)
class Entry:
    """A field's values as they are stored."""

    kind: Kind
    data: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A field of an existing directory, as its twelve bytes: what it points at stays where it is."""

    raw: bytes


#: Fields by tag number.
Directory: TypeAlias = dict[int, Entry]


def text(value: str) -> Entry:
    """UTF-8, which readers take although the standard says ASCII, and a zero byte."""
    return Entry(Kind.ASCII, value.encode() + b"\x00")


def short(*values: int) -> Entry:
    """Whole numbers below 65,536."""
    return Entry(Kind.SHORT, struct.pack(f"<{len(values)}H", *values))


def long(*values: int) -> Entry:
    """Whole numbers below 2**32."""
    return Entry(Kind.LONG, struct.pack(f"<{len(values)}I", *values))


def rational(*values: Fraction, signed: bool = False) -> Entry:
    """Fractions of 32-bit numbers."""
    numbers = [number for value in values for number in (value.numerator, value.denominator)]
    code = "i" if signed else "I"
    return Entry(Kind.SRATIONAL if signed else Kind.RATIONAL, struct.pack(f"<{len(numbers)}{code}", *numbers))


def block(image: Directory, photo: Directory, gps: Directory) -> bytes:
    """A whole TIFF structure of the main directory and the two below it."""
    return HEADER + struct.pack("<I", 8) + chain(8, image, photo, gps)


def chain(at: int, image: Mapping[int, Entry | Kept], photo: Directory, gps: Directory) -> bytes:
    """The main directory, to stand at ``at`` (an even number), and behind it those it points at that are not empty."""
    below = {tag: directory for tag, directory in ((_EXIF_IFD, photo), (_GPS_IFD, gps)) if directory}
    main = {**image, **dict.fromkeys(below, long(0))}
    behind, made = at + len(_directory(at, main)), b""
    for tag, directory in below.items():
        main[tag] = long(behind + len(made))
        made += _directory(behind + len(made), directory)
    return _directory(at, main) + made


def _directory(at: int, fields: Mapping[int, Entry | Kept]) -> bytes:
    """A directory at ``at`` with its values behind it, of even length, and none to follow."""
    place = at + 2 + 12 * len(fields) + 4
    table, values = struct.pack("<H", len(fields)), b""
    for tag, field in sorted(fields.items()):
        if isinstance(field, Kept):
            table += field.raw
            continue
        table += struct.pack("<HHI", tag, field.kind, len(field.data) // _SIZES.get(field.kind, 1))
        if len(field.data) <= 4:
            table += field.data.ljust(4, b"\x00")
        else:
            table += struct.pack("<I", place + len(values))
            values += field.data + bytes(len(field.data) % 2)
    return table + bytes(4) + values
