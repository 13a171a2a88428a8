"""Boxes of the ISO base media file format: the items of HEIF and AVIF (ISO/IEC 23008-12), and the parts of a CR3."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from ml.tiff import Data

MAX_BOXES: Final = 4_000
MAX_ITEMS, MAX_EXTENTS = 16, 64
MAX_ITEM: Final = 4 * 1024 * 1024

CANON_UUID: Final = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
XMP_UUID: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EPOCH: Final = datetime(1904, 1, 1, tzinfo=UTC)


class Placed(NamedTuple):
    """An item: its type, and where its bytes are (offset and length)."""

    kind: bytes
    extents: list[tuple[int, int]]


class Box(NamedTuple):
    """A box: its four-letter kind, and where its body begins and ends."""

    kind: bytes
    start: int
    end: int


def number(data: Data, at: int, size: int) -> int:
    """The big-endian number of ``size`` bytes at ``at``; 0 where the data ends."""
    return int.from_bytes(data[at : at + size], "big")


def boxes(data: Data, start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets, at most ``MAX_BOXES``; a broken one ends them."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, head = number(data, start, 4), 8
        if size == 1:
            size, head = number(data, start + 8, 8), 16
        size = size or end - start
        if size < head or start + size > end:
            return
        yield Box(data[start + 4 : start + 8], start + head, start + size)
        start += size


def child(data: Data, parent: Box, kind: bytes, skip: int = 0) -> Box | None:
    """The first box of a kind within another, whose children begin after ``skip`` bytes."""
    return next((box for box in boxes(data, parent.start + skip, parent.end) if box.kind == kind), None)


def items(data: Data, meta: Box, kinds: Container[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of the items of a ``meta`` box that are of some kinds: item type and MIME type, or nothing."""
    infos, places = child(data, meta, b"iinf", 4), child(data, meta, b"iloc", 4)
    if infos is None or places is None:
        return
    wanted = {key: kind for key, kind, mime in _infos(data, infos) if (kind, mime) in kinds}
    held = child(data, meta, b"idat", 4)
    for key, extents in islice(_places(data, places, held, wanted), MAX_ITEMS):
        if sum(length for _, length in extents) <= MAX_ITEM:
            yield wanted[key], b"".join(data[at : at + length] for at, length in extents)


def placed(data: Data, meta: Box) -> list[Placed] | None:
    """Every item of a ``meta`` box and its place; None if one's type or place cannot be told."""
    infos, places = child(data, meta, b"iinf", 4), child(data, meta, b"iloc", 4)
    if infos is None or places is None:
        return None
    kinds = {key: kind for key, kind, _ in _infos(data, infos)}
    wide = 4 if number(data, places.start, 1) == 2 else 2
    found = list(_places(data, places, child(data, meta, b"idat", 4), kinds))
    whole = len(found) == number(data, places.start + 6, wide) and len({key for key, _ in found}) == len(found)
    return [Placed(kinds[key], extents) for key, extents in found] if whole else None


def _infos(data: Data, box: Box) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, item type and MIME type of the items (ISO/IEC 14496-12, 8.11.6)."""
    skip = 6 if data[box.start : box.start + 1] == b"\0" else 8
    for entry in boxes(data, box.start + skip, box.end):
        version = number(data, entry.start, 1)
        if entry.kind == b"infe" and version >= 2:
            width = 2 if version == 2 else 4
            at = entry.start + 6 + width
            kind, rest = data[at : at + 4], data[at + 4 : min(entry.end, at + 512)]
            names = rest.split(b"\0")
            yield number(data, entry.start + 4, width), kind, names[1] if kind == b"mime" and len(names) > 2 else b""


def _places(
    data: Data, box: Box, held: Box | None, wanted: Container[int]
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Offsets and lengths of the bytes of the wanted items (ISO/IEC 14496-12, 8.11.3)."""
    version, sizes = number(data, box.start, 1), number(data, box.start + 4, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    count, at = number(data, box.start + 6, wide), box.start + 6 + wide
    for _ in range(min(count, MAX_BOXES)):
        if at >= box.end:
            return
        key, at = number(data, at, wide), at + wide
        method = 0
        if version in (1, 2):
            method, at = number(data, at, 2) & 15, at + 2
        base, extents = number(data, at + 2, base_size), number(data, at + 2 + base_size, 2)
        first, step = at + 4 + base_size, index_size + offset_size + length_size
        at = first + extents * step
        if key in wanted and extents <= MAX_EXTENTS and (method == 0 or (method == 1 and held)):
            base += held.start if method == 1 and held else 0
            starts = [one + index_size for one in range(first, at, step)] if step else []
            yield (
                key,
                [
                    (base + number(data, one, offset_size), number(data, one + offset_size, length_size))
                    for one in starts
                ],
            )


def size(data: Data, meta: Box) -> tuple[int, int] | None:
    """Width and height of the primary item, as its ``ispe`` property says."""
    primary, properties = child(data, meta, b"pitm", 4), child(data, meta, b"iprp", 4)
    store = None if properties is None else child(data, properties, b"ipco")
    links = None if properties is None else child(data, properties, b"ipma")
    if primary is None or store is None or links is None:
        return None
    key = number(data, primary.start + 4, 2 if data[primary.start] == 0 else 4)
    kept = list(boxes(data, store.start, store.end))
    for index in _properties_of(data, links, key):
        if 0 < index <= len(kept) and kept[index - 1].kind == b"ispe":
            at = kept[index - 1].start
            return number(data, at + 4, 4), number(data, at + 8, 4)
    return None


def _properties_of(data: Data, links: Box, key: int) -> Iterator[int]:
    """The numbers of an item's properties."""
    wide = 2 if data[links.start] == 0 else 4
    long_index = data[links.start + 3] & 1
    at = links.start + 8
    for _ in range(min(number(data, links.start + 4, 4), MAX_BOXES)):
        if at + wide >= links.end:
            return
        item, count = number(data, at, wide), data[at + wide]
        at += wide + 1
        for _ in range(count):
            if item == key:
                yield number(data, at, 2) & 0x7FFF if long_index else number(data, at, 1) & 0x7F
            at += 2 if long_index else 1


def created(data: Data, movie: Box) -> str | None:
    """When the ``mvhd`` of a ``moov`` box says that it was made: ISO 8601, UTC."""
    head = child(data, movie, b"mvhd")
    if head is None or head.end - head.start < 12:
        return None
    seconds = number(data, head.start + 4, 8 if data[head.start] == 1 else 4)
    # 2^33 seconds reach to 2176; anything else is noise
    return (_EPOCH + timedelta(seconds=seconds)).isoformat() if 0 < seconds < 1 << 33 else None
