"""Kills workers, their supervisor and their children while photos are ingested, or feeds them poison; then counts.

    python -m tests.chaos.ingest --photos 500 --kills 200 --seed 1
    python -m tests.chaos.ingest --poison 30 --good 300

Every photo must be ready exactly once, whatever was killed. Poison must end in quarantine within three attempts, no
worker process may die of it, and all may take half as long again as the good photos alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from kilo_gql import embedded, migrate
from tests.chaos.blows import Victims
from tests.chaos.shots import picture, unlike
from tests.chaos.site import Site, Slot, open_site
from tests.chaos.spoiled import SPOILERS
from tests.chaos.trap import Trap
from tests.support.invariants import assert_sound
from tests.support.processes import Workers
from tests.support.tus_client import send
from tests.support.wait import until_seen

#: Seconds that all photos may take to end after the last kill.
BAR: Final = 60.0
#: How much longer the photos and the poison may take than the photos alone.
SLOWER: Final = 1.5
ATTEMPTS: Final = 3
#: What a decoder dies of.
_DEATHS: Final = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL)
#: Pictures that the photos of a run are made of.
_SCENES: Final = 4
#: Bytes of a file that kills: enough that whoever reads it holds it for a while.
_LETHAL_SIZE: Final = 60_000_000


@dataclass(frozen=True)
class Plan:
    """What to do: ingest ``photos`` with ``kills``, or ``good`` alone and then as many with ``poison`` among them.

    ``every`` is the mean time between two kills, in seconds; a third of the poison kills its decoder.
    """

    photos: int = 0
    kills: int = 0
    good: int = 0
    poison: int = 0
    seed: int = 1
    every: float = 0.5
    width: int = 6000
    height: int = 4000
    processes: int = 2
    slots: int = 1
    lease: float = 3.0
    #: Innocent children are killed here, so that a photo may well be hit three times; that alone is no poison.
    claims: int = 12


@dataclass
class Figures:
    """What came of it."""

    plan: dict[str, Any]
    killed: dict[str, int] = field(default_factory=dict)
    blows_while_jobs_ran: int = 0
    deaths: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    quarantined_for: dict[str, int] = field(default_factory=dict)
    wrongly_judged: int = 0
    doubled: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    executions: int = 0
    most_attempts: int = 0
    same_workers: bool = True
    clean_seconds: float = 0.0
    poisoned_seconds: float = 0.0
    seconds_after_last_kill: float = 0.0
    seconds: float = 0.0
    orphans: int = 0
    temporary_files: int = 0

    def check(self) -> None:
        """Raise AssertionError unless every photo is ready once, all poison is quarantined, and nobody is left."""
        plan = self.plan
        good = plan["photos"] + 2 * plan["good"]
        wanted = {"ready": good, "quarantined": plan["poison"]}
        assert self.statuses == {status: count for status, count in wanted.items() if count}, self
        assert (self.wrongly_judged, self.doubled) == (0, 0), self
        assert set(self.jobs) <= {"done", "failed"}, self
        assert (self.jobs["done"], self.jobs.get("failed", 0)) == (good, plan["poison"]), self
        assert sum(self.killed.values()) == plan["kills"], self
        assert self.seconds_after_last_kill <= BAR, self
        assert plan["kills"] or self.most_attempts <= ATTEMPTS, self
        assert self.same_workers, self
        assert (self.orphans, self.temporary_files) == (0, 0), self

    def check_pace(self) -> None:
        """Raise AssertionError if poison held the good photos up."""
        assert self.poisoned_seconds <= SLOWER * self.clean_seconds, self


@dataclass(frozen=True)
class Sent:
    """A file that is stored, not yet ingested. ``death``: of what it kills its decoder; None: it does not."""

    slot: Slot
    sha256: str
    good: bool = True
    death: signal.Signals | None = None


class Chaos:
    """One run of a plan against a database."""

    def __init__(self, plan: Plan, database_url: str, home: Path) -> None:
        self.plan, self.url, self.home = plan, database_url, home
        self.random = random.Random(plan.seed)
        self.figures = Figures(asdict(plan))
        self.site: Site
        self.sent: list[Sent] = []
        self.finalized = 0

    async def run(self) -> Figures:
        begun = time.monotonic()
        async with open_site(self.url, self.home) as self.site:
            scenes = [self._scene(number) for number in range(_SCENES)]
            await (self._kill(scenes) if self.plan.kills else self._poison(scenes))
            await self._count()
            await assert_sound(self.site.db, self.site.store)
        self.figures.seconds = round(time.monotonic() - begun, 1)
        return self.figures

    def _scene(self, number: int) -> bytes:
        return picture(np.random.default_rng((self.plan.seed, number)), self.plan.width, self.plan.height)

    async def _upload(self, files: Sequence[bytes], **about: Any) -> list[Sent]:
        """Store files, and remember them."""
        numbers = range(len(self.sent), len(self.sent) + len(files))
        slots = await self.site.prepare(
            [(f"photo-{number:04}.jpg", len(data)) for number, data in zip(numbers, files, strict=True)]
        )
        for slot, data in zip(slots, files, strict=True):
            answer = await send(self.site.servers[0].port, slot.url, data)
            assert answer.status == 204, answer
        sent = [Sent(slot, sha256(data).hexdigest(), **about) for slot, data in zip(slots, files, strict=True)]
        self.sent += sent
        return sent

    async def _finalize(self, sent: Sequence[Sent]) -> None:
        await self.site.finalize([(one.slot, one.sha256) for one in sent])

    def _start_workers(self) -> Workers:
        plan = self.plan
        return self.site.workers(
            worker_processes=plan.processes,
            worker_slots=plan.slots,
            job_lease=plan.lease,
            job_claims=plan.claims if plan.kills else ATTEMPTS,
            reconcile_every=1,
        )

    # --- kills -----------------------------------------------------------------------------------------------------

    async def _kill(self, scenes: Sequence[bytes]) -> None:
        """Kill at random moments, while photos arrive so that there is always work to hit."""
        plan, found = self.plan, self.figures
        await self._upload([unlike(scenes[n % _SCENES], plan.seed, n) for n in range(plan.photos)])
        victims = Victims(self._start_workers, self.random)
        try:
            for number in range(1, plan.kills + 1):
                await self._finalize_up_to(min(plan.photos, self._backlog + plan.photos * number // plan.kills))
                await asyncio.sleep(self.random.expovariate(1 / plan.every))
                with suppress(AssertionError):  # all that came so far is done
                    await until_seen(self._at_work, plan.lease)
                victims.look()
                found.blows_while_jobs_ran += await self._at_work()
                await victims.strike()
            struck = time.monotonic()
            await self._finalize_up_to(plan.photos)
            with suppress(AssertionError):  # what is still open is counted below
                await until_seen(self.site.all_jobs_ended, 2 * BAR)
            found.seconds_after_last_kill = round(time.monotonic() - struck, 1)
            await self.site.sweep()
            victims.look()
        finally:
            await asyncio.to_thread(victims.close)
        found.killed, found.orphans = dict(victims.killed), await victims.orphans()

    async def _at_work(self) -> bool:
        return bool(await self.site.rows("SELECT 1 FROM jobs WHERE status = 'running' LIMIT 1"))

    @property
    def _backlog(self) -> int:
        return 2 * self.plan.processes * self.plan.slots

    async def _finalize_up_to(self, total: int) -> None:
        fresh, self.finalized = self.sent[self.finalized : total], max(total, self.finalized)
        if fresh:
            await self._finalize(fresh)

    # --- poison ----------------------------------------------------------------------------------------------------

    async def _poison(self, scenes: Sequence[bytes]) -> None:
        """The same number of good photos twice, the second time with poison among them."""
        plan, found = self.plan, self.figures
        first = await self._upload([unlike(scenes[n % _SCENES], plan.seed, n) for n in range(plan.good)])
        mixed = await self._upload([unlike(scenes[n % _SCENES], plan.seed, plan.good + n) for n in range(plan.good)])
        mixed += await self._brew(scenes)
        self.random.shuffle(mixed)
        workers = self._start_workers()
        try:
            await self._warm(workers)
            pids = (workers.pid, *workers.workers())
            found.clean_seconds = await self._timed(first)
            traps = {
                self.site.settings.object_root / await self._key(one): one.death
                for one in mixed
                if one.death is not None
            }
            with Trap(traps, workers.decoders) as trap:
                found.poisoned_seconds = await self._timed(mixed)
            found.deaths = dict(trap.sprung)
            found.same_workers = pids == (workers.pid, *workers.workers())
            await self.site.sweep()
        finally:
            await asyncio.to_thread(workers.close)

    async def _brew(self, scenes: Sequence[bytes]) -> list[Sent]:
        """A third kills its decoder; the rest is broken in one way or another."""
        plan = self.plan
        lethal = [
            await self._upload(
                [unlike(scenes[0], plan.seed, 10_000 + number, _LETHAL_SIZE)],
                good=False,
                death=_DEATHS[number % len(_DEATHS)],
            )
            for number in range(plan.poison // 3)
        ]
        spoiled = [
            SPOILERS[number % len(SPOILERS)](scenes[number % _SCENES], self.random)
            for number in range(plan.poison - len(lethal))
        ]
        return [one for group in lethal for one in group] + await self._upload(spoiled, good=False)

    async def _warm(self, workers: Workers) -> None:
        """Every worker has done something, so that starting is not measured."""

        async def ready() -> bool:
            return len(workers.workers()) == self.plan.processes

        await until_seen(ready)
        await self.site.sweep()

    async def _timed(self, sent: Sequence[Sent]) -> float:
        """Seconds until the last of these is ready or quarantined."""
        begun = time.monotonic()
        await self._finalize(sent)
        await until_seen(self.site.all_jobs_ended, 1_800)
        return round(time.monotonic() - begun, 1)

    async def _key(self, one: Sent) -> str:
        (row,) = await self.site.rows("SELECT key FROM uploads WHERE id = :id", id=one.slot.upload_id)
        return str(row.key)

    # --- afterwards ------------------------------------------------------------------------------------------------

    async def _count(self) -> None:
        found = self.figures
        assets = {
            row.id: row
            for row in await self.site.rows(
                "SELECT id, status, quarantine_code, preview_ready AND metadata_ready AS whole, "
                "(SELECT count(*) FROM asset_files f WHERE f.asset_id = assets.id AND f.kind = 'preview') AS previews, "
                "(SELECT sha256 FROM asset_files f WHERE f.asset_id = assets.id AND f.kind = 'original') AS sha256 "
                "FROM assets"
            )
        }
        jobs = await self.site.rows(
            "SELECT asset_id, status, attempts, fence, error_code FROM jobs WHERE type = 'asset.ingest'"
        )
        found.statuses = dict(Counter(row.status for row in assets.values()))
        found.quarantined_for = dict(Counter(row.quarantine_code for row in assets.values() if row.quarantine_code))
        for one in self.sent:
            row = assets[one.slot.asset_id]
            right = (row.status == "ready", row.whole, row.previews) == (one.good, one.good, int(one.good))
            found.wrongly_judged += not right or (one.good and row.sha256 != one.sha256)
        found.doubled = len(assets) - len(self.sent) + len(jobs) - len({row.asset_id for row in jobs})
        found.jobs = dict(Counter(row.status for row in jobs))
        found.executions = sum(row.fence for row in jobs)
        found.most_attempts = max(row.attempts for row in jobs)
        found.temporary_files = await self.site.leftovers()


async def _main(plan: Plan) -> Figures:
    home = Path(tempfile.mkdtemp(prefix="kilo-chaos-ingest-"))
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
    parser.add_argument("--photos", type=int, default=Plan.photos)
    parser.add_argument("--kills", type=int, default=Plan.kills)
    parser.add_argument("--good", type=int, default=Plan.good)
    parser.add_argument("--poison", type=int, default=Plan.poison)
    parser.add_argument("--every", type=float, default=Plan.every, help="mean seconds between two kills")
    parser.add_argument("--width", type=int, default=Plan.width, help="of a photo, in pixels")
    parser.add_argument("--height", type=int, default=Plan.height)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    plan = Plan(**vars(parser.parse_args()))
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)  # noqa: T201
    figures = asyncio.run(_main(plan))
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201
    figures.check()
    figures.check_pace()


if __name__ == "__main__":
    main()
