"""``kilo up``: everything on one machine, under one supervisor, with one sign-in link.

The API process is started first and loads its modules while the database starts and is migrated; what this process
itself needs is imported meanwhile, where it is used.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import asyncpg
from rich.console import Console

from kilo_gql import backing, embedded, logs
from kilo_gql.config import Settings
from kilo_gql.errors import Unavailable
from kilo_gql.supervisor import Service, Supervisor, worker_services
from migrations import HEAD

if TYPE_CHECKING:
    from kilo_gql.operations import Operation

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
    answering = asyncio.Event()
    supervisor = Supervisor(_services(settings, answering))
    running = asyncio.create_task(supervisor.run())
    await asyncio.sleep(0)  # the API process is on its way before this one goes on loading
    server = None
    try:
        if settings.database_url is None:
            server = await asyncio.to_thread(embedded.start, settings.home)
        await _migrate(settings)
        await ready(settings.base_url)
        answering.set()
        seconds = time.perf_counter() - started
        console.print(f"KILO runs at [b]{settings.base_url}[/] (started in {seconds:.1f} s, data in {settings.home})")
        console.print(f"Sign in once with {await sign_in_link(settings)}", soft_wrap=True)
        await running
    finally:
        supervisor.stop()
        await asyncio.gather(running, return_exceptions=True)
        if server is not None:
            await asyncio.to_thread(embedded.stop, server)


async def _migrate(settings: Settings) -> None:
    url = backing.database_url(settings)
    try:
        if await backing.revision(url) == HEAD:
            return
    except asyncpg.InvalidCatalogNameError:
        pass  # the first start: the chain makes the database as well
    from kilo_gql import migrate

    await migrate.migrate(url)


def environment(settings: Settings) -> dict[str, str]:
    """What the other processes must agree on with this one."""
    return {
        "KILO_HOME": str(settings.home),
        "KILO_HOST": settings.host,
        "KILO_PORT": str(settings.port),
        "KILO_BASE_URL": settings.base_url,
    }


def _services(settings: Settings, answering: asyncio.Event) -> list[Service]:
    """The API, and workers that start when it answers: until then they would only take its processor time."""
    env = environment(settings)
    api = Service("api", (sys.executable, "-m", "kilo_gql.serve"), env)
    workers = worker_services(settings.worker_processes)
    return [api, *(replace(worker, env=env, after=answering) for worker in workers)]


async def ready(base_url: str, seconds: float = _READY_SECONDS) -> None:
    """Wait until the API says that it is ready. Raises Unavailable after ``seconds``."""
    address = urlsplit(base_url)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(f"GET /readyz HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.readline()
            writer.close()
            if b" 200 " in answer:
                return
        except OSError:
            pass
        await asyncio.sleep(0.02)
    raise Unavailable(
        f"The API did not become ready within {seconds:.0f} s.", remediation=["Run `kilo doctor`.", "Read its log."]
    )


async def as_system(settings: Settings, operation: Operation[R], *arguments: Any) -> R:
    """Run an operation that only whoever runs this installation may run."""
    from kilo_gql import assembly
    from kilo_gql.access import System
    from kilo_gql.operations import Throat

    db = assembly.open_database(settings, pool=2)
    try:
        return (await Throat(db, _NoBells()).execute(System("command line"), operation, *arguments)).value
    finally:
        await db.close()


async def sign_in_link(settings: Settings, email: str = OWNER) -> str:
    """A link that signs an address in, once, within ten minutes."""
    from kilo_gql.domain import auth

    return await as_system(settings, auth.mint_link, email)


async def mint_token(settings: Settings, email: str, scopes: Sequence[str]) -> str:
    """A bearer for scripts."""
    from kilo_gql.domain import api_tokens

    return (await as_system(settings, api_tokens.mint_token, email, tuple(scopes))).secret


if __name__ == "__main__":
    run(Settings(), Console())
