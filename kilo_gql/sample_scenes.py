"""Scenes for the sample shoot, drawn in linear light.

A scene is a float32 array of shape (height, width, 3): linear sRGB, 1.0 = white at the metered exposure, and above that
what a longer exposure would burn out. The same seed draws the same scene at any size.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Linear: TypeAlias = NDArray[np.float32]
Plane: TypeAlias = NDArray[np.float32]

_DUSK: Final = (0.02, 0.05, 0.16)
_EMBER: Final = (0.55, 0.22, 0.10)


def lake(width: int, height: int, seed: int, warmth: float = 0.5) -> Linear:
    """Mountains over a lake. ``warmth`` from 0 (noon) to 1 (sunset)."""
    random = np.random.default_rng(seed)
    horizon = int(height * 0.58)
    zenith, glow = (
        _mix((0.13, 0.30, 0.75), (0.10, 0.13, 0.38), warmth),
        _mix((0.65, 0.80, 0.95), (1.1, 0.5, 0.22), warmth),
    )
    fall = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None] ** 1.6
    sky = _color(zenith) * (1 - fall) + _color(glow) * fall
    clouds = np.clip(_fractal(random, width, horizon, 4) * 3.2 - 1.5, 0, 1)[..., None] * (0.25 + 0.75 * fall)
    upper = sky * (1 - 0.7 * clouds) + _color(_mix((0.95, 0.95, 0.97), (1.2, 0.62, 0.40), warmth)) * 0.7 * clouds
    rows = np.arange(horizon, dtype=np.float32)[:, None]
    for depth in range(4):
        ridge = _ridge(random, width, horizon * (0.42 + 0.13 * depth), horizon * 0.16)
        cover = np.clip(rows - ridge, 0, 1)[..., None]
        trees = 0.75 + 0.5 * _fractal(random, width, horizon, 6)[..., None]
        far = 0.75 - 0.25 * depth
        upper = upper * (1 - cover) + cover * (
            far * _color(glow) * 0.7 + (1 - far) * _color((0.03, 0.06, 0.035)) * trees
        )
    return np.concatenate((upper, _reflected(random, upper, height - horizon)), axis=0).astype(np.float32)


def with_bird(background: Linear, where: tuple[float, float], wings: float) -> Linear:
    """A bird over a scene: ``where`` in fractions of the picture, ``wings`` from -1 (down) to 1 (up)."""
    height, width = background.shape[:2]
    x, y, span = where[0] * width, where[1] * height, width * 0.06
    half = [(0, -0.12), (0.35, -0.05), (1, -wings * 0.45), (0.3, 0.06), (0, 0.18)]
    body = [(x + side * span * across, y + span * down) for side in (1, -1) for across, down in half[::side]]
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon(body, fill=255)
    cover = _plane(mask.filter(ImageFilter.GaussianBlur(width / 1800)))[..., None]
    return np.asarray(background * (1 - cover) + cover * np.float32(0.015), np.float32)


def table(width: int, height: int, ball: float) -> Linear:
    """Three balls on a chequered table, cast by rays; the red one flies at ``ball`` (its height in radii)."""
    across = (np.arange(width, dtype=np.float32) - width / 2) / height
    down = (height / 2 - np.arange(height, dtype=np.float32)) / height
    ray = np.stack(np.broadcast_arrays(across[None, :], down[:, None] - 0.18, np.float32(1.1)), axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    eye, sun = np.array((0, 1.5, -4.2), np.float32), np.array((-0.55, 0.75, -0.37), np.float32)
    balls = [((-1.3, 0.7, 0.6), 0.7, (0.10, 0.25, 0.62)), ((0.2, 0.55 + 0.55 * ball, 0.0), 0.55, (0.72, 0.06, 0.05)),
             ((1.35, 0.45, -0.4), 0.45, (0.75, 0.55, 0.08))]  # fmt: skip
    reach = np.where(ray[..., 1] < -1e-3, -eye[1] / np.minimum(ray[..., 1], -1e-3), np.inf).astype(np.float32)
    ground = eye + np.minimum(reach, 60)[..., None] * ray
    chequer = (np.floor(ground[..., 0]) + np.floor(ground[..., 2])) % 2
    lit = np.ones_like(reach)
    for center, radius, _ in balls:
        away = ground - np.array(center, np.float32)
        aside = np.sqrt(np.maximum((away**2).sum(-1) - (away @ sun) ** 2, 0))
        lit *= np.where(away @ sun < 0, np.clip((aside / radius - 0.85) / 0.3, 0.12, 1), 1)
    wood = (_color((0.16, 0.09, 0.05)) + _color((0.42, 0.38, 0.33)) * chequer[..., None]) * lit[..., None]
    haze = np.exp(-np.minimum(reach, 200) / 14)[..., None]
    picture = np.where(np.isfinite(reach)[..., None], wood * haze + _color((0.5, 0.56, 0.62)) * (1 - haze), 0)
    picture += np.where(np.isfinite(reach)[..., None], 0, _color((0.5, 0.56, 0.62)) * (1.1 - ray[..., 1:2]))
    picture = picture.astype(np.float32)
    for center, radius, color in sorted(balls, key=lambda each: -each[0][2]):
        _ball(picture, ray, eye, sun, np.array(center, np.float32), radius, color)
    return picture


def street(width: int, height: int, seed: int) -> Linear:
    """Houses after sunset, with lit windows three stops above white, over a wet street."""
    random = np.random.default_rng(seed)
    horizon = int(height * 0.66)
    fall = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None] ** 2.2
    upper = np.broadcast_to(_color(_DUSK) * (1 - fall) + _color(_EMBER) * fall, (horizon, width, 3)).copy()
    for layer in range(3):
        x = -int(random.integers(0, width // 20))
        while x < width:
            wide, top = (
                int(width * random.uniform(0.05, 0.11)),
                int(horizon * random.uniform(0.15, 0.6) * (0.6 + 0.3 * layer)),
            )
            _house(random, upper, (max(x, 0), horizon - top, min(x + wide, width), horizon), layer)
            x += wide
    wet = upper[::-1][: height - horizon] * np.float32(0.42)
    lower = np.concatenate((wet, np.repeat(wet[-1:], max(0, height - horizon - len(wet)), axis=0)))
    smeared = sum(np.roll(lower, shift, axis=0) for shift in range(-12, 13, 3)) / 9
    return np.concatenate((upper, np.asarray(smeared) + 0.006), axis=0).astype(np.float32)


def meadow(width: int, height: int, seed: int) -> Linear:
    """One flower in focus before a meadow that is not."""
    random = np.random.default_rng(seed)
    canvas = Image.new("RGB", (width, height), (26, 46, 18))
    draw = ImageDraw.Draw(canvas)
    for _ in range(90):
        x, y, r = random.uniform(0, width), random.uniform(0, height), width * random.uniform(0.01, 0.05)
        hue = [(96, 130, 40), (52, 92, 30), (190, 190, 90), (150, 90, 130)][
            int(random.choice(4, p=(0.4, 0.35, 0.15, 0.1)))
        ]
        draw.ellipse((x - r, y - r, x + r, y + r), fill=hue)
    soft = canvas.filter(ImageFilter.GaussianBlur(width / 90))
    flower = Image.new("RGBA", (width, height))
    _flower(ImageDraw.Draw(flower), width * 0.5, height * 0.42, min(width, height) * 0.26, height)
    soft.paste(flower, (0, 0), flower.filter(ImageFilter.GaussianBlur(width / 2500)))
    light = (np.asarray(soft, np.float32) / 255) ** np.float32(2.2)
    texture = 0.82 + 0.36 * _fractal(random, width, height, 7)[..., None]
    return (light * texture * 1.6).astype(np.float32)


def moved(scene: Linear, pixels: int) -> Linear:
    """A scene as a hand that moved during the exposure sees it: smeared over ``pixels``, downwards to the right."""
    height, width = scene.shape[:2]
    down, steps = pixels // 3, max(2, pixels // 2)
    around = np.pad(scene, ((down, 0), (pixels, 0), (0, 0)), mode="edge")
    blurred = np.zeros_like(scene)
    for step in range(steps):
        y, x = round(down * step / steps), round(pixels * step / steps)
        blurred += around[y : y + height, x : x + width] / np.float32(steps)
    return blurred


def defocused(scene: Linear, radius: int) -> Linear:
    """A scene out of focus: blurred thrice by a box that reaches ``radius`` pixels to each side."""
    blurred = np.asarray(scene, np.float64)
    for axis in (0, 1, 0, 1, 0, 1):
        edges = [(0, 0)] * 3
        edges[axis] = (radius + 1, radius)
        sums = np.pad(blurred, edges, mode="edge").cumsum(axis=axis)
        most = sums.shape[axis]
        blurred = np.take(sums, range(2 * radius + 1, most), axis) - np.take(sums, range(most - 2 * radius - 1), axis)
        blurred /= 2 * radius + 1
    return blurred.astype(np.float32)


def _color(rgb: tuple[float, float, float]) -> Plane:
    return np.array(rgb, np.float32)


def _mix(a: tuple[float, float, float], b: tuple[float, float, float], part: float) -> tuple[float, float, float]:
    red, green, blue = (x * (1 - part) + y * part for x, y in zip(a, b, strict=True))
    return red, green, blue


def _plane(image: Image.Image) -> Plane:
    return np.asarray(image, np.float32) / np.float32(255)


def _fractal(random: np.random.Generator, width: int, height: int, octaves: int) -> Plane:
    """Noise of 0..1 with half the strength in each finer octave."""
    out, strength, cells = np.zeros((height, width), np.float32), 0.5, 4
    for _ in range(octaves):
        grid = Image.fromarray(random.random((cells, cells * 2), dtype=np.float32))
        out += np.float32(strength) * np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
        strength, cells = strength / 2, cells * 2
    return np.clip(out, 0, 1)


def _ridge(random: np.random.Generator, width: int, base: float, swing: float) -> Plane:
    """The height of a mountain ridge in each column."""
    x, line = np.linspace(0, 1, width, dtype=np.float32), np.zeros(width, np.float32)
    for octave in range(7):
        line += np.sin(x * math.tau * 1.7 * 2**octave + random.uniform(0, math.tau)) / np.float32(1.9**octave)
    return (base + line * swing / 2).astype(np.float32)


def _reflected(random: np.random.Generator, upper: Linear, rows: int) -> Linear:
    """What still water shows of what stands above it."""
    mirrored = upper[::-1][:rows]
    mirrored = np.concatenate((mirrored, np.repeat(mirrored[-1:], rows - len(mirrored), axis=0)))
    width = upper.shape[1]
    depth = np.linspace(0.2, 1, rows, dtype=np.float32)
    shift = (depth * width / 90 * (random.random(rows) - 0.5) * 2).astype(int)
    columns = np.clip(np.arange(width)[None, :] + shift[:, None], 0, width - 1)
    rippled = mirrored[np.arange(rows)[:, None], columns]
    return np.asarray(rippled * _color((0.50, 0.58, 0.62)) + _color((0.01, 0.02, 0.03)), np.float32)


def _ball(
    picture: Linear, ray: Plane, eye: Plane, sun: Plane, center: Plane, radius: float, color: tuple[float, float, float]
) -> None:
    """Draw a ball over what lies behind it."""
    rows, columns = (_seen(ray @ (center - eye), ((center - eye) ** 2).sum(), radius, axis) for axis in (1, 0))
    ray = ray[rows, columns]
    toward = ray @ (center - eye)
    aside = ((center - eye) ** 2).sum() - toward**2
    cover = np.clip((radius - np.sqrt(np.maximum(aside, 0))) * 300, 0, 1)[..., None]
    depth = toward - np.sqrt(np.maximum(radius**2 - aside, 0))
    normal = (eye + depth[..., None] * ray - center) / radius
    light = np.clip(normal @ sun, 0, 1)[..., None]
    shine = np.clip((ray - 2 * (ray * normal).sum(-1, keepdims=True) * normal) @ sun, 0, 1)[..., None] ** 40
    shaded = _color(color) * (0.12 + 1.1 * light + 0.10 * np.clip(-normal[..., 1:2], 0, 1)) + 1.5 * shine
    picture[rows, columns] = picture[rows, columns] * (1 - cover) + shaded * cover


def _seen(toward: Plane, distance: np.float32, radius: float, axis: int) -> slice:
    """The rows (axis 1) or columns (axis 0) in which a ball is seen."""
    hit = np.flatnonzero((distance - toward**2 < radius**2).any(axis=axis))
    return slice(hit[0], hit[-1] + 1) if len(hit) else slice(0, 0)


def _house(random: np.random.Generator, picture: Linear, box: tuple[int, int, int, int], layer: int) -> None:
    left, top, right, bottom = box
    picture[top:bottom, left:right] = _color((0.035, 0.035, 0.045)) * (0.5 + 0.35 * layer)
    pane = max(2, picture.shape[1] // 160)
    for y in range(top + pane, bottom - 2 * pane, 2 * pane):
        for x in range(left + pane, right - pane, 2 * pane):
            if random.random() < 0.3:
                picture[y : y + pane, x : x + int(pane * 0.8)] = _color((8.0, 4.6, 1.7)) * random.uniform(0.1, 1.0)


def _flower(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, bottom: int) -> None:
    draw.line((x, y, x + size * 0.2, bottom), fill=(60, 104, 44, 255), width=max(2, int(size / 16)))
    for turn in range(13):
        angle = math.tau * turn / 13
        side = (math.cos(angle + math.pi / 2) * size * 0.15, math.sin(angle + math.pi / 2) * size * 0.15)
        tip = (x + math.cos(angle) * size, y + math.sin(angle) * size)
        middle = (x + math.cos(angle) * size * 0.6, y + math.sin(angle) * size * 0.6)
        petal = [(x, y), (middle[0] + side[0], middle[1] + side[1]), tip, (middle[0] - side[0], middle[1] - side[1])]
        tone = 236 - 14 * (turn % 3)
        draw.polygon(petal, fill=(tone, tone, tone - 6, 255), outline=(205, 200, 210, 255))
    heart = size * 0.24
    draw.ellipse((x - heart, y - heart, x + heart, y + heart), fill=(226, 170, 26, 255))
    for turn in range(60):
        r, angle = heart * 0.9 * math.sqrt(turn / 60), turn * 2.39996
        dot = (x + r * math.cos(angle), y + r * math.sin(angle))
        draw.ellipse(
            (dot[0] - size / 60, dot[1] - size / 60, dot[0] + size / 60, dot[1] + size / 60), fill=(160, 96, 10, 255)
        )
