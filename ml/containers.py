"""Where the metadata blocks stand in each kind of file: Exif, XMP packets, IPTC records.

Only headers are walked; pixel data is never touched.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ml import ciff, exif, iptc, isobmff
from ml.exif import Exif
from ml.tiff import Data, Directory, header

MAX_PACKET: Final = 4 * 1024 * 1024
MAX_SEGMENTS: Final = 10_000
#: Text chunks of a PNG: each may unpack to ``MAX_PACKET``.
MAX_TEXTS: Final = 8
#: Blocks of one kind that are read: a preview's beside the photo's, a sidecar's copy; not thousands.
MAX_BLOCKS: Final = 8


@dataclass(slots=True)
class Blocks:
    """What a file carries: its Exif values, XMP packets and IPTC records as bytes, and what its own header states.

    ``size`` is width and height; ``created`` an ISO 8601 moment in UTC.
    """

    exif: Exif = field(default_factory=Exif)
    xmp: list[bytes] = field(default_factory=list)
    iptc: bytes = b""
    size: tuple[int, int] | None = None
    created: str | None = None
    notes: list[str] = field(default_factory=list)
    exif_blocks: int = 0

    def add_exif(self, data: Data, base: int = 0) -> Directory:
        """Read the TIFF structure at ``base``, and the XMP and IPTC that it may hold. Returns its main directory."""
        tiff = header(data, base)
        self.exif_blocks += 1
        if tiff is None or self.exif_blocks > MAX_BLOCKS:
            self.note("an Exif block that does not begin as one" if tiff is None else "too many Exif blocks")
            return {}
        tiff.notes = self.notes
        main = tiff.directory(tiff.first)
        self.exif.fill(exif.read(tiff, main))
        for tag, add in ((exif.XMP, self.add_xmp), (exif.IPTC, self.add_iptc), (exif.RESOURCES, self.add_resources)):
            if tag in main and main[tag].size <= MAX_PACKET:
                add(data[main[tag].at : main[tag].at + main[tag].size])
        return main

    def add_xmp(self, packet: bytes) -> None:
        """Keep a packet."""
        if len(self.xmp) < MAX_BLOCKS:
            self.xmp.append(packet)

    def add_iptc(self, records: bytes) -> None:
        """Keep IPTC records; the first block that has some counts."""
        self.iptc = self.iptc or records

    def add_resources(self, raw: bytes) -> None:
        """Keep the IPTC records among Photoshop's image resources."""
        self.add_iptc(iptc.from_resources(raw))

    def note(self, text: str) -> None:
        """Say once what is odd."""
        if text not in self.notes:
            self.notes.append(text)


_EXIF, _XMP, _MORE_XMP = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_HEIF_KINDS: Final = {(b"Exif", b""), (b"mime", b"application/rdf+xml")}
_RAF_CROPPED: Final = 0x0111
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def jpeg(data: Data, blocks: Blocks, start: int = 0) -> None:
    """The APP segments of a JPEG (ISO/IEC 10918-1 B.1; for XMP beyond 64 KiB, XMP part 3, 1.1.3.1).

    One that stands elsewhere than at the ``start`` of the file is a preview: its size is not the photo's.
    """
    more: list[tuple[int, bytes]] = []
    resources = b""
    for marker, body in _segments(data, start):
        if marker == 0xE1 and body.startswith(_EXIF):
            blocks.add_exif(body[6:])
        elif marker == 0xE1 and body.startswith(_XMP):
            blocks.add_xmp(body[len(_XMP) :])
        elif marker == 0xE1 and body.startswith(_MORE_XMP):
            more.append((int.from_bytes(body[71:75], "big"), body[75:]))
        elif marker == 0xED and body.startswith(_PHOTOSHOP):
            resources += body[len(_PHOTOSHOP) :] if len(resources) < MAX_PACKET else b""
        elif marker in _FRAMES and len(body) >= 5 and start == 0:
            blocks.size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
    if more and sum(len(part) for _, part in more) <= MAX_PACKET:
        blocks.add_xmp(b"".join(part for _, part in sorted(more)))
    # before what a TIFF field of the Exif block may hold
    blocks.iptc = iptc.from_resources(resources) or blocks.iptc


def _segments(data: Data, start: int) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment up to the first scan."""
    at = start + 2
    for _ in range(MAX_SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] in (0xD9, 0xDA):
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            return
        yield data[at + 1], data[at + 4 : at + 2 + length]
        at += 2 + length


def png(data: Data, blocks: Blocks) -> None:
    """The chunks of a PNG (ISO/IEC 15948): ``eXIf``, XMP in ``iTXt``, and ImageMagick's raw profiles."""
    at, texts = 8, 0
    for _ in range(MAX_SEGMENTS):
        if at + 12 > len(data):
            return
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length] if kind != b"IDAT" and length <= MAX_PACKET else b""
        if kind == b"IHDR" and len(body) >= 8:
            blocks.size = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        elif kind == b"eXIf":
            blocks.add_exif(body)
        elif kind in (b"iTXt", b"tEXt", b"zTXt") and texts < MAX_TEXTS:
            texts += 1
            _png_text(kind, body, blocks)
        at += 12 + length


