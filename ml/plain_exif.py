"""An Exif block that says what must be said and nothing else: which way up, in which colours, by whom."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_ORIENTATION, _ARTIST, _COPYRIGHT, _EXIF_IFD = 0x0112, 0x013B, 0x8298, 0x8769
_COLOR_SPACE, _INTEROP_IFD, _INTEROP_INDEX = 0xA001, 0xA005, 0x0001
_ASCII, _SHORT, _LONG = 2, 3, 4
_UNCALIBRATED: Final = 65_535
#: Bytes of a credit: it must fit a JPEG's segment, beside another.
_CREDIT_MAX: Final = 2_000

_Field = tuple[int, int, bytes]


@dataclass(frozen=True, slots=True)
class Credit:
    """Whose picture it is, in words."""

    creator: str | None = None
    copyright: str | None = None


def block(credit: Credit | None = None, *, orientation: int = 1, adobe_rgb: bool = False) -> bytes:
    """A TIFF structure after CIPA DC-008; empty bytes where there is nothing to say.

    ``orientation`` 1 to 8. ``adobe_rgb``: the colours are Adobe RGB and no profile says so (DCF 2.0, option file).
    """
    fields: list[_Field] = []
    if orientation != 1:
        fields.append((_ORIENTATION, _SHORT, struct.pack("<H", orientation)))
    for tag, words in ((_ARTIST, credit and credit.creator), (_COPYRIGHT, credit and credit.copyright)):
        if words:
            fields.append((tag, _ASCII, words.encode()[:_CREDIT_MAX].decode("utf-8", "ignore").encode() + b"\0"))
    if not fields and not adobe_rgb:
        return b""
    if not adobe_rgb:
        return b"II*\0\x08\0\0\0" + _directory(8, fields)
    exif_at = 8 + len(_directory(8, [*fields, (_EXIF_IFD, _LONG, bytes(4))]))
    main = _directory(8, [*fields, (_EXIF_IFD, _LONG, struct.pack("<I", exif_at))])
    color = (_COLOR_SPACE, _SHORT, struct.pack("<H", _UNCALIBRATED))
    interop_at = exif_at + len(_directory(exif_at, [color, (_INTEROP_IFD, _LONG, bytes(4))]))
    exif = _directory(exif_at, [color, (_INTEROP_IFD, _LONG, struct.pack("<I", interop_at))])
    return b"II*\0\x08\0\0\0" + main + exif + _directory(interop_at, [(_INTEROP_INDEX, _ASCII, b"R03\0")])


def _directory(at: int, fields: list[_Field]) -> bytes:
    """The directory that stands ``at`` this offset, with the values that do not fit into its fields behind it."""
    extra_at = at + 2 + 12 * len(fields) + 4
    entries, extra = b"", b""
    for tag, kind, value in sorted(fields):
        count = len(value) if kind == _ASCII else 1
        if len(value) > 4:
            held = struct.pack("<I", extra_at + len(extra))
            extra += value + bytes(len(value) % 2)
        else:
            held = value.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + held
    return struct.pack("<H", len(fields)) + entries + bytes(4) + extra
