"""The JPEG file as a row of segments (ITU-T T.81, annex B): where its picture ends, and a copy of the picture alone.

Nothing is decoded here. All lengths come from strangers: whatever does not add up ends the walk.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Buffer = bytes | mmap.mmap

SOI: Final = b"\xff\xd8"
EOI: Final = b"\xff\xd9"
_SOS, _APP0, _APP2, _APP14, _APP15, _COM = 0xDA, 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
_EOI_CODE: Final = 0xD9
#: Baseline, extended and progressive, Huffman coded: what browsers decode.
_COMMON_FRAMES: Final = (0xC0, 0xC1, 0xC2)
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Within entropy-coded data: a marker that is neither a stuffed zero, a restart, nor fill.
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ICC, _ADOBE, _JFIF = b"ICC_PROFILE\x00", b"Adobe", b"JFIF\x00"
#: JFIF 1.02, no density, no thumbnail.
_PLAIN_JFIF: Final = b"\xff\xe0\x00\x10JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00"


@dataclass(frozen=True, slots=True)
class Segment:
    """``data[start:end]``, marker included; after a start of scan that is all its entropy-coded data too."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Frame:
    """From the start of frame: samples a line, lines, bits a sample, components, and whether browsers decode it."""

    width: int
    height: int
    bits: int
    components: int
    common: bool


def segments(data: Buffer) -> Iterator[Segment]:
    """From the one after SOI to EOI, or to where the file stops making sense."""
    at, size = 2, len(data)
    while at + 2 <= size and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker == _EOI_CODE:
            yield Segment(marker, at, at + 2)
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > size:
            return
        if marker == _SOS:
            found = _MARKER.search(data, end)
            end = found.start() if found else size
        yield Segment(marker, at, end)
        at = end


def frame(data: Buffer) -> Frame | None:
    """Of the first frame; None where there is none before the pixels."""
    for segment in segments(data):
        if segment.marker in _FRAMES and segment.end - segment.start >= 10:
            at = segment.start
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            return Frame(width, height, data[at + 4], data[at + 9], segment.marker in _COMMON_FRAMES)
        if segment.marker == _SOS:
            break
    return None


def ends(data: Buffer) -> bool:
    """Whether the picture has its end mark.

    Cameras pad with zeros after it or append a film, a few leave it away, and a card that lost power holds zeros
    where pixels should be: only the first look, at the very end, is cheap, and it is enough for most files.
    """
    tail = data[-4096:].rstrip(b"\x00")
    return tail.endswith(EOI) or any(segment.marker == _EOI_CODE for segment in segments(data))


def closed(data: Buffer) -> bytes:
    """A copy without zeros behind the last byte of the picture and with an end mark."""
    return bytes(data[:]).rstrip(b"\x00") + EOI


def stripped(data: Buffer) -> bytes | None:
    """The same coded pixels and nothing else: no EXIF, XMP, IPTC, comment, thumbnail, second picture or trailer.

    Kept are the ICC profile and Adobe's transform flag, without which the colours would change. None for what
    browsers do not all show alike: a file without an end, CMYK, 12 bits, lossless or arithmetic coding.
    """
    found = frame(data)
    if found is None or not found.common or found.bits != 8 or found.components not in (1, 3):
        return None
    parts = [SOI]
    for segment in segments(data):
        body = data[segment.start + 4 : segment.start + 16]
        if segment.marker == _APP0 and body.startswith(_JFIF):
            parts.append(_PLAIN_JFIF)
        elif _is_picture(segment.marker, body):
            parts.append(data[segment.start : segment.end])
    return b"".join(parts) if parts[-1] == EOI else None


def _is_picture(marker: int, body: bytes) -> bool:
    if marker == _APP2:
        return body.startswith(_ICC)
    if marker == _APP14:
        return body.startswith(_ADOBE)
    return not _APP0 <= marker <= _APP15 and marker != _COM
