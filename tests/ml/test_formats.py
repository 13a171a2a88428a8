"""What a file is told by its first bytes; its name decides only between RAW files of the same build."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ml.formats import HEAD_BYTES, Format, sniff
from tests.support import pictures

XMP = "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
HEIF = b"\x00\x00\x00\x18ftyp"


def tiff(
    *, make: bytes = b"", photometric: int = 2, subfile: int = 0, sub_ifds: bool = False, order: str = "<"
) -> bytes:
    """A header and a directory; the make stands behind it."""
    entries = [(254, 4, 1, subfile), (262, 3, 1, photometric)]
    entries += [(271, 2, len(make) + 1, 8 + 2 + 12 * 4 + 4)] if make else []
    entries += [(330, 4, 1, 4096)] if sub_ifds else []
    body = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count) + struct.pack(f"{order}{'H2x' if kind == 3 else 'I'}", value)
        for tag, kind, count, value in entries
    ).ljust(12 * 4, b"\x00")
    magic = b"II*\x00" if order == "<" else b"MM\x00*"
    return magic + struct.pack(f"{order}IH", 8, len(entries)) + body + bytes(4) + make + b"\x00"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pictures.jpeg(), Format.JPEG),
        (pictures.cut_to_header_png(1, 1), Format.PNG),
        (pictures.frames(".gif"), Format.GIF),
        (pictures.frames(".webp"), Format.WEBP),
        (pictures.sixteen_bit_tiff(), Format.TIFF),
        (pictures.heic(), Format.HEIC),
        (pictures.avif(), Format.AVIF),
        (pictures.dng(None), Format.DNG),
        (pictures.dng(pictures.jpeg()), Format.DNG),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", Format.CR2),
        (HEIF + b"crx \x00\x00\x00\x01crx isom", Format.CR3),
        (HEIF + b"mif1\x00\x00\x00\x00mif1avif", Format.AVIF),
        (HEIF + b"mif1\x00\x00\x00\x00mif1heic", Format.HEIC),
        (b"FUJIFILMCCD-RAW 0201", Format.RAF),
        (b"IIRO\x08\x00\x00\x00", Format.ORF),
        (b"IIU\x00\x18\x00\x00\x00", Format.RW2),
        (b"II\x1a\x00\x00\x00HEAPCCDR", Format.RAW),
        (tiff(make=b"NIKON CORPORATION", subfile=1, sub_ifds=True), Format.NEF),
        (tiff(make=b"SONY", subfile=1, sub_ifds=True, order=">"), Format.ARW),
        (tiff(make=b"PENTAX Corporation", photometric=32803), Format.PEF),
        (tiff(make=b"SAMSUNG", subfile=1, sub_ifds=True), Format.SRW),
        (tiff(make=b"Hasselblad", photometric=32803), Format.RAW),
        (XMP.encode(), Format.XMP),
        (f"\ufeff<?xpacket begin='\ufeff'?>\n<!-- made by -->\n{XMP}".encode(), Format.XMP),
        (f"\ufeff{XMP}".encode("utf-16-le"), Format.XMP),
    ],
)
def test_by_content_whatever_the_name(data: bytes, expected: Format) -> None:
    assert {sniff(data[:HEAD_BYTES], name) for name in ("", "photo.jpg", "photo.pdf")} == {expected}


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (tiff(make=b"NIKON CORPORATION"), "scan.tif", Format.TIFF),
        (tiff(make=b"NIKON CORPORATION"), "D850.NEF", Format.NEF),
        (tiff(make=b"EASTMAN KODAK COMPANY"), "a.dcr", Format.RAW),
        (tiff(make=b"Epson Scanner"), "a.tif", Format.TIFF),
        (tiff(), "a.nef", Format.TIFF),
        (pictures.jpeg(), "really-a-jpeg.NEF", Format.JPEG),
        (b"MM\x00*\x7f\xff\xff\xff", "far-directory.pef", Format.PEF),
        (b"MM\x00*\x7f\xff\xff\xff", "far-directory.tif", Format.TIFF),
    ],
)
def test_the_name_is_a_hint_between_builds_of_tiff(data: bytes, name: str, expected: Format) -> None:
    assert sniff(data, name) is expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"%PDF-1.7\n",
        b"<!DOCTYPE html><html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><metadata>" + XMP.encode() + b"</metadata></svg>",
        b"PK\x03\x04",
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2",
        b"BM\x36\x00",
        pictures.jpeg()[:20] + b"%PDF-1.4",
        b"GIF89a/*<script>alert(1)</script>",
        pictures.jpeg()[:257].ljust(257, b"\x00") + b"ustar",
    ],
)
def test_neither_documents_nor_photos_that_are_documents_too(data: bytes) -> None:
    assert sniff(data, "photo.jpg") is None


def test_nothing_in_a_head_breaks_it() -> None:
    for whole in (tiff(make=b"SONY", sub_ifds=True), HEIF + b"mif1", pictures.jpeg(), XMP.encode("utf-16")):
        for end in range(len(whole)):
            sniff(whole[:end], "a.arw")


def test_content_types_and_extensions() -> None:
    assert [(f.content_type, f.extension) for f in (Format.JPEG, Format.TIFF, Format.HEIC, Format.CR3)] == [
        ("image/jpeg", "jpg"),
        ("image/tiff", "tif"),
        ("image/heic", "heic"),
        ("image/x-canon-cr3", "cr3"),
    ]
    assert {f for f in Format if not f.is_raw} == {
        *(Format.JPEG, Format.PNG, Format.WEBP, Format.TIFF, Format.HEIC, Format.AVIF, Format.GIF, Format.XMP)
    }


def test_the_api_can_ask_without_loading_a_decoder() -> None:
    code = "import sys, ml.formats; print(sorted({'numpy', 'pyvips', 'PIL', 'rawpy'} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
