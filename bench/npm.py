"""Peers written for Node: their packages are installed beside ``bench/peers/package.json`` the first time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import psutil

PEERS: Final = Path(__file__).parent / "peers"


def command(script: str, *arguments: str) -> list[str]:
    """How a script of ``bench/peers`` is started. Raises SystemExit without Node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SystemExit("This measurement compares with programs for Node: install node and npm (20 or newer).")
    if not (PEERS / "node_modules" / ".package-lock.json").exists():
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PEERS, check=True)
    return [node, str(PEERS / script), *arguments]


def spawn(script: str, *arguments: str) -> psutil.Process:
    """A server of ``bench/peers``, as it is run in production, without what it says of types it does not know."""
    environment = {**os.environ, "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    started = subprocess.Popen(command(script, *arguments), env=environment, stderr=subprocess.DEVNULL)
    return psutil.Process(started.pid)
