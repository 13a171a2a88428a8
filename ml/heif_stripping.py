"""HEIC and AVIF without metadata: coded pictures stay where they are, all other payload becomes zero.

ISO/IEC 23008-12 and 14496-12. Boxes keep their places and sizes, because items are found by offsets into the file.
"""

from __future__ import annotations

from typing import Final

from ml import isobmff
from ml.isobmff import Box

#: Boxes of a file with still pictures. With any other one (a film, a maker's own) it is not told apart.
_FILE: Final = frozenset((b"ftyp", b"meta", b"mdat", b"free", b"skip"))
_META: Final = frozenset((b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"grpl", b"dinf"))
#: Items that are pictures, or are put together from them.
_PICTURES: Final = frozenset((b"hvc1", b"av01", b"grid", b"iden", b"iovl", b"tmap"))
#: Properties in words.
_WORDS: Final = frozenset((b"udes", b"altt", b"uuid", b"free", b"skip"))
#: No Exif: the offset of a TIFF structure that has an empty directory.
_NO_EXIF: Final = b"\0\0\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"


def stripped(data: bytes) -> bytes | None:
    """The file, of the same size; None where it holds what cannot be told apart."""
    boxes = list(isobmff.boxes(data, 0, len(data)))
    metas = [box for box in boxes if box.kind == b"meta"]
    if len(metas) != 1 or {box.kind for box in boxes} - _FILE or boxes[-1].end != len(data):
        return None
    placed = isobmff.placed(data, metas[0])
    if placed is None:
        return None
    kept = bytearray(data)
    for box in boxes:
        if box.kind in (b"mdat", b"free", b"skip"):
            _blank(kept, box)
    _blank_meta(data, kept, metas[0])
    for item in placed:
        _fill(data, kept, item)
    return bytes(kept)


def _blank_meta(data: bytes, kept: bytearray, meta: Box) -> None:
    """What stands in the header itself: names of items, properties in words, boxes of makers, and data."""
    for box in isobmff.boxes(data, meta.start + 4, meta.end):
        if box.kind not in _META or box.kind == b"idat":
            _blank(kept, box)
        if box.kind == b"iprp" and (store := isobmff.child(data, box, b"ipco")) is not None:
            for one in isobmff.boxes(data, store.start, store.end):
                if one.kind in _WORDS:
                    _blank(kept, one)


def _fill(data: bytes, kept: bytearray, item: isobmff.Placed) -> None:
    """Give a picture its bytes back, and Exif an empty block."""
    for number, (at, length) in enumerate(item.extents):
        if at + length > len(data):
            raise ValueError("an item that is not in the file")
        if item.kind in _PICTURES:
            kept[at : at + length] = data[at : at + length]
        elif item.kind == b"Exif" and number == 0 and length >= len(_NO_EXIF):
            kept[at : at + len(_NO_EXIF)] = _NO_EXIF
        elif item.kind == b"mime":
            kept[at : at + length] = b" " * length


def _blank(kept: bytearray, box: Box) -> None:
    kept[box.start : box.end] = bytes(box.end - box.start)
