"""The commands of docker-compose.yml as real processes: PostgreSQL over TCP, Redis, APIs, a worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kilo_gql import up
from tests.support.ports import free_port
from tests.support.tcp_postgres import postgres_server

ROOT: Final = Path(__file__).parents[2]
KILO: Final = (sys.executable, "-c", "from kilo_gql.cli import main; main()")


@dataclass(frozen=True)
class Stack:
    """``bases``: where the APIs answer. ``env``: what every process of it has in its environment."""

    bases: list[str]
    env: dict[str, str]
    log: Path
    migrated: str

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """A command on one of the machines, at its end."""
        whole = {**self.env, **env}
        return subprocess.run([*KILO, *command], env=whole, cwd=ROOT, capture_output=True, text=True)

    def token(self, email: str) -> str:
        """A bearer for a user, who is made if need be."""
        minted = self.run("token", "--email", email)
        assert minted.returncode == 0, minted.stderr
        return minted.stdout.strip()


@asynccontextmanager
async def open_stack(home: Path, redis_url: str, *, apis: int = 2, **settings: Any) -> AsyncIterator[Stack]:
    """A running stack in production mode. ``settings`` are added as ``KILO_…`` variables."""
    with postgres_server() as database, ExitStack() as stack:
        ports = [free_port() for _ in range(apis)]
        bases = [f"http://127.0.0.1:{port}" for port in ports]
        env = {
            **os.environ,
            "KILO_DATABASE_URL": database,
            "KILO_REDIS_URL": redis_url,
            "KILO_SECRET_KEY": "a secret that all the machines share",
            "KILO_ENVIRONMENT": "production",
            "KILO_LOG_FORMAT": "json",
            "KILO_BASE_URL": bases[0],
            "KILO_HOME": str(home),
            **{f"KILO_{name.upper()}": str(value) for name, value in settings.items()},
        }
        log = home / "log"
        migrated = subprocess.run([*KILO, "migrate"], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
        for port in ports:
            stack.enter_context(_process({**env, "KILO_PORT": str(port)}, log, "api"))
        stack.enter_context(_process(env, log, "worker", "--queues", "io,cpu"))
        await asyncio.gather(*(up.ready(base) for base in bases))
        yield Stack(bases, env, log, migrated.stdout)


@contextmanager
def _process(env: Mapping[str, str], log: Path, *command: str) -> Iterator[None]:
    with log.open("ab") as out:
        started = subprocess.Popen([*KILO, *command], env=env, cwd=ROOT, stdout=out, stderr=out)
        try:
            yield
        finally:
            started.terminate()
            assert started.wait(30) == 0
