"""Originals that are handed out: the same coded picture, and none of what the file told."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
import pyvips
from PIL import Image

from ml import decode, plain_exif, stripping
from ml.plain_exif import Credit
from tests.support import exif_bytes, pictures

SECRET = b"SECRET"


def stripped(data: bytes, format: str, folder: Path, credit: Credit | None = None) -> bytes | None:
    source, target = folder / "source", folder / "target"
    target.unlink(missing_ok=True)
    source.write_bytes(data)
    done = stripping.strip(source, target, format, credit)
    assert done == target.exists()
    return target.read_bytes() if done else None


def told_exif(orientation: int = 1) -> bytes:
    fields = {0x010F: exif_bytes.ascii_(SECRET), 0x0112: exif_bytes.short(orientation)}
    gps = {2: exif_bytes.rational((52, 1), (31, 1), (0, 1))}
    return exif_bytes.tiff(fields, {0xA431: exif_bytes.ascii_(b"SECRET serial")}, gps)


def pixels(data: bytes, filename: str, folder: Path) -> Any:
    path = folder / filename
    path.write_bytes(data)
    with decode.opened(path, filename) as original:
        return decode.picture(original, 100_000).image.numpy()


def jpeg_with(*segments: bytes, behind: bytes = b"", **options: Any) -> bytes:
    data = pictures.image(pictures.noise(64, 48)).jpegsave_buffer(Q=90, keep="none", **options)
    return bytes(data[:2] + b"".join(segments) + data[2:] + behind)


def app(marker: int, body: bytes) -> bytes:
    return exif_bytes.segment(marker, body)


def test_a_jpeg_keeps_its_coded_pixels(tmp_path: Path) -> None:
    told = [
        app(0xE1, b"Exif\0\0" + told_exif(6)),
        app(0xE1, b"http://ns.adobe.com/xap/1.0/\0SECRET"),
        app(0xE2, b"MPF\0SECRET"),
        app(0xED, b"Photoshop 3.0\0SECRET"),
        app(0xEA, b"SECRET of a maker"),
        app(0xFE, b"SECRET comment"),
    ]
    data = jpeg_with(*told, behind=b"\xff\xd8SECRET film\xff\xd9")
    found = stripped(data, "jpeg", tmp_path)
    assert found is not None
    assert SECRET not in found
    assert found.endswith(b"\xff\xd9")
    assert np.array_equal(pixels(found, "a.jpg", tmp_path), pixels(data, "b.jpg", tmp_path))  # turned alike
    assert pixels(found, "a.jpg", tmp_path).shape == (64, 48, 3)
    scan = data.index(b"\xff\xda")
    assert data[scan : data.index(b"\xff\xd9", scan)] in found


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_lies_on_its_side_still_does(orientation: int, tmp_path: Path) -> None:
    data = pictures.jpeg(orientation=orientation)
    found = stripped(data, "jpeg", tmp_path)
    assert found is not None
    assert b"Secret Camera Works" not in found
    assert np.array_equal(pixels(found, "a.jpg", tmp_path), pixels(data, "b.jpg", tmp_path))


def test_colours_told_by_exif_alone_are_kept(tmp_path: Path) -> None:
    data = pictures.adobe_rgb_jpeg(pictures.pixels())
    found = stripped(data, "jpeg", tmp_path)
    assert found is not None
    assert np.array_equal(pixels(found, "a.jpg", tmp_path), pixels(data, "b.jpg", tmp_path))
    plain = pictures.jpeg(pictures.pixels())
    assert not np.array_equal(pixels(found, "a.jpg", tmp_path), pixels(plain, "c.jpg", tmp_path))


def test_a_credit_is_the_only_thing_told(tmp_path: Path) -> None:
    credit = Credit("Ada Lovelace", "© Größe")
    found = stripped(pictures.jpeg(orientation=6), "jpeg", tmp_path, credit)
    assert found is not None
    exif = Image.open(io.BytesIO(found)).getexif()
    assert {0x0112: 6, 0x013B: "Ada Lovelace"}.items() <= dict(exif).items()
    assert len(exif) == 3


@pytest.mark.parametrize("cut", [10, -400, -2])
def test_a_broken_jpeg_is_not_handed_out(cut: int, tmp_path: Path) -> None:
    assert stripped(pictures.jpeg()[:cut], "jpeg", tmp_path) is None


def test_a_png_keeps_its_picture_chunks(tmp_path: Path) -> None:
    plain = pictures.image(pictures.pixels()).pngsave_buffer(keep="none")
    told = [
        exif_bytes.chunk(b"eXIf", told_exif(6)),
        exif_bytes.chunk(b"tEXt", b"Author\0SECRET"),
        exif_bytes.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0SECRET"),
        exif_bytes.chunk(b"tIME", bytes(7)),
        exif_bytes.chunk(b"prVt", b"SECRET"),
    ]
    data = plain[:33] + b"".join(told) + plain[33:] + b"SECRET behind"
    found = stripped(data, "png", tmp_path)
    assert found is not None
    assert SECRET not in found
    kinds = [kind for kind, _ in stripping._png_chunks(found)]
    assert {*kinds} <= {b"IHDR", b"eXIf", b"pHYs", b"IDAT", b"IEND"}
    assert np.array_equal(pixels(found, "a.png", tmp_path), pixels(data, "b.png", tmp_path))


def test_a_webp_keeps_its_picture_chunks(tmp_path: Path) -> None:
    image = pictures.image(pictures.pixels())
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x>SECRET</x>")
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Make", "SECRET")
    image.set_type(pyvips.GValue.gint_type, "orientation", 3)
    data = image.webpsave_buffer(Q=80)
    assert SECRET in data
    found = stripped(data, "webp", tmp_path)
    assert found is not None
    assert SECRET not in found
    assert struct.unpack("<I", found[4:8])[0] + 8 == len(found)
    assert np.array_equal(pixels(found, "a.webp", tmp_path), pixels(data, "b.webp", tmp_path))
    assert stripped(pictures.frames(".webp"), "webp", tmp_path) is None


@pytest.mark.parametrize("compression", ["none", "deflate", "lzw", "packbits"])
@pytest.mark.parametrize("tile", [True, False])
def test_a_tiff_keeps_its_samples(compression: str, tile: bool, tmp_path: Path) -> None:
    image = pictures.image(pictures.pixels(), exif_ifd0_Make="SECRET", exif_ifd3_GPSLatitude="52/1 31/1 0/1")
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x>SECRET</x>")
    image.set_type(pyvips.GValue.blob_type, "iptc-data", b"SECRET")
    image.set_type(pyvips.GValue.gstr_type, "image-description", "SECRET")
    data = image.tiffsave_buffer(compression=compression, tile=tile, tile_width=32, tile_height=32, predictor="none")
    assert SECRET in data
    found = stripped(data, "tiff", tmp_path)
    assert found is not None
    assert SECRET not in found
    assert len(found) == len(data)
    assert np.array_equal(pixels(found, "a.tif", tmp_path), pixels(data, "b.tif", tmp_path))


def test_a_tiff_that_cannot_be_told_apart_is_not_handed_out(tmp_path: Path) -> None:
    image = pictures.image(pictures.pixels())
    assert stripped(image.tiffsave_buffer(compression="jpeg"), "tiff", tmp_path) is None
    assert stripped(image.tiffsave_buffer(bigtiff=True), "tiff", tmp_path) is None
    assert stripped(image.tiffsave_buffer()[:200], "tiff", tmp_path) is None
    # of several pictures the first one stays
    two = stripped(pictures.frames(".tif"), "tiff", tmp_path)
    assert two is not None
    assert pyvips.Image.tiffload_buffer(two).get("n-pages") == 1


@pytest.mark.parametrize("format", ["heic", "avif"])
def test_a_heif_keeps_its_coded_pictures(format: str, tmp_path: Path) -> None:
    chosen = pictures.noise(96, 64)
    file = io.BytesIO()
    if format == "heic":
        heif = pillow_heif.from_bytes("RGB", (96, 64), chosen.tobytes())
        heif.save(file, quality=90, exif=b"Exif\0\0" + told_exif(), xmp=b"<x>SECRET</x>")
        data = file.getvalue()
    else:
        image = pictures.image(chosen, exif_ifd0_Make="SECRET")
        image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x>SECRET</x>")
        data = image.heifsave_buffer(compression="av1", Q=80, effort=0)
    assert SECRET in data
    found = stripped(data, format, tmp_path)
    assert found is not None
    assert SECRET not in found
    assert len(found) == len(data)
    assert np.array_equal(pixels(found, f"a.{format}", tmp_path), pixels(data, f"b.{format}", tmp_path))


def test_a_heif_with_other_parts_is_not_handed_out(tmp_path: Path) -> None:
    data = pictures.heic()
    film = exif_bytes.box(b"mpvd", b"SECRET film")
    assert stripped(data + film, "heic", tmp_path) is None
    assert stripped(data[:-50], "heic", tmp_path) is None
    # what no item names is blanked, wherever it came from
    mdat = data.index(b"mdat")
    junk = exif_bytes.box(b"free", b"SECRET left behind")
    found = stripped(data + junk, "heic", tmp_path)
    assert found is not None
    assert (SECRET in found, mdat) == (False, found.index(b"mdat"))


@pytest.mark.parametrize("format", ["dng", "cr3", "nef", "gif", "xmp", "nonsense"])
def test_formats_that_are_not_stripped(format: str, tmp_path: Path) -> None:
    assert stripped(pictures.jpeg(), format, tmp_path) is None


def test_the_plain_block_says_no_more_than_it_must() -> None:
    assert plain_exif.block() == plain_exif.block(Credit(), orientation=1) == b""
    block = plain_exif.block(Credit("A" * 5000, None))
    assert len(block) == 8 + 2 + 12 + 4 + 2001 + 1
