"""Photos for rough handling: each decodes, is unlike all others, and is made again from its number alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyvips

KB, MB = 1_000, 1_000_000
SMALLEST, LARGEST = KB, 60 * MB
#: Bends the sizes towards the small ones: 1,000 files of 1 KB to 60 MB come to about 3 GB.
_BEND: Final = 2.0
_END: Final = b"\xff\xd9"


@dataclass(frozen=True)
class Shot:
    """A JPEG of exactly ``size`` bytes: a small picture, then random bytes and one more end mark."""

    seed: int
    number: int
    size: int

    @property
    def filename(self) -> str:
        return f"shot-{self.number:04}.jpg"

    @property
    def data(self) -> bytes:
        chance = np.random.default_rng((self.seed, self.number))
        start = picture(chance, 16, 12)
        return start + chance.bytes(self.size - len(start) - len(_END)) + _END

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def shots(seed: int, count: int, largest: int = LARGEST) -> list[Shot]:
    """``count`` shots, from 1 KB (the first) to ``largest`` bytes (the last), more of them small than large."""
    chance = np.random.default_rng(seed)
    places = [0.0, *chance.random(max(0, count - 2)) ** _BEND, 1.0][:count]
    return [Shot(seed, number, round(SMALLEST * (largest / SMALLEST) ** at)) for number, at in enumerate(places)]


def picture(chance: np.random.Generator, width: int, height: int, quality: int = 80) -> bytes:
    """A JPEG of soft random colours with some grain, ``width`` × ``height`` pixels."""
    coarse = chance.integers(0, 256, (max(2, height // 64), max(2, width // 64), 3), dtype=np.uint8)
    rows, columns, bands = coarse.shape
    soft = pyvips.Image.new_from_memory(coarse.tobytes(), columns, rows, bands, "uchar")
    soft = soft.resize(width / columns, vscale=height / rows, kernel="linear")
    grain = pyvips.Image.gaussnoise(width, height, sigma=4, mean=0, seed=int(chance.integers(1 << 31)))
    return bytes((soft + grain).cast("uchar").jpegsave_buffer(Q=quality, optimize_coding=width < 64))


def unlike(scene: bytes, seed: int, number: int, size: int | None = None) -> bytes:
    """A photo with the pixels of ``scene`` and other bytes behind them, ``size`` bytes in all (None: a few more)."""
    extra = 64 if size is None else size - len(scene) - len(_END)
    return scene + np.random.default_rng((seed, number)).bytes(extra) + _END
