"""Colour spaces, sharpening and marks of exported stills."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from ml import color, profiles
from ml.exporting.sharpening import Sharpening, sharpened
from ml.exporting.still import Still
from ml.profiles import Space
from tests.support import pictures

Render = Callable[..., list[Still]]

DELIVERED = (Space.SRGB, Space.DISPLAY_P3, Space.ADOBE_RGB, Space.PROPHOTO_RGB)
#: What the primaries and white of sRGB, and a grey, are in each space, from the standards' matrices and curves.
KNOWN = {
    Space.SRGB: [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [128, 128, 128]],
    Space.DISPLAY_P3: [[234, 51, 35], [117, 251, 76], [0, 0, 245], [255, 255, 255], [128, 128, 128]],
    Space.ADOBE_RGB: [[219, 0, 0], [144, 255, 60], [0, 0, 250], [255, 255, 255], [127, 127, 127]],
    Space.PROPHOTO_RGB: [[179, 70, 26], [138, 237, 78], [86, 35, 235], [255, 255, 255], [109, 109, 109]],
}
DESCRIPTIONS = {
    Space.SRGB: "sRGB IEC61966-2.1",
    Space.DISPLAY_P3: "Display P3",
    Space.ADOBE_RGB: "Adobe RGB (1998)",
    Space.PROPHOTO_RGB: "ProPhoto RGB",
}


def swatches() -> pictures.Pixels:
    """Red, green, blue, white and grey, side by side."""
    colors = np.array(KNOWN[Space.SRGB], np.uint8)
    return np.repeat(np.repeat(colors[None], 20, axis=1), 20, axis=0)


def loaded(made: Still) -> pyvips.Image:
    return pyvips.Image.new_from_file(made.path)


def numbers(made: Still) -> NDArray[Any]:
    found: NDArray[Any] = loaded(made).numpy()
    return found


@pytest.mark.parametrize("space", DELIVERED)
@pytest.mark.parametrize("bits", [8, 16])
def test_known_colours_have_their_numbers(render: Render, space: Space, bits: int) -> None:
    data = pictures.image(swatches()).pngsave_buffer()
    [made] = render(data, format="tiff", color_space=space, bit_depth=bits)
    found = numbers(made)[10, 10::20] / (257 if bits == 16 else 1)
    assert np.abs(found - KNOWN[space]).max() <= (1 if bits == 8 else 2.5)  # a gamma magnifies what is next to black


@pytest.mark.parametrize("space", DELIVERED)
@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_every_file_carries_the_profile_of_its_space(render: Render, space: Space, format: str) -> None:
    [made] = render(pictures.jpeg(), format=format, color_space=space, metadata="none")
    assert loaded(made).get("icc-profile-data") == profiles.icc(space)


@pytest.mark.exiftool
@pytest.mark.parametrize("space", DELIVERED)
def test_exiftool_names_the_space(render: Render, space: Space) -> None:
    assert shutil.which("exiftool")
    [made] = render(pictures.jpeg(), color_space=space)
    command = ["exiftool", "-s3", "-ICC_Profile:ProfileDescription", made.path]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip() == DESCRIPTIONS[space]


@pytest.mark.parametrize("space", DELIVERED)
def test_a_profile_is_sound_and_always_the_same(space: Space) -> None:
    profile = profiles.icc(space)
    assert int.from_bytes(profile[:4], "big") == len(profile) < 600
    assert profile[36:40] == b"acsp"
    assert color.is_srgb(profile) is (space is Space.SRGB)
    count = int.from_bytes(profile[128:132], "big")
    for entry in (profile[132 + 12 * n : 144 + 12 * n] for n in range(count)):
        at, size = int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")
        assert at % 4 == 0
        assert at + size <= len(profile)


def test_a_wide_original_keeps_its_colours(render: Render) -> None:
    """A red that sRGB does not have passes through unchanged where the space has it, and is clipped in sRGB."""
    red = np.full((16, 16, 3), (230, 20, 10), np.uint8)
    data = pictures.with_profile(pictures.image(red), profiles.icc(Space.ADOBE_RGB)).pngsave_buffer()
    [kept] = render(data, format="png", color_space="adobe_rgb")
    assert np.abs(numbers(kept)[8, 8].astype(int) - (230, 20, 10)).max() <= 1
    [clipped] = render(data, format="png", color_space="srgb")
    assert numbers(clipped)[8, 8][0] == 255


@pytest.mark.parametrize("kind", ["display_p3", "prophoto_rgb"])
def test_sixteen_bit_gradients_do_not_band(render: Render, kind: str) -> None:
    ramp = np.linspace(0.2, 0.6, 2000)[None, :, None] * np.ones((4, 1, 3)) * 65_535
    data = pyvips.Image.new_from_array(ramp.astype(np.uint16)).copy(interpretation="rgb16").tiffsave_buffer()
    [made] = render(data, format="tiff", bit_depth=16, color_space=kind, sharpen="screen_high")
    assert len(np.unique(numbers(made)[2, :, 0])) > 1_900


# --- sharpening ------------------------------------------------------------------------------------------------------


def _edges() -> pyvips.Image:
    """A soft step and a fine texture, with colours."""
    x = np.arange(400)
    step = 90 + 80 / (1 + np.exp(-(x - 200) / 0.7))
    texture = step + 24 * np.sin(x / 1.2)
    picture = np.repeat((texture[None, :, None] * (1.0, 0.9, 0.8)), 60, axis=0)
    return pyvips.Image.new_from_array(np.round(picture).astype(np.uint8)).copy(interpretation="srgb")


def _acutance(image: pyvips.Image) -> float:
    return float(np.abs(np.diff(image.numpy().astype(float), axis=1)).mean())


def test_more_is_sharper() -> None:
    screens = (Sharpening.NONE, Sharpening.SCREEN_LOW, Sharpening.SCREEN, Sharpening.SCREEN_HIGH)
    found = [_acutance(sharpened(_edges(), one)) for one in screens]
    assert found == sorted(found)
    assert all(less * 1.02 < more for less, more in itertools.pairwise(found))
    assert _acutance(sharpened(_edges(), Sharpening.PRINT)) > found[0] * 1.02


@pytest.mark.parametrize("strength", [one for one in Sharpening if one is not Sharpening.NONE])
def test_flat_areas_and_weak_noise_stay_as_they_are(strength: Sharpening) -> None:
    noise = np.random.default_rng(7).integers(0, 2, (80, 80, 1)) + np.full((80, 80, 3), 120)
    image = pyvips.Image.new_from_array(noise.astype(np.uint8)).copy(interpretation="srgb")
    assert np.array_equal(sharpened(image, strength).numpy(), noise)


@pytest.mark.parametrize("strength", [one for one in Sharpening if one is not Sharpening.NONE])
@pytest.mark.parametrize("white", [255, 65_535])
def test_halos_are_bounded_and_grey_stays_grey(strength: Sharpening, white: int) -> None:
    picture = np.full((40, 80, 3), 0.35 * white)
    picture[:, 40:] = 0.65 * white
    kind, space = (np.uint8, "srgb") if white == 255 else (np.uint16, "rgb16")
    image = pyvips.Image.new_from_array(picture.astype(kind)).copy(interpretation=space)
    found = sharpened(image, strength).numpy().astype(int)
    assert found.max() <= picture.max() + 24 / 255 * white + 1
    assert found.min() >= picture.min() - 36 / 255 * white - 1
    assert found.max() > picture.max()
    assert np.ptp(found, axis=2).max() == 0


def test_both_depths_are_sharpened_alike() -> None:
    plain = _edges()
    deep = plain.colourspace("rgb16")
    shallow, fine = (sharpened(one, Sharpening.SCREEN).numpy().astype(float) for one in (plain, deep))
    assert np.abs(fine / 257 - shallow).max() <= 3


# --- marks -----------------------------------------------------------------------------------------------------------

MARK = {
    "kind": "text",
    "text": "Studio",
    "image_path": None,
    "position": "center",
    "opacity": 0.8,
    "size": 0.5,
    "margin": 0.03,
    "angle": 0.0,
}


@pytest.mark.parametrize("space", DELIVERED)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_mark_looks_the_same_in_every_space(render: Render, space: Space, bits: int) -> None:
    grey = pictures.image(np.full((300, 400, 3), 90, np.uint8)).pngsave_buffer()
    [plain] = render(grey, format="png", watermark=MARK)
    seen = loaded(plain).numpy().astype(int)
    [other] = render(grey, format="tiff", color_space=space, bit_depth=bits, watermark=MARK)
    back = loaded(other).icc_transform("srgb", embedded=True, intent="relative", depth=8).numpy().astype(int)
    assert np.abs(back - seen).mean() <= 1
    assert np.abs(back - seen).max() <= 32  # edges are mixed in the space's own numbers
    assert (seen[100:200, 100:300] != 90).mean() > 0.1
    assert (seen[:60] == 90).all()


def test_a_mark_stands_on_every_slide(render: Render) -> None:
    grey = pictures.image(np.full((500, 800, 3), 90, np.uint8)).pngsave_buffer()
    crops = [{"x": x, "y": 0.0, "width": 0.5, "height": 1.0} for x in (0.0, 0.5)]
    for made in render(grey, format="png", crops=crops, size_px=[400, 500], watermark=MARK):
        assert (numbers(made)[200:300] != 90).any()


def test_a_colored_mark_keeps_its_colour(render: Render, tmp_path: Path) -> None:
    logo = np.full((40, 80, 3), (200, 40, 40), np.uint8)
    pictures.image(logo).pngsave(str(tmp_path / "logo.png"))
    mark = {**MARK, "kind": "image", "image_path": str(tmp_path / "logo.png"), "opacity": 1.0}
    grey = pictures.image(np.full((300, 400, 3), 90, np.uint8)).pngsave_buffer()
    [made] = render(grey, format="png", bit_depth=16, color_space="prophoto_rgb", watermark=mark)
    back = loaded(made).icc_transform("srgb", embedded=True, intent="relative", depth=8).numpy()
    assert np.abs(back[150, 200].astype(int) - (200, 40, 40)).max() <= 2
