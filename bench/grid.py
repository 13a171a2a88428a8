"""The asset grid through both doors, beside PostGraphile and a hand-written page, on the same rows.

A page is the first 50 of a project's 20,000 photos by capture, with the viewer's rating, two renditions and readiness.
As in ``bench.api``: server processes on one PostgreSQL, one raw asyncio client, CPU of the server process a request.
REST and the page written by hand (``bench.asset_page``) give the same body with all fields, which is checked; GraphQL
and PostGraphile are asked for the same columns. PostGraphile has an index for its order, and asks nobody who they are:
KILO asks for a token, and filters by what its bearer may see. Statements are counted in the server's log.

    python -m bench.grid [--seconds 4] [--connections 1,8,32] [--photos 20000]

Ends with 1 if a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
import orjson
import psutil
from rich.console import Console
from rich.table import Table

from bench import npm
from bench.api import Measured, Peer, free_port, get, load, post, spawn
from bench.seeds import seed
from kilo_gql import assembly, backing, embedded, migrate, up
from kilo_gql.access import UserActor
from kilo_gql.config import Settings
from kilo_gql.domain import api_tokens
from kilo_gql.models.base import uuid7
from tests.support.make import Make

BY_HAND, REST, POSTGRAPHILE, GRAPHQL = "Starlette + asyncpg by hand", "REST", "PostGraphile", "GraphQL"
#: Of the requests/s of its peer, and of its CPU.
GOALS: Final = {REST: (BY_HAND, 0.6), GRAPHQL: (POSTGRAPHILE, 0.5)}
_EMAIL: Final = "bench@example.org"
_COUNTED: Final = 100
_QUERY: Final = """
query Grid($project: UUID!) { assets(projectId: $project, first: 50) {
  nodes {
    id filename status format capturedAt widthPx heightPx cameraModel lensModel iso thumbhash averageColor
    thumbnailUrl previewUrl
    readiness { preview metadata signals embedding }
    myRating { rating picked rejected starred }
  }
  pageInfo { endCursor hasNextPage }
} }
"""
_POSTGRAPHILE_QUERY: Final = """
query Grid($project: UUID!, $me: UUID!) {
  allAssets(condition: { projectId: $project }, orderBy: [SORT_AT_ASC, ROW_ID_ASC], first: 50) {
    nodes {
      rowId filename status format capturedAt widthPx heightPx cameraModel lensModel iso thumbhash averageColor
      thumbnail: assetFilesByProjectIdAndAssetId(condition: { kind: "thumbnail" }, first: 1) { nodes { kind sha256 } }
      preview: assetFilesByProjectIdAndAssetId(condition: { kind: "preview" }, first: 1) { nodes { kind sha256 } }
      previewReady metadataReady signalsReady embeddingReady
      myRating: ratingsByProjectIdAndAssetId(condition: { userId: $me }, first: 1) {
        nodes { rating picked rejected starred }
      }
    }
    pageInfo { endCursor hasNextPage }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Grid:
    """Who is measured, and the database under them."""

    peers: list[Peer]
    database: str
    log: Path


async def main(seconds: float, connections: list[int], photos: int) -> int:
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
    server = embedded.start(home)
    processes: list[psutil.Process] = []
    try:
        await migrate.migrate(embedded.url(server))
        grid = await _open(home, embedded.url(server), photos, processes)
        await _check(grid.peers)
        counted = {peer.name: await _statements(grid, peer) for peer in grid.peers}
        return await report(grid.peers, counted, connections, seconds)
    finally:
        for process in processes:
            process.terminate()
        psutil.wait_procs(processes, 15)
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


async def _open(home: Path, url: str, photos: int, processes: list[psutil.Process]) -> Grid:
    """Rows, servers, and what each is to be asked."""
    settings = Settings(home=home, port=free_port())
    settings = settings.model_copy(update={"base_url": f"http://127.0.0.1:{settings.port}"})
    token = await up.as_system(settings, api_tokens.mint_token, _EMAIL, ("*",))
    user, project = await _rows(settings, url, photos)
    plain, graphile = free_port(), free_port()
    env = {
        **up.environment(settings),
        "KILO_REQUESTS_PER_MINUTE": "100000000",
        "KILO_GRAPHQL_POINTS_PER_MINUTE": "1000000000",
        "KILO_ENVIRONMENT": "production",
    }
    kilo = spawn(["-m", "kilo_gql.serve"], env)
    by_hand = spawn(
        ["-m", "bench.asset_page", str(plain)],
        {"PLAIN_DATABASE": backing.database_url(settings), "PLAIN_BASE_URL": settings.base_url},
    )
    node = npm.spawn("grid.mjs", str(graphile), url)
    processes += [kilo, by_hand, node]
    for port in (settings.port, plain):
        await up.ready(f"http://127.0.0.1:{port}")
    bearer = f"Authorization: Bearer {token.secret}\r\n"
    ours = {"query": _QUERY, "variables": {"project": str(project)}}
    theirs = {"query": _POSTGRAPHILE_QUERY, "variables": {"project": str(project), "me": str(user)}}
    peers = [
        Peer(BY_HAND, plain, get(f"/assets/{project}?limit=50", bearer), by_hand),
        Peer(REST, settings.port, get(f"/v1/projects/{project}/assets?limit=50", bearer), kilo),
        Peer(POSTGRAPHILE, graphile, post("/graphql", orjson.dumps(theirs), "Accept: application/json\r\n"), node),
        Peer(GRAPHQL, settings.port, post("/graphql", orjson.dumps(ours), bearer), kilo),
    ]
    return Grid(peers, url, next((home / "postgres").glob("log*")))


async def _rows(settings: Settings, url: str, photos: int) -> tuple[UUID, UUID]:
    """The user of the token, and their project with so many photos."""
    connection = await asyncpg.connect(url)
    db = assembly.open_database(settings)
    make = Make(db)
    user = UserActor(await connection.fetchval("SELECT id FROM users WHERE email = $1", _EMAIL), uuid7())
    project = await make.project(user)
    await connection.execute("CREATE INDEX for_postgraphile ON assets (project_id, sort_at, id)")
    await seed(connection, make, project, user, photos)
    await db.close()
    await connection.close()
    return user.user_id, project.id


async def _ask(peer: Peer) -> Any:
    """The answer of a peer, once it is there."""
    head, _, body = peer.request.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    method, path, _ = line.split(" ")
    named = dict(header.split(": ", 1) for header in headers if not header.startswith(("Host", "Content-Length")))
    url = f"http://127.0.0.1:{peer.port}{path}"
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=5), timeout=60) as client:
        answer = await client.request(method, url, headers=named, content=body)
    assert answer.status_code == 200, (peer.name, answer.text)
    assert "errors" not in answer.json(), (peer.name, answer.text)
    return answer.json()


