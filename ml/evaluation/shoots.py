"""Seeded synthetic shoots, made of a folder of photos, with the truth about what belongs together.

Each photo is a place. A moment looks at a place from one stand; its bursts are reframings of that view, and each frame
has its own jitter, exposure, noise and a subject that moves. Kept sets, a second camera with a clock of its own and
copies of files can be planted. The same photos, seed and plan give the same shoot.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ml.grouping.shots import Bools, Drive, Floats, Ints, Shots

Picture: TypeAlias = NDArray[np.uint8]

VIEW: Final = (240, 160)
_TILES: Final = 8
_START_S: Final = 1_700_000_000.0
#: Frames and steps in EV that cameras offer.
_BRACKETS: Final = ((3, 1.0), (3, 2.0), (5, 2 / 3), (5, 1.0), (7, 2 / 3))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a shoot consists of. Shares are from 0 to 1, gaps the medians of log-normal distributions in seconds.

    ``same_place``: how often a moment returns to the place of the one before it, framed anew; ``clock_s``: by how much
    the second camera's clock is ahead; ``own_places``: whether that camera sees other places than the first;
    ``manual``: the share of bursts whose frames are all exposed alike, as sets are.
    """

    moments: int = 5
    same_place: float = 0.3
    bursts: float = 2.0
    burst_frames: float = 3.3
    moment_gap_s: float = 45.0
    burst_gap_s: float = 12.0
    blurred: float = 0.1
    brackets: int = 0
    panoramas: int = 0
    focus_stacks: int = 0
    timelapses: int = 0
    copies: float = 0.0
    cameras: int = 1
    clock_s: float = 0.0
    own_places: bool = False
    manual: float = 0.5


@dataclass(frozen=True, slots=True)
class Planted:
    """A set that must be kept whole: ``kind`` as in ml.grouping.sets, and its rows."""

    kind: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shoot:
    """``pictures``: (height, width, 3) sRGB; ``tiles``: (n, 64) sharpness of an 8×8 grid; truth: one code a row."""

    shots: Shots
    pictures: list[Picture]
    tiles: Floats
    moment: Ints
    burst: Ints
    duplicate: Ints
    sets: list[Planted]
    copied: Bools


