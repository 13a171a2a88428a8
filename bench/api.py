"""A page of 50 projects through both doors, beside a hand-written Starlette + asyncpg page with the same body.

Method: one PostgreSQL, three server processes (GraphQL and REST are one of them), the same raw asyncio client on the
other core. CPU per request is the server process's user + system time over its requests; so it does not depend on how
busy the machine is, while requests/s and percentiles do. Statements are counted exactly, by a test:
tests/behaviour/test_statements.py.

    python -m bench.api [--seconds 4] [--connections 1,8,32]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httptools
import orjson
import psutil
from rich.console import Console
from rich.table import Table

from kilo_gql import backing, embedded, migrate, tokens, up
from kilo_gql.config import Settings
from kilo_gql.domain import api_tokens
from kilo_gql.models.base import uuid7

PAGE = 50
QUERY = """
query Page { projects(first: 50) {
  nodes { id studioId ownerUserId title description shootDate timezone status createdAt updatedAt }
  pageInfo { endCursor }
} }
"""


@dataclass
class Peer:
    """Something that answers with the page."""

    name: str
    port: int
    request: bytes
    process: psutil.Process


@dataclass
class Measured:
    """One run against one peer."""

    rate: float
    p50: float
    p99: float
    cpu_ms: float
    size: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client(asyncio.Protocol):
    """One keep-alive connection that sends the next request as soon as the last is answered."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.times: list[float] = []
        self.size = 0
        self.stop = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = 0
        self.sent = time.perf_counter()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += len(body)

    def on_message_complete(self) -> None:
        assert self.parser.get_status_code() == 200, self.parser.get_status_code()
        self.times.append(time.perf_counter() - self.sent)
        self.size = self.body
        if self.stop:
            self.transport.close()
            self.done.set_result(None)
        else:
            asyncio.get_running_loop().call_soon(self._send)


async def load(peer: Peer, connections: int, seconds: float) -> Measured:
    loop = asyncio.get_running_loop()
    clients = [Client(peer.request) for _ in range(connections)]
    before = peer.process.cpu_times()
    started = time.perf_counter()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", peer.port)  # type: ignore[misc]
    await asyncio.sleep(seconds)
    for client in clients:
        client.stop = True
    await asyncio.gather(*(client.done for client in clients))
    spent = time.perf_counter() - started
    after = peer.process.cpu_times()
    times = sorted(t for client in clients for t in client.times)
    cpu = (after.user + after.system - before.user - before.system) / len(times)
    return Measured(
        len(times) / spent,
        statistics.median(times) * 1000,
        times[int(len(times) * 0.99)] * 1000,
        cpu * 1000,
        clients[0].size,
    )


def post(path: str, body: bytes, headers: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\n{headers}Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str, headers: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()


async def seed(url: str, email: str, projects: int) -> None:
    """So many projects of one user."""
    connection = await asyncpg.connect(url)
    user_id: UUID = await connection.fetchval("SELECT id FROM users WHERE email = $1", email)
    ids = [uuid7() for _ in range(projects)]
    await connection.executemany(
        "INSERT INTO projects (id, owner_user_id, title, description, shoot_date, timezone, status, updated_at) "
        "VALUES ($1, $2, $3, 'A day in June', '2026-06-20', 'Europe/Berlin', 'active', now())",
        [(id_, user_id, f"Wedding {n}") for n, id_ in enumerate(ids)],
    )
    await connection.executemany(
        "INSERT INTO members (project_id, user_id, role) VALUES ($1, $2, 'owner')", [(id_, user_id) for id_ in ids]
    )
    await connection.execute("ANALYZE")
    await connection.close()


def spawn(argv: list[str], env: dict[str, str]) -> psutil.Process:
    return psutil.Process(subprocess.Popen([sys.executable, *argv], env={**os.environ, **env}).pid)


async def main(seconds: float, connections: list[int]) -> int:
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
    server = embedded.start(home)
    url = embedded.url(server)
    processes: list[psutil.Process] = []
    try:
        await migrate.migrate(url)
        settings = Settings(home=home, port=free_port())
        settings = settings.model_copy(update={"base_url": f"http://127.0.0.1:{settings.port}"})
        token = await up.as_system(settings, api_tokens.mint_token, "bench@example.org", ("*",))
        await seed(url, "bench@example.org", 1000)
        env = {
            **up.environment(settings),
            "KILO_REQUESTS_PER_MINUTE": "100000000",
            "KILO_GRAPHQL_POINTS_PER_MINUTE": "1000000000",
            "KILO_ENVIRONMENT": "production",
        }
        kilo = spawn(["-m", "kilo_gql.serve"], env)
        plain_port = free_port()
        plain = spawn(
            ["-m", "bench.plain_page", str(plain_port)],
            {"PLAIN_DATABASE": backing.database_url(settings), "PLAIN_TOKEN": tokens.digest(token.secret).hex()},
        )
        processes += [kilo, plain]
        await up.ready(settings.base_url)
        await up.ready(f"http://127.0.0.1:{plain_port}")
        bearer = f"Authorization: Bearer {token.secret}\r\n"
        graphql = orjson.dumps({"query": QUERY})
        peers = [
            Peer("Starlette + asyncpg by hand", plain_port, get("/projects?limit=50", bearer), plain),
            Peer("REST", settings.port, get("/v1/projects?limit=50", bearer), kilo),
            Peer("GraphQL", settings.port, post("/graphql", graphql, bearer), kilo),
        ]
        await report(peers, connections, seconds)
    finally:
        for process in processes:
            process.terminate()
        psutil.wait_procs(processes, 15)
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)
    return 0


async def report(peers: list[Peer], connections: list[int], seconds: float) -> None:
    table = Table("connections", "peer", "requests/s", "p50 ms", "p99 ms", "CPU ms", "CPU ratio", "bytes")
    for peer in peers:
        await load(peer, 2, 1.0)  # caches, plans, first connections
    for count in connections:
        base = 0.0
        for peer in peers:
            found = await load(peer, count, seconds)
            base = base or found.cpu_ms
            table.add_row(
                str(count), peer.name, f"{found.rate:.0f}", f"{found.p50:.2f}", f"{found.p99:.2f}",
                f"{found.cpu_ms:.2f}", f"{found.cpu_ms / base:.2f}", str(found.size),
            )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", default="1,8,32")
    chosen = parser.parse_args()
    raise SystemExit(asyncio.run(main(chosen.seconds, [int(n) for n in chosen.connections.split(",")])))
