"""Fills the disk of the store at random moments of uploads, makes room again, and sees what became of them.

    python -m tests.chaos.disk --rounds 40 --seed 1

The store lives on a small file system of its own (tmpfs, which needs root). In each round one upload runs into the end
of the disk: it must be told 507, nobody may see its photo, reading and deleting must go on, and when there is room
again the same upload must go on where it stopped, without sending again what is stored.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson

from kilo_gql import embedded, migrate
from kilo_gql.storage import MIB
from tests.chaos.shots import Shot
from tests.chaos.site import Site, Slot, open_site
from tests.support.invariants import assert_sound
from tests.support.tus_client import Refused, TusClient
from tests.support.wait import until_seen

_SIZE: Final = 64 * MIB
_LEAST, _MOST = MIB, 20 * MIB


@dataclass(frozen=True)
class Plan:
    """How often the disk is filled."""

    rounds: int = 40
    seed: int = 1


@dataclass
class Figures:
    """What came of it: how many rounds went as they should, by what was looked at."""

    plan: dict[str, Any]
    refused: dict[str, int] = field(default_factory=dict)
    slowest_refusal_ms: int = 0
    unseen: int = 0
    others_read: int = 0
    others_deleted: int = 0
    resumed_where_it_stopped: int = 0
    finished: int = 0
    identical: int = 0
    stored_when_full: int = 0
    temporary_files: int = 0
    seconds: float = 0.0

    def check(self) -> None:
        """Raise AssertionError unless every round went as it should."""
        rounds = self.plan["rounds"]
        assert self.refused == {"507 storage_full": rounds}, self
        looked_at = (self.unseen, self.others_read, self.others_deleted, self.resumed_where_it_stopped)
        assert looked_at == (rounds,) * 4, self
        assert (self.finished, self.identical) == (rounds, rounds), self
        assert self.temporary_files == 0, self


class CannotMount(Exception):
    """A small file system needs root, and a machine that lets root mount."""


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of 64 MiB at ``place``. Raises CannotMount."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "kilo-test", str(place)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        raise CannotMount
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


class Chaos:
    """One run of a plan against a database, with the store on ``disk``."""

    def __init__(self, plan: Plan, database_url: str, home: Path, disk: Path) -> None:
        self.plan, self.url, self.home, self.disk = plan, database_url, home, disk
        self.random = random.Random(plan.seed)
        self.figures = Figures(asdict(plan))
        self.site: Site

    async def run(self) -> Figures:
        begun = time.monotonic()
        async with open_site(self.url, self.home, objects=self.disk / "objects") as self.site:
            workers = self.site.workers(reconcile_every=1)
            try:
                await self._rounds()
                await self.site.sweep()
                await until_seen(self.site.all_jobs_ended, 60)
            finally:
                await asyncio.to_thread(workers.close)
            self.figures.temporary_files = await self.site.leftovers()
            await assert_sound(self.site.db, self.site.store)
        self.figures.seconds = round(time.monotonic() - begun, 1)
        return self.figures

    async def _rounds(self) -> None:
        witness, victim = [await self._photo(Shot(self.plan.seed, 1_000_000 + number, MIB)) for number in range(2)]
        for number in range(self.plan.rounds):
            shot = Shot(self.plan.seed, number, self.random.randrange(_LEAST, _MOST))
            slot = await self._round(shot, witness, victim)
            await self._ingested(slot, shot)
            victim = slot.asset_id

    async def _round(self, shot: Shot, witness: Any, victim: Any) -> Slot:
        """Run into the end of the disk, look around, make room, and finish."""
        found = self.figures
        (slot,) = await self.site.prepare([(shot.filename, shot.size)])
        client = TusClient(slot.url, shot.data, lambda: self.site.servers[0].port)
        with self._filled(self.random.randrange(shot.size)):
            found.refused = dict(Counter(found.refused) + Counter([await self._refused(client)]))
            (row,) = await self.site.rows("SELECT received FROM uploads WHERE id = :id", id=slot.upload_id)
            found.stored_when_full += row.received
            found.unseen += await self._shown() == {str(witness), str(victim)}
            found.others_read += await self._reads(witness)
            found.others_deleted += await self._deletes(victim)
        before = client.reached
        await client.upload()
        # nothing was lost on the way, so all that was sent after the refusal began where the row stood
        found.resumed_where_it_stopped += client.resent == [] and before <= row.received == client.reached
        found.finished += client.answers[204] == 1
        return slot

    @contextmanager
    def _filled(self, room: int) -> Iterator[None]:
        """Leave ``room`` bytes of the disk."""
        filler = self.disk / "filler"
        free = os.statvfs(self.disk)
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - room))
        try:
            yield
        finally:
            filler.unlink()

    async def _refused(self, client: TusClient) -> str:
        """Send until the answer is no; what it was."""
        begun = time.monotonic()
        try:
            await client.upload()
        except Refused as refused:
            took = round((time.monotonic() - begun) * 1000)
            self.figures.slowest_refusal_ms = max(self.figures.slowest_refusal_ms, took)
            return f"{refused.answer.status} {orjson.loads(refused.answer.body)['code']}"
        return "not refused"

    async def _shown(self) -> set[str]:
        page = await self.site.call("GET", f"/projects/{self.site.project_id}/assets")
        return {item["id"] for item in page["items"]}

    async def _reads(self, asset_id: Any) -> bool:
        """The original of a photo comes back as it is."""
        files = (await self.site.call("GET", f"/assets/{asset_id}/files"))["files"]
        (original,) = [file for file in files if file["kind"] == "original"]
        address = urlsplit(original["url"])
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.site.servers[0].port}") as client:
            response = await client.get(f"{address.path}?{address.query}")
        return response.status_code == 200 and sha256(response.content).hexdigest() == original["checksumSha256"]

    async def _deletes(self, asset_id: Any) -> bool:
        """A photo is thrown away and purged, down to its objects."""
        project = self.site.project_id
        for verb in ("trash", "purge"):
            done = await self.site.call("POST", f"/projects/{project}/assets:{verb}", {"ids": [str(asset_id)]})
            assert done == {"count": 1}, done

        async def gone() -> bool:
            return not [one async for one in self.site.store.list(f"{project}/{asset_id}/")]

        await until_seen(gone, 30)
        return True

    # --- photos ----------------------------------------------------------------------------------------------------

    async def _photo(self, shot: Shot) -> Any:
        """A photo that is ready; its asset's id."""
        (slot,) = await self.site.prepare([(shot.filename, shot.size)])
        await TusClient(slot.url, shot.data, lambda: self.site.servers[0].port).upload()
        await self._ingested(slot, shot, count=False)
        return slot.asset_id

    async def _ingested(self, slot: Slot, shot: Shot, *, count: bool = True) -> None:
        await self.site.finalize([(slot, shot.sha256)])

        async def ready() -> bool:
            rows = await self.site.rows("SELECT status FROM assets WHERE id = :id", id=slot.asset_id)
            return [row.status for row in rows] == ["ready"]

        await until_seen(ready, 60)
        (row,) = await self.site.rows(
            "SELECT key, sha256 FROM asset_files WHERE asset_id = :id AND kind = 'original'", id=slot.asset_id
        )
        if count:
            self.figures.identical += shot.sha256 == row.sha256 == await self.site.stored_sha256(row.key)


async def _main(plan: Plan) -> Figures:
    home = Path(tempfile.mkdtemp(prefix="kilo-chaos-disk-"))
    server = embedded.start(home)
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        with small_disk(home / "disk") as disk:
            return await Chaos(plan, url, home, disk).run()
    finally:
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    plan = Plan(**vars(parser.parse_args()))
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)  # noqa: T201
    try:
        figures = asyncio.run(_main(plan))
    except CannotMount:
        sys.exit("Mounting a small file system needs root.")
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201
    figures.check()


if __name__ == "__main__":
    main()
