"""Canon's CRW: the CIFF heap (Camera Image File Format 1.0 rev. 4), as far as it says what Exif says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from struct import Struct, unpack_from
from typing import Final

from ml.exif import Exif
from ml.makernotes import canon_ev
from ml.tiff import Data, Entry, Tiff

MAX_HEAPS, MAX_RECORDS = 32, 1_000
_ROW: Final = Struct("<HII")

_MODEL, _IMAGE, _TIME, _SERIAL = 0x080A, 0x1810, 0x180E, 0x180B
_SETTINGS, _SHOT, _FOCAL = 0x102D, 0x102A, 0x1029
#: 30 EV in 32nds: beyond it is noise.
_MOST: Final = 960
_ORIENTATIONS: Final = {0: 1, 90: 6, 180: 3, 270: 8}


def read(data: Data) -> Exif:
    """The records of a CRW file as the Exif values and MakerNote fields they would be."""
    found = Exif()
    records = dict(_records(data, int.from_bytes(data[2:6], "little"), len(data), set()))
    if (span := records.get(_MODEL)) is not None:
        make, _, model = data[span[0] : span[0] + min(span[1], 64)].partition(b"\0")
        found.image[0x010F] = make.decode("ascii", errors="replace")
        found.image[0x0110] = model.split(b"\0")[0].decode("ascii", errors="replace")
    if (span := records.get(_IMAGE)) is not None and span[1] >= 16:
        width, height, _, rotation = unpack_from("<IIfi", data, span[0])
        found.sizes.append((width, height))
        found.image[0x0112] = _ORIENTATIONS.get(rotation, 1)
    if (span := records.get(_TIME)) is not None and span[1] >= 4:
        # the camera's own clock, counted as if it ran in UTC
        at = datetime.fromtimestamp(unpack_from("<I", data, span[0])[0], UTC)
        found.photo[0x9003] = at.strftime("%Y:%m:%d %H:%M:%S")
    _exposure(data, records, found)
    fields = {
        tag: Entry(kind, length // (2 if kind == 3 else 4), at)
        for tag, record, kind in ((0x0001, _SETTINGS, 3), (0x0004, _SHOT, 3), (0x000C, _SERIAL, 4))
        for at, length in [records.get(record, (0, 0))]
        if length
    }
    found.fields = Tiff(data, 0, "<"), fields
    return found


def _exposure(data: Data, records: dict[int, tuple[int, int]], found: Exif) -> None:
    """Canon's shot information: APEX values in 32nds."""
    at, length = records.get(_SHOT, (0, 0))
    shot = unpack_from("<24h", data, at) if length >= 48 else ()
    if shot and max(map(abs, (shot[2], shot[21], shot[22]))) <= _MOST:
        found.photo[0x8827] = round(2 ** (shot[2] / 32) * 100 / 32)
        found.photo[0x829D] = 2 ** (canon_ev(shot[21]) / 2)
        found.photo[0x829A] = 2 ** -canon_ev(shot[22])
    at, length = records.get(_FOCAL, (0, 0))
    if length >= 4:
        found.photo[0x920A] = float(unpack_from("<2H", data, at)[1])


def _records(data: Data, start: int, end: int, seen: set[int]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Place and length of the records of a heap, by their number, those of the heaps within it included."""
    if start in seen or len(seen) >= MAX_HEAPS or end - start < 6 or end > len(data):
        return
    seen.add(start)
    table = start + int.from_bytes(data[end - 4 : end], "little")
    if not start <= table <= end - 6:
        return
    count = min(int.from_bytes(data[table : table + 2], "little"), MAX_RECORDS, (end - table - 2) // _ROW.size)
    rows = _ROW.iter_unpack(data[table + 2 : table + 2 + count * _ROW.size])
    for position, (tag, length, offset) in enumerate(rows):
        if tag & 0xC000 == 0x4000:  # kept in the row itself
            yield tag & 0x3FFF, (table + 4 + position * _ROW.size, 8)
        elif start + offset + length > end:
            continue
        elif tag & 0x3800 in (0x2800, 0x3000):
            yield from _records(data, start + offset, start + offset + length, seen)
        else:
            yield tag & 0x3FFF, (start + offset, length)
