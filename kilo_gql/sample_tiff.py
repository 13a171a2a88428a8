"""A small TIFF writer: enough for the EXIF block of a picture and for a DNG (TIFF 6.0, Exif 2.32, DNG 1.4)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final, TypeAlias

_HEADER: Final = b"II*\x00\x08\x00\x00\x00"


class Kind(IntEnum):
    """Field types of TIFF 6.0, section 2."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    UNDEFINED = 7
    SRATIONAL = 10


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a directory. ``values`` are numbers of ``kind``, or the bytes of BYTE, ASCII and UNDEFINED."""

    kind: Kind
    values: Sequence[int | Fraction] | bytes

    @property
    def count(self) -> int:
        return len(self.values)

    def pack(self) -> bytes:
        """The values, little-endian."""
        if isinstance(self.values, bytes):
            return self.values
        if self.kind in (Kind.RATIONAL, Kind.SRATIONAL):
            pairs = [part for value in self.values for part in Fraction(value).as_integer_ratio()]
            return struct.pack(f"<{len(pairs)}{'I' if self.kind is Kind.RATIONAL else 'i'}", *pairs)
        return struct.pack(f"<{self.count}{'H' if self.kind is Kind.SHORT else 'I'}", *self.values)


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that lie somewhere in the file; the entry holds where."""

    data: bytes


#: Tag -> value. A list of directories is written as the offsets of each.
Directory: TypeAlias = "Mapping[int, Field | Blob | Sequence[Directory]]"


def ascii_text(text: str) -> Field:
    """A text, ended by NUL."""
    return Field(Kind.ASCII, text.encode("ascii") + b"\x00")


def short(*values: int) -> Field:
    """Numbers of 16 bits."""
    return Field(Kind.SHORT, values)


def long(*values: int) -> Field:
    """Numbers of 32 bits."""
    return Field(Kind.LONG, values)


def rational(*values: Fraction | float) -> Field:
    """Fractions above zero, to one part in ten thousand where they are given as decimals."""
    return Field(Kind.RATIONAL, [_fraction(value) for value in values])


def srational(*values: Fraction | float) -> Field:
    """Fractions of either sign, as ``rational``."""
    return Field(Kind.SRATIONAL, [_fraction(value) for value in values])


def write(directory: Directory) -> bytes:
    """A whole little-endian file with one first directory."""
    out = bytearray(_HEADER)
    _append(out, directory)
    return bytes(out)


def _append(out: bytearray, directory: Directory) -> int:
    """Write a directory and all it refers to; returns where it lies."""
    at = _place(out, bytes(2 + 12 * len(directory) + 4))
    struct.pack_into("<H", out, at, len(directory))
    for index, (tag, value) in enumerate(sorted(directory.items())):
        if isinstance(value, Blob):
            value = long(_place(out, value.data))
        elif not isinstance(value, Field):
            value = long(*(_append(out, child) for child in value))
        packed = value.pack()
        slot = packed if len(packed) <= 4 else struct.pack("<I", _place(out, packed))
        struct.pack_into("<HHI4s", out, at + 2 + 12 * index, tag, value.kind, value.count, slot)
    return at


def _place(out: bytearray, data: bytes) -> int:
    """Values begin at even offsets."""
    out += bytes(len(out) % 2)
    at = len(out)
    out += data
    return at


def _fraction(value: Fraction | float) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(value).limit_denominator(10_000)
