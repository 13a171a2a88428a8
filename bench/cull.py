"""Culling: how fast photos are measured, grouped, ranked, picked and culled, beside peers in the same run.

Grouping, signals and ranking are CPU time on one core (``bench.grouping``, ``bench.cull_cpu``). The jobs that group
and rank a project of 10,000 photos (``bench.cull_jobs``), and what a server answers in one of 20,000
(``bench.cull_doors``), are taken on the clock. It prints how busy the machine is: on a busy one, only the ratios and
the CPU times mean something.

    python -m bench.cull [--photos 20000] [--picks 300] [--quick]

Ends with 1 if a goal was missed. ``--quick`` tries everything on a small project, and judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from bench import cull_cpu, cull_doors, cull_jobs, grouping

_ONE_CORE: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_QUICK: Final = 2_100


def main(photos: int, picks: int, *, quick: bool) -> int:
    """Measure and print; how many goals were missed."""
    console = Console(width=120)
    console.print("load average {:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))
    missed = grouping.main([_QUICK] if quick else list(grouping.GOALS))
    missed += _on_one_core(console, *((20, 1) if quick else (400, 6)))
    _as_jobs(console, _QUICK if quick else 10_000)
    missed += _over_http(console, photos, picks)
    console.print("load average {:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))
    return 0 if quick else missed


def _on_one_core(console: Console, clusters: int, photos: int) -> int:
    table = Table("CPU on one core", "ms", "peer", "its ms", "ratio", "goal")
    figures = cull_cpu.figures(clusters, photos)
    for one in figures:
        goal = "" if one.goal is None else f"{one.goal:g}"
        table.add_row(one.what, f"{one.ms:.2f}", one.peer, f"{one.peer_ms:.2f}", f"{one.ms / one.peer_ms:.1f}", goal)
    console.print(table)
    return sum(one.goal is not None and one.ms > one.goal for one in figures)


def _as_jobs(console: Console, photos: int) -> None:
    table = Table(f"Jobs, {photos:,} photos", "grouping s", "of which in memory", "ranking s")
    for ran in asyncio.run(cull_jobs.runs(photos)):
        table.add_row(ran.what, f"{ran.group_s:.2f}", f"{ran.alone_s:.2f}" if ran.alone_s else "", f"{ran.rank_s:.2f}")
    console.print(table)


def _over_http(console: Console, photos: int, picks: int) -> int:
    columns = ("p50 ms", "p95 ms", "CPU of server", "of database", "bare SQL p50", "p95", "ratio", "goal p95")
    table = Table(f"HTTP, {photos:,} photos", *columns)
    answers = asyncio.run(cull_doors.answers(photos, picks))
    for one in answers:
        ours, bare = [took.seconds for took in one.took], [took.seconds for took in one.bare]
        cpu = [statistics.mean(getattr(took, name) for took in one.took) * 1000 for name in ("server", "database")]
        row = [_part(ours, 50), _part(ours, 95), *cpu, *([_part(bare, 50), _part(bare, 95)] if bare else [])]
        cells = [f"{value:.1f}" for value in row] + ["", ""] * (not bare)
        ratio = f"{_part(ours, 50) / _part(bare, 50):.1f}" if bare else ""
        table.add_row(one.what, *cells, ratio, "" if one.goal_ms is None else f"{one.goal_ms:g}")
    console.print(table)
    return sum(
        one.goal_ms is not None and _part([took.seconds for took in one.took], 95) > one.goal_ms for one in answers
    )


def _part(seconds: Sequence[float], percent: int) -> float:
    """A percentile, in milliseconds."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


if __name__ == "__main__":
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # numpy reads it once, when it is imported
        again = [sys.executable, "-m", "bench.cull", *sys.argv[1:]]
        raise SystemExit(subprocess.run(again, env={**os.environ, **_ONE_CORE}, check=False).returncode)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--picks", type=int, default=300)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    size = (_QUICK, 20) if asked.quick else (asked.photos, asked.picks)
    raise SystemExit(min(1, main(*size, quick=asked.quick)))
