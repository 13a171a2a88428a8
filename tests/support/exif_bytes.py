"""Files that carry metadata and hardly a picture: Exif, IPTC and XMP byte by byte, in the containers of photos."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias


class Field(NamedTuple):
    """A field of a directory: TIFF type, number of elements, and its bytes, given byte order and where they stand."""

    type: int
    count: int
    data: Callable[[str, int], bytes]


Fields: TypeAlias = Mapping[int, Field]


def ascii_(text: str | bytes) -> Field:
    raw = (text if isinstance(text, bytes) else text.encode()) + b"\0"
    return Field(2, len(raw), lambda order, at: raw)


def short(*values: int) -> Field:
    return Field(3, len(values), lambda order, at: struct.pack(f"{order}{len(values)}H", *values))


def long(*values: int) -> Field:
    return Field(4, len(values), lambda order, at: struct.pack(f"{order}{len(values)}I", *values))


def byte(*values: int) -> Field:
    return Field(1, len(values), lambda order, at: bytes(values))


def rational(*pairs: tuple[int, int]) -> Field:
    flat = [number for pair in pairs for number in pair]
    return Field(5, len(pairs), lambda order, at: struct.pack(f"{order}{len(flat)}I", *flat))


def signed(*pairs: tuple[int, int]) -> Field:
    flat = [number for pair in pairs for number in pair]
    return Field(10, len(pairs), lambda order, at: struct.pack(f"{order}{len(flat)}i", *flat))


def undefined(raw: bytes) -> Field:
    return Field(7, len(raw), lambda order, at: raw)


def placed(make: Callable[[str, int], bytes]) -> Field:
    """Bytes that depend on where they stand, as a MakerNote's offsets do."""
    return Field(7, len(make("<", 0)), make)


def directory(fields: Fields, order: str, at: int, following: int = 0) -> bytes:
    """A directory that stands at ``at``, with the values that do not fit into it behind it."""
    behind = at + 2 + 12 * len(fields) + 4
    rows, values = b"", b""
    for tag, (kind, count, data) in sorted(fields.items()):
        place = behind + len(values)
        raw = data(order, place)
        inline = len(raw) <= 4
        rows += struct.pack(f"{order}HHI", tag, kind, count)
        rows += raw.ljust(4, b"\0") if inline else struct.pack(f"{order}I", place)
        values += b"" if inline else raw + b"\0" * (len(raw) % 2)
    return struct.pack(f"{order}H", len(fields)) + rows + struct.pack(f"{order}I", following) + values


def tiff(image: Fields, photo: Fields | None = None, gps: Fields | None = None, order: str = "<") -> bytes:
    """A TIFF structure: main directory, Exif directory, GPS directory."""
    below = {tag: fields for tag, fields in ((0x8769, photo), (0x8825, gps)) if fields is not None}
    main = {**image, **{tag: long(0) for tag in below}}
    at = 8 + len(directory(main, order, 8))
    parts = b""
    for tag, fields in below.items():
        main[tag] = long(at + len(parts))
        parts += directory(fields, order, at + len(parts))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return head + directory(main, order, 8) + parts


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def jpeg(
    exif: bytes | None = None, xmp: bytes | None = None, iptc: bytes | None = None, size: tuple[int, int] = (6, 4)
) -> bytes:
    """The segments of a JPEG up to its first scan, which is empty."""
    parts = [b"\xff\xd8"]
    if exif is not None:
        parts.append(segment(0xE1, b"Exif\0\0" + exif))
    if xmp is not None:
        parts.append(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))
    if iptc is not None:
        parts.append(segment(0xED, b"Photoshop 3.0\0" + resources(iptc)))
    parts.append(segment(0xC0, struct.pack(">BHHB", 8, size[1], size[0], 1) + b"\x01\x11\x00"))
    return b"".join(parts) + b"\xff\xda\x00\x02\xff\xd9"


