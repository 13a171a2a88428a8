"""How fast stored descriptors are grouped, on one core, beside a bare floor in numpy.

A made-up shoot: moments of bursts whose descriptors scatter around one look, one photo in fifty copied, exposures
metered anew for every burst. The floor is what no grouping could do without: the distance of 64-bit hashes, the cosine
of 512 numbers and a time window, of each photo and the eight before it. Both are timed in turn; the least CPU time
counts, since the machine has other work. ``python -m bench.grouping [PHOTOS ...]``: 10,000 and 100,000 unless said.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.descriptors import PACKED_BYTES, DescriptorTable
from ml.grouping.grouping import group
from ml.grouping.links import WINDOW
from ml.grouping.shots import Shots

ROUNDS: Final = 7
#: CPU seconds that grouping so many photos may take.
GOALS: Final = {10_000: 0.12, 100_000: 1.5}
_ONE_CORE: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def main(sizes: list[int]) -> int:
    """Print a line a size; 1 if a goal is missed."""
    return max([measured(photos) for photos in sizes])


def measured(photos: int) -> int:
    """Print the line of one size; 1 if its goal is missed."""
    shots, table = shoot(photos)
    hashes, vectors = table.pdq[:, :8].copy().view(np.uint64)[:, 0], np.ascontiguousarray(table.hog[:, :512])
    found = group(shots, table)
    times = [
        (cpu(lambda: floor(hashes, vectors, shots.time_s)), cpu(lambda: group(shots, table))) for _ in range(ROUNDS)
    ]
    bare, ours = (min(column) for column in zip(*times, strict=True))
    goal = GOALS.get(photos)
    moments, bursts, exposures = (codes.max() + 1 for codes in (found.moment, found.burst, found.duplicate_group))
    print(f"{photos:,} photos, CPU on one core: grouped in {ours:.3f} s (goal {goal}), the floor {bare:.3f} s")
    print(f"  {moments:,} moments, {bursts:,} bursts, {exposures:,} exposures, {len(found.sets):,} kept sets")
    return int(goal is not None and ours > goal)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process that the work takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def floor(
    hashes: NDArray[np.uint64], vectors: NDArray[np.float32], time_s: NDArray[np.float64]
) -> list[NDArray[np.bool_]]:
    """Which photos are near the one so many before them."""
    near = []
    for back in range(1, WINDOW + 1):
        bits = np.bitwise_count(hashes[back:] ^ hashes[:-back])
        cosine = np.einsum("ij,ij->i", vectors[back:], vectors[:-back])
        near.append((bits < 16) & (cosine > 0.8) & (time_s[back:] - time_s[:-back] < 60))
    return near


def shoot(photos: int) -> tuple[Shots, DescriptorTable]:
    """So many photos: about seven a moment, a little over three a burst."""
    random = np.random.default_rng(photos)
    starts_moment = random.random(photos) < 1 / 7
    starts_burst = starts_moment | (random.random(photos) < 1 / 5)
    moment, burst = np.cumsum(starts_moment), np.cumsum(starts_burst)
    gap_s = np.where(
        starts_moment,
        random.lognormal(4.5, 1.5, photos),
        np.where(starts_burst, random.lognormal(2.3, 0.8, photos), 0.3),
    )
    copied = np.flatnonzero(random.random(photos) < 0.02)
    gap_s[copied] = 0
    time_s = np.cumsum(gap_s)
    pdq = _scattered_bits(random, moment, burst, photos)
    pdq[copied] = pdq[copied - 1]
    packed = [random.integers(0, 256, PACKED_BYTES, np.uint8).tobytes() for _ in range(64)]
    which = random.integers(0, len(packed), photos)
    which[copied] = which[copied - 1]
    shutter = 1 / random.choice([60, 125, 250, 500, 1000], photos)[burst - burst[0]]
    shots = Shots.of(
        time_s,
        has_subsec=np.ones(photos),
        camera=np.zeros(photos),
        exposure_time_s=shutter,
        aperture=np.full(photos, 5.6),
        iso=np.full(photos, 200.0),
    )
    table = DescriptorTable(
        pdq,
        _scattered(random, moment, 108, 0.1) * 1000,
        _scattered(random, moment, 100, 0.1),
        _scattered(random, moment, 576, 0.3),
        [packed[at] for at in which],
    )
    return shots, table


def _scattered(random: np.random.Generator, moment: NDArray[np.intp], width: int, spread: float) -> NDArray[np.float32]:
    """Unit vectors around one a moment."""
    looks = np.exp(random.standard_normal((int(moment[-1]) + 1, width), np.float32))[moment]
    looks *= 1 + spread * random.random(looks.shape, np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    return looks.astype(np.float16).astype(np.float32)


def _scattered_bits(
    random: np.random.Generator, moment: NDArray[np.intp], burst: NDArray[np.intp], photos: int
) -> NDArray[np.uint8]:
    """Hashes: anything from moment to moment, some 50 bits apart from burst to burst, some 20 within one."""
    bits = random.integers(0, 256, (int(moment[-1]) + 1, 32), np.uint8)[moment]
    bits ^= np.packbits(random.random((int(burst[-1]) + 1, 256), np.float32) < 0.1, axis=1)[burst]
    return bits ^ np.packbits(random.random((photos, 256), np.float32) < 0.04, axis=1)


if __name__ == "__main__":
    asked = sys.argv[1:] or [str(size) for size in GOALS]
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # numpy reads it once, when it is imported
        again = [sys.executable, "-m", "bench.grouping", *asked]
        raise SystemExit(subprocess.run(again, env={**os.environ, **_ONE_CORE}, check=False).returncode)
    raise SystemExit(main([int(size) for size in asked]))
