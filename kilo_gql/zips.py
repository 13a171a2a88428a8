"""ZIP archives that are never made: their bytes follow from sizes and checksums, and any part of them can be asked for.

APPNOTE.TXT 6.3.10 with ZIP64. Pictures do not get smaller, so entries are stored as they are; with their sizes and
CRC-32 known beforehand, every byte of the archive has its place before the first one is read. A download that broke
goes on where it was, and memory does not grow with the archive. ``kilo_gql.archives`` answers requests with one.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final

_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<4sHHHHIIH")
_END_64: Final = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR: Final = struct.Struct("<4sIQI")

_UTF_8: Final = 1 << 11
#: What a reader must know: ZIP64 where it is used, folders otherwise. Made by: Unix.
_PLAIN, _ZIP_64, _UNIX = 20, 45, 3 << 8
_FILE_MODE: Final = 0o100644 << 16
_FULL_32, _FULL_16 = 0xFFFF_FFFF, 0xFFFF
_SIZES_ID, _TIME_ID = 0x0001, 0x5455

#: Bytes of one name in a folder, with room for what makes it unique: file systems take 255.
_NAME_MAX: Final = 200
_FORBIDDEN: Final = re.compile(r'[<>:"\\|?*]')
#: Windows has devices by these names, whatever the extension.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)

#: Streams the bytes ``start`` up to but not including ``end`` of a file.
Content = Callable[[int, int], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A file of an archive. ``name``: its path with slashes, as ``safe_names`` makes them; ``crc32`` as zlib's."""

    name: str
    byte_size: int
    crc32: int
    modified: datetime
    content: Content


def of_bytes(name: str, data: bytes, modified: datetime) -> ZipEntry:
    """An entry whose bytes are at hand."""

    async def content(start: int, end: int) -> AsyncIterator[bytes]:
        yield data[start:end]

    return ZipEntry(name, len(data), zlib.crc32(data), modified, content)


