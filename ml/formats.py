"""What kind of photo a file is, told from its first bytes.

The name is only a hint: it tells the TIFF-based RAW files of two makers apart where their tags lie beyond the bytes
seen, and never makes a picture of something that is none. Imports nothing but the standard library, because the API
asks it too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePath
from typing import Final

#: How much of a file ``sniff`` needs; it takes more.
HEAD_BYTES: Final = 4096


class Format(StrEnum):
    """What can be taken in. ``RAW`` is a RAW file of a maker without a name of its own here; ``XMP`` is a sidecar."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    TIFF = "tiff"
    HEIC = "heic"
    AVIF = "avif"
    GIF = "gif"
    DNG = "dng"
    CR2 = "cr2"
    CR3 = "cr3"
    NEF = "nef"
    ARW = "arw"
    RAF = "raf"
    ORF = "orf"
    RW2 = "rw2"
    PEF = "pef"
    SRW = "srw"
    RAW = "raw"
    XMP = "xmp"

    @property
    def is_raw(self) -> bool:
        """Whether it holds what the sensor saw, and LibRaw reads it."""
        return self in _RAW

    @property
    def extension(self) -> str:
        """With which to name a file of it, without the dot."""
        return _EXTENSIONS.get(self, self.value)

    @property
    def content_type(self) -> str:
        """Its media type, as registered with IANA or else as commonly written."""
        return _CONTENT_TYPES.get(self, f"image/{self.value}")


_RAW: Final = frozenset(Format) - {
    *(Format.JPEG, Format.PNG, Format.WEBP, Format.TIFF, Format.HEIC, Format.AVIF, Format.GIF, Format.XMP)
}
_EXTENSIONS: Final = {Format.JPEG: "jpg", Format.TIFF: "tif"}
_CONTENT_TYPES: Final = {
    Format.DNG: "image/x-adobe-dng",
    Format.CR2: "image/x-canon-cr2",
    Format.CR3: "image/x-canon-cr3",
    Format.NEF: "image/x-nikon-nef",
    Format.ARW: "image/x-sony-arw",
    Format.RAF: "image/x-fuji-raf",
    Format.ORF: "image/x-olympus-orf",
    Format.RW2: "image/x-panasonic-rw2",
    Format.PEF: "image/x-pentax-pef",
    Format.SRW: "image/x-samsung-srw",
    Format.RAW: "image/x-raw",
    Format.XMP: "application/rdf+xml",
}

_MAGIC: Final = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"FUJIFILMCCD-RAW", Format.RAF),
    (b"IIRO", Format.ORF),
    (b"IIRS", Format.ORF),
    (b"MMOR", Format.ORF),
    (b"IIU\x00", Format.RW2),
    (b"II\x1a\x00\x00\x00HEAPCCDR", Format.RAW),  # Canon CRW
    (b"\x00MRM", Format.RAW),  # Minolta MRW
    (b"FOVb", Format.RAW),  # Sigma X3F
)
_TIFF: Final = {b"II*\x00": "<", b"MM\x00*": ">"}
_BIG_TIFF: Final = (b"II+\x00", b"MM\x00+")

#: ISO 14496-12 brands; the major one decides, then the first compatible one that is known.
_BRANDS: Final = {
    b"crx ": Format.CR3,
    b"avif": Format.AVIF,
    b"avis": Format.AVIF,
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), Format.HEIC),
}
_STILLS: Final = (b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"1pic")

#: Makers whose RAW is a TIFF by its magic number.
_MAKERS: Final = (
    ("NIKON", Format.NEF),
    ("SONY", Format.ARW),
    ("PENTAX", Format.PEF),
    ("RICOH", Format.PEF),
    ("SAMSUNG", Format.SRW),
    ("CANON", Format.RAW),
    ("EPSON", Format.RAW),
    ("HASSELBLAD", Format.RAW),
    ("KODAK", Format.RAW),
    ("EASTMAN KODAK", Format.RAW),
    ("LEAF", Format.RAW),
    ("MAMIYA", Format.RAW),
    ("PHASE ONE", Format.RAW),
    ("SINAR", Format.RAW),
)
_RAW_NAMES: Final = {
    **{format.value: format for format in _RAW},
    "nrw": Format.NEF,
    **dict.fromkeys(("sr2", "srf"), Format.ARW),
    **dict.fromkeys(("3fr", "fff", "dcr", "kdc", "erf", "mef", "mos", "iiq"), Format.RAW),
}

