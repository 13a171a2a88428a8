"""50 keys, each sent by 200 clients at once, through both doors: what happened, and how often.

Method: one PostgreSQL and one server process; the clients share the other core, so latencies are those of a queue
200 deep. A call that finds its key in use is refused with 409 and a ``Retry-After``; afterwards each key is sent once
more, alone. Ends with 1 unless every key had exactly one effect, one answer, and no 5xx.

    python -m bench.idempotency [--keys 50] [--clients 200]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import psutil
from rich.console import Console
from rich.table import Table

from bench.api import free_port, spawn
from kilo_gql import embedded, migrate, up
from kilo_gql.config import Settings
from kilo_gql.domain import api_tokens
from tests.support.storm import Told, note, quantile, send, storm

_UNLIMITED = {"KILO_REQUESTS_PER_MINUTE": "100000000", "KILO_GRAPHQL_POINTS_PER_MINUTE": "1000000000"}


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[str, str, str]]:
    """A server with its own database: (base URL, a bearer, the database's URL)."""
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
    server = embedded.start(home)
    url = embedded.url(server)
    processes: list[psutil.Process] = []
    try:
        await migrate.migrate(url)
        settings = Settings(home=home, port=free_port())
        settings = settings.model_copy(update={"base_url": f"http://127.0.0.1:{settings.port}"})
        token = await up.as_system(settings, api_tokens.mint_token, "bench@example.org", ("*",))
        processes.append(spawn(["-m", "kilo_gql.serve"], {**up.environment(settings), **_UNLIMITED}))
        await up.ready(settings.base_url)
        yield settings.base_url, token.secret, url
    finally:
        for process in processes:
            process.terminate()
        psutil.wait_procs(processes, 15)
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


async def main(keys: int, clients: int) -> int:
    table = Table(
        "door", "calls", "effects", "distinct bodies", "first", "replayed", "409 in progress", "other refusals", "5xx",
        "p50 ms", "p99 ms",
    )  # fmt: skip
    good = True
    async with serving() as (base_url, bearer, database_url):
        # shorter than the server's 5 s, so that no call meets a connection that is just being closed
        limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients, keepalive_expiry=1)
        headers = {"authorization": f"Bearer {bearer}"}
        async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=120) as client:
            for door in ("rest", "graphql"):
                names = [f"{door}-{uuid4()}" for _ in range(keys)]
                told = [await storm(client, door, name, clients, headers) for name in names]
                for name, each in zip(names, told, strict=True):
                    note(each, door, await send(client, door, name, headers))
                effects = await effects_of(database_url, door)
                add(table, door, told, effects)
                good &= effects == (keys, keys) and all(fine(each, clients) for each in told)
    Console(width=150).print(table)
    return 0 if good else 1


async def effects_of(database_url: str, door: str) -> tuple[int, int]:
    """Projects, and events about projects, that a door's calls made."""
    connection = await asyncpg.connect(database_url)
    try:
        title = f"Project {door}-%"
        projects = await connection.fetchval("SELECT count(*) FROM projects WHERE title LIKE $1", title)
        events = await connection.fetchval(
            "SELECT (SELECT count(*) FROM events WHERE changed->>'title' LIKE $1)"
            " + (SELECT count(*) FROM outbox WHERE changed->>'title' LIKE $1)",
            title,
        )
        return projects, events
    finally:
        await connection.close()


def fine(told: Told, clients: int) -> bool:
    """One call did it, everybody else was told the same or to come again."""
    answered = told.first + told.replayed + told.codes["idempotency_in_progress"]
    return (len(told.bodies), told.first, told.server_errors, answered) == (1, 1, 0, clients + 1)


def add(table: Table, door: str, told: list[Told], effects: tuple[int, int]) -> None:
    codes: Counter[str] = sum((each.codes for each in told), Counter())
    busy = codes.pop("idempotency_in_progress", 0)
    table.add_row(
        door, str(sum(len(each.times) for each in told)), f"{effects[0]} ({effects[1]} events)",
        str(sum(len(each.bodies) for each in told)), str(sum(each.first for each in told)),
        str(sum(each.replayed for each in told)), str(busy), str(dict(codes) or "none"),
        str(sum(each.server_errors for each in told)), f"{quantile(told, 0.5) * 1000:.0f}",
        f"{quantile(told, 0.99) * 1000:.0f}",
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=50)
    parser.add_argument("--clients", type=int, default=200)
    chosen = parser.parse_args()
    os.environ.pop("KILO_HOME", None)
    sys.exit(asyncio.run(main(chosen.keys, chosen.clients)))