def records(*entries: tuple[int, bytes], utf8: bool = False) -> bytes:
    """IPTC records: datasets of the editorial record with their values."""
    charset = b"\x1c\x01\x5a\x00\x03\x1b%G" if utf8 else b""
    return charset + b"".join(bytes((0x1C, 2, key)) + len(raw).to_bytes(2, "big") + raw for key, raw in entries)


def resources(iptc: bytes) -> bytes:
    """Photoshop's image resources: one of another kind, then the IPTC records."""
    other = b"8BIM\x03\xed\x00\x00\x00\x00\x00\x03abc\0"
    return other + b"8BIM\x04\x04\x00\x00" + len(iptc).to_bytes(4, "big") + iptc + b"\0" * (len(iptc) % 2)


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png(*chunks: bytes, size: tuple[int, int] = (6, 4)) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def webp(*chunks: tuple[bytes, bytes], size: tuple[int, int] = (6, 4)) -> bytes:
    extended = b"\x0c\0\0\0" + (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")
    body = b"WEBP"
    for kind, raw in ((b"VP8X", extended), *chunks):
        body += kind + len(raw).to_bytes(4, "little") + raw + b"\0" * (len(raw) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def heif(exif: bytes, xmp: bytes, size: tuple[int, int] = (6, 4)) -> bytes:
    """A HEIC file with a primary item that has a size but no picture, and Exif and XMP items in ``mdat``."""
    exif_item = b"\0\0\0\x06Exif\0\0" + exif

    def infe(key: int, kind: bytes, rest: bytes = b"\0") -> bytes:
        return box(b"infe", b"\x02\0\0\0" + struct.pack(">HH", key, 0) + kind + rest)

    infos = infe(1, b"hvc1") + infe(2, b"Exif") + infe(3, b"mime", b"\0application/rdf+xml\0\0")

    def meta(at: int) -> bytes:
        places = b"".join(
            struct.pack(">HHHII", key, 0, 1, start, length)
            for key, start, length in ((2, at, len(exif_item)), (3, at + len(exif_item), len(xmp)))
        )
        properties = box(b"ipco", box(b"ispe", struct.pack(">III", 0, *size)))
        properties += box(b"ipma", struct.pack(">IIHBB", 0, 1, 1, 1, 0x81))
        return box(
            b"meta",
            b"\0\0\0\0"
            + box(b"pitm", struct.pack(">IH", 0, 1))
            + box(b"iinf", struct.pack(">IH", 0, 3) + infos)
            + box(b"iprp", properties)
            + box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, 2) + places),
        )

    head = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", exif_item + xmp)


def cr3(image: bytes, photo: bytes, maker: bytes, gps: bytes, created: int) -> bytes:
    """Canon's CR3: four TIFF structures in a box of its own, and when the movie box was made (seconds since 1904)."""
    parts = b"".join(box(b"CMT%d" % n, raw) for n, raw in enumerate((image, photo, maker, gps), 1))
    own = box(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + parts)
    return box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", own + box(b"mvhd", struct.pack(">III", 0, created, 0)))


def raf(preview: bytes, size: tuple[int, int]) -> bytes:
    """Fujifilm's RAF: a preview, and a directory with the size of the raw picture, height first."""
    fields = struct.pack(">I", 2) + struct.pack(">HHI", 0x0130, 4, 0) + struct.pack(">HHHH", 0x0111, 4, *size[::-1])
    places = struct.pack(">IIII", 148, len(preview), 148 + len(preview), len(fields))
    return b"FUJIFILMCCD-RAW 0201FF000000".ljust(84, b"\0") + places.ljust(64, b"\0") + preview + fields


def packet(*descriptions: str, **namespaces: str) -> bytes:
    """An XMP packet of descriptions, each the text between ``<rdf:Description`` and its end."""
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in {**NAMESPACES, **namespaces}.items())
    body = "".join(f'<rdf:Description rdf:about=""{spaces}{one}</rdf:Description>' for one in descriptions)
    text = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'{body}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    return text.encode()


NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
}