def _png_text(kind: bytes, body: bytes, blocks: Blocks) -> None:
    key, _, rest = body.partition(b"\0")
    if key == b"XML:com.adobe.xmp" and kind == b"iTXt" and len(rest) > 2:
        text = rest[2:].split(b"\0", 2)[-1]
        blocks.add_xmp(_inflated(text) if rest[0] else text)
    elif key.startswith(b"Raw profile type "):
        raw = _unhexed(_inflated(rest[1:]) if kind == b"zTXt" else rest)
        if raw.startswith(_EXIF):
            blocks.add_exif(raw[6:])
        elif raw.startswith(_XMP):
            blocks.add_xmp(raw[len(_XMP) :])
        elif key.endswith(b"iptc"):
            blocks.add_resources(raw)


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, MAX_PACKET)
    except zlib.error:
        return b""


def _unhexed(text: bytes) -> bytes:
    """The bytes of a raw profile: a name, a length, then hexadecimal."""
    digits = re.sub(rb"\s", b"", text.lstrip().partition(b"\n")[2].lstrip().partition(b"\n")[2])
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""


def webp(data: Data, blocks: Blocks) -> None:
    """The chunks of a WebP file (RFC 9649)."""
    at = 12
    for _ in range(MAX_SEGMENTS):
        if at + 8 > len(data):
            return
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = at + 8
        if kind == b"VP8X":
            blocks.size = (
                int.from_bytes(data[body + 4 : body + 7], "little") + 1,
                int.from_bytes(data[body + 7 : body + 10], "little") + 1,
            )
        elif kind == b"EXIF":
            raw = data[body : body + length]
            blocks.add_exif(raw[6:] if raw.startswith(_EXIF) else raw)
        elif kind == b"XMP " and length <= MAX_PACKET:
            blocks.add_xmp(data[body : body + length])
        at = body + length + length % 2


def gif(data: Data, blocks: Blocks) -> None:
    """The logical screen of a GIF; it has no place for Exif."""
    if len(data) >= 10:
        blocks.size = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def heif(data: Data, blocks: Blocks) -> None:
    """HEIC, AVIF and Canon's CR3."""
    for box in isobmff.boxes(data, 0, len(data)):
        if box.kind == b"meta" and blocks.size is None:
            _heif_items(data, box, blocks)
        elif box.kind == b"moov":
            blocks.created = isobmff.created(data, box)
            _canon_boxes(data, box, blocks)
        elif box.kind == b"uuid" and data[box.start : box.start + 16] == isobmff.XMP_UUID:
            blocks.add_xmp(data[box.start + 16 : min(box.end, box.start + MAX_PACKET)])


def _heif_items(data: Data, meta: isobmff.Box, blocks: Blocks) -> None:
    blocks.size = isobmff.size(data, meta)
    for kind, raw in isobmff.items(data, meta, _HEIF_KINDS):
        if kind == b"mime":
            blocks.add_xmp(raw)
        else:  # behind the distance to where the TIFF structure begins
            start = 4 + int.from_bytes(raw[:4], "big")
            blocks.add_exif(raw, start if start < len(raw) else 4)


def _canon_boxes(data: Data, movie: isobmff.Box, blocks: Blocks) -> None:
    """CR3 keeps the main, Exif, MakerNote and GPS directories as TIFF structures of their own."""
    for box in isobmff.boxes(data, movie.start, movie.end):
        if box.kind == b"uuid" and data[box.start : box.start + 16] == isobmff.CANON_UUID:
            for part in isobmff.boxes(data, box.start + 16, box.end):
                if part.kind[:3] == b"CMT" and (tiff := header(data[part.start : part.end])) is not None:
                    blocks.exif.fill(exif.part(part.kind, tiff))


def raf(data: Data, blocks: Blocks) -> None:
    """Fujifilm's RAF: everything is in its JPEG preview, but for the size, which stands in a directory of its own."""
    jpeg(data, blocks, int.from_bytes(data[84:88], "big"))
    at = int.from_bytes(data[92:96], "big")
    count, at = min(int.from_bytes(data[at : at + 4], "big"), 256), at + 4
    for _ in range(count):
        tag, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if tag == _RAF_CROPPED and length == 4:
            height, width = int.from_bytes(data[at + 4 : at + 6], "big"), int.from_bytes(data[at + 6 : at + 8], "big")
            blocks.exif.sizes.append((width, height))
        at += 4 + length


def raw(data: Data, blocks: Blocks) -> None:
    """TIFF, DNG and the raw formats that are built like it; and what else LibRaw reads."""
    if data[6:14] == b"HEAPCCDR":
        blocks.exif.fill(ciff.read(data))
    elif data[:16] == b"FUJIFILMCCD-RAW ":
        raf(data, blocks)
    elif data[4:8] == b"ftyp":
        heif(data, blocks)
    elif header(data) is not None:
        main = blocks.add_exif(data)
        if exif.PANASONIC_JPEG in main:  # with the MakerNote
            jpeg(data, blocks, main[exif.PANASONIC_JPEG].at)


def xmp(data: Data, blocks: Blocks) -> None:
    """A sidecar."""
    blocks.add_xmp(data[: MAX_PACKET + 1])


_WALKERS: Final[dict[str, Callable[[Data, Blocks], None]]] = {
    "jpeg": jpeg,
    "png": png,
    "webp": webp,
    "gif": gif,
    "heic": heif,
    "avif": heif,
    "xmp": xmp,
}


def find(data: Data, format: str) -> Blocks:
    """The metadata blocks of a file of that format: ``jpeg``, ``png``, ``heic``, ``xmp``, ... or any raw format."""
    blocks = Blocks()
    _WALKERS.get(format, raw)(data, blocks)
    return blocks