# TIFF 6.0, TIFF/EP and DNG 1.7 tags
_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _SUB_IFDS, _DNG_VERSION = 254, 262, 271, 330, 50706
_COLOR_FILTER_ARRAY: Final = 32803
_REDUCED: Final = 1
_ENTRIES_MAX: Final = 200

#: What makes a file a document to other programs although it starts like a picture: (text, how far in they look).
_STOWAWAYS: Final = ((b"%pdf-", 1024), (b"<html", 512), (b"<!doctype", 512), (b"<script", 512), (b"<svg", 512))
_TAR: Final = slice(257, 262)


def sniff(head: bytes, filename: str) -> Format | None:
    """The format of the file that starts with ``head`` (``HEAD_BYTES`` or more, or all of it), or None if none of ours.

    A file that is also a PDF, a web page or a tar archive by its first bytes is None: it is no honest photo.
    """
    found = _by_magic(head, filename)
    return found if found is None or found is Format.XMP or not _stowaway(head) else None


def _by_magic(head: bytes, filename: str) -> Format | None:
    for magic, format in _MAGIC:
        if head.startswith(magic):
            return format
    if head[:4] in _TIFF:
        return _of_tiff(head, PurePath(filename.lower()).suffix[1:])
    if head[:4] in _BIG_TIFF:
        return Format.TIFF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    return Format.XMP if _starts_as_xmp(head) else None


def _of_brands(head: bytes) -> Format | None:
    end = min(int.from_bytes(head[:4], "big"), 512)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if brands[0] in _BRANDS:
        return _BRANDS[brands[0]]
    if brands[0] not in _STILLS:
        return None
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), Format.HEIC)


def _of_tiff(head: bytes, suffix: str) -> Format:
    """DNG says so itself; a maker's RAW keeps a reduced picture first, or the sensor's mosaic."""
    if head[8:10] == b"CR":
        return Format.CR2
    if head[8:12] in (b"IIII", b"MMMM"):  # Phase One IIQ
        return Format.RAW
    hint = _RAW_NAMES.get(suffix)
    tags = dict(_first_directory(head, _TIFF[head[:4]]))
    if _DNG_VERSION in tags:
        return Format.DNG
    if not tags:
        return hint or Format.TIFF
    make = _text(head, tags.get(_MAKE, (0, 0)))
    maker = next((format for name, format in _MAKERS if make.startswith(name)), None)
    mosaic = tags.get(_PHOTOMETRIC, (0, 0))[1] == _COLOR_FILTER_ARRAY
    preview_first = _SUB_IFDS in tags and tags.get(_SUBFILE_TYPE, (0, 0))[1] == _REDUCED
    if mosaic or (maker and preview_first):
        return hint or maker or Format.RAW
    return hint if hint and maker else Format.TIFF


def _first_directory(head: bytes, order: str) -> Iterator[tuple[int, tuple[int, int]]]:
    """Its entries within ``head``: tag -> (count, value or offset)."""
    (at,) = struct.unpack_from(f"{order}I", head, 4) if len(head) >= 8 else (len(head),)
    if at + 2 > len(head):
        return
    (count,) = struct.unpack_from(f"{order}H", head, at)
    for entry in range(at + 2, at + 2 + 12 * min(count, _ENTRIES_MAX), 12):
        if entry + 12 > len(head):
            return
        tag, kind, size, value = struct.unpack_from(f"{order}HHII", head, entry)
        if kind == 3:  # SHORT: in the first two of the four bytes
            (value,) = struct.unpack_from(f"{order}H", head, entry + 8)
        yield tag, (size, value)


def _text(head: bytes, entry: tuple[int, int]) -> str:
    size, at = entry
    return head[at : at + min(size, 64)].decode("latin-1").strip("\x00 ").upper()


def _starts_as_xmp(head: bytes) -> bool:
    """Whether the first element is an XMP packet's: an SVG may hold such a packet further in."""
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(head[:2], "utf-8")
    text = head.decode(encoding, "ignore").lstrip("\ufeff").lstrip()
    while text.startswith(("<?", "<!--")):
        text = text.partition("?>" if text.startswith("<?") else "-->")[2].lstrip()
    return text.startswith(("<x:xmpmeta", "<x:xapmeta", "<rdf:RDF"))


def _stowaway(head: bytes) -> bool:
    start = head[:1024].lower()
    return head[_TAR] == b"ustar" or any(text in start[:reach] for text, reach in _STOWAWAYS)
