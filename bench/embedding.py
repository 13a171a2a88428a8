"""How fast pictures become vectors: concepts on one core, and a ViT-B/32 with random weights where torch is installed.

``python -m bench.embedding [--device cuda]``. Concepts count CPU seconds of previews of 2048 × 1365 pixels, since the
machine has other work; the learned space counts both, with and without decoding previews. Weights change no speed.

``python -m bench.embedding --means FOLDER ... [--each 20] [--seed 1]`` prints the means that concept-v1 has frozen
(``ml/cards/concept-v1.md``): of so many photos drawn from each folder.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from bench.photos import draw
from ml import decode, metadata, signals
from ml.embedding import concept, facts, vit
from ml.embedding.dimensions import DIMENSIONS, Source, levels, numbers
from ml.embedding.encode import encode
from ml.embedding.space import BATCH
from ml.planes import Bytes, Doubles
from ml.refusals import Refused
from tests.ml_embedding.weights import VIT_B_32, write

ROUNDS: Final = 15
PREVIEW: Final = (2048, 1365)
#: CPU milliseconds that a photo's concepts may take.
GOAL_MS: Final = 15.0
_PHOTOS: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic")
#: What photos with a shorter long edge than this do not tell.
_DETAIL_PX: Final = 300
_DETAIL: Final = (
    "busy", "minimal", "text", "straight_lines", "horizon", "fog", "sharp", "soft", "motion_blur", "shallow_depth",
    "noisy",
)  # fmt: skip


def main() -> int:
    """Print the figures; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cpu", help="for the learned space: cpu, cuda")
    parser.add_argument("--means", nargs="+", type=Path, metavar="FOLDER", help="print concept-v1's means instead")
    parser.add_argument("--each", type=int, default=20, help="photos drawn from each folder")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.means:
        return means(asked.means, asked.each, asked.seed)
    missed = concepts()
    learned(asked.device)
    return missed


def concepts() -> int:
    """One line; 1 if the goal is missed."""
    with tempfile.TemporaryDirectory() as scratch:
        previews = [_decoded(path) for path in _written(Path(scratch), 3)]
    for preview in previews:
        concept.describe(preview)
    times = [cpu_ms(previews[turn % len(previews)]) for turn in range(ROUNDS)]
    median = float(np.median(times))
    print(f"concept-v1: {median:.1f} ms of CPU a photo (goal {GOAL_MS:g}), least {min(times):.1f}")
    return int(median > GOAL_MS)


def cpu_ms(preview: Bytes) -> float:
    """CPU milliseconds of this process for one photo."""
    before = time.process_time()
    concept.describe(preview)
    return (time.process_time() - before) * 1000


def _written(folder: Path, count: int) -> list[Path]:
    """So many drawn photos of the size of a preview."""
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for path, photo in zip(paths, draw(count, PREVIEW), strict=True):
        path.write_bytes(photo.jpeg)
    return paths


def learned(device: str) -> None:
    """A line for the model alone and one for previews from files, or why there is none."""
    if find_spec("torch") is None:
        print("ViT-B/32: not measured, the extra 'ml' is not installed")
        return
    import torch

    with tempfile.TemporaryDirectory() as scratch:
        weights, (preview,) = Path(scratch, "random.safetensors"), _written(Path(scratch), 1)
        write(weights, VIT_B_32)
        space = vit.load("random", weights, device=device)
        pictures = [_decoded(preview, 512)] * BATCH
        model = {"kind": "vit", "name": "random", "weights": str(weights), "sha256": None, "device": device}
        works: dict[str, Callable[[], object]] = {
            "pictures/s of 512 px in memory": lambda: space.encode_images(pictures),
            "previews/s of 2048 px from files": lambda: encode([str(preview)] * BATCH, model),
        }
        where = torch.cuda.get_device_name() if device.startswith("cuda") else f"{torch.get_num_threads()} threads"
        for what, work in works.items():
            wall_s, cpu_s = _seconds(work)
            each_ms = cpu_s / BATCH * 1000
            print(f"ViT-B/32, random weights, {where}: {BATCH / wall_s:.1f} {what}, {each_ms:.0f} ms of CPU each")


def means(folders: list[Path], each: int, seed: int) -> int:
    """A line a dimension that pixels and signals answer: the mean level of the photos drawn that tell it."""
    chance = random.Random(seed)
    found = [levels for folder in folders for levels in _drawn(folder, each, chance)]
    table = np.array(found)
    print(f"{len(found)} photos of {len(folders)} folders, seed {seed}")
    for dimension, column in zip(DIMENSIONS, table.T, strict=True):
        if dimension.source is not Source.FACTS:
            told = column[~np.isnan(column)]
            print(f"{dimension.name:16} {told.mean():.3f}  of {told.size}; frozen {dimension.mean:.3f}")
    return 0


def _drawn(folder: Path, each: int, chance: random.Random) -> list[Doubles]:
    """The levels of so many photos of a folder, in the order of the draw; what does not decode is none."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PHOTOS)
    found: list[Doubles] = []
    for photo in chance.sample(photos, len(photos)):
        if len(found) == each:
            break
        with suppress(Refused):
            found.append(_levels(photo))
    return found


def _levels(photo: Path) -> Doubles:
    """(64,) from 0 to 1, nan for "can't tell"."""
    with decode.opened(photo, photo.name) as original:
        picture = decode.picture(original, max(PREVIEW)).image.numpy()
        said = metadata.read(photo, original.format)
    measured = concept.measured(picture, signals.measure(picture), facts.of(said))
    if max(picture.shape) < _DETAIL_PX:
        measured |= dict.fromkeys(_DETAIL, math.nan)
    return levels(numbers(measured))


def _decoded(photo: Path, max_px: int = max(PREVIEW)) -> Bytes:
    with decode.opened(photo, photo.name) as original:
        pixels: Bytes = decode.picture(original, max_px).image.numpy()
    return pixels


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """The least of some rounds, once warm: by the clock, and of this process's CPU."""
    work()
    rounds = []
    for _ in range(5):
        before = time.perf_counter(), time.process_time()
        work()
        rounds.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    wall, cpu = zip(*rounds, strict=True)
    return min(wall), min(cpu)


if __name__ == "__main__":
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # numpy reads it once, when it is imported
        again = [sys.executable, "-m", "bench.embedding", *sys.argv[1:]]
        raise SystemExit(subprocess.run(again, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=False).returncode)
    raise SystemExit(main())
