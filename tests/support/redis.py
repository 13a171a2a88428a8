"""A real redis-server of a test's own: nothing kept on disk, a private port, killed without mercy."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as client

BINARY = "redis-server"


class RedisServer:
    """``url`` stays the same over ``kill`` and ``start``; what was in it does not."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/1"
        self._home = tempfile.mkdtemp(prefix="kilo-redis-")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=self._home,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                self.connect().ping()
                return
            except client.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def connect(self) -> client.Redis:
        return client.Redis.from_url(self.url)

    def kill(self) -> None:
        """kill -9: everything in it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        """Empty it while it runs."""
        self.connect().flushall()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(Path(self._home), ignore_errors=True)


def available() -> bool:
    """Is there a redis-server? Where CI says that there must be, its absence is a failure, not a skip."""
    return shutil.which(BINARY) is not None or os.environ.get("CI") == "true"


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    if not available():
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    server = RedisServer()
    server.start()
    yield server
    server.close()
