"""One decode gives everything, upright, in sRGB, and with nothing of the camera's in it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips

from ml import color, ingest, jpeg, profiles
from ml.formats import Format
from ml.ingest import Developed
from ml.profiles import Space
from ml.raws import Source
from ml.renditions import Kind, Rendition
from tests.ml.conftest import Develop
from tests.support import pictures

SECRETS = (b"Secret Camera", b"Exif", b"http://ns.adobe.com", b"Photoshop 3.0")
TELLING = {"exif_ifd0_Make": "Secret Camera Works", "exif_ifd3_GPSLatitude": "52/1 31/1 0/1"}
TOLERANCE = 6


def shown(developed: Developed, kind: Kind = Kind.PREVIEW) -> pictures.Pixels:
    """The pixels of a rendition, loaded without regard to any orientation tag."""
    (path,) = [one.path for one in developed.renditions if one.kind is kind]
    load = pyvips.Image.webpload_buffer if path.endswith("webp") else pyvips.Image.jpegload_buffer
    return np.asarray(load(Path(path).read_bytes()).numpy())


def assert_alike(got: pictures.Pixels, wanted: pictures.Pixels) -> None:
    """Equal in the middle of each quarter: at the edges codecs ring."""
    assert got.shape == wanted.shape
    height, width, _ = wanted.shape
    for y in (height // 4, height * 3 // 4):
        for x in (width // 4, width * 3 // 4):
            assert np.abs(got[y, x].astype(int) - wanted[y, x].astype(int)).max() <= TOLERANCE, (x, y)


@pytest.mark.parametrize(
    ("data", "name", "format", "notes"),
    [
        (pictures.jpeg(), "a.jpg", Format.JPEG, [color.NO_PROFILE]),
        (pictures.heic(), "a.heic", Format.HEIC, []),
        (pictures.avif(), "a.avif", Format.AVIF, [color.NO_PROFILE]),
        (pictures.sixteen_bit_tiff(), "a.tif", Format.TIFF, []),
        (pictures.frames(".gif"), "a.gif", Format.GIF, ["animated: first frame"]),
        (pictures.frames(".tif"), "a.tif", Format.TIFF, ["several pictures: first one"]),
        (pictures.jpeg(), "renamed.nef", Format.JPEG, [color.NO_PROFILE]),
    ],
)
def test_every_format_shows_the_same_picture(
    develop: Develop, data: bytes, name: str, format: Format, notes: list[str]
) -> None:
    done = develop(data, name)
    assert (done.format, done.width, done.height, done.source, done.notes) == (format, 96, 64, Source.DECODE, notes)
    assert (done.sha256, done.byte_size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert_alike(shown(done), pictures.pixels())


def test_lossy_animation_shows_its_first_frame(develop: Develop) -> None:
    done = develop(pictures.frames(".webp"), "a.webp")
    assert "animated: first frame" in done.notes
    assert np.abs(shown(done).mean(axis=(0, 1)) - pictures.pixels().mean(axis=(0, 1))).max() < TOLERANCE


def test_sizes_and_the_rest_of_one_answer(develop: Develop) -> None:
    done = develop(pictures.jpeg(pictures.pixels(4096, 1024)), "a.jpg")
    assert [(one.kind, one.content_type, one.width, one.height) for one in done.renditions] == [
        (Kind.PREVIEW, "image/jpeg", 2048, 512),
        (Kind.THUMBNAIL, "image/webp", 512, 128),
        (Kind.MICRO, "image/webp", 320, 80),
    ]
    for one in done.renditions:
        stored = Path(one.path).read_bytes()
        assert (one.byte_size, one.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert (done.width, done.height) == (4096, 1024)
    assert [done.average_color >> shift & 0xFF for shift in (16, 8, 0)] == [130, 125, 130]
    assert len(done.thumbhash) == 17


def test_a_small_photo_is_never_enlarged(develop: Develop) -> None:
    done = develop(pictures.jpeg(pictures.pixels(40, 30)), "a.jpg")
    assert {(one.width, one.height) for one in done.renditions} == {(40, 30)}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("width", [96, 3000])
def test_all_orientations_stand_upright(develop: Develop, orientation: int, width: int) -> None:
    upright = pictures.pixels(width, width * 2 // 3)
    turned = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, 1)  # its inverse
    stored = pictures.image(upright, orientation=turned).autorot().numpy()
    done = develop(pictures.jpeg(stored, orientation=orientation), "a.jpg")
    assert (done.width, done.height) == (width, width * 2 // 3)
    seen = shown(done)
    assert_alike(seen, upright if width == 96 else pictures.pixels(seen.shape[1], seen.shape[0]))


def test_a_png_with_alpha_lies_on_white(develop: Develop) -> None:
    seen = shown(develop(pictures.translucent_png(), "a.png"))
    assert seen[32, 8].tolist() == [255, 255, 255]
    assert seen[32, 88].tolist() == [0, 0, 0]


def test_cmyk_comes_back_from_the_press(develop: Develop) -> None:
    done = develop(pictures.cmyk_jpeg(), "a.jpg")
    assert done.notes == [color.NO_CMYK_PROFILE]
    assert np.abs(shown(done)[48, 72].astype(int) - 240).max() <= 10
    assert shown(done)[16, 24][0] > 170  # red ink stays red


def test_grey_becomes_three_equal_bands(develop: Develop) -> None:
    ramp = np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))
    seen = shown(develop(pictures.image(ramp).jpegsave_buffer(Q=95), "a.jpg"))
    assert seen.shape == (64, 96, 3)
    assert np.ptp(seen.astype(int), axis=2).max() <= 1


def test_an_embedded_profile_is_followed(develop: Develop) -> None:
    tagged = pictures.with_profile(pictures.image(pictures.pixels()), profiles.icc(Space.ADOBE_RGB))
    done = develop(tagged.pngsave_buffer(), "a.png")
    assert done.notes == []
    # (200, 40, 40) in Adobe RGB is out of sRGB's reach; (240, 240, 240) is neutral in both
    assert shown(done)[16, 24].tolist()[0] > 225
    assert np.abs(shown(done)[48, 72].astype(int) - 240).max() <= 2


def test_adobe_rgb_said_by_exif_alone_is_followed(develop: Develop) -> None:
    done = develop(pictures.adobe_rgb_jpeg(pictures.pixels()), "a.jpg")
    assert done.notes == [color.ADOBE_RGB_BY_EXIF]
    assert shown(done)[16, 24].tolist()[0] > 225


def test_a_broken_profile_is_ignored_and_told(develop: Develop) -> None:
    tagged = pictures.with_profile(pictures.image(pictures.pixels()), b"\x00" * 16 + b"RGB " + b"\x00" * 300)
    done = develop(tagged.jpegsave_buffer(Q=95, subsample_mode="off"), "a.jpg")
    assert_alike(shown(done), pictures.pixels())


def test_the_same_bytes_give_the_same_files(develop: Develop) -> None:
    data = pictures.jpeg(pictures.noise(700, 500))
    first, second = develop(data, "a.jpg", full=True), develop(data, "a.jpg", full=True)
    assert first == second


def test_the_checksum_is_compared_before_anything_is_decoded(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff not a picture at all")
    answer = ingest.develop(str(path), str(out), "a.jpg", expected_sha256="0" * 64)
    assert isinstance(answer, ingest.Refusal)
    assert answer.refused == "checksum_mismatch"
    assert list(out.iterdir()) == []


def test_the_right_checksum_is_accepted_in_capitals(develop: Develop) -> None:
    data = pictures.jpeg()
    assert develop(data, "a.jpg", expected_sha256=hashlib.sha256(data).hexdigest().upper()).width == 96


def markers(data: bytes) -> Iterator[int]:
    yield from (segment.marker for segment in jpeg.segments(data))


def chunks(webp: bytes) -> Iterator[bytes]:
    at = 12
    while at < len(webp):
        yield webp[at : at + 4]
        size = int.from_bytes(webp[at + 4 : at + 8], "little")
        at += 8 + size + size % 2


def carrying(orientation: int = 1) -> pyvips.Image:
    return pictures.image(pictures.pixels(1200, 800), orientation=orientation, **TELLING)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (carrying().jpegsave_buffer(), "upright.jpg"),
        (carrying(6).jpegsave_buffer(), "turned.jpg"),
        (carrying().webpsave_buffer(), "a.webp"),
        (carrying().pngsave_buffer(), "a.png"),
        (carrying().heifsave_buffer(compression="av1", effort=0), "a.avif"),
        (pictures.dng(carrying().jpegsave_buffer(), width=1200, height=800), "a.dng"),
        (pictures.dng(carrying().jpegsave_buffer(), width=1200, height=800, orientation=6), "turned.dng"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_rendition_carries_metadata(develop: Develop, out: Path, data: bytes, name: str) -> None:
    assert b"Secret Camera" in data
    done = develop(data, name, full=True)
    path, where = str(out.parent / "original"), {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5, "max_px": 512}
    made = [*done.renditions, ingest.crop(path, str(out), name, **where)]
    kinds = [Kind.PREVIEW, Kind.THUMBNAIL, Kind.MICRO, Kind.FULL, Kind.CROP]
    if name.endswith(".dng"):
        developed = ingest.develop_raw(path, str(out.parent), name)
        assert isinstance(developed, list)
        made, kinds = [*made, *developed], [*kinds, *kinds[:4]]
    assert [one.kind for one in made if isinstance(one, Rendition)] == kinds
    for one in made:
        assert isinstance(one, Rendition)
        stored = Path(one.path).read_bytes()
        assert (one.kind, [secret for secret in SECRETS if secret in stored]) == (one.kind, [])
        if one.content_type == "image/jpeg":
            assert {marker for marker in markers(stored) if 0xE0 <= marker <= 0xEF or marker == 0xFE} <= {0xE0}
        else:
            assert list(chunks(stored)) == [b"VP8 "]


@pytest.mark.exiftool
def test_exiftool_finds_nothing_of_the_camera(develop: Develop, out: Path) -> None:
    develop(pictures.jpeg(pictures.pixels(1200, 800), orientation=6), "a.jpg", full=True)
    done = subprocess.run(["exiftool", "-j", "-G1", str(out)], capture_output=True, check=True)
    groups = {tag.partition(":")[0] for file in json.loads(done.stdout) for tag in file}
    assert groups == {"SourceFile", "ExifTool", "System", "File", "RIFF", "Composite"}


def test_the_preview_is_baseline_and_subsampled(develop: Develop) -> None:
    done = develop(pictures.jpeg(), "a.jpg")
    preview = Path(done.renditions[0].path).read_bytes()
    assert [marker for marker in markers(preview) if 0xC0 <= marker <= 0xC2] == [0xC0]
    assert pyvips.Image.jpegload_buffer(preview).get("jpeg-chroma-subsample") == "4:2:0"


def test_srgb_by_profile_is_not_converted() -> None:
    srgb = pictures.image(pictures.pixels()).icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    assert color.is_srgb(srgb)
    assert not color.is_srgb(profiles.icc(Space.ADOBE_RGB))
    assert not color.is_srgb(b"")
    assert not color.is_srgb(srgb.replace(b"rXYZ", b"xXYZ"))


def test_answers_are_plain_values(develop: Develop) -> None:
    done = develop(pictures.jpeg(), "a.jpg")
    assert replace(done, notes=[]).notes == []
    assert isinstance(done.thumbhash, bytes)
