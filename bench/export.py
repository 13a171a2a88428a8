"""What an exported photo costs, beside libvips making the same file, and how long a contact sheet of 300 photos takes.

Photos of 24 megapixels are drawn (``bench.photos``). Both work off the same batch as the preset ``web`` asks (2,048 px,
JPEG of quality 82, sRGB profile, SHA-256 and CRC-32), one photo at a time in one thread, in changing order; with output
sharpening and without. libvips sharpens with its own operation, and writes no metadata. Figures are medians of rounds,
ratios medians of the rounds' own ratios; CPU is user + system time, and the goal is about it, for the machine is
shared. The contact sheet is made of previews (2,048 px).

    python -m bench.export [--rounds 7] [--batch 12] [--photos 300]

Ends with 1 if a goal was missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.ingest import Peer
from bench.photos import draw
from bench.shoots import Cost
from ml import ingest
from ml.exporting import sheet

#: Times the time of libvips alone; seconds of a sheet.
MOST_OF_LIBVIPS, MOST_SECONDS = 1.25, 10.0
OURS, LIBVIPS = "ours", "libvips"
_DRAWN: Final = 6


def stills(folder: Path, rounds: int, batch: int, console: Console) -> int:
    """Print the table of exported photos; how many goals were missed."""
    paths = [folder / f"{number % _DRAWN}.jpg" for number in range(batch)]
    table = Table("sharpening", "peer", "ms a photo", "CPU ms", "photos/s a core", title="24 MP JPEG to `web`")
    ratios: list[tuple[str, float, float]] = []
    for sharpen in ("screen", "none"):
        found = _rounds(folder, sharpen, paths, rounds)
        for name, costs in found.items():
            wall, cpu = (statistics.median(getattr(cost, what) for cost in costs) for what in ("wall", "cpu"))
            table.add_row(sharpen, name, f"{wall * 1e3:.1f}", f"{cpu * 1e3:.1f}", f"{1 / cpu:.1f}")
        ratios.append((sharpen, _ratio(found, "wall"), _ratio(found, "cpu")))
    console.print(table)
    for sharpen, wall, cpu in ratios:
        console.print(f"{sharpen}: time x{wall:.2f} of libvips, CPU x{cpu:.2f} (goal: at most {MOST_OF_LIBVIPS})")
    return sum(cpu > MOST_OF_LIBVIPS for _, _, cpu in ratios)


def _rounds(folder: Path, sharpen: str, paths: list[Path], rounds: int) -> dict[str, list[Cost]]:
    found: dict[str, list[Cost]] = {OURS: [], LIBVIPS: []}
    with ExitStack() as stack:
        peers = {
            name: stack.enter_context(
                Peer([sys.executable, "-m", "bench.export_peers", name, str(folder), sharpen], ".jpg")
            )
            for name in found
        }
        for number in range(rounds + 1):
            for name in sorted(found, reverse=bool(number % 2)):
                os.sync()
                cost = peers[name].develop(paths)
                if number:  # the first round is for caches
                    found[name].append(cost)
    return found


def _ratio(found: dict[str, list[Cost]], what: str) -> float:
    pairs = zip(found[OURS], found[LIBVIPS], strict=True)
    return statistics.median(getattr(one, what) / getattr(two, what) for one, two in pairs)


# --- the contact sheet -----------------------------------------------------------------------------------------------


def contact_sheet(folder: Path, photos: int, console: Console) -> int:
    """Print how long a sheet takes in a process of its own; 1 if that is too long."""
    previews = []
    for number in range(_DRAWN):
        made = folder / f"preview{number}"
        made.mkdir()
        ingest.develop(str(folder / f"{number}.jpg"), str(made), "a.jpg", full=False)
        previews.append(str(made / "preview.jpg"))
    command = [sys.executable, "-m", "bench.export", "--sheet", str(folder), "--photos", str(photos)]
    seconds, cpu, size, pages, memory = (
        float(part) for part in subprocess.check_output([*command, *previews], text=True).split()
    )
    console.print(
        f"contact sheet of {photos} photos: {seconds:.1f} s (goal: at most {MOST_SECONDS:.0f}), CPU {cpu:.1f} s, "
        f"{pages:.0f} pages, {size / 1e6:.1f} MB, process {memory:.0f} MB"
    )
    return int(seconds > MOST_SECONDS)


def one_sheet(folder: str, photos: int, previews: list[str]) -> None:
    """Make the sheet, and print seconds, CPU seconds, bytes, pages and megabytes of memory."""
    chips = ["Sharpest frame", "Eyes most open", "Less highlight clipping"]
    listed: list[dict[str, Any]] = [
        {
            "path": previews[number % len(previews)],
            "name": f"IMG_{number:04}.JPG",
            "number": number + 1,
            "rating": number % 6,
            "picked": number % 3 == 0,
            "label": "Red" if number % 7 == 0 else None,
            "chips": chips[: number % 4],
            "captured": "2026-06-20T09:00:07",
        }
        for number in range(photos)
    ]
    begun, cpu = time.perf_counter(), time.process_time()
    made = sheet.render(folder, {"title": "Bench", "photos": listed, "gallery_url": "https://example.test/g/bench"})
    spent, used = time.perf_counter() - begun, time.process_time() - cpu
    print(spent, used, made.byte_size, made.pages, _peak_mb())


def _peak_mb() -> float:
    """Of this process since it was started: ``ru_maxrss`` would count what its parent held."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--sheet", help=argparse.SUPPRESS)
    parser.add_argument("previews", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sheet:
        one_sheet(options.sheet, options.photos, options.previews)
        return 0
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="kilo-bench-") as name:
        folder = Path(name)
        for number, photo in enumerate(draw(_DRAWN)):
            (folder / f"{number}.jpg").write_bytes(photo.jpeg)
        missed = stills(folder, options.rounds, options.batch, console)
        missed += contact_sheet(folder, options.photos, console)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
