"""What a photo costs from its stored bytes to the moment it can be culled, beside libvips and beside sharp.

Photos of 24 megapixels are drawn (``bench.photos``); no two ingested ones have the same bytes. In each round every peer
works off the same batch, one photo at a time, in changing order; figures are medians of rounds, ratios medians of the
rounds' own ratios. CPU is user + system time of all processes of a peer.

- KILO is a real worker process with one slot on a real PostgreSQL, with a folder as its store: hashing, decoding in the
  isolated child, metadata, three renditions, durable storing, rows, events and the job's bookkeeping. What PostgreSQL
  uses of the CPU stands beside it.
- libvips alone is pyvips in one thread and makes two renditions of a JPEG, encoded as ours are. It finds no JPEG in a
  RAW file, so it is given what is inside.
- sharp makes a 1440 px JPEG and a 250 px WebP in one thread, as the best-known open photo server does: that is
  the length of the *short* edge, 2160 x 1440; ``(long edge)`` is for comparison. exiftool stays open and reads the
  metadata.

    python -m bench.ingest [--rounds 7] [--batch 12]     against the peers
    python -m bench.ingest --grown 20000                  does a photo cost more in a project that has 20,000?
    python -m bench.ingest --memory 5000                  does a worker grow with so many (small) photos?

Ends with 1 if a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Self
from uuid import UUID

import psutil
from rich.console import Console
from rich.table import Table

from bench import npm
from bench.photos import SMALL, Photo, draw, numbered_jpeg, numbered_raw
from bench.shoots import Cost, File, Stage, stage, used
from kilo_gql import embedded, migrate

#: Times the time of libvips alone; times the rate of sharp with exiftool; times the cost in an empty project.
MOST_OF_LIBVIPS, LEAST_OF_SHARP, MOST_GROWN = 1.3, 1.5, 1.1
#: Megabytes that a worker may gain from the first tenth of its photos to the last.
MOST_GAINED_MB: Final = 10.0
LIBVIPS, SHARP, KILO = "libvips alone", "sharp + exiftool", "KILO"
_DRAWN: Final = 6
_SAMPLE: Final = 500


class Peer:
    """A process that develops a photo for each line it reads."""

    def __init__(self, argv: Sequence[str], suffix: str) -> None:
        self.suffix = suffix
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def develop(self, paths: Sequence[Path]) -> Cost:
        """The cost of each, one after the other."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        process = psutil.Process(self._process.pid)
        begun, cpu = time.perf_counter(), used(process)
        for path in paths:
            self._process.stdin.write(f"{path}\n".encode())
            self._process.stdin.flush()
            if not self._process.stdout.readline():
                raise SystemExit(f"{self._process.args!r} ended.")
        wall = time.perf_counter() - begun
        return Cost(wall / len(paths), (used(process) - cpu) / len(paths), 0.0)


class Kind:
    """One kind of file: what is ingested, and what lies on the disk for the peers."""

    def __init__(self, name: str, photos: Sequence[Photo], folder: Path) -> None:
        self.name = name
        self._photos = photos
        self._folder = folder
        folder.mkdir()
        for number, photo in enumerate(photos):
            (folder / f"{number}.jpg").write_bytes(photo.jpeg if name == "JPEG" else photo.inside)
            (folder / f"{number}.dng").write_bytes(photo.raw)

    def files(self, numbers: Sequence[int]) -> list[File]:
        """New ones, in bytes that nobody has seen."""
        return [self._file(number, self._photos[number % len(self._photos)]) for number in numbers]

    def _file(self, number: int, photo: Photo) -> File:
        if self.name == "JPEG":
            return File(f"IMG_{number:06}.JPG", numbered_jpeg(photo.jpeg, number))
        return File(f"IMG_{number:06}.DNG", numbered_raw(photo.raw, number))

    def paths(self, numbers: Sequence[int], suffix: str) -> list[Path]:
        """The same pictures, for a peer."""
        return [self._folder / f"{number % len(self._photos)}{suffix}" for number in numbers]


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """A worker on a database of its own, warmed up."""
    with tempfile.TemporaryDirectory(prefix="kilo-bench-") as name:
        home = Path(name)
        server = embedded.start(home)
        try:
            await migrate.migrate(embedded.url(server))
            async with stage(embedded.url(server), home) as here:
                warm = [File(f"WARM{n}.JPG", numbered_jpeg(draw(1, SMALL)[0].jpeg, n)) for n in range(20)]
                await here.ingest(await here.project(), warm)
                yield here
        finally:
            embedded.stop(server)