class ZipLayout:
    """An archive of these entries, in this order; their names are unique."""

    def __init__(self, entries: Sequence[ZipEntry]) -> None:
        self.entries = entries
        self._offsets: list[int] = []
        at = 0
        for entry in entries:
            self._offsets.append(at)
            at += len(_local(entry)) + entry.byte_size
        self._directory_at = at

    @cached_property
    def _directory(self) -> bytes:
        """The central directory and what ends the archive."""
        records = [_central(entry, at) for entry, at in zip(self.entries, self._offsets, strict=True)]
        directory = b"".join(records)
        return directory + _end(len(records), len(directory), self._directory_at)

    @property
    def size(self) -> int:
        """Bytes of the whole archive."""
        return self._directory_at + len(self._directory)

    @cached_property
    def etag(self) -> str:
        """The same for the same bytes."""
        return sha256(self._directory).hexdigest()[:32]

    async def stream(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes ``start`` up to but not including ``end`` (None: all the rest), in pieces."""
        end = self.size if end is None else min(end, self.size)
        number = max(0, bisect_right(self._offsets, start) - 1)
        while number < len(self.entries) and self._offsets[number] < end:
            at = self._offsets[number]
            async for piece in _part(self.entries[number], start - at, end - at):
                yield piece
            number += 1
        if end > self._directory_at:
            yield self._directory[max(0, start - self._directory_at) : end - self._directory_at]


async def _part(entry: ZipEntry, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes ``start`` to ``end`` of an entry's header and content. Raises ValueError if some are missing."""
    header = _local(entry)
    if start < len(header):
        yield header[max(0, start) : end]
    first, last = max(0, start - len(header)), min(entry.byte_size, end - len(header))
    if first >= last:
        return
    left = last - first
    pieces = entry.content(first, last)
    async with aclosing(pieces):  # type: ignore[type-var]
        async for piece in pieces:
            left -= len(piece)
            yield piece
    if left:
        raise ValueError(f"{entry.name} is not as long as it was said to be")


# --- records -------------------------------------------------------------------------------------------------------


def _local(entry: ZipEntry) -> bytes:
    """The header that stands before an entry's bytes."""
    name, size = entry.name.encode(), entry.byte_size
    large = size >= _FULL_32
    extra = _time(entry) + (struct.pack("<HHQQ", _SIZES_ID, 16, size, size) if large else b"")
    shown = _FULL_32 if large else size
    day, second = _dos(entry.modified)
    version = _ZIP_64 if large else _PLAIN
    head = _LOCAL.pack(
        b"PK\3\4", version, _UTF_8, 0, second, day, entry.crc32, shown, shown, len(name), len(extra)
    )  # fmt: skip
    return head + name + extra


def _central(entry: ZipEntry, at: int) -> bytes:
    """What the directory says of an entry that begins at byte ``at``."""
    name, size = entry.name.encode(), entry.byte_size
    wide = [size, size] if size >= _FULL_32 else []
    if at >= _FULL_32:
        wide.append(at)
    extra = _time(entry)
    if wide:
        extra += struct.pack(f"<HH{len(wide)}Q", _SIZES_ID, 8 * len(wide), *wide)
    shown = min(size, _FULL_32)
    day, second = _dos(entry.modified)
    version = _ZIP_64 if wide else _PLAIN
    head = _CENTRAL.pack(
        b"PK\1\2", _UNIX | version, version, _UTF_8, 0, second, day, entry.crc32, shown, shown, len(name), len(extra),
        0, 0, 0, _FILE_MODE, min(at, _FULL_32),
    )  # fmt: skip
    return head + name + extra


def _end(count: int, size: int, at: int) -> bytes:
    """The end of an archive whose directory of ``count`` entries and ``size`` bytes begins at byte ``at``."""
    wide = b""
    if count >= _FULL_16 or size >= _FULL_32 or at >= _FULL_32:
        wide = _END_64.pack(
            b"PK\6\6", _END_64.size - 12, _UNIX | _ZIP_64, _ZIP_64, 0, 0, count, count, size, at
        ) + _LOCATOR.pack(b"PK\6\7", 0, at + size, 1)  # fmt: skip
    few = min(count, _FULL_16)
    return wide + _END.pack(b"PK\5\6", 0, 0, few, few, min(size, _FULL_32), min(at, _FULL_32), 0)


def _time(entry: ZipEntry) -> bytes:
    """The time of change in seconds since 1970: the other one has no zone and counts in twos."""
    seconds = min(max(0, int(entry.modified.timestamp())), 0x7FFF_FFFF)
    return struct.pack("<HHBI", _TIME_ID, 5, 1, seconds)


def _dos(modified: datetime) -> tuple[int, int]:
    """Day and second as MS-DOS wrote them, in UTC, from 1980 to 2107."""
    at = modified.astimezone(UTC)
    if not 1980 <= at.year <= 2107:
        at = datetime(1980 if at.year < 1980 else 2107, 1, 1, tzinfo=UTC)
    return (at.year - 1980) << 9 | at.month << 5 | at.day, at.hour << 11 | at.minute << 5 | at.second // 2


# --- names ---------------------------------------------------------------------------------------------------------


def safe_names(names: Sequence[str]) -> list[str]:
    """These paths as every system can unpack them, each another one also where case does not count, in the same order.

    Folders are told by slashes. What no file system takes becomes ``_``; nothing leads upwards or to a device.
    """
    taken: dict[str, int] = {}
    return [_unique("/".join(map(_segment, name.split("/")[-4:])), taken) for name in names]


def _segment(text: str) -> str:
    """One name of a folder or file."""
    kept = "".join(sign for sign in unicodedata.normalize("NFC", text) if _visible(sign))
    name = _FORBIDDEN.sub("_", kept).strip(" .") or "file"
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    if len(suffix.encode()) > 16:
        stem, suffix = name, ""
    if _DEVICES.fullmatch(name.partition(".")[0].strip()):
        stem = f"_{stem}"
    return _shortened(stem, _NAME_MAX - len(suffix.encode())) + suffix


def _visible(sign: str) -> bool:
    """Is it neither a control character, nor one that turns the direction of writing, nor half a character?"""
    return unicodedata.category(sign)[0] != "C" and unicodedata.category(sign) not in ("Zl", "Zp")


def _shortened(text: str, most: int) -> str:
    return text.encode()[:most].decode("utf-8", "ignore").rstrip(" .") or "file"


def _unique(path: str, taken: dict[str, int]) -> str:
    """The path, or the first of its name with a number that is free.

    ``taken``: the last number of each path, so that many of one name are not counted from the beginning each time.
    """
    folder, slash, name = path.rpartition("/")
    pure = PurePosixPath(name)
    found, wanted = path, _folded(path)
    number = taken.get(wanted, 1)
    while _folded(found) in taken:
        number += 1
        found = f"{folder}{slash}{pure.stem} ({number}){pure.suffix}"
    taken[wanted] = number
    taken.setdefault(_folded(found), 1)
    return found


def _folded(path: str) -> str:
    """The same for paths that differ only where file systems see no difference."""
    return unicodedata.normalize("NFC", path.casefold())


__all__ = ["Content", "ZipEntry", "ZipLayout", "of_bytes", "safe_names"]
