"""Pictures that show one thing each, drawn in sRGB; signals and facts that say one thing each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.embedding.facts import Facts
from ml.signals import Signals, TileMap

Pixels = NDArray[np.uint8]
Rgb = tuple[int, int, int]

WIDTH, HEIGHT = 600, 400
GREY: Rgb = (118, 118, 118)


@dataclass(frozen=True)
class Shown:
    """What ``ml.embedding.concept.describe`` is given."""

    picture: Pixels
    signals: Signals | None = None
    facts: Facts = field(default_factory=Facts)


def flat(rgb: Rgb, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    return np.full((height, width, 3), rgb, np.uint8)


def bands(*rgbs: Rgb) -> Pixels:
    """Of one height, from the upper edge down."""
    picture = flat(rgbs[-1])
    for number, rgb in enumerate(rgbs):
        picture[number * HEIGHT // len(rgbs) : (number + 1) * HEIGHT // len(rgbs)] = rgb
    return picture


def patch(ground: Rgb, rgb: Rgb, share: float) -> Pixels:
    """A square of a share of the frame in its middle."""
    picture = flat(ground)
    half = round((share * WIDTH * HEIGHT) ** 0.5 / 2)
    picture[HEIGHT // 2 - half : HEIGHT // 2 + half, WIDTH // 2 - half : WIDTH // 2 + half] = rgb
    return picture


def rough(picture: Pixels, spread: float, seed: int = 1) -> Pixels:
    """With grain that is the same in each channel, four pixels wide so that reducing leaves it."""
    height, width, _ = picture.shape
    grain = np.random.default_rng(seed).normal(0, spread, (height // 4 + 1, width // 4 + 1, 1))
    wide = grain.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    return np.clip(np.rint(picture + wide), 0, 255).astype(np.uint8)


def ramp(dark: int, light: int, tint: tuple[float, float, float] = (1, 1, 1)) -> Pixels:
    """Grey levels from the left to the right edge, tinted."""
    row = np.linspace(dark, light, WIDTH)[None, :, None] * np.array(tint)
    return np.clip(np.rint(np.repeat(row, HEIGHT, axis=0)), 0, 255).astype(np.uint8)


def checked(dark: Rgb, light: Rgb, side: int) -> Pixels:
    y, x = np.mgrid[:HEIGHT, :WIDTH] // side
    return np.where(((x + y) % 2)[..., None] == 0, np.array(dark), np.array(light)).astype(np.uint8)


def slanted(side: int) -> Pixels:
    """Stripes that run at about 40 degrees."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.where((x + 1.2 * y) % (2 * side) < side, 40, 200)[..., None].repeat(3, axis=2).astype(np.uint8)


def page() -> Pixels:
    """Rows of short black strokes on white."""
    picture = flat((250, 250, 250))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture[(y % 24 < 14) & (x % 8 < 2)] = (10, 10, 10)
    return picture


