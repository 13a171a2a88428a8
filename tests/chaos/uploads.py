"""Cuts uploads, kills the API in the middle of parts, sets two writers on one file; then compares every byte.

    python -m tests.chaos.uploads --files 1000 --cuts 3 --seed 1
    python -m tests.chaos.uploads --kills 200
    python -m tests.chaos.uploads --writers 200

Every file must come in whole: the SHA-256 of the source, of what the store gives back, and of the row that ingest wrote
are one. A cut costs at most one part (8 MiB) that is sent again; ``sent_again`` also counts what was on its way in the
buffers of the client and the proxy. A stall lasts ``--stall`` seconds and the client waits ``--patience`` seconds for
any progress, so that it comes back while the server still takes the old connection for alive.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

from kilo_gql import embedded, migrate
from kilo_gql.storage import MIB, part_size_for
from tests.chaos.shots import LARGEST, Shot, shots
from tests.chaos.site import Site, Slot, open_site
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.invariants import assert_sound
from tests.support.tus_client import Lost, TusClient, send
from tests.support.wait import until_seen

#: A request line and the headers of HEAD and PATCH have more bytes than this, together.
_HEADS: Final = 300
#: Seconds by which answers are late, at most.
_LATENCY: Final = 0.05
#: What may be on its way between the client and the API when a connection ends.
_ON_ITS_WAY: Final = MIB


@dataclass(frozen=True)
class Plan:
    """What to do: cut ``files`` ``cuts`` times each, or ``kills`` of the API, or ``writers`` rounds of two writers."""

    files: int = 0
    cuts: int = 0
    kills: int = 0
    writers: int = 0
    seed: int = 1
    clients: int = 16
    #: Of a file, in bytes.
    largest: int = LARGEST
    #: Seconds.
    stall: float = 12.0
    patience: float = 3.0
    #: Bytes a second of one connection: faster than disks write, they would wait in the buffers of the kernel.
    bandwidth: float = 3_000_000


@dataclass
class Figures:
    """What came of it. Sizes are bytes."""

    plan: dict[str, Any]
    files: int = 0
    bytes: int = 0
    cuts: dict[str, int] = field(default_factory=dict)
    killed_mid_part: int = 0
    connections_lost: int = 0
    sent_again: int = 0
    most_sent_again: int = 0
    offsets_backwards: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    won_once: int = 0
    upload_seconds: float = 0.0
    identical: int = 0
    ready: int = 0
    temporary_files: int = 0
    seconds: float = 0.0

    def check(self) -> None:
        """Raise AssertionError unless every file came in whole and nothing was left lying about."""
        plan = self.plan
        assert (self.identical, self.ready) == (self.files, self.files), self
        assert self.temporary_files == 0, self
        assert self.offsets_backwards == 0, self
        assert self.sent_again <= self.connections_lost * part_size_for(plan["largest"]), self
        assert self.most_sent_again <= part_size_for(plan["largest"]) + _ON_ITS_WAY, self
        assert sum(self.cuts.values()) == plan["files"] * plan["cuts"], self
        assert self.killed_mid_part == plan["kills"], self
        assert self.won_once == plan["writers"], self
        assert sum(self.refusals.values()) == plan["writers"], self


class Chaos:
    """One run of a plan against a database."""

    def __init__(self, plan: Plan, database_url: str, home: Path) -> None:
        self.plan, self.url, self.home = plan, database_url, home
        self.random = random.Random(plan.seed)
        self.figures = Figures(asdict(plan))
        self.site: Site
        #: What is in the store, as its senders know it.
        self.sent: list[tuple[Slot, str]] = []
        self.busy: set[TusClient] = set()
        self.turns = asyncio.Semaphore(plan.clients)
        self.enough = False

    async def run(self) -> Figures:
        begun = time.monotonic()
        async with open_site(self.url, self.home, servers=2 if self.plan.kills else 1) as self.site:
            await self._cut()
            await self._kill()
            await self._race()
            self.figures.upload_seconds = round(time.monotonic() - begun, 1)
            await self._ingest()
            await self._compare()
            await assert_sound(self.site.db, self.site.store)
        self.figures.seconds = round(time.monotonic() - begun, 1)
        return self.figures

    def _note(self, client: TusClient) -> None:
        found = self.figures
        found.connections_lost += len(client.resent)
        found.sent_again += sum(client.resent)
        found.most_sent_again = max(found.most_sent_again, *client.resent, 0)
        found.offsets_backwards += client.backwards

    # --- cuts ------------------------------------------------------------------------------------------------------

    async def _cut(self) -> None:
        """Send every file over a connection that is cut ``cuts`` times."""
        if not self.plan.cuts:
            return
        files = shots(self.plan.seed, self.plan.files, self.plan.largest)
        slots = await self.site.prepare([(shot.filename, shot.size) for shot in files])
        async with asyncio.TaskGroup() as tasks:
            for shot, slot in zip(files, slots, strict=True):
                tasks.create_task(self._send_cut(shot, slot))

    async def _send_cut(self, shot: Shot, slot: Slot) -> None:
        chance = random.Random(f"{shot.seed}/{shot.number}")
        port = partial(getattr, self.site.servers[0], "port")
        latency = chance.uniform(0, _LATENCY)
        async with self.turns, FaultProxy(port, latency=latency, bandwidth=self.plan.bandwidth) as proxy:
            client = await self._client(shot, slot, proxy.port)
            while proxy.struck.total() < self.plan.cuts:
                left = shot.size - client.reached + _HEADS
                proxy.faults.append(Fault.draw(chance, left, seconds=self.plan.stall))
                await client.attempt()
                await asyncio.sleep(0)  # a fault that was just due strikes
                proxy.faults.clear()
            await client.upload()
            self._note(client)
            self.figures.cuts = dict(Counter(self.figures.cuts) + Counter(proxy.struck))

    async def _client(self, shot: Shot, slot: Slot, *ports: int) -> TusClient:
        """A client for a file; what it is to send is noted. ``ports``: one of them for each connection."""
        data = await asyncio.to_thread(lambda: shot.data)
        self.sent.append((slot, await asyncio.to_thread(lambda: shot.sha256)))
        self.figures.bytes += shot.size
        return TusClient(slot.url, data, lambda: self.random.choice(ports), patience=self.plan.patience)

    # --- kills -----------------------------------------------------------------------------------------------------

    async def _kill(self) -> None:
        """Kill the API processes while files come in, as many files as that takes."""
        if not self.plan.kills:
            return
        async with AsyncExitStack() as stack:
            ports = [partial(getattr, server, "port") for server in self.site.servers]
            proxies = [
                await stack.enter_async_context(FaultProxy(port, bandwidth=self.plan.bandwidth)) for port in ports
            ]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._feed([proxy.port for proxy in proxies]))
                async with asyncio.TaskGroup() as killing:
                    for number, proxy in enumerate(proxies):
                        kills = (self.plan.kills + number) // len(proxies)
                        killing.create_task(self._kill_one(number, proxy.port, kills))
                self.enough = True

    async def _kill_one(self, number: int, port: int, kills: int) -> None:
        chance = random.Random(f"{self.plan.seed}/{number}")
        server = self.site.servers[number]
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            while not any(client.sending_to == port for client in self.busy):
                await asyncio.sleep(0.01)
            server.kill()
            self.figures.killed_mid_part += 1
            await server.start()

    async def _feed(self, ports: list[int]) -> None:
        """Keep all clients busy until the last kill; what is on its way then is sent to its end."""
        numbers = count()
        async with asyncio.TaskGroup() as tasks:
            while not self.enough:
                files = [self._middling(next(numbers)) for _ in range(self.plan.clients)]
                slots = await self.site.prepare([(shot.filename, shot.size) for shot in files])
                for shot, slot in zip(files, slots, strict=True):
                    await self.turns.acquire()
                    tasks.create_task(self._send(shot, slot, ports))

    def _middling(self, number: int) -> Shot:
        """Files that are in the middle of a part most of the time."""
        return Shot(self.plan.seed, number, self.random.randrange(self.plan.largest // 50, self.plan.largest // 2))

    async def _send(self, shot: Shot, slot: Slot, ports: list[int]) -> None:
        try:
            client = await self._client(shot, slot, *ports)
            self.busy.add(client)
            await client.upload()
            self.busy.discard(client)
            self._note(client)
        finally:
            self.turns.release()

    # --- two writers -----------------------------------------------------------------------------------------------

    async def _race(self) -> None:
        """Let two send different bytes to one address, both from the start."""
        sizes = [self.random.randrange(1_000, self.plan.largest // 3) for _ in range(self.plan.writers)]
        slots = await self.site.prepare([(f"race-{number}.jpg", size) for number, size in enumerate(sizes)])
        async with asyncio.TaskGroup() as tasks:
            for number, (slot, size) in enumerate(zip(slots, sizes, strict=True)):
                tasks.create_task(self._race_one(number, slot, size))

    async def _race_one(self, number: int, slot: Slot, size: int) -> None:
        async with self.turns:
            rivals = [Shot(self.plan.seed, 2 * number + rival, size) for rival in range(2)]
            answers = await asyncio.gather(*(self._claim(shot, slot) for shot in rivals))
        winners = [shot for shot, answer in zip(rivals, answers, strict=True) if answer == 204]
        refused = [answer for answer in answers if answer in (409, 423)]
        self.figures.refusals = dict(Counter(self.figures.refusals) + Counter(map(str, refused)))
        if len(winners) == 1:
            self.figures.won_once += 1
            self.figures.bytes += size
            self.sent.append((slot, winners[0].sha256))

    async def _claim(self, shot: Shot, slot: Slot) -> int | None:
        data = await asyncio.to_thread(lambda: shot.data)
        await asyncio.sleep(random.Random(f"{shot.seed}/{shot.number}").choice((0, 0, 0.05, 0.5)))
        try:
            return (await send(self.site.servers[0].port, slot.url, data)).status
        except Lost:
            return None

    # --- afterwards ------------------------------------------------------------------------------------------------

    async def _ingest(self) -> None:
        await self.site.finalize(self.sent)
        workers = self.site.workers()
        try:
            await until_seen(self.site.all_jobs_ended, 1_800)
            await self.site.sweep()
        finally:
            workers.close()
        self.figures.temporary_files = await self.site.leftovers()

    async def _compare(self) -> None:
        """Source, store and row, for every file."""
        rows = await self.site.rows(
            "SELECT a.id, a.status, f.key, f.sha256 FROM assets a "
            "JOIN asset_files f ON f.asset_id = a.id AND f.kind = 'original'"
        )
        found = {row.id: row for row in rows}
        self.figures.files = len(self.sent)
        self.figures.ready = sum(row.status == "ready" for row in rows)
        for slot, sha256 in self.sent:
            row = found[slot.asset_id]
            self.figures.identical += sha256 == row.sha256 == await self.site.stored_sha256(row.key)


async def _main(plan: Plan) -> Figures:
    home = Path(tempfile.mkdtemp(prefix="kilo-chaos-uploads-"))
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
    parser.add_argument("--files", type=int, default=Plan.files)
    parser.add_argument("--cuts", type=int, default=Plan.cuts, help="of each file")
    parser.add_argument(
        "--kills", type=int, default=Plan.kills, help="kill -9 of an API process, in the middle of a part"
    )
    parser.add_argument("--writers", type=int, default=Plan.writers, help="rounds of two writers on one upload")
    parser.add_argument("--clients", type=int, default=Plan.clients, help="files that are on their way at a time")
    parser.add_argument("--largest", type=int, default=Plan.largest, help="bytes of the largest file")
    parser.add_argument("--stall", type=float, default=Plan.stall, help="seconds that a dead connection lasts")
    parser.add_argument("--patience", type=float, default=Plan.patience, help="seconds until a client comes back")
    parser.add_argument("--bandwidth", type=float, default=Plan.bandwidth, help="bytes a second of one connection")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    plan = Plan(**vars(parser.parse_args()))
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)  # noqa: T201
    figures = asyncio.run(_main(plan))
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201
    figures.check()


if __name__ == "__main__":
    main()
