"""``kilo up``: everything on one machine, under one supervisor, with one sign-in link."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import httpx
from rich.console import Console

from kilo_gql import assembly, embedded, logs, migrate
from kilo_gql.access import System
from kilo_gql.config import Settings
from kilo_gql.domain import api_tokens, auth
from kilo_gql.errors import Unavailable
from kilo_gql.models import Queue
from kilo_gql.operations import Operation, Throat
from kilo_gql.supervisor import Service, Supervisor, worker_services

R = TypeVar("R")

#: Who the one-time link of ``kilo up`` signs in.
OWNER: Final = "owner@localhost.localdomain"
_READY_SECONDS: Final = 60.0


class _NoBells:
    """Nobody needs a nudge: these operations cause no events and no jobs."""

    def ring_events(self) -> None:
        """Nothing."""

    def ring_jobs(self, jobs: object) -> None:
        """Nothing."""

    def ring_ended(self, ended: object) -> None:
        """Nothing."""


def run(settings: Settings, console: Console) -> None:
    """Start everything and keep it running until Ctrl-C or SIGTERM."""
    logs.configure(settings.log_format)
    asyncio.run(_run(settings, console))


async def _run(settings: Settings, console: Console) -> None:
    started = time.perf_counter()
    supervisor = Supervisor(_services(settings))
    # The processes load their modules while the database starts; they wait for it themselves.
    running = asyncio.create_task(supervisor.run())
    server = None
    try:
        if settings.database_url is None:
            server = await asyncio.to_thread(embedded.start, settings.home)
        await migrate.migrate(assembly.database_url(settings))
        await ready(settings.base_url)
        seconds = time.perf_counter() - started
        console.print(f"KILO runs at [b]{settings.base_url}[/] (started in {seconds:.1f} s, data in {settings.home})")
        link = await as_system(settings, auth.mint_link, OWNER)
        console.print(f"Sign in once with {link}", soft_wrap=True)
        await running
    finally:
        supervisor.stop()
        await asyncio.gather(running, return_exceptions=True)
        if server is not None:
            await asyncio.to_thread(embedded.stop, server)


def environment(settings: Settings) -> dict[str, str]:
    """What the other processes must agree on with this one."""
    return {
        "KILO_HOME": str(settings.home),
        "KILO_HOST": settings.host,
        "KILO_PORT": str(settings.port),
        "KILO_BASE_URL": settings.base_url,
    }


def _services(settings: Settings) -> list[Service]:
    api = Service("api", (sys.executable, "-m", "kilo_gql.serve"), environment(settings))
    workers = worker_services(list(Queue), settings.worker_processes)
    return [api, *(Service(one.name, one.argv, environment(settings)) for one in workers)]


async def ready(base_url: str, seconds: float = _READY_SECONDS) -> None:
    """Wait until the API says that it is ready. Raises Unavailable after ``seconds``."""
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=base_url, timeout=5) as client:
        while time.monotonic() < deadline:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)
    raise Unavailable(
        f"The API did not become ready within {seconds:.0f} s.", remediation=["Run `kilo doctor`.", "Read its log."]
    )


async def as_system(settings: Settings, operation: Operation[R], *arguments: Any) -> R:
    """Run an operation that only whoever runs this installation may run."""
    db = assembly.open_database(settings, pool=2)
    try:
        return (await Throat(db, _NoBells()).execute(System("command line"), operation, *arguments)).value
    finally:
        await db.close()


async def mint_token(settings: Settings, email: str, scopes: Sequence[str]) -> str:
    """A bearer for scripts."""
    return (await as_system(settings, api_tokens.mint_token, email, tuple(scopes))).secret


if __name__ == "__main__":
    run(Settings(), Console())
