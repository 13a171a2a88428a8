"""At 1:1: the whole without loss where that can be, and any part of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips

from ml import ingest, jpeg, profiles
from ml.ingest import Refusal
from ml.profiles import Space
from ml.renditions import Kind, Rendition
from tests.support import pictures


def write(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "original"
    path.write_bytes(data)
    return str(path)


def full(tmp_path: Path, out: Path, data: bytes, name: str = "a.jpg") -> tuple[Rendition, bytes]:
    made = ingest.full(write(tmp_path, data), str(out), name)
    assert isinstance(made, Rendition), made
    return made, Path(made.path).read_bytes()


def decoded(data: bytes) -> pictures.Pixels:
    return np.asarray(pyvips.Image.jpegload_buffer(data).numpy())


def test_an_upright_jpeg_keeps_its_pixels_to_the_bit(tmp_path: Path, out: Path) -> None:
    original = pictures.jpeg(pictures.noise(300, 200))
    made, stored = full(tmp_path, out, original + b"a film of the moment before")
    assert (made.kind, made.width, made.height) == (Kind.FULL, 300, 200)
    assert np.array_equal(decoded(stored), decoded(original))
    assert b"Secret" not in stored
    assert stored.endswith(jpeg.EOI)
    assert len(stored) < len(original)


def test_its_profile_stays(tmp_path: Path, out: Path) -> None:
    tagged = pictures.with_profile(pictures.image(pictures.pixels()), profiles.icc(Space.ADOBE_RGB))
    _, stored = full(tmp_path, out, tagged.jpegsave_buffer(Q=90))
    assert pyvips.Image.jpegload_buffer(stored).get("icc-profile-data") == profiles.icc(Space.ADOBE_RGB)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (pictures.jpeg(orientation=6), "a.jpg"),
        (pictures.adobe_rgb_jpeg(pictures.pixels()), "a.jpg"),
        (pictures.cmyk_jpeg(), "a.jpg"),
        (pictures.jpeg(pictures.noise(96, 64))[:-2], "a.jpg"),
        (pictures.heic(), "a.heic"),
        (pictures.translucent_png(), "a.png"),
    ],
)
def test_anything_else_is_encoded_again_in_plain_srgb(tmp_path: Path, out: Path, data: bytes, name: str) -> None:
    made, stored = full(tmp_path, out, data, name)
    assert {made.width, made.height} == {96, 64}
    again = pyvips.Image.jpegload_buffer(stored)
    assert (again.bands, again.interpretation) == (3, "srgb")
    assert b"Secret" not in stored
    assert not again.get_typeof("icc-profile-data")


def test_a_turned_jpeg_stands_upright(tmp_path: Path, out: Path) -> None:
    made, stored = full(tmp_path, out, pictures.jpeg(orientation=6))
    assert (made.width, made.height) == (64, 96)
    assert np.abs(decoded(stored)[24, 48].astype(int) - (200, 40, 40)).max() < 6


def crop(tmp_path: Path, out: Path, data: bytes, x: float, y: float, size: float, max_px: int) -> Rendition:
    made = ingest.crop(write(tmp_path, data), str(out), "a.jpg", x=x, y=y, width=size, height=size, max_px=max_px)
    assert isinstance(made, Rendition), made
    return made


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_shows_what_the_whole_has_there(tmp_path: Path, out: Path, orientation: int) -> None:
    data = pictures.jpeg(pictures.pixels(800, 600), orientation=orientation)
    upright = pyvips.Image.jpegload_buffer(data).autorot().numpy()
    made = crop(tmp_path, out, data, 0.25, 0.25, 0.5, 4000)
    height, width, _ = upright.shape
    wanted = upright[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]
    assert (made.height, made.width) == wanted.shape[:2]
    seen = decoded(Path(made.path).read_bytes())
    assert np.abs(seen.astype(int) - wanted.astype(int)).mean() < 2


def test_one_to_one_is_one_to_one(tmp_path: Path, out: Path) -> None:
    """Noise survives only if no pixel was resampled."""
    picture = pictures.noise(400, 300)
    made = crop(tmp_path, out, pictures.jpeg(picture, quality=100), 0.5, 0.5, 0.25, 4000)
    seen = decoded(Path(made.path).read_bytes())
    assert seen.shape == (75, 100, 3)
    assert np.corrcoef(seen.ravel(), picture[150:225, 200:300].ravel())[0, 1] > 0.9


def test_a_part_is_reduced_to_what_was_asked_for(tmp_path: Path, out: Path) -> None:
    data = pictures.jpeg(pictures.pixels(3000, 2000))
    made = crop(tmp_path, out, data, 0.0, 0.0, 1.0, 300)
    assert (made.width, made.height) == (300, 200)
    assert crop(tmp_path, out, data, 0.5, 0.5, 0.5, 300).width == 300
    assert crop(tmp_path, out, data, 0.9999, 0.9999, 0.0001, 300).width == 1


@pytest.mark.parametrize("x", [-0.1, 1.0, float("nan")])
def test_a_part_of_nothing_is_the_callers_mistake(tmp_path: Path, out: Path, x: float) -> None:
    with pytest.raises(ValueError, match="not a part of a picture"):
        crop(tmp_path, out, pictures.jpeg(), x, 0.0, 0.5, 300)
    assert list(out.iterdir()) == []


def test_no_picture_no_part(tmp_path: Path, out: Path) -> None:
    answer = ingest.crop(
        write(tmp_path, b"%PDF-1.7"), str(out), "a.jpg", x=0.0, y=0.0, width=1.0, height=1.0, max_px=100
    )
    assert isinstance(answer, Refusal)
    assert answer.refused == "not_an_image"