@dataclass(frozen=True, slots=True)
class _View:
    """Where the camera looks: centre and width in fractions of the photo."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class _Frame:
    picture: Picture
    time_s: float
    moment: int
    burst: int
    camera: int = 0
    drive: Drive = Drive.UNKNOWN
    bias: float = math.nan
    exposure_s: float = 1 / 125
    aperture: float = 5.6
    iso: float = 200.0
    has_subsec: bool = True
    original: int = -1


@dataclass(slots=True)
class _Roll:
    """What was shot so far."""

    random: np.random.Generator
    plan: Plan
    frames: list[_Frame] = field(default_factory=list)
    sets: list[Planted] = field(default_factory=list)
    bursts: int = 0
    time_s: float = _START_S

    def wait(self, median_s: float, spread: float = 1.1) -> None:
        self.time_s += float(self.random.lognormal(math.log(median_s), spread))

    def add(self, picture: Picture, moment: int, **facts: object) -> None:
        self.frames.append(replace(_Frame(picture, self.time_s, moment, self.bursts), **facts))  # type: ignore[arg-type]

    def keep(self, kind: str, count: int) -> None:
        end = len(self.frames)
        self.sets.append(Planted(kind, tuple(range(end - count, end))))
        self.bursts += 1


def shoot(places: Sequence[Image.Image], seed: int, plan: Plan | None = None) -> Shoot:
    """A shoot in the places (at least two). Raises ValueError for fewer."""
    if len(places) < 2:
        raise ValueError("a shoot needs two photos to be made of")
    roll = _Roll(np.random.default_rng(seed), plan or Plan())
    chosen = [places[i] for i in roll.random.permutation(len(places))]
    counts = (roll.plan.brackets, roll.plan.panoramas, roll.plan.focus_stacks, roll.plan.timelapses)
    kinds = ("bracket", "panorama", "focus_stack", "timelapse")
    planted = [kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]
    _moments(roll, chosen, [planted[i] for i in roll.random.permutation(len(planted))])
    if roll.plan.cameras == 2:
        _second_camera(roll, chosen)
    _copies(roll)
    return _finished(roll)


def _moments(roll: _Roll, places: list[Image.Image], planted: list[str]) -> None:
    place, view = 0, _stand(roll)
    if planted:
        # no eye finds an overlap, or a plane of focus, on a plain cloth
        median = np.median([_detail(one) for one in places])
        places = [one for one in places if _detail(one) >= median]
    total = max(roll.plan.moments, len(planted))
    for moment in range(total):
        if moment and roll.random.random() < roll.plan.same_place:
            turn = roll.random.uniform(0, math.tau)
            reach = roll.random.uniform(0.18, 0.3)
            width = float(np.clip(view.width * roll.random.choice((0.62, 1.5)), 0.3, 0.85))
            view = _inside(_View(view.x + reach * math.cos(turn), view.y + reach * math.sin(turn), width))
        elif moment:
            place, view = (place + 1) % len(places), _stand(roll)
        subject = places[(place + len(places) // 2) % len(places)]
        scene = _Scene(places[place], subject, view, moment)
        for _ in range(1 + int(roll.random.poisson(roll.plan.bursts - 1))):
            _burst(roll, scene, _reframed(roll, view))
            roll.wait(roll.plan.burst_gap_s, 1.0)
        if moment < len(planted):
            _SETS[planted[moment]](roll, scene)
        roll.wait(roll.plan.moment_gap_s)


@dataclass(frozen=True, slots=True)
class _Scene:
    place: Image.Image
    subject: Image.Image
    view: _View
    moment: int


def _detail(place: Image.Image) -> float:
    """How much there is to see in the plainer parts of a photo."""
    return float(np.quantile(_sharpness(np.asarray(place)), 0.2))


def _stand(roll: _Roll) -> _View:
    x, y = roll.random.uniform(0.35, 0.65, 2)
    return _inside(_View(x, y, roll.random.uniform(0.5, 0.7)))


def _inside(view: _View) -> _View:
    low, high = view.width / 2, 1 - view.width / 2
    return replace(view, x=float(np.clip(view.x, low, high)), y=float(np.clip(view.y, low, high)))


def _reframed(roll: _Roll, view: _View) -> _View:
    x, y = roll.random.normal(0, 0.035, 2)
    return _inside(_View(view.x + x, view.y + y, view.width * float(roll.random.uniform(0.9, 1.1))))


def _jitter(roll: _Roll, view: _View, most: float = 0.008) -> _View:
    x, y = roll.random.normal(0, most, 2)
    return _inside(replace(view, x=view.x + x, y=view.y + y))


def _seen(place: Image.Image, view: _View) -> Image.Image:
    width = view.width * place.width
    height = min(width * VIEW[1] / VIEW[0], place.height)
    left = float(np.clip(view.x * place.width - width / 2, 0, place.width - width))
    top = float(np.clip(view.y * place.height - height / 2, 0, place.height - height))
    return place.resize(VIEW, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def _with_subject(seen: Image.Image, scene: _Scene, at: tuple[float, float]) -> Image.Image:
    size = (VIEW[0] // 5, VIEW[1] // 3)
    mask = Image.new("L", size, 0)
    mask.paste(255, (4, 4, size[0] - 4, size[1] - 4))
    both = seen.copy()
    where = round(at[0] * VIEW[0] - size[0] / 2), round(at[1] * VIEW[1] - size[1] / 2)
    both.paste(scene.subject.resize(size), where, mask.filter(ImageFilter.GaussianBlur(2)))
    return both


def _developed(roll: _Roll, seen: Image.Image, ev: float = 0.0, noise: float | None = None) -> Picture:
    """Exposure in linear light, then noise of some levels out of 255."""
    light = (np.asarray(seen, np.float32) / 255) ** 2.2 * np.float32(2**ev)
    sigma = roll.random.uniform(1, 5) if noise is None else noise
    grain = roll.random.normal(0, sigma, light.shape).astype(np.float32)
    return np.clip(np.minimum(light, 1) ** (1 / 2.2) * 255 + grain, 0, 255).round().astype(np.uint8)


def _burst(roll: _Roll, scene: _Scene, view: _View) -> None:
    random = roll.random
    count = 1 + int(random.poisson(roll.plan.burst_frames - 1))
    interval = float(random.uniform(0.1, 0.6))
    x, y, speed = random.uniform(0.25, 0.75), random.uniform(0.35, 0.7), random.normal(0, 0.05)
    exposure, drive = float(random.normal(0, 0.25)), Drive.CONTINUOUS if count > 1 else Drive.SINGLE
    shutter = 1 / float(random.choice((60, 125, 250, 500)))
    metered = 0.0 if random.random() < roll.plan.manual else 0.1
    for frame in range(count):
        seen = _with_subject(_seen(scene.place, _jitter(roll, view)), scene, (x + speed * frame, y))
        if random.random() < roll.plan.blurred:
            seen = seen.filter(ImageFilter.GaussianBlur(float(random.uniform(1, 3))))
        picture = _developed(roll, seen, exposure + float(random.normal(0, 0.08)))
        known = drive if random.random() < 0.5 else Drive.UNKNOWN
        roll.add(picture, scene.moment, drive=known, exposure_s=shutter * 2 ** float(random.normal(0, metered)))
        roll.time_s += interval if frame < count - 1 else 0.0
    roll.bursts += 1


def _bracket(roll: _Roll, scene: _Scene) -> None:
    random = roll.random
    count, step = _BRACKETS[int(random.integers(len(_BRACKETS)))]
    steps = np.arange(count) - count // 2
    if random.random() < 0.5:
        steps = steps[np.argsort(np.abs(steps), kind="stable")]
    told, view = int(random.integers(3)), _reframed(roll, scene.view)
    for stop in steps:
        seen = _seen(scene.place, _jitter(roll, view, 0.003))
        exposure_s = 1 / 125 * 2 ** (float(stop) * step)
        facts = {"bias": float(stop) * step} if told == 0 else {"drive": Drive.BRACKET} if told == 1 else {}
        roll.add(_developed(roll, seen, float(stop) * step), scene.moment, exposure_s=exposure_s, **facts)
        roll.time_s += float(random.uniform(0.15, 0.5)) + exposure_s
    roll.keep("bracket", count)


def _panorama(roll: _Roll, scene: _Scene) -> None:
    random = roll.random
    width, step = 0.36, 0.36 * float(random.uniform(0.35, 0.55))
    count = min(int(0.98 * (1 - width) / step) + 1, 6)
    start = width / 2 + float(random.uniform(0, 1 - width - step * (count - 1)))
    order = range(count) if random.random() < 0.5 else range(count - 1, -1, -1)
    for at in order:
        view = _jitter(roll, _View(start + at * step, scene.view.y, width), 0.004)
        roll.add(_developed(roll, _seen(scene.place, view)), scene.moment)
        roll.time_s += float(random.uniform(1.0, 3.5))
    roll.keep("panorama", count)


def _focus_stack(roll: _Roll, scene: _Scene) -> None:
    random = roll.random
    count = int(random.integers(5, 10))
    seen = _seen(scene.place, scene.view)
    levels = [np.asarray(seen.filter(ImageFilter.GaussianBlur(0.9 * step)), np.float32) for step in range(6)]
    across, down = np.meshgrid(np.linspace(0, 1, VIEW[0]), np.linspace(0, 1, VIEW[1]))
    turn = random.uniform(0, math.tau)
    depth = (across - 0.5) * math.cos(turn) + (down - 0.5) * math.sin(turn)
    depth = (depth - depth.min()) / np.ptp(depth)
    interval = float(random.uniform(0.5, 2.0))
    for frame in range(count):
        away = np.abs(depth - frame / (count - 1)) * (len(levels) - 1.01) * 1.4
        low = np.minimum(away.astype(int), len(levels) - 2)
        part = np.clip(away - low, 0, 1)[..., None]
        rows, columns = np.indices(depth.shape)
        stacked = np.stack(levels)
        mixed = stacked[low, rows, columns] * (1 - part) + stacked[low + 1, rows, columns] * part
        roll.add(_developed(roll, Image.fromarray(mixed.round().astype(np.uint8)), noise=1.5), scene.moment)
        roll.time_s += interval
    roll.keep("focus_stack", count)


def _timelapse(roll: _Roll, scene: _Scene) -> None:
    random = roll.random
    count, interval = int(random.integers(12, 30)), float(random.choice((2, 3, 5, 10, 30)))
    x, speed, drift = random.uniform(0.2, 0.8), random.normal(0, 0.02), random.normal(0, 0.02)
    for frame in range(count):
        seen = _with_subject(_seen(scene.place, scene.view), scene, (x + speed * frame, 0.5))
        roll.add(
            _developed(roll, seen, drift * frame, noise=1.5), scene.moment, exposure_s=1 / 125 * 2 ** (drift * frame)
        )
        roll.time_s += interval + float(random.normal(0, 0.01))
    roll.keep("timelapse", count)


_SETS: Final = {"bracket": _bracket, "panorama": _panorama, "focus_stack": _focus_stack, "timelapse": _timelapse}


def _second_camera(roll: _Roll, places: list[Image.Image]) -> None:
    """Another body beside the first: looks at the same moments from nearby, in colours of its own."""
    random, first = roll.random, list(roll.frames)
    tint = random.uniform(0.92, 1.08, 3).astype(np.float32)
    for frame in first:
        if random.random() < 0.55:
            continue
        picture = frame.picture
        if roll.plan.own_places:
            place = places[(len(places) // 2 + frame.moment) % len(places)]
            picture = _developed(roll, _seen(place, _reframed(roll, _View(0.5, 0.5, 0.6))))
        else:
            near = Image.fromarray(picture).resize(VIEW, box=_nearby(random))
            picture = np.clip(np.asarray(near, np.float32) * tint, 0, 255).round().astype(np.uint8)
            picture = _developed(roll, Image.fromarray(picture), float(random.normal(0, 0.2)))
        beside = float(random.normal(0, 6.0))
        roll.time_s = frame.time_s + beside + roll.plan.clock_s
        roll.bursts += 1
        roll.add(picture, frame.moment, camera=1)


def _nearby(random: np.random.Generator) -> tuple[float, float, float, float]:
    left, top, right, bottom = random.uniform(0, 0.12, 4)
    return left * VIEW[0], top * VIEW[1], (1 - right) * VIEW[0], (1 - bottom) * VIEW[1]


def _copies(roll: _Roll) -> None:
    """Files made of files: sent on, reduced, toned or without colour; half of them without a word of Exif."""
    for row, frame in enumerate(list(roll.frames)):
        if roll.random.random() >= roll.plan.copies:
            continue
        image = Image.fromarray(frame.picture)
        kind = int(roll.random.integers(4))
        if kind == 1:
            image = image.resize((round(VIEW[0] * 0.6), round(VIEW[1] * 0.6)), Image.Resampling.LANCZOS)
        elif kind == 2:
            image = image.convert("L").convert("RGB")
        elif kind == 3:
            gamma = float(roll.random.choice((0.85, 1.18)))
            image = image.point([round(255 * (level / 255) ** gamma) for level in range(256)] * 3)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(roll.random.integers(70, 93)))
        copy = replace(frame, picture=np.asarray(Image.open(file).convert("RGB")), original=row)
        stripped = roll.random.random() < 0.5
        roll.frames.append(
            replace(copy, time_s=math.nan, camera=-1, drive=Drive.UNKNOWN, bias=math.nan) if stripped else copy
        )


def _finished(roll: _Roll) -> Shoot:
    frames, n = roll.frames, len(roll.frames)
    original = np.array([frame.original for frame in frames])
    shots = Shots.of(
        np.array([frame.time_s for frame in frames]),
        has_subsec=np.array([frame.has_subsec for frame in frames]),
        camera=np.array([frame.camera for frame in frames]),
        drive=np.array([frame.drive for frame in frames]),
        exposure_bias=np.array([frame.bias for frame in frames]),
        exposure_time_s=np.array([frame.exposure_s for frame in frames]),
        aperture=np.array([frame.aperture for frame in frames]),
        iso=np.array([frame.iso for frame in frames]),
        counter=np.where(original < 0, np.arange(n), -1),
    )
    return Shoot(
        shots,
        [frame.picture for frame in frames],
        np.stack([_sharpness(frame.picture) for frame in frames]),
        np.array([frame.moment for frame in frames]),
        np.array([frame.burst for frame in frames]),
        np.where(original < 0, np.arange(n), original),
        roll.sets,
        original >= 0,
    )


def _sharpness(picture: Picture) -> Floats:
    """Mean square of the Laplacian over an 8×8 grid, row by row."""
    gray = picture.astype(np.float64).mean(axis=2)
    laplacian = 4 * gray[1:-1, 1:-1] - gray[:-2, 1:-1] - gray[2:, 1:-1] - gray[1:-1, :-2] - gray[1:-1, 2:]
    rows, columns = (size // _TILES * _TILES for size in laplacian.shape)
    tiles = (laplacian[:rows, :columns] ** 2).reshape(_TILES, rows // _TILES, _TILES, columns // _TILES)
    means: Floats = tiles.mean(axis=(1, 3)).reshape(-1)
    return means
