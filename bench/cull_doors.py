"""What a cull screen asks a server for, in a project with many photos, beside the bare statements of the same.

One server process on one PostgreSQL, one connection, one call after the other: a pick and the project's statistics
after it, a page of clusters, an automatic cull planned, applied and undone. The bare statements run on one connection
of their own to the same database, and ask nobody who they are.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
import psutil

from bench.api import free_port, get, post, spawn
from bench.cull_seeds import cluster
from bench.seeds import seed
from kilo_gql import assembly, embedded, migrate, up
from kilo_gql.access import UserActor
from kilo_gql.config import Settings
from kilo_gql.domain import api_tokens
from kilo_gql.models.base import uuid7
from tests.support.make import Make

_EMAIL: Final = "bench@example.org"
_SHOWN: Final = (
    "trashed_at IS NULL AND parent_id IS NULL AND status IN ('processing', 'ready') AND format IS DISTINCT FROM 'xmp'"
)
_BARE_PICK: Final = """
INSERT INTO ratings (project_id, asset_id, user_id, picked, from_file, updated_at)
VALUES ($1, $2, $3, true, false, now())
ON CONFLICT (asset_id, user_id) DO UPDATE SET picked = true, updated_at = now()
"""
_BARE_STATS: Final = f"""
SELECT count(*), count(*) FILTER (WHERE r.picked), count(*) FILTER (WHERE r.rejected)
FROM assets a LEFT JOIN ratings r ON r.asset_id = a.id AND r.user_id = $2 WHERE a.project_id = $1 AND {_SHOWN}
"""  # noqa: S608 - made of constants
_BARE_PAGE: Final = """
SELECT c.*, s.*, ARRAY(SELECT asset_id FROM cluster_members m WHERE m.cluster_id = c.id ORDER BY place) AS ids
FROM clusters c LEFT JOIN suggestions s ON s.cluster_id = c.id AND s.user_id IS NULL
WHERE c.project_id = $1 AND c.kind = 'moment' ORDER BY c.sort_at, c.id LIMIT 50
"""
#: The best two of each moment, without a look at budgets, sets, copies, or what was said before.
_BARE_PLAN: Final = """
SELECT s.cluster_id, array_agg(p.id) FILTER (WHERE p.place <= 2), array_agg(p.id) FILTER (WHERE p.place > 2)
FROM suggestions s JOIN clusters c ON c.id = s.cluster_id AND c.kind = 'moment' AND c.reviewed_at IS NULL
CROSS JOIN LATERAL unnest(s.asset_ids) WITH ORDINALITY AS p (id, place)
LEFT JOIN ratings r ON r.asset_id = p.id AND r.user_id = $2
WHERE s.project_id = $1 AND s.user_id IS NULL AND r.picked IS NULL AND r.rejected IS NULL GROUP BY s.cluster_id
"""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one call: on the clock, and of CPU of the server and of the database."""

    seconds: float
    server: float
    database: float

    def __add__(self, other: Took) -> Took:
        return Took(self.seconds + other.seconds, self.server + other.server, self.database + other.database)


@dataclass(frozen=True, slots=True)
class Answered:
    """What each call took, and the bare statements; ``goal_ms``: what 95 of 100 calls may take on the clock."""

    what: str
    took: list[Took]
    bare: list[Took]
    goal_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """CPU time of processes, to the nanosecond, as Linux schedules them."""

    server: psutil.Process
    database: psutil.Process

    def read(self) -> tuple[float, float]:
        """Seconds so far: of the server, and of the database with its children."""
        return _cpu(self.server), sum(_cpu(one) for one in [self.database, *self.database.children()])

    def since(self, began: float, before: tuple[float, float]) -> Took:
        """What has passed since then."""
        ended = time.perf_counter()
        server, database = self.read()
        return Took(ended - began, server - before[0], database - before[1])


