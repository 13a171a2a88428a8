"""Sizes, formats, crops and file sizes of stills, and what becomes of odd originals."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from ml import color
from ml.exporting import still
from ml.exporting.still import DEVELOPED, Still
from ml.ingest import Refusal
from ml.refusals import Reason
from tests.support import pictures

Render = Callable[..., list[Still]]


def pixels_of(made: Still) -> NDArray[Any]:
    found: NDArray[Any] = pyvips.Image.new_from_file(made.path).numpy()
    return found


def waves(width: int, height: int) -> pictures.Pixels:
    """Smooth in both directions and nowhere the same: every shift of it shows."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    bands = (120 + 90 * np.sin(x / 37), 120 + 90 * np.cos(y / 23), 60 + 120 * (x / width))
    return np.stack(bands, axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("format", "extension", "content_type", "begins"),
    [
        ("jpeg", "jpg", "image/jpeg", b"\xff\xd8\xff"),
        ("png", "png", "image/png", b"\x89PNG"),
        ("tiff", "tif", "image/tiff", b"II*\x00"),
        ("webp", "webp", "image/webp", b"RIFF"),
    ],
)
def test_a_file_is_what_it_says(
    render: Render, out: Path, format: str, extension: str, content_type: str, begins: bytes
) -> None:
    [made] = render(pictures.jpeg(waves(300, 200)), format=format, long_edge_px=150)
    data = (out / f"made-0.{extension}").read_bytes()
    assert made.path == str(out / f"made-0.{extension}")
    assert (made.content_type, made.width, made.height) == (content_type, 150, 100)
    assert data.startswith(begins)
    assert (made.byte_size, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert made.crc32 == zlib.crc32(data)
    assert pixels_of(made).shape == (100, 150, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(render: Render, orientation: int) -> None:
    wide = orientation < 5
    [made] = render(pictures.jpeg(waves(300, 200), orientation=orientation), long_edge_px=150)
    assert (made.width, made.height) == ((150, 100) if wide else (100, 150))


def test_the_long_edge_never_enlarges(render: Render) -> None:
    [made] = render(pictures.jpeg(waves(300, 200)), long_edge_px=5_000)
    assert (made.width, made.height) == (300, 200)


@pytest.mark.parametrize(("width", "height"), [(1080, 1350), (1080, 1080), (77, 501), (1, 1)])
def test_an_exact_size_is_met_exactly(render: Render, width: int, height: int) -> None:
    for size in ((300, 200), (200, 300), (1999, 1501)):
        for fit in ("crop", "pad_blur"):
            [made] = render(pictures.jpeg(waves(*size)), size_px=[width, height], fit=fit)
            assert (made.width, made.height) == (width, height)
            assert pixels_of(made).shape == (height, width, 3)


def test_a_crop_is_cut_where_it_was_asked_for(render: Render) -> None:
    data = pictures.image(pictures.pixels(400, 200)).pngsave_buffer()
    [blue] = render(data, format="png", crops=[{"x": 0.0, "y": 0.5, "width": 0.5, "height": 0.5}])
    assert (blue.width, blue.height) == (200, 100)
    assert np.unique(pixels_of(blue).reshape(-1, 3), axis=0).tolist() == [[40, 60, 180]]


@pytest.mark.parametrize("slides", [2, 3])
@pytest.mark.parametrize("size", [(3000, 900), (2999, 937), (3333, 1001), (1700, 500)])
def test_slides_of_a_panorama_join_without_gap_or_overlap(render: Render, size: tuple[int, int], slides: int) -> None:
    """Side by side they are the strip that one crop of the whole run of slides gives."""
    width, height = size
    ratio = 4 / 5
    part = ratio * height / width
    if part * slides > 1:
        part, tall = 1 / slides, width / slides / ratio / height
    else:
        tall = 1.0
    left, top = (1 - part * slides) / 2, (1 - tall) / 2
    crops = [{"x": left + n * part, "y": top, "width": part, "height": tall} for n in range(slides)]
    data = pictures.image(waves(width, height)).pngsave_buffer()
    made = render(data, format="png", crops=crops, size_px=[480, 600])
    assert [(one.width, one.height) for one in made] == [(480, 600)] * slides
    joined = np.hstack([pixels_of(one) for one in made])
    whole = {"x": left, "y": top, "width": part * slides, "height": tall}
    [strip] = render(data, format="png", crops=[whole], size_px=[480 * slides, 600])
    assert np.array_equal(joined, pixels_of(strip))


def test_slides_join_where_fractions_were_rounded(render: Render) -> None:
    """To four digits: no step at the seam is larger than those within the slides."""
    crops = [{"x": round(n * 0.3333, 4), "y": 0.0, "width": 0.3333, "height": 1.0} for n in range(3)]
    data = pictures.image(waves(3000, 1250)).pngsave_buffer()
    joined = np.hstack([pixels_of(one) for one in render(data, format="png", crops=crops, size_px=[400, 500])])
    steps = np.abs(np.diff(joined.astype(int), axis=1)).max(axis=(0, 2))
    seams = steps[[399, 799]]
    assert seams.max() <= np.delete(steps, [399, 799]).max()
    assert seams.min() >= 1  # an overlap would repeat a column


def test_padding_keeps_the_whole_picture_in_the_middle(render: Render) -> None:
    picture = waves(1080, 720)
    [made] = render(pictures.image(picture).pngsave_buffer(), format="png", size_px=[1080, 1920], fit="pad_blur")
    found = pixels_of(made)
    assert np.array_equal(found[600:1320], picture)
    behind = np.vstack([found[:600], found[1320:]])
    assert behind.mean() < picture.mean() * 0.75
    assert np.abs(np.diff(behind[:590].astype(int), axis=1)).max() <= 2


def test_sixteen_bits_stay_sixteen(render: Render) -> None:
    ramp = np.tile(np.linspace(20_000, 24_000, 1024).astype(np.uint16)[:, None], (8, 1, 3)).reshape(8, 1024, 3)
    data = pyvips.Image.new_from_array(ramp).copy(interpretation="rgb16").tiffsave_buffer()
    for format in ("tiff", "png"):
        [deep] = render(data, format=format, bit_depth=16)
        found = pixels_of(deep)
        assert found.dtype == np.uint16
        assert np.array_equal(found, ramp)
        [shallow] = render(data, format=format, bit_depth=8)
        assert pixels_of(shallow).dtype == np.uint8


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_sixteen_bits_are_reduced_and_turned_like_eight(render: Render, orientation: int) -> None:
    """Over transparency too: what is fully transparent does not bleed into its surroundings."""
    deep = np.dstack([waves(600, 400), np.where(np.arange(600) < 300, 0, 255) * np.ones((400, 1))]).astype(np.uint16)
    shown = pyvips.Image.new_from_array(deep * 257).copy(interpretation="rgb16")
    shown.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    data = shown.tiffsave_buffer()
    [plain] = render(data, format="png", long_edge_px=150)
    eight = pixels_of(plain).astype(int)
    [made] = render(data, format="png", bit_depth=16, long_edge_px=150)
    assert (made.width, made.height) == ((100, 150) if orientation == 6 else (150, 100))
    assert np.abs(pixels_of(made) / 257 - eight).max() <= 2


def test_a_file_size_is_kept_to_with_the_best_quality(render: Render) -> None:
    photo = pictures.jpeg(pictures.noise(400, 300), quality=98)
    for format in ("jpeg", "webp"):
        sizes = {q: render(photo, format=format, quality=q)[0].byte_size for q in (45, 60, 75)}
        for quality, size in sizes.items():
            [made] = render(photo, format=format, quality=95, max_bytes=size)
            assert (made.byte_size, made.notes) == (size, [color.NO_PROFILE])
            assert made.quality in (quality, quality + 1)  # two qualities of a WebP may have one size
        [open_] = render(photo, format=format, quality=60, max_bytes=10**9)
        assert (open_.quality, open_.byte_size) == (60, sizes[60])


@pytest.mark.parametrize(("format", "said"), [("jpeg", " at quality 40"), ("webp", " at quality 40"), ("png", "")])
def test_a_file_size_that_cannot_be_met_is_told(render: Render, format: str, said: str) -> None:
    [made] = render(pictures.jpeg(pictures.noise(400, 300)), format=format, max_bytes=2_000)
    assert made.notes[-1] == f"larger than 2000 bytes{said}"
    assert made.byte_size > 2_000
    assert made.quality == (40 if said else None)


def test_the_metadata_counts_in_the_file_size(render: Render) -> None:
    photo = pictures.jpeg(pictures.noise(400, 300))
    words = {"description": "d" * 3_000, "keywords": [f"keyword {n}" for n in range(200)]}
    for most in range(60_000, 60_200, 20):
        [made] = render(photo, quality=95, max_bytes=most, metadata="all", fields=words)
        assert made.byte_size <= most
        assert made.notes == [color.NO_PROFILE]


def test_transparency_becomes_white(render: Render) -> None:
    for format in ("jpeg", "png"):
        for depth in (8, 16):
            [made] = render(pictures.translucent_png(), format=format, bit_depth=depth)
            found = pixels_of(made)
            assert found.shape == (64, 96, 3)
            assert found[10, 10].tolist() == [np.iinfo(found.dtype).max] * 3
            assert found[10, 90].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (pictures.heic(), "heic"),
        (pictures.avif(), "avif"),
        (pictures.cmyk_jpeg(), "jpg"),
        (pictures.sixteen_bit_tiff(), "tif"),
        (pictures.image(pictures.pixels()[..., 0]).jpegsave_buffer(), "jpg"),
        (pictures.frames(".gif"), "gif"),
        (pictures.image(pictures.pixels(1, 1)).pngsave_buffer(), "png"),
        (pictures.image(np.zeros((2, 3000, 3), np.uint8)).pngsave_buffer(), "png"),
    ],
)
@pytest.mark.parametrize("space", ["srgb", "display_p3", "prophoto_rgb"])
def test_anything_that_is_a_picture_can_be_exported(render: Render, data: bytes, name: str, space: str) -> None:
    for plan in ({"format": "jpeg"}, {"format": "tiff", "bit_depth": 16}, {"format": "webp", "size_px": [64, 80]}):
        [made] = render(data, color_space=space, sharpen="print", metadata="all", format_in=name, **plan)
        assert pixels_of(made).shape == (made.height, made.width, 3)


