"""A TIFF without metadata: its first picture's fields and samples stay where they are, all other bytes become zero."""

from __future__ import annotations

import struct
from typing import Final

from ml.tiff import Directory, header

#: TIFF 6.0, its supplements, and Adobe's: how samples are laid out and what colour they are; who made them.
_KEPT: Final = frozenset((
    254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 296, 301, 315, 317, 318, 319,
    320, 322, 323, 324, 325, 332, 338, 339, 340, 341, 529, 530, 531, 532, 33432, 34675,
))  # fmt: skip
_COMPRESSION: Final = 259
#: None, LZW, Deflate (two numbers), PackBits. A JPEG within a TIFF may carry segments of its own.
_PLAIN: Final = (1, 5, 8, 32946, 32773)
#: Where the samples are, and how many bytes: of strips, of tiles.
_SAMPLES: Final = ((273, 279), (324, 325))
_NUMBERS: Final = {3: "H", 4: "I"}
_SEGMENTS_MAX: Final = 1_000_000


def stripped(data: bytes) -> bytes | None:
    """The file, of the same size; None where it is no plain TIFF (BigTIFF, compressed by a picture codec, broken)."""
    tiff = header(data)
    if tiff is None or tiff.big or tiff.base != 0 or data[2:4] not in (b"*\0", b"\0*"):
        return None
    fields = tiff.directory(tiff.first)
    if not fields or _numbers(data, tiff.order, fields, _COMPRESSION, 1)[0] not in _PLAIN:
        return None
    kept = bytearray(len(data))
    kept[:8] = data[:8]
    _copy_directory(data, kept, tiff.order, tiff.first, fields)
    for offsets, lengths in _SAMPLES:
        if offsets in fields:
            places = _numbers(data, tiff.order, fields, offsets)
            sizes = _numbers(data, tiff.order, fields, lengths)
            for at, size in zip(places, sizes, strict=True):
                if at + size > len(data):
                    return None
                kept[at : at + size] = data[at : at + size]
    return bytes(kept)


def _copy_directory(data: bytes, kept: bytearray, order: str, at: int, fields: Directory) -> None:
    """The directory with the fields that stay and no successor, and their values."""
    (count,) = struct.unpack_from(f"{order}H", data, at)
    end = at + 2 + 12 * count
    entries = [data[one : one + 12] for one in range(at + 2, end, 12)]
    entries = [entry for entry in entries if struct.unpack(f"{order}H", entry[:2])[0] in _KEPT]
    struct.pack_into(f"{order}H", kept, at, len(entries))
    for number, entry in enumerate(entries):
        kept[at + 2 + 12 * number : at + 14 + 12 * number] = entry
    for tag, field in fields.items():
        if tag in _KEPT and not at <= field.at < end:
            kept[field.at : field.at + field.size] = data[field.at : field.at + field.size]


def _numbers(data: bytes, order: str, fields: Directory, tag: int, default: int | None = None) -> tuple[int, ...]:
    """The whole numbers of a field. Raises ValueError if there are none."""
    field = fields.get(tag)
    if field is None and default is not None:
        return (default,)
    if field is None or field.type not in _NUMBERS or not 1 <= field.elements <= _SEGMENTS_MAX:
        raise ValueError(f"no numbers in field {tag}")
    return struct.unpack_from(f"{order}{field.elements}{_NUMBERS[field.type]}", data, field.at)