def _cpu(process: psutil.Process) -> float:
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@dataclass(slots=True)
class Line:
    """A keep-alive connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    bearer: str
    meter: Meter

    async def ask(self, request: bytes) -> tuple[Took, Any]:
        """What it took until all of the answer was there, and what it says."""
        before = self.meter.read()
        began = time.perf_counter()
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = next(int(line.partition(":")[2]) for line in head.split("\r\n") if line.startswith("content-length:"))
        body = await self.reader.readexactly(size)
        took = self.meter.since(began, before)
        assert " 200 " in head.partition("\r\n")[0], (head, body)
        return took, orjson.loads(body)

    async def get(self, path: str) -> tuple[Took, Any]:
        return await self.ask(get(f"/v1{path}", self.bearer))

    async def post(self, path: str, body: dict[str, Any]) -> tuple[Took, Any]:
        return await self.ask(post(f"/v1{path}", orjson.dumps(body), self.bearer))


@dataclass(frozen=True, slots=True)
class Site:
    """A server over a filled project."""

    line: Line
    database: asyncpg.Connection
    project: UUID
    user: UUID

    @property
    def path(self) -> str:
        return f"/projects/{self.project}"

    async def bare(self, statement: str, *values: Any) -> Took:
        """What a statement takes in a transaction of its own."""
        before = self.line.meter.read()
        began = time.perf_counter()
        await self.database.fetch(statement, *values)
        return self.line.meter.since(began, before)


async def answers(photos: int, picks: int) -> list[Answered]:
    """In a project of so many photos, so many of which get picked one by one."""
    async with _site(photos) as site:
        for _ in range(20):  # caches, plans, types
            await site.line.get(f"{site.path}/stats")
            await site.line.get(f"{site.path}/cull:statistics")
        return [*await _picked(site, picks), await _pages(site, picks), *await _culled(site, photos)]


@asynccontextmanager
async def _site(photos: int) -> AsyncIterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
    server = embedded.start(home)
    process: psutil.Process | None = None
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        settings = Settings(home=home, port=free_port())
        settings = settings.model_copy(update={"base_url": f"http://127.0.0.1:{settings.port}"})
        token = await up.as_system(settings, api_tokens.mint_token, _EMAIL, ("*",))
        database = await asyncpg.connect(url)
        user, project = await _rows(settings, database, photos)
        process = spawn(["-m", "kilo_gql.serve"], _environment(settings))
        await up.ready(settings.base_url)
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.port, limit=1 << 26)
        postmaster = next((home / "postgres").rglob("postmaster.pid")).read_text().split()[0]
        meter = Meter(process, psutil.Process(int(postmaster)))
        yield Site(Line(reader, writer, f"Authorization: Bearer {token.secret}\r\n", meter), database, project, user)
        writer.close()
        await database.close()
    finally:
        if process is not None:
            process.terminate()
            psutil.wait_procs([process], 15)
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


def _environment(settings: Settings) -> dict[str, str]:
    unlimited = {"KILO_REQUESTS_PER_MINUTE": "100000000", "KILO_ENVIRONMENT": "production"}
    return {**up.environment(settings), **unlimited}


async def _rows(settings: Settings, database: asyncpg.Connection, photos: int) -> tuple[UUID, UUID]:
    """The user of the token, who has said yes to learning, and their project."""
    db = assembly.open_database(settings)
    make = Make(db)
    user = UserActor(await database.fetchval("SELECT id FROM users WHERE email = $1", _EMAIL), uuid7())
    project = await make.project(user)
    await seed(database, make, project, user, photos)
    await cluster(database, project.id)
    consent = "INSERT INTO consents (id, user_id, purpose, granted_at) VALUES (uuidv7(), $1, 'personal_ranking', now())"
    await database.execute(consent, user.user_id)
    await db.close()
    return user.user_id, project.id


async def _picked(site: Site, picks: int) -> list[Answered]:
    """Picks of photos of which nothing was said, each followed by statistics."""
    found = await site.database.fetch(
        "SELECT id FROM assets a WHERE project_id = $1 AND NOT EXISTS (SELECT FROM ratings WHERE asset_id = a.id)"
        " ORDER BY id LIMIT $2", site.project, 2 * picks,
    )  # fmt: skip
    ids = [row["id"] for row in found]
    random.Random(20261121).shuffle(ids)
    said, told, more, bare, bare_told = [], [], [], [], []
    for ours, theirs in zip(ids[::2], ids[1::2], strict=False):
        said.append((await site.line.post(f"/assets/{ours}/ratings", {"picked": True}))[0])
        told.append((await site.line.get(f"{site.path}/stats"))[0])
        more.append((await site.line.get(f"{site.path}/cull:statistics"))[0])
        bare.append(await site.bare(_BARE_PICK, site.project, theirs, site.user))
        bare_told.append(await site.bare(_BARE_STATS, site.project, site.user))
    both = [one + other for one, other in zip(said, told, strict=True)]
    bare_both = [one + other for one, other in zip(bare, bare_told, strict=True)]
    return [
        Answered("a pick", said, bare),
        Answered("the project's statistics", told, bare_told),
        Answered("a pick, and the statistics after it", both, bare_both, 15.0),
        Answered("statistics of the cull", more, bare_told),
    ]


async def _pages(site: Site, count: int) -> Answered:
    ours, bare = [], []
    for _ in range(count):
        took, page = await site.line.get(f"{site.path}/clusters?kind=moment&limit=50")
        assert len(page["items"]) == 50
        ours.append(took)
        bare.append(await site.bare(_BARE_PAGE, site.project))
    return Answered("a page of 50 moments", ours, bare)


async def _culled(site: Site, photos: int) -> list[Answered]:
    wishes: list[dict[str, Any]] = [{"keepPerMoment": 2}, {"budget": photos // 2}]
    plans, applied, undone, bare = [], [], [], []
    for turn in range(6):
        wish = wishes[turn % 2]
        took, plan = await site.line.post(f"{site.path}/cull:planAuto", wish)
        plans.append(took)
        bare.append(await site.bare(_BARE_PLAN, site.project, site.user))
        body = {**wish, "planHash": plan["planHash"]}
        applied.append((await site.line.post(f"{site.path}/cull:applyAuto", body))[0])
        undone.append((await site.line.post(f"{site.path}/cull:undo", {}))[0])
    return [
        Answered("an automatic cull, planned", plans, bare),
        Answered("the same, applied", applied, []),
        Answered("the same, undone", undone, []),
    ]
