"""Cold start of ``kilo up`` and idle memory of the API.

Method: ``kilo up`` is started in an empty KILO_HOME (first start: it makes the database) and again in the same one;
time runs from the start of the process until /readyz answers 200. Memory is the API process's resident and
proportional set size (Linux: /proc/PID/smaps_rollup) after a query through each door and two idle seconds.

    python -m bench.startup [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from bench.api import free_port
from kilo_gql import up


def start(home: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """A started house and the seconds until it was ready."""
    base = f"http://127.0.0.1:{port}"
    env = {**os.environ, "KILO_HOME": str(home), "KILO_PORT": str(port), "KILO_BASE_URL": base}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "kilo_gql.up"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    asyncio.run(up.ready(base))
    return process, time.perf_counter() - began


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)


def api_process(parent: int) -> psutil.Process:
    for child in psutil.Process(parent).children(recursive=True):
        if "kilo_gql.serve" in " ".join(child.cmdline()):
            return child
    raise RuntimeError("the API does not run")


def memory(process: psutil.Process) -> tuple[float, float]:
    """Resident and proportional set size in MB."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    pss = next((int(line.split()[1]) for line in rollup.read_text().splitlines() if line.startswith("Pss:")), 0)
    return process.memory_info().rss / 1e6, pss / 1e3


def main(rounds: int) -> None:
    first, again = [], []
    resident = proportional = 0.0
    for _ in range(rounds):
        home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
        port = free_port()
        process, seconds = start(home, port)
        first.append(seconds)
        stop(process)
        process, seconds = start(home, port)
        again.append(seconds)
        base = f"http://127.0.0.1:{port}"
        httpx.get(f"{base}/v1/projects")
        httpx.post(f"{base}/graphql", json={"query": "{ me { id } }"}, headers={"kilo-csrf": "1"})
        time.sleep(2)
        resident, proportional = memory(api_process(process.pid))
        stop(process)
        shutil.rmtree(home, ignore_errors=True)
    table = Table("what", "median", "all")
    for name, values in (("first start, s", first), ("later start, s", again)):
        table.add_row(name, f"{statistics.median(values):.2f}", " ".join(f"{value:.2f}" for value in values))
    table.add_row("API, idle, MB", f"{proportional:.0f} PSS", f"{resident:.0f} RSS")
    Console(width=100).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)