async def _check(peers: list[Peer]) -> None:
    """All of them tell the same photos."""
    by_hand, rest, postgraphile, graphql = [await _ask(peer) for peer in peers]
    assert by_hand["items"] == rest["items"], _first_difference(by_hand["items"], rest["items"])
    ids = [item["id"] for item in rest["items"]]
    assert len(ids) == 50
    assert [node["id"] for node in graphql["data"]["assets"]["nodes"]] == ids
    nodes = postgraphile["data"]["allAssets"]["nodes"]
    assert [node["rowId"] for node in nodes] == ids
    ratings = [[said["rating"] for said in node["myRating"]["nodes"]] for node in nodes]
    assert ratings == [[] if (said := item["myRating"]["rating"]) is None else [said] for item in rest["items"]]


def _first_difference(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: (theirs[0].get(name), value) for name, value in ours[0].items() if theirs[0].get(name) != value}


async def _statements(grid: Grid, peer: Peer) -> float:
    """How many a page, ``RESET`` and the like included, but not what the servers ask in the meantime by themselves."""
    connection = await asyncpg.connect(grid.database)
    for _ in range(12):  # a connection that meets a type for the first time looks it up
        await _ask(peer)
    await _logged(connection, "all")
    before, begun = _lines(grid.log), time.perf_counter()
    for _ in range(_COUNTED):
        await _ask(peer)
    between, seconds = _lines(grid.log), time.perf_counter() - begun
    await asyncio.sleep(seconds)
    after = _lines(grid.log)
    await _logged(connection, "none")
    await connection.close()
    return ((between - before) - (after - between)) / _COUNTED


async def _logged(connection: asyncpg.Connection, what: str) -> None:
    await connection.execute(f"ALTER SYSTEM SET log_statement = '{what}'")
    await connection.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)


def _lines(log: Path) -> int:
    said = log.read_text(errors="replace")
    return said.count("LOG:  execute") + said.count("LOG:  statement:")


async def report(peers: list[Peer], counted: dict[str, float], connections: list[int], seconds: float) -> int:
    """Measure and print; how many goals were missed."""
    table = Table("connections", "peer", "requests/s", "p50 ms", "p99 ms", "CPU ms", "statements", "kB")
    verdicts = []
    for peer in peers:
        await load(peer, 2, 2.0)  # caches, plans, first connections, and a just-in-time compiler
    for count in connections:
        rounds: dict[str, list[Measured]] = {peer.name: [] for peer in peers}
        for turn in range(3):
            for peer in peers if turn % 2 else reversed(peers):
                rounds[peer.name].append(await load(peer, count, seconds / 3))
        found = {name: _middle(three) for name, three in rounds.items()}
        for name, one in found.items():
            row = (f"{one.rate:.0f}", f"{one.p50:.2f}", f"{one.p99:.2f}", f"{one.cpu_ms:.2f}", f"{counted[name]:.1f}")
            table.add_row(str(count), name, *row, f"{one.size / 1000:.1f}")
        for name, (other, goal) in GOALS.items():
            rate, cpu = found[name].rate / found[other].rate, found[other].cpu_ms / found[name].cpu_ms
            verdicts.append((count, name, other, rate, cpu, goal))
    console = Console(width=120)
    console.print(table)
    for count, name, other, rate, cpu, goal in verdicts:
        console.print(f"{count} connections: {name} x{rate:.2f} of {other} (by CPU x{cpu:.2f}); goal x{goal}")
    return sum(rate < goal for *_, rate, _, goal in verdicts)


def _middle(rounds: list[Measured]) -> Measured:
    """Field by field."""
    columns = zip(*((one.rate, one.p50, one.p99, one.cpu_ms) for one in rounds), strict=True)
    return Measured(*(statistics.median(column) for column in columns), rounds[0].size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--connections", default="1,8,32")
    parser.add_argument("--photos", type=int, default=20_000)
    chosen = parser.parse_args()
    counts = [int(number) for number in chosen.connections.split(",")]
    raise SystemExit(1 if asyncio.run(main(chosen.seconds, counts, chosen.photos)) else 0)