def test_a_raw_file_is_shown_by_its_camera_jpeg_or_developed(render: Render) -> None:
    inside = pictures.jpeg(pictures.pixels(1200, 900))
    raw = pictures.dng(inside, width=1200, height=900)
    [shown] = render(raw, format="png", format_in="dng")
    assert (shown.width, shown.height) == (1200, 900)
    assert np.ptp(pixels_of(shown)[::100, ::100].reshape(-1, 3), axis=0).max() > 100
    [developed] = render(raw, format="png", format_in="dng", develop=True)
    assert np.ptp(pixels_of(developed).reshape(-1, 3).astype(int), axis=0).max() <= 2
    [deep] = render(raw, format="tiff", bit_depth=16, color_space="prophoto_rgb", format_in="dng", develop=True)
    assert pixels_of(deep).dtype == np.uint16


def test_a_small_camera_jpeg_is_not_delivered_as_the_full_size(render: Render) -> None:
    raw = pictures.dng(pictures.jpeg(pictures.pixels(1200, 900)), width=2400, height=1800)
    [full] = render(raw, format_in="dng")
    assert (full.width, full.height) == (2400, 1800)
    assert DEVELOPED in full.notes
    [small] = render(raw, format_in="dng", long_edge_px=1000)
    assert (small.width, small.height) == (1000, 750)
    assert DEVELOPED not in small.notes