# --- against the peers -----------------------------------------------------------------------------------------------

_Run = Callable[[Kind, Sequence[int]], Awaitable[Cost]]


@contextmanager
def peers(here: Stage, project: UUID, folder: Path) -> Iterator[dict[str, _Run]]:
    """Who takes part, by name, and how each works off a batch."""

    async def ours(kind: Kind, numbers: Sequence[int]) -> Cost:
        return await here.ingest(project, kind.files(numbers))

    def theirs(peer: Peer) -> _Run:
        async def run(kind: Kind, numbers: Sequence[int]) -> Cost:
            suffix = ".jpg" if kind.name == "JPEG" else peer.suffix
            return await asyncio.to_thread(peer.develop, kind.paths(numbers, suffix))

        return run

    with ExitStack() as stack:
        vips = stack.enter_context(Peer([sys.executable, "-m", "bench.bare_vips", str(folder)], ".jpg"))
        short, long = (
            stack.enter_context(Peer(npm.command("develop.mjs", str(folder), fit), ".dng"))
            for fit in ("outside", "inside")
        )
        yield {LIBVIPS: theirs(vips), SHARP: theirs(short), f"{SHARP} (long edge)": theirs(long), KILO: ours}


async def against_peers(rounds: int, batch: int, console: Console) -> int:
    missed = 0
    drawn = draw(_DRAWN)
    numbers = count(1)
    async with staged() as here:
        with tempfile.TemporaryDirectory(prefix="kilo-bench-") as name:
            kinds = [Kind(kind, drawn, Path(name) / kind) for kind in ("JPEG", "RAW")]
            with peers(here, await here.project(), Path(name)) as taking_part:
                for kind in kinds:
                    found = await _rounds(kind, taking_part, rounds, batch, numbers)
                    missed += _show(kind, found, console)
    return missed


async def _rounds(
    kind: Kind, taking_part: dict[str, _Run], rounds: int, batch: int, numbers: Iterator[int]
) -> dict[str, list[Cost]]:
    found: dict[str, list[Cost]] = {name: [] for name in taking_part}
    for number in range(rounds + 1):
        mine = [next(numbers) for _ in range(batch)]
        names = list(taking_part)
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            os.sync()  # what one has written is not to be written while the next one works
            cost = await taking_part[name](kind, mine)
            if number:  # the first round is for caches and connections
                found[name].append(cost)
    return found


def _show(kind: Kind, found: dict[str, list[Cost]], console: Console) -> int:
    """Print the table; how many goals were missed."""
    table = Table("peer", "ms a photo", "CPU ms", "photos/s a core", "PostgreSQL CPU ms", title=f"{kind.name}, 24 MP")
    for name, costs in found.items():
        wall, cpu, database = (_median(costs, what) for what in ("wall", "cpu", "database"))
        row = (wall * 1e3, cpu * 1e3, 1 / cpu, database * 1e3)
        table.add_row(name, *(f"{value:.1f}" for value in row))
    console.print(table)
    time_, cpu = (_ratio(found, KILO, LIBVIPS, what) for what in ("wall", "cpu"))
    rate, spared = (_ratio(found, SHARP, KILO, what) for what in ("wall", "cpu"))
    console.print(f"of libvips: time x{time_:.2f}, CPU x{cpu:.2f} (goal: at most {MOST_OF_LIBVIPS})")
    console.print(f"of sharp's rate: x{rate:.2f}, a core x{spared:.2f} (goal: at least {LEAST_OF_SHARP})")
    return (time_ > MOST_OF_LIBVIPS) + (rate < LEAST_OF_SHARP)


