"""A real API process on a port of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from tests.support.processes import ROOT


class ApiProcess:
    """``python -m kilo_gql.serve`` on a port of its own."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._env, self._log = env | {"KILO_PORT": str(self.port)}, log.open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self, **settings: object) -> None:
        """Start it and wait until it is ready."""
        env = self._env | {f"KILO_{name.upper()}": str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", "kilo_gql.serve"]
        self.process = await asyncio.to_thread(
            subprocess.Popen, command, env=env, cwd=ROOT, stdout=self._log, stderr=self._log
        )
        async with httpx.AsyncClient() as client:
            for _ in range(600):
                assert self.process.poll() is None, self._log.name
                try:
                    if (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        raise AssertionError("the API did not become ready")

    def cpu_seconds(self) -> float:
        """What it has used since it was started."""
        assert self.process is not None
        spent = psutil.Process(self.process.pid).cpu_times()
        return float(spent.user + spent.system)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """SIGTERM; open streams must not hold it up."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self._log.close()
