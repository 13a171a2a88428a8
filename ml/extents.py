"""How long a file must be for all that it says it holds: what tells one that was cut short from one that is odd.

Only structure is read: the end mark of JPEG, chunks of PNG, the RIFF header of WebP, boxes of HEIF and CR3,
directories of TIFF and of the RAW files built on it, the header of RAF. All numbers come from strangers; every walk is
bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from ml.formats import Format
from ml.jpeg import Buffer, ends

_BOXES: Final = (Format.HEIC, Format.AVIF, Format.CR3)
#: TIFF, and what Olympus and Panasonic write instead.
_TIFF: Final = (b"II*\x00", b"MM\x00*", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00")
_STEPS_MAX, _DIRECTORIES_MAX, _ENTRIES_MAX, _PARTS_MAX = 100_000, 16, 400, 100_000
#: TIFF tags: where parts of the picture lie, and how long they are (strips, tiles, an embedded JPEG).
_PARTS: Final = ((273, 279), (324, 325), (513, 514))
_SUB_IFDS: Final = 330
_SHORT, _LONG, _IFD = 3, 4, 13
#: Panasonic's strip offset: another tag has it.
_ELSEWHERE: Final = 0xFFFFFFFF
#: No maker's compression spends less on a pixel: fewer bytes than this are no sensor's data.
_RAW_PIXELS_PER_BYTE: Final = 32


def claimed(data: Buffer, format: Format) -> int:
    """The bytes that the file would have if it were whole; 0 where its format does not say."""
    if format is Format.JPEG:
        return len(data) + (not ends(data))
    if format is Format.PNG:
        return _png(data)
    if format is Format.WEBP:
        return int.from_bytes(data[4:8], "little") + 8
    if format in _BOXES:
        return _boxes(data)
    if format is Format.RAF:
        return max(at + size for at, size in struct.iter_unpack(">2I", data[84:108])) if len(data) >= 108 else 108
    return _tiff(data) if data[:4] in _TIFF else 0


def of_sensor(pixels: int) -> int:
    """The bytes that so many pixels of a sensor take at the very least."""
    return pixels // _RAW_PIXELS_PER_BYTE


def _png(data: Buffer) -> int:
    at = 8
    for _ in range(_STEPS_MAX):
        kind = data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        if kind == b"IEND" or len(kind) < 4:
            break
    return at


def _boxes(data: Buffer) -> int:
    """ISO 14496-12: a size of 1 stands for a 64-bit one behind the type, 0 for the rest of the file."""
    at = 0
    for _ in range(_STEPS_MAX):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8 or at + 8 > len(data):
            break
        at += size
    return at


def _tiff(data: Buffer) -> int:
    order = "<" if data[:2] == b"II" else ">"
    waiting, seen, reach = [int.from_bytes(data[4:8], "little" if order == "<" else "big")], set[int](), 0
    while waiting and len(seen) < _DIRECTORIES_MAX:
        at = waiting.pop(0)
        if at == 0 or at in seen:
            continue
        seen.add(at)
        reach = max(reach, at + 2)
        if at + 2 > len(data):
            continue
        tags, following = _directory(data, at, order)
        waiting += [following, *tags.get(_SUB_IFDS, ())]
        for offsets, counts in _PARTS:
            parts = zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)
            reach = max([reach, *(offset + count for offset, count in parts if offset != _ELSEWHERE)])
    return reach


def _directory(data: Buffer, at: int, order: str) -> tuple[dict[int, tuple[int, ...]], int]:
    """The numbers in a directory that say where things are, by tag, and where the next directory is."""
    (count,) = struct.unpack_from(f"{order}H", data, at)
    wanted = {_SUB_IFDS, *(tag for pair in _PARTS for tag in pair)}
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(at + 2, at + 2 + 12 * min(count, _ENTRIES_MAX), 12):
        if entry + 12 > len(data):
            return tags, 0
        tag, kind, size = struct.unpack_from(f"{order}HHI", data, entry)
        if tag in wanted and kind in (_SHORT, _LONG, _IFD):
            tags[tag] = tuple(_numbers(data, entry + 8, order, kind, min(size, _PARTS_MAX)))
    end = at + 2 + 12 * count
    return tags, struct.unpack_from(f"{order}I", data, end)[0] if end + 4 <= len(data) else 0


def _numbers(data: Buffer, at: int, order: str, kind: int, count: int) -> Iterator[int]:
    width, code = (2, "H") if kind == _SHORT else (4, "I")
    if width * count > 4:
        (at,) = struct.unpack_from(f"{order}I", data, at)
    if at + width * count <= len(data):
        yield from struct.unpack_from(f"{order}{count}{code}", data, at)
