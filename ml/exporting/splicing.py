"""Metadata put into an encoded picture, container by container; the coded pixels stay as they are.

JPEG: APP1 (Exif), APP1 (XMP), APP13 (IPTC as Photoshop keeps it). PNG: eXIf, iTXt. WebP: the chunks EXIF and XMP.
TIFF: fields of the main directory. IIM has no agreed place in PNG and WebP: there XMP says the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container
from pathlib import Path
from typing import IO, Final

from ml.exporting.directories import Directory, Entry, Kept, Kind, chain
from ml.exporting.plan import StillFormat
from ml.exporting.tags import Blocks, digest

_XMP_JPEG: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_IPTC_RESOURCE, _DIGEST_RESOURCE = 0x0404, 0x0425
_TIFF_XMP, _TIFF_IPTC = 0x02BC, 0x83BB
#: Fields that Exif has for JPEG alone: YCbCrPositioning; ComponentsConfiguration, PixelXDimension, PixelYDimension.
_OF_JPEG: Final = frozenset({0x0213, 0x9101, 0xA002, 0xA003})
#: Bits of a WebP's VP8X chunk.
_HAS_EXIF, _HAS_XMP = 0x08, 0x04


def spliced(format: StillFormat, data: bytes, blocks: Blocks) -> bytes:
    """The JPEG, PNG or WebP with the blocks in it; the same file if they are empty."""
    if not blocks.size:
        return data
    return {StillFormat.JPEG: _jpeg, StillFormat.PNG: _png, StillFormat.WEBP: _webp}[format](data, blocks)


def extend_tiff(path: Path, blocks: Blocks) -> None:
    """Give a TIFF of libvips a new main directory at its end: its own fields, which point where they did, and ours."""
    if not blocks.size:
        return
    own, photo = (_without(one, _OF_JPEG) for one in (blocks.image, blocks.photo))
    if blocks.xmp:
        own[_TIFF_XMP] = Entry(Kind.BYTE, blocks.xmp)
    if blocks.iptc:
        own[_TIFF_IPTC] = Entry(Kind.LONG, blocks.iptc + bytes(-len(blocks.iptc) % 4))
    with path.open("r+b") as file:
        kept = _fields(file)
        end = file.seek(0, 2)
        at = end + end % 2
        file.write(bytes(at - end) + chain(at, {**kept, **own}, photo, blocks.gps))
        file.seek(4)
        file.write(struct.pack("<I", at))


def _fields(file: IO[bytes]) -> dict[int, Entry | Kept]:
    """Those of a TIFF's main directory."""
    file.seek(4)
    file.seek(*struct.unpack("<I", file.read(4)))
    (count,) = struct.unpack("<H", file.read(2))
    rows = (file.read(12) for _ in range(count))
    return {int.from_bytes(row[:2], "little"): Kept(row) for row in rows}


def _jpeg(data: bytes, blocks: Blocks) -> bytes:
    """Behind the start mark and JFIF's header, where libvips writes it."""
    at = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    segments = _segment(0xE1, b"Exif\x00\x00" + blocks.exif)
    if blocks.xmp:
        segments += _segment(0xE1, _XMP_JPEG + blocks.xmp)
    if blocks.iptc:
        resources = _resource(_IPTC_RESOURCE, blocks.iptc) + _resource(_DIGEST_RESOURCE, digest(blocks.iptc))
        segments += _segment(0xED, b"Photoshop 3.0\x00" + resources)
    return data[:at] + segments + data[at:]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _resource(number: int, body: bytes) -> bytes:
    return struct.pack(">4sHHI", b"8BIM", number, 0, len(body)) + body + bytes(len(body) % 2)


def _png(data: bytes, blocks: Blocks) -> bytes:
    """Before the first chunk of pixels."""
    at = data.index(b"IDAT") - 4
    chunks = _chunk(b"eXIf", blocks.exif)
    if blocks.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + blocks.xmp)
    return data[:at] + chunks + data[at:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webp(data: bytes, blocks: Blocks) -> bytes:
    """Behind the picture. A file with a profile, as all of ours, has the extended header (VP8X) at its start."""
    flags = data[20] | _HAS_EXIF | (_HAS_XMP if blocks.xmp else 0)
    chunks = _riff(b"EXIF", blocks.exif) + (_riff(b"XMP ", blocks.xmp) if blocks.xmp else b"")
    body = data[8:20] + bytes([flags]) + data[21:] + chunks
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _without(directory: Directory, tags: Container[int]) -> Directory:
    return {tag: entry for tag, entry in directory.items() if tag not in tags}
