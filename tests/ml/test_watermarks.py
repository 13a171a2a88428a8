"""Marks: where they stand, how strong they are, and that they are there at every size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from ml.watermarks import Mark, marked

WIDTH, HEIGHT, MARGIN = 400, 240, 8


@pytest.fixture
def stamp(tmp_path: Path) -> str:
    """A solid green rectangle, twice as wide as high."""
    path = tmp_path / "stamp.png"
    pyvips.Image.new_from_array(np.full((50, 100, 3), (0, 200, 0), np.uint8)).copy(interpretation="srgb").pngsave(
        str(path)
    )
    return str(path)


def grey(width: int = WIDTH, height: int = HEIGHT, value: int = 100) -> pyvips.Image:
    return pyvips.Image.new_from_array(np.full((height, width, 3), value, np.uint8)).copy(interpretation="srgb")


def mark(**values: Any) -> Mark:
    plain = {
        "kind": "text", "text": "PROOF", "image_path": None, "position": "center", "opacity": 0.5, "size": 0.25,
        "margin": 0.02, "angle": 0.0,
    }  # fmt: skip
    return Mark(**{**plain, **values})


def box(before: pyvips.Image, after: pyvips.Image) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what changed."""
    rows, columns = np.nonzero((before.numpy() != after.numpy()).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize(
    ("position", "left", "top"),
    [
        ("top_left", 8, 8), ("top", 150, 8), ("top_right", 292, 8),
        ("left", 8, 95), ("center", 150, 95), ("right", 292, 95),
        ("bottom_left", 8, 182), ("bottom", 150, 182), ("bottom_right", 292, 182),
    ],
)  # fmt: skip
def test_a_picture_stands_at_its_place(stamp: str, position: str, left: int, top: int) -> None:
    image = grey()
    found = marked(image, mark(kind="image", image_path=stamp, position=position))
    assert box(image, found) == (left, top, left + 100, top + 50)
    assert found.numpy()[top + 25, left + 50].tolist() == [49, 150, 49]  # half of both, in eight bits


@pytest.mark.parametrize(("opacity", "green"), [(0.05, 105), (0.25, 125), (1.0, 200)])
def test_opacity(stamp: str, opacity: float, green: int) -> None:
    found = marked(grey(), mark(kind="image", image_path=stamp, opacity=opacity)).numpy()
    assert abs(int(found[HEIGHT // 2, WIDTH // 2, 1]) - green) <= 1
    assert found[0, 0].tolist() == [100, 100, 100]


@pytest.mark.parametrize("position", ["top_left", "center", "bottom_right"])
@pytest.mark.parametrize("angle", [-90, -45, 0, 30, 90])
def test_it_stays_within_the_margin_however_it_is_turned(stamp: str, position: str, angle: float) -> None:
    image = grey()
    given = mark(kind="image", image_path=stamp, position=position, angle=angle, size=1.0)
    left, top, right, bottom = box(image, marked(image, given))
    assert left >= MARGIN
    assert top >= MARGIN
    assert right <= WIDTH - MARGIN
    assert bottom <= HEIGHT - MARGIN


def test_it_is_turned_counter_clockwise(stamp: str) -> None:
    image = grey()
    upright = box(image, marked(image, mark(kind="image", image_path=stamp, angle=90)))
    assert upright == (175, 71, 225, 170)  # libvips turns about the middle of a pixel
    risen = marked(image, mark(text="....W", angle=30, size=0.5, opacity=1)).numpy()
    weight = np.abs(risen.astype(int) - 100).sum(axis=2)
    left, right = weight[:, : WIDTH // 2], weight[:, WIDTH // 2 :]
    rows = np.arange(HEIGHT)
    assert (rows @ right.sum(axis=1)) / right.sum() < (rows @ left.sum(axis=1)) / left.sum()


@pytest.mark.parametrize(("width", "height"), [(2048, 1365), (1365, 2048), (512, 341), (320, 213), (64, 64), (1, 1)])
def test_words_are_there_at_every_size(width: int, height: int) -> None:
    image = grey(width, height)
    found = marked(image, mark(text="Böhm & <Söhne>", size=0.8, opacity=0.6))
    assert (found.width, found.height, found.bands, found.format) == (width, height, 3, "uchar")
    changed = (np.abs(found.numpy().astype(int) - 100) > 20).any(axis=2)
    if width > 1:
        assert changed.any(axis=0).mean() > 0.5  # across the picture
        assert not changed[0].any()


@pytest.mark.parametrize("value", [0, 255])
def test_words_are_read_on_snow_and_at_night(value: int) -> None:
    found = marked(grey(value=value), mark(size=0.9, opacity=0.5)).numpy().astype(int)
    assert np.abs(found - value).max() > 60


def test_tiles_cover_the_whole_picture() -> None:
    image = grey(800, 600)
    changed = (marked(image, mark(position="tiled", size=0.15, angle=30, opacity=0.8)).numpy() != 100).any(axis=2)
    cells = [changed[y : y + 150, x : x + 200].any() for y in range(0, 600, 150) for x in range(0, 800, 200)]
    assert cells == [True] * 16


def test_the_same_twice() -> None:
    first, second = (marked(grey(), mark(text="Привет, κόσμε")).numpy() for _ in range(2))
    assert np.array_equal(first, second)


def test_what_is_no_mark(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"nothing")
    for wrong in (mark(text=" "), mark(kind="image"), mark(kind="image", image_path=str(tmp_path / "no.png"))):
        with pytest.raises(ValueError, match=r"words|picture"):
            marked(grey(), wrong)