def test_the_same_tones_whichever_way_a_raw_file_is_developed(render: Render) -> None:
    raw = pictures.dng(None, width=200, height=150)
    [plain] = render(raw, format="png", format_in="dng", develop=True)
    tones = pixels_of(plain).astype(int)
    [deep] = render(raw, format="png", bit_depth=16, format_in="dng", develop=True)
    assert np.abs(pixels_of(deep) / 257 - tones).max() <= 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.NOT_AN_IMAGE),
        (b"no photo at all", Reason.NOT_AN_IMAGE),
        (pictures.jpeg(pictures.noise(300, 200))[:9_000], Reason.TRUNCATED),
        (pictures.cut_to_header_png(60_000, 60_000), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_is_written(
    tmp_path: Path, out: Path, data: bytes, reason: Reason
) -> None:
    path = tmp_path / "original"
    path.write_bytes(data)
    answer = still.render(str(path), str(out), "made", {"format": "jpeg"})
    assert isinstance(answer, Refusal)
    assert answer.refused is reason
    assert list(out.iterdir()) == []


def test_a_picture_too_long_for_its_format_is_refused(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(pictures.image(np.zeros((2, 16_384, 3), np.uint8)).pngsave_buffer())
    answer = still.render(str(path), str(out), "made", {"format": "webp"})
    assert isinstance(answer, Refusal)
    assert answer.refused is Reason.TOO_LARGE
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    "plan",
    [
        {"format": "bmp"},
        {"quality": 0},
        {"quality": 101},
        {"bit_depth": 12},
        {"color_space": "developed"},
        {"metadata": "some"},
        {"crops": [{"x": "left"}]},
    ],
)
def test_what_is_no_plan_is_our_own_mistake(tmp_path: Path, out: Path, plan: dict[str, Any]) -> None:
    path = tmp_path / "original"
    path.write_bytes(pictures.jpeg())
    with pytest.raises(ValueError):  # noqa: PT011 - the words are msgspec's
        still.render(str(path), str(out), "made", plan)


def test_the_same_plan_gives_the_same_bytes(render: Render) -> None:
    photo = pictures.jpeg(waves(300, 200))
    for format in ("jpeg", "png", "tiff", "webp"):
        plan = {"format": format, "long_edge_px": 200, "sharpen": "screen", "metadata": "all"}
        first, again = (render(photo, fields={"title": "A"}, **plan)[0].sha256 for _ in range(2))
        assert first == again


def test_any_crops_and_sizes_stay_within_the_picture(render: Render) -> None:
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    for _ in range(60):
        photo = pictures.jpeg(waves(rng.randint(1, 700), rng.randint(1, 700)), orientation=rng.randint(1, 8))
        size = [rng.randint(1, 400), rng.randint(1, 400)]
        x, y = rng.random() * 0.99, rng.random() * 0.99
        cut = {"x": x, "y": y, "width": max(1e-4, rng.random() * (1 - x)), "height": max(1e-4, rng.random() * (1 - y))}
        for fit in ("crop", "pad_blur"):
            [made] = render(photo, crops=[cut], size_px=size, fit=fit)
            assert [made.width, made.height] == size, f"seed {seed}"
        [free] = render(photo, crops=[cut], long_edge_px=rng.randint(1, 400))
        assert min(free.width, free.height) >= 1, f"seed {seed}"
