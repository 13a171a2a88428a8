"""The directory structure of TIFF, which Exif and most raw formats are made of, read within limits.

Sources: TIFF 6.0, BigTIFF, and CIPA DC-008 (Exif 3.0) section 4.6. Nothing here trusts an offset, a count or a length:
what points out of the data is noted and left out, no directory is read twice, and sums are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from mmap import mmap
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from ml.text import decoded

Data: TypeAlias = bytes | mmap
Number: TypeAlias = int | float | None


@dataclass(frozen=True, slots=True)
class Blob:
    """A value that is too long to be one: its size in bytes."""

    size: int


#: Text, bytes of no stated meaning, one number, or several. A fraction over zero is None.
Value: TypeAlias = str | bytes | int | float | None | tuple[Number, ...] | Blob

MAX_ENTRIES: Final = 2_000
MAX_DIRECTORIES: Final = 64
#: Bytes of one value. A MakerNote or a colour table is longer, and is never decoded as a value.
MAX_VALUE: Final = 64 * 1024
#: Bytes of all values of a structure: fields may all point at the same place.
MAX_DECODED: Final = 1024 * 1024

# The field types by number: bytes an element, and how struct spells it. 13 is an IFD offset, 129 UTF-8 of Exif 3.0.
_SIZE: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 18: 8, 129: 1}
_CODE: Final = {3: "H", 4: "I", 5: "I", 6: "b", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 18: "Q"}
TEXT_TYPES: Final = (2, 129)
_BYTES: Final = (1, 7)
_RATIONAL: Final = (5, 10)
# Version words of the header: TIFF, BigTIFF, and what Olympus (two) and Panasonic write in its place.
_TIFF, _BIG, _VARIANTS = 42, 43, (0x4F52, 0x5352, 0x55)


class Entry(NamedTuple):
    """A field of a directory: its type, how many elements, and the absolute offset of the first."""

    type: int
    elements: int
    at: int

    @property
    def size(self) -> int:
        """Bytes that the value takes."""
        return self.elements * _SIZE[self.type]


#: The fields of a directory by tag number.
Directory: TypeAlias = dict[int, Entry]


@dataclass(slots=True)
class Tiff:
    """A TIFF structure within ``data``, whose offsets count from ``base``; ``order`` is struct's ``<`` or ``>``."""

    data: Data
    base: int
    order: str
    first: int = 0
    big: bool = False
    notes: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    left: int = MAX_DECODED

    def directory(self, offset: int) -> Directory:
        """The directory at ``offset`` from the base; empty if there is none, or it was read already."""
        return self.directory_at(self.base + offset)

    def directory_at(self, at: int) -> Directory:
        """The directory at an absolute offset; empty if there is none, or it was read already."""
        if at in self.seen or len(self.seen) >= MAX_DIRECTORIES:
            self._note("directories that point at each other" if at in self.seen else "too many directories")
            return {}
        self.seen.add(at)
        head = Struct(self.order + ("Q" if self.big else "H"))
        row = Struct(self.order + ("HHQQ" if self.big else "HHII"))
        if not 0 <= at <= len(self.data) - head.size:
            self._note("a directory outside the file")
            return {}
        count = head.unpack_from(self.data, at)[0]
        start = at + head.size
        fits = min(count, MAX_ENTRIES, (len(self.data) - start) // row.size)
        if fits < count:
            self._note("a directory with too many entries or cut off")
        return self._entries(start, fits, row)

    def _entries(self, start: int, count: int, row: Struct) -> Directory:
        directory: Directory = {}
        inline = row.size - (8 if self.big else 4)
        rows = row.iter_unpack(self.data[start : start + count * row.size])
        for position, (tag, kind, number, offset) in enumerate(rows):
            size = _SIZE.get(kind, 0) * number
            if not size:
                continue
            at = start + position * row.size + inline if size <= row.size - inline else self.base + offset
            if not 0 <= at <= len(self.data) - size:
                self._note(f"the value of tag 0x{tag:04x} lies outside the file")
                continue
            directory.setdefault(tag, Entry(kind, number, at))
        return directory

    def value(self, entry: Entry) -> Value:
        """What the field holds; fractions as quotients. Longer than ``MAX_VALUE``: only its beginning."""
        size = _SIZE[entry.type]
        count = min(entry.elements, MAX_VALUE // size)
        raw = self.data[entry.at : entry.at + count * size]
        self.left -= len(raw)
        if self.left < 0:
            self._note("more values than are read")
            return None
        if entry.type in TEXT_TYPES:
            return decoded(raw.split(b"\0", 1)[0], self.notes).strip()
        if entry.type in _BYTES:
            return raw[0] if entry.type == 1 and count == 1 else raw
        rational = entry.type in _RATIONAL
        numbers = Struct(f"{self.order}{count * (2 if rational else 1)}{_CODE[entry.type]}").unpack(raw)
        if rational:
            numbers = tuple(above / below if below else None for above, below in _pairs(numbers))
        return numbers[0] if count == 1 else numbers

    def _note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < 16:
            self.notes.append(text)


def _pairs(numbers: tuple[int, ...]) -> zip[tuple[int, int]]:
    return zip(numbers[::2], numbers[1::2], strict=True)


def header(data: Data, base: int = 0) -> Tiff | None:
    """The TIFF structure whose header stands at ``base``, or None where none does."""
    order = {b"II": "<", b"MM": ">"}.get(data[base : base + 2])
    if order is None or len(data) < base + 8:
        return None
    version, first = Struct(order + "HI").unpack_from(data, base + 2)
    if version == _BIG and len(data) >= base + 16:
        return Tiff(data, base, order, Struct(order + "Q").unpack_from(data, base + 8)[0], big=True)
    return Tiff(data, base, order, first) if version == _TIFF or version in _VARIANTS else None
