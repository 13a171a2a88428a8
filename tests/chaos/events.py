"""Writers that commit out of order, readers that are dropped, API processes that are killed; then counts.

    python -m tests.chaos.events --writers 8 --transactions 4000 --clients 40 --kills 6 --seed 1

Half of the clients read server-sent events, half subscribe over the websocket; each is dropped every 0.2-2 s and
resumes after its last id at the other of two API processes. Each must be told every event, once and in order. Then
cursors that cannot be served are presented, and each must be answered by a reset that says why.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from pydantic import SecretStr

from kilo_gql import embedded, migrate, tokens
from kilo_gql.access import UserActor
from kilo_gql.assembly import house_of
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain.sessions import ACCESS_KEY
from kilo_gql.models import Role
from kilo_gql.relay import prune
from tests.chaos.event_readers import KINDS, Ask, Reader, Told, connect
from tests.chaos.event_writers import Plan, write_all
from tests.support.api_process import ApiProcess
from tests.support.make import Make
from tests.support.processes import environment
from tests.support.redis import RedisServer

#: Seconds from commit to client, 99 of 100, at a given rate and while nothing is killed.
BAR = 2.0


@dataclass
class Figures:
    """What came of it. Waits are seconds from commit to client."""

    plan: dict[str, Any]
    transactions_per_second: float = 0.0
    write_seconds: float = 0.0
    read_seconds: float = 0.0
    numbered: int = 0
    missing: int = 0
    doubled: int = 0
    disordered: int = 0
    untold_resets: int = 0
    differing_readers: int = 0
    drops: int = 0
    api_cpu_microseconds_per_delivery: float | None = None
    waits: dict[str, dict[str, float]] = field(default_factory=dict)
    killed: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)

    def check(self) -> None:
        """Raise AssertionError unless everybody was told everything, once and in order, and every reset was told."""
        assert self.numbered == self.plan["writers"] * self.plan["transactions"], self
        wrong = (self.missing, self.doubled, self.disordered, self.untold_resets, self.differing_readers)
        assert wrong == (0, 0, 0, 0, 0), self
        assert self.asked == self.answered, self
        assert sum(self.answered.values()) == self.plan["cursors"], self
        if self.plan["rate"] and not self.plan["kills"]:
            assert all(wait["p99"] <= BAR for wait in self.waits.values()), self


class Chaos:
    """One run of a plan against a database."""

    def __init__(self, plan: Plan, database_url: str, home: Path) -> None:
        self.plan, self.url, self.home = plan, database_url, home
        self.random = random.Random(plan.seed)
        self.redis: RedisServer | None = None
        self.servers: list[ApiProcess] = []
        self.figures = Figures(asdict(plan))
        self.project_id: UUID
        self.tokens: list[str] = []

    async def run(self) -> Figures:
        async with self._stage():
            begun = time.monotonic()
            spent = sum(server.cpu_seconds() for server in self.servers)
            pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
            redis_url = self.redis.url if self.redis else None
            writing = asyncio.get_running_loop().run_in_executor(
                pool, write_all, self.url, redis_url, self.project_id, self.plan
            )
            readers = self._readers()
            reading = [asyncio.create_task(reader.run()) for reader in readers]
            await self._strike()
            self.figures.write_seconds, committed = await writing
            await asyncio.gather(*reading)
            self.figures.read_seconds = round(time.monotonic() - begun, 1)
            spent = sum(server.cpu_seconds() for server in self.servers) - spent
            if not self.plan.kills:
                per_delivery = spent * 1e6 / self.plan.total / self.plan.clients
                self.figures.api_cpu_microseconds_per_delivery = round(per_delivery, 1)
            pool.shutdown()
            await self._count(readers, committed)
            await self._present_cursors()
        return self.figures

    @asynccontextmanager
    async def _stage(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self.plan.mode == "redis":
                self.redis = RedisServer()
                self.redis.start()
                stack.callback(self.redis.close)
            env = environment(
                self.url,
                self.redis.url if self.redis else None,
                home=self.home,
                requests_per_minute=10_000_000,
                graphql_points_per_minute=1_000_000_000,
                event_far_behind=10 * self.plan.total,
                socket_connections_per_actor=1_000,
            )
            self.servers = [ApiProcess(env, self.home / f"api-{n}.log") for n in range(self.plan.servers)]
            for server in self.servers:
                stack.callback(server.stop)
            await asyncio.gather(*(server.start() for server in self.servers))
            settings = Settings(home=self.home, secret_key=SecretStr(env["KILO_SECRET_KEY"]))
            db = Database(self.url, house_of(settings))
            stack.push_async_callback(db.close)
            await self._people(db)
            yield

    async def _people(self, db: Database) -> None:
        make = Make(db)
        owner = await make.user()
        self.project_id = (await make.project(owner)).id
        viewers = [await make.member(self.project_id, Role.VIEWER) for _ in range(4)]
        self.tokens = [_token(db, actor) for actor in (owner, *viewers)]

    def _readers(self) -> list[Reader]:
        ports = [server.port for server in self.servers]
        kinds = list(KINDS)
        return [
            Reader(
                kind=kinds[index % len(kinds)],
                ports=ports,
                project_id=self.project_id,
                token=self.tokens[index % len(self.tokens)],
                total=self.plan.total,
                chance=random.Random(self.plan.seed * 1000 + 500 + index),
            )
            for index in range(self.plan.clients)
        ]

    async def _strike(self) -> None:
        """Kill one of the API processes and start it again, while the others serve."""
        for number in range(self.plan.kills):
            await asyncio.sleep(self.random.uniform(1.0, 3.0))
            victim = self.servers[number % len(self.servers)]
            victim.kill()
            self.figures.killed += 1
            await victim.start()

    async def _count(self, readers: Sequence[Reader], committed: Sequence[float]) -> None:
        found, plan = self.figures, self.plan
        connection = await asyncpg.connect(self.url)
        rows = await connection.fetch(
            "SELECT seq, (changed->>'n')::int AS n FROM events WHERE project_id = $1 ORDER BY seq", self.project_id
        )
        await connection.close()
        log = [row["n"] for row in rows]
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        found.numbered = len(set(log))
        found.write_seconds = round(found.write_seconds, 1)
        found.transactions_per_second = round(plan.total / found.write_seconds, 1)
        for reader in readers:
            found.missing += reader.missing + max(0, plan.total - len(reader.numbers))
            found.doubled += reader.doubled
            found.disordered += reader.disordered
            found.untold_resets += reader.resets
            found.differing_readers += reader.numbers.tolist() != log
            found.drops += reader.connections - 1
        for kind in KINDS:
            waits = sorted(wait for r in readers if r.kind == kind for wait in r.waits(committed))
            if waits:
                found.waits[kind] = {
                    "events": len(waits),
                    "p50": round(waits[len(waits) // 2], 4),
                    "p99": round(waits[len(waits) * 99 // 100], 4),
                    "max": round(waits[-1], 4),
                }

    # --- cursors that cannot be served -----------------------------------------------------------------------------

    async def _present_cursors(self) -> None:
        total, plan = self.plan.total, self.plan
        kept, far = total // 2, total // 4
        connection = await asyncpg.connect(self.url)
        assert await prune(connection, 0, kept) == total - kept
        await connection.close()
        server = self.servers[0]
        server.kill()
        await server.start(event_far_behind=far)
        cursors = [self._bad_cursor(index, total, kept, far) for index in range(plan.cursors)]
        self.figures.asked = dict(sorted(Counter(reason for reason, _ in cursors).items()))
        answers = [await self._answer(index, cursor) for index, (_, cursor) in enumerate(cursors)]
        agreed = [reason for (reason, _), answer in zip(cursors, answers, strict=True) if answer == reason]
        self.figures.answered = dict(sorted(Counter(agreed).items()))

    def _bad_cursor(self, index: int, total: int, kept: int, far: int) -> tuple[str, str]:
        chance = self.random
        reason = ("malformed", "epoch", "future", "expired", "far_behind")[index % 5]
        return reason, {
            "malformed": chance.choice(["x", "1", "-", "1-", "1--1", "1-1.5", "latest", "%00", "1e9-1", "-1-1"]),
            "epoch": f"{chance.randint(2, 10**9)}-{chance.randint(0, 10**9)}",
            "future": f"1-{total + chance.randint(1, 10**9)}",
            "expired": f"1-{chance.randint(0, total - kept - 1)}",
            "far_behind": f"1-{chance.randint(total - kept, total - far - 1)}",
        }[reason]

    async def _answer(self, index: int, cursor: str) -> str | None:
        """The reason of the reset that is the first thing told after this cursor."""
        told: asyncio.Queue[Told] = asyncio.Queue()
        kind = list(KINDS)[index // 5 % len(KINDS)]
        ask = Ask(self.servers[0].port, self.project_id, self.tokens[0], cursor)
        wire = await connect(kind, ask, told.put_nowait)
        try:
            async with asyncio.timeout(20):
                first = await told.get()
        except TimeoutError:
            return None
        finally:
            wire.drop()
        return first.reset if first.cursor == f"1-{self.plan.total}" else None


def _token(db: Database, actor: UserActor) -> str:
    house = db.house
    key, now = house.key(ACCESS_KEY), datetime.now(UTC)
    return tokens.access_token(key, house.base_url, actor.user_id, actor.session_id, now, uuid4().hex)


async def _main(plan: Plan) -> Figures:
    home = Path(tempfile.mkdtemp(prefix="kilo-chaos-"))
    server = embedded.start(home)
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        return await Chaos(plan, url, home).run()
    finally:
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=Plan.writers)
    parser.add_argument("--transactions", type=int, default=Plan.transactions, help="of each writer")
    parser.add_argument("--clients", type=int, default=Plan.clients)
    parser.add_argument("--kills", type=int, default=Plan.kills, help="kill -9 of an API process")
    parser.add_argument("--cursors", type=int, default=Plan.cursors)
    parser.add_argument("--hold", type=float, default=Plan.hold)
    parser.add_argument("--rate", type=float, default=Plan.rate, help="commits a second, together; 0: unlimited")
    parser.add_argument("--mode", choices=("embedded", "redis"), default=Plan.mode)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    plan = Plan(**vars(parser.parse_args()))
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)  # noqa: T201
    figures = asyncio.run(_main(plan))
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201
    figures.check()


if __name__ == "__main__":
    main()
