"""Originals without what they tell of place, camera, owner and software: the coded picture stays as it is, bit by bit.

What is kept is named, and everything else goes: unknown segments and chunks are left out, and in formats whose parts
point at each other every byte that no kept part refers to becomes zero. So a maker's field that nobody has heard of
goes as well. Kept are the pixels, what they need to look right (profile, gamma, orientation), and a credit if one is
given. Not done for RAW, whose pixels cannot be told from the rest with certainty, nor for animations of several files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyvips

from ml import color, decode, heif_stripping, jpeg, plain_exif, tiff_stripping
from ml.formats import Format
from ml.plain_exif import Credit

#: Larger files are not read into memory for this.
MAX_BYTES: Final = 1 << 30

_APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_JFIF, _ICC, _ADOBE = b"JFIF\0", b"ICC_PROFILE\0", b"Adobe"
_PLAIN_JFIF: Final = b"\xff\xe0\x00\x10JFIF\0\x01\x02\x00\x00\x01\x00\x01\x00\x00"

_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs cICP mDCV cLLI acTL fcTL fdAT".split()
)
_WEBP_KEPT: Final = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"))
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04


def strip(source: Path, target: Path, format: str, credit: Credit | None = None) -> bool:
    """Write ``source`` to ``target`` without its metadata; False, and nothing written, where that cannot be done.

    ``format`` is an ``ml.formats.Format``; ``credit`` goes into the stripped file, where its format has a place.
    """
    strips = _STRIPPERS.get(format)
    if strips is None or source.stat().st_size > MAX_BYTES:
        return False
    try:
        stripped = strips(source.read_bytes(), credit)
    except (ValueError, IndexError, struct.error, pyvips.Error):  # a broken file: what it holds cannot be told
        return False
    if stripped is None:
        return False
    target.write_bytes(stripped)
    return True


# --- JPEG ------------------------------------------------------------------------------------------------------------


def _jpeg(data: bytes, credit: Credit | None) -> bytes | None:
    """ITU-T T.81: segments of the picture, its profile, and an Exif block of ours; nothing behind the end."""
    image = pyvips.Image.jpegload_buffer(data)
    exif = plain_exif.block(
        credit, orientation=decode.orientation_of(image), adobe_rgb=color.is_adobe_rgb_by_exif(image)
    )
    parts = [jpeg.SOI, _segment(_APP1, b"Exif\0\0" + exif) if exif else b""]
    end = b""
    for found in jpeg.segments(data):
        body = data[found.start + 4 : found.start + 16]
        end = data[found.start : found.end]
        if found.marker == _APP0 and body.startswith(_JFIF):
            parts.insert(1, _PLAIN_JFIF)
        elif _of_picture(found.marker, body):
            parts.append(end)
    return b"".join(parts) if end == jpeg.EOI else None


def _of_picture(marker: int, body: bytes) -> bool:
    if marker == _APP2:
        return body.startswith(_ICC)
    if marker == _APP14:
        return body.startswith(_ADOBE)
    return not _APP0 <= marker <= _APP15 and marker != _COM


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


# --- PNG -------------------------------------------------------------------------------------------------------------


def _png(data: bytes, credit: Credit | None) -> bytes | None:
    """ISO/IEC 15948: the chunks of the picture; texts, times and everything private go."""
    orientation = decode.orientation_of(pyvips.Image.pngload_buffer(data))
    exif = plain_exif.block(credit, orientation=orientation)
    parts = [_PNG_HEAD]
    for kind, chunk in _png_chunks(data):
        if kind in _PNG_KEPT:
            parts.append(chunk)
        if kind == b"IHDR" and exif:
            parts.append(_png_chunk(b"eXIf", exif))
        if kind == b"IEND":
            return b"".join(parts)
    return None


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_HEAD)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        yield data[at + 4 : at + 8], data[at:end]
        at = end


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# --- WebP ------------------------------------------------------------------------------------------------------------


def _webp(data: bytes, credit: Credit | None) -> bytes | None:
    """RFC 9649: the chunks of the picture. Only an extended header has a place for an Exif block."""
    orientation = decode.orientation_of(pyvips.Image.webpload_buffer(data))
    exif = plain_exif.block(credit, orientation=orientation)
    chunks = [(kind, body) for kind, body in _riff_chunks(data) if kind in _WEBP_KEPT]
    if not chunks or any(kind == b"ANMF" for kind, _ in chunks):
        return None  # frames hold chunks of their own
    kinds = [kind for kind, _ in chunks]
    if b"VP8X" in kinds:
        at = kinds.index(b"VP8X")
        head = bytearray(chunks[at][1])
        head[0] = head[0] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if exif else 0)
        chunks[at] = (b"VP8X", bytes(head))
        if exif:
            chunks.append((b"EXIF", exif))
    body = b"".join(kind + struct.pack("<I", len(raw)) + raw + bytes(len(raw) % 2) for kind, raw in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > len(data):
            raise ValueError("a chunk that is not whole")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _heif(data: bytes, credit: Credit | None) -> bytes | None:
    return heif_stripping.stripped(data)


def _tiff(data: bytes, credit: Credit | None) -> bytes | None:
    return tiff_stripping.stripped(data)


_STRIPPERS: Final[dict[str, Callable[[bytes, Credit | None], bytes | None]]] = {
    Format.JPEG: _jpeg,
    Format.PNG: _png,
    Format.WEBP: _webp,
    Format.HEIC: _heif,
    Format.AVIF: _heif,
    Format.TIFF: _tiff,
}