def mirrored(seed: int = 3) -> Pixels:
    half = rough(flat(GREY, WIDTH // 2), 60, seed)
    return np.concatenate([half, half[:, ::-1]], axis=1)


def lamps() -> Pixels:
    picture = flat((8, 8, 12))
    for number in range(60):
        y, x = 17 * number % 380, 97 * number % 580
        picture[y : y + 7, x : x + 7] = (255, 240, 200)
    return picture


def signals(sharp_tiles: float = 1.0, **values: float) -> Signals:
    """Of an unremarkable frame, but for what is named; ``sharp_tiles``: the share of tiles in focus."""
    usual: dict[str, Any] = {
        each.name: 0.0 for each in dataclasses.fields(Signals) if each.name not in ("tiles", "faces")
    }
    usual |= {"sharpness": 0.7, "subject_sharpness": 0.7, "noise": 0.003, "motion": 0.1, **values}
    tiles = np.zeros(400, np.uint8)
    tiles[: round(sharp_tiles * 400)] = 127
    maps = tiles.tobytes()
    return Signals(**usual, tiles=TileMap(20, 20, maps, bytes(400), bytes(400)))


def of(picture: Pixels, **facts: Any) -> Shown:
    return Shown(picture, facts=Facts(**facts))


def known(**facts: Any) -> Shown:
    return of(flat(GREY), **facts)


def measured(**values: float) -> Shown:
    return Shown(flat(GREY), signals(**values))


SKY, GRASS, SEA, GLOW = (100, 160, 220), (70, 120, 40), (30, 80, 120), (240, 150, 70)
MEADOW = np.concatenate([bands(SKY, SKY)[: HEIGHT // 2], rough(flat(GRASS), 30)[: HEIGHT // 2]])
DUSK = bands((70, 80, 120), (20, 22, 40))
COLOURS: dict[str, Rgb] = {
    "black": (8, 8, 8), "white": (250, 250, 250), "grey": GREY, "red": (200, 30, 30), "orange": (255, 140, 0),
    "yellow": (240, 210, 40), "green": (40, 140, 50), "blue": (40, 70, 200), "purple": (120, 30, 140),
    "pink": (255, 160, 180), "brown": (120, 75, 40),
}  # fmt: skip

#: For each dimension what shows it, and what does not.
CASES: dict[str, tuple[Callable[[], Shown], Callable[[], Shown]]] = {
    **{
        name: (
            lambda rgb=rgb, name=name: of(flat(rgb) if name == "grey" else patch(GREY, rgb, 0.5)),
            lambda name=name: of(flat(COLOURS["blue" if name != "blue" else "green"])),
        )
        for name, rgb in COLOURS.items()
    },
    "warm": (lambda: of(flat((200, 140, 90))), lambda: of(flat((90, 130, 190)))),
    "cool": (lambda: of(flat((90, 130, 190))), lambda: of(flat((200, 140, 90)))),
    "dark": (lambda: of(flat((30, 30, 30))), lambda: of(flat(GREY))),
    "mid_tone": (lambda: of(flat(GREY)), lambda: of(flat((220, 220, 220)))),
    "bright": (lambda: of(flat((220, 220, 220))), lambda: of(flat(GREY))),
    "high_key": (lambda: of(ramp(190, 255)), lambda: of(ramp(0, 255))),
    "low_key": (lambda: of(patch((15, 15, 15), (200, 180, 160), 0.1)), lambda: of(flat(GREY))),
    "high_contrast": (lambda: of(ramp(0, 255)), lambda: of(ramp(80, 170))),
    "low_contrast": (lambda: of(ramp(100, 150)), lambda: of(ramp(0, 255))),
    "silhouette": (lambda: of(patch((240, 170, 90), (5, 5, 5), 0.3)), lambda: of(ramp(0, 255))),
    "back_light": (lambda: measured(back_light=-2.0), lambda: measured(back_light=0.0)),
    "black_and_white": (lambda: of(rough(flat(GREY), 40)), lambda: of(MEADOW)),
    "toned": (lambda: of(ramp(40, 220, (1.0, 0.87, 0.68))), lambda: of(ramp(0, 255))),
    "vivid": (lambda: of(bands((230, 30, 40), (30, 160, 60))), lambda: of(flat(GREY))),
    "muted": (lambda: of(flat((130, 125, 120))), lambda: of(bands((230, 30, 40), (30, 160, 60)))),
    "night": (
        lambda: of(lamps(), aperture=2.0, exposure_time_s=0.5, iso=1600),
        lambda: of(lamps(), aperture=8.0, exposure_time_s=0.004, iso=100),
    ),
    "lights": (lambda: of(lamps()), lambda: of(flat((8, 8, 12)))),
    "golden_hour": (
        lambda: of(flat((220, 160, 100)), sun_elevation_deg=3.0),
        lambda: of(flat((220, 160, 100)), sun_elevation_deg=50.0),
    ),
    "blue_hour": (lambda: of(DUSK, sun_elevation_deg=-5.0), lambda: of(DUSK, sun_elevation_deg=30.0)),
    "sunset_sky": (lambda: of(bands(GLOW, (20, 20, 30))), lambda: of(MEADOW)),
    "blue_sky": (lambda: of(MEADOW), lambda: of(bands(GLOW, (20, 20, 30)))),
    "snow": (lambda: of(rough(bands(SKY, (225, 228, 230), (225, 228, 230)), 4)), lambda: of(MEADOW)),
    "foliage": (lambda: of(MEADOW), lambda: of(bands(SKY, SEA))),
    "water": (lambda: of(bands(SKY, SEA)), lambda: of(MEADOW)),
    "fog": (lambda: of(ramp(150, 190)), lambda: of(MEADOW)),
    "skin": (lambda: of(patch(GREY, (205, 155, 130), 0.4)), lambda: of(MEADOW)),
    "no_faces": (lambda: known(faces=0), lambda: known(faces=1)),
    "one_face": (lambda: known(faces=1), lambda: known(faces=2)),
    "two_faces": (lambda: known(faces=2), lambda: known(faces=3)),
    "many_faces": (lambda: known(faces=7), lambda: known(faces=2)),
    "portrait": (lambda: of(flat(GREY, 400, 600)), lambda: of(flat(GREY))),
    "landscape": (lambda: of(flat(GREY)), lambda: of(flat(GREY, 400, 600))),
    "square": (lambda: of(flat(GREY, 400, 400)), lambda: of(flat(GREY))),
    "panorama": (lambda: of(flat(GREY, 900, 400)), lambda: of(flat(GREY, 640, 360))),
    "sharp": (lambda: measured(sharpness=0.95), lambda: measured(sharpness=0.6)),
    "soft": (lambda: measured(sharpness=0.5), lambda: measured(sharpness=0.9)),
    "motion_blur": (lambda: measured(sharpness=0.5, motion=0.6), lambda: measured(sharpness=0.5, motion=0.1)),
    "shallow_depth": (lambda: measured(sharp_tiles=0.2), lambda: measured(sharp_tiles=0.9)),
    "noisy": (lambda: measured(noise=0.03), lambda: measured(noise=0.003)),
    "minimal": (lambda: of(patch((230, 230, 230), (20, 20, 20), 0.02)), lambda: of(checked(GREY, (200, 200, 200), 9))),
    "busy": (lambda: of(rough(flat(GREY), 60)), lambda: of(patch((230, 230, 230), (20, 20, 20), 0.02))),
    "symmetric": (lambda: of(mirrored()), lambda: of(rough(flat(GREY), 60))),
    "horizon": (lambda: of(bands(SKY, SEA)), lambda: of(slanted(40))),
    "straight_lines": (lambda: of(checked((40, 40, 40), (200, 200, 200), 25)), lambda: of(slanted(25))),
    "text": (lambda: of(page()), lambda: of(MEADOW)),
    "long_exposure": (lambda: known(exposure_time_s=2.0), lambda: known(exposure_time_s=0.01)),
    "flash": (lambda: known(flash=True), lambda: known(flash=False)),
    "wide_angle": (lambda: known(focal_length_35mm=24.0), lambda: known(focal_length_35mm=50.0)),
    "telephoto": (lambda: known(focal_length_35mm=200.0), lambda: known(focal_length_35mm=50.0)),
    "macro": (lambda: known(macro_lens=True), lambda: known(macro_lens=False)),
    "burst": (lambda: known(burst_frames=5), lambda: known(burst_frames=1)),
    "indoor": (
        lambda: known(aperture=2.8, exposure_time_s=1 / 60, iso=1600, flash=True),
        lambda: of(MEADOW, aperture=8.0, exposure_time_s=1 / 250, iso=100),
    ),
    "outdoor": (
        lambda: of(MEADOW, aperture=8.0, exposure_time_s=1 / 250, iso=100),
        lambda: known(aperture=2.8, exposure_time_s=1 / 60, iso=1600, flash=True),
    ),
}
