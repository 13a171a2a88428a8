"""A real redis-server for the tests of many machines (marker ``scale``)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis


class RedisServer:
    """A server on a port of its own, without persistence; ``stop`` and ``start`` keep the port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        log = ["--dir", str(self.directory), "--logfile", str(self.directory / "redis.log")]
        self.process = subprocess.Popen([*command, *log])
        for _ in range(200):
            with suppress(redis.ConnectionError), redis.Redis(port=self.port) as client:
                client.ping()
                return
            time.sleep(0.02)
        raise RuntimeError((self.directory / "redis.log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """An empty server of this test's own."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="kilo-redis-") as directory:
        server = RedisServer(Path(directory))
        server.start()
        yield server
        server.stop()
