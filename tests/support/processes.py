"""Real worker processes under a real supervisor, and a look at who runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


def environment(database_url: str, redis_url: str | None = None, **settings: object) -> dict[str, str]:
    """What a worker needs to know, as KILO_* variables."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "KILO_DATABASE_URL": database_url, "KILO_SECRET_KEY": "s" * 32}
    env.pop("KILO_REDIS_URL", None)
    if redis_url is not None:
        env["KILO_REDIS_URL"] = redis_url
    return env | {f"KILO_{name.upper()}": str(value) for name, value in settings.items()}


class Workers:
    """``kilo worker`` with its processes. ``pid`` is the supervisor's."""

    def __init__(self, env: Mapping[str, str], *queues: str, log: Path | None = None) -> None:
        self._log = log.open("ab") if log else None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kilo_gql.supervisor", *(queues or ("io", "cpu"))],
            env=dict(env),
            cwd=ROOT,
            stdout=self._log or subprocess.DEVNULL,
            stderr=self._log or subprocess.DEVNULL,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def workers(self) -> list[int]:
        """The living worker processes."""
        return children(self.pid, "kilo_gql.worker")

    def decoders(self) -> list[int]:
        """The living isolated children of the workers."""
        return [pid for worker in self.workers() for pid in children(worker, "child_main.py")]

    def terminate(self, timeout: float = 20) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        self.process.terminate()
        return self.process.wait(timeout)

    def kill(self) -> None:
        """kill -9 of the supervisor alone."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End everything, gently if it lives."""
        if self.process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()
        if self._log:
            self._log.close()


def kill(pid: int) -> bool:
    """kill -9; False if it was gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def children(pid: int, word: str) -> list[int]:
    """The children of a process whose command line has this word."""
    return [child.pid for child in _living(pid) if any(word in part for part in _words(child))]


def _living(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        yield from psutil.Process(pid).children()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