def _median(costs: Sequence[Cost], what: str) -> float:
    return statistics.median(getattr(cost, what) for cost in costs)


def _ratio(found: dict[str, list[Cost]], name: str, other: str, what: str) -> float:
    """The median of the rounds' own ratios: both worked under the same load."""
    pairs = zip(found[name], found[other], strict=True)
    return statistics.median(getattr(one, what) / getattr(two, what) for one, two in pairs)


# --- a project that grows --------------------------------------------------------------------------------------------


async def grown(photos: int, rounds: int, console: Console) -> int:
    """100 small photos each in a project of 100 and in one of ``photos``, in turns of ten."""
    drawn = [photo.jpeg for photo in draw(_DRAWN, SMALL)]
    numbers = count(1)
    found: dict[int, list[Cost]] = {100: [], photos: []}
    async with staged() as here:
        projects = {held: await here.project(held) for held in found}
        for number in range(rounds + 1):
            for held in sorted(found, reverse=bool(number % 2)):
                files = _small(drawn, numbers, 10)
                cost = await here.ingest(projects[held], files)
                if number:
                    found[held].append(cost)
    table = Table("photos in the project", "ms a photo", "worker CPU ms", "PostgreSQL CPU ms", title="900 x 600 JPEG")
    for held, costs in found.items():
        table.add_row(f"{held:,}", *(f"{_median(costs, what) * 1e3:.1f}" for what in ("wall", "cpu", "database")))
    console.print(table)
    both = [(held, [cost.cpu + cost.database for cost in costs]) for held, costs in found.items()]
    ratio = statistics.median(many / few for few, many in zip(both[0][1], both[1][1], strict=True))
    console.print(f"CPU of worker and database together: x{ratio:.3f} (goal: at most {MOST_GROWN})")
    return int(ratio > MOST_GROWN)


def _small(drawn: Sequence[bytes], numbers: Iterator[int], size: int) -> list[File]:
    chosen = [next(numbers) for _ in range(size)]
    return [File(f"IMG_{n:06}.JPG", numbered_jpeg(drawn[n % len(drawn)], n)) for n in chosen]


# --- a worker that works long ----------------------------------------------------------------------------------------


async def memory(photos: int, console: Console) -> int:
    """What the worker and its child hold, each 500 photos (900 x 600: a worker sees no pixels, its child all)."""
    drawn = [photo.jpeg for photo in draw(_DRAWN, SMALL)]
    numbers = count(1)
    held: list[tuple[float, float]] = []
    async with staged() as here:
        project = await here.project()
        table = Table("photos", "worker MB", "child MB", "ms a photo")
        for done in range(_SAMPLE, photos + 1, _SAMPLE):
            costs = [await here.ingest(project, _small(drawn, numbers, 50)) for _ in range(_SAMPLE // 50)]
            held.append(here.resident())
            table.add_row(f"{done:,}", *(f"{value:.1f}" for value in held[-1]), f"{_median(costs, 'wall') * 1e3:.1f}")
    console.print(table)
    gained = max(parent for parent, _ in held) - held[0][0]
    console.print(f"the worker gained {gained:.1f} MB after the first {_SAMPLE} (goal: at most {MOST_GAINED_MB:.0f})")
    return int(gained > MOST_GAINED_MB)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--grown", type=int, metavar="PHOTOS")
    parser.add_argument("--memory", type=int, metavar="PHOTOS")
    options = parser.parse_args()
    console = Console(width=110)
    if options.grown:
        missed = asyncio.run(grown(options.grown, max(options.rounds, 10), console))
    elif options.memory:
        missed = asyncio.run(memory(options.memory, console))
    else:
        missed = asyncio.run(against_peers(options.rounds, options.batch, console))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
