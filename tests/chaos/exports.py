"""Kills workers, their supervisor and their children while one export is made; then fetches it and counts.

    python -m tests.chaos.exports --photos 300 --kills 20 --seed 1

The export must be done once, with each photo in it once, and its archive must be whole: ``unzip -t`` and
``sha256sum -c`` say so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import numpy as np

from kilo_gql import embedded, migrate
from kilo_gql.models import FileKind, Project
from tests.chaos.blows import Victims
from tests.chaos.shots import picture, unlike
from tests.chaos.site import Site, open_site
from tests.support.files import put
from tests.support.invariants import assert_sound
from tests.support.make import Make
from tests.support.processes import Workers
from tests.support.wait import until_seen

#: Seconds after the last kill within which the next photo must be there: recovery, apart from mere capacity.
BAR: Final = 60.0
#: Seconds that the rest may take: no figure, only an end.
_PATIENCE: Final = 600.0
#: Pictures that the photos of a run are made of.
_SCENES: Final = 4


@dataclass(frozen=True)
class Plan:
    """What to do. ``every`` is the mean time between two kills, in seconds."""

    photos: int = 300
    kills: int = 20
    seed: int = 1
    every: float = 3.0
    width: int = 3000
    height: int = 2000
    processes: int = 2
    slots: int = 1
    lease: float = 3.0


@dataclass
class Figures:
    """What came of it. ``told_done``: events that say so; ``objects``: in the store below the export's folder."""

    plan: dict[str, Any]
    killed: dict[str, int] = field(default_factory=dict)
    blows_while_it_ran: int = 0
    status: str = ""
    items: dict[str, int] = field(default_factory=dict)
    files: int = 0
    objects: int = 0
    turns: int = 0
    claims: int = 0
    told_done: int = 0
    archive_bytes: int = 0
    unzip: bool = False
    sums: bool = False
    open_at_last_kill: int = 0
    seconds_to_next_photo: float = 0.0
    seconds: float = 0.0
    orphans: int = 0

    def check(self) -> None:
        """Raise AssertionError unless the export was done once, is whole, and nobody is left."""
        count = self.plan["photos"]
        assert (self.status, self.items, self.files, self.objects) == ("done", {"done": count}, count, count), self
        assert self.told_done == 1, self
        assert (self.unzip, self.sums) == (True, True), self
        assert sum(self.killed.values()) == self.plan["kills"], self
        assert self.seconds_to_next_photo <= BAR, self
        assert self.orphans == 0, self


class Chaos:
    """One run of a plan against a database."""

    def __init__(self, plan: Plan, database_url: str, home: Path) -> None:
        self.plan, self.url, self.home = plan, database_url, home
        self.random = random.Random(plan.seed)
        self.figures = Figures(asdict(plan))
        self.site: Site

    async def run(self) -> Figures:
        begun = time.monotonic()
        async with open_site(self.url, self.home) as self.site:
            await self._fill()
            export = await self.site.call("POST", f"/projects/{self.site.project_id}/exports", await self._wanted())
            await self._kill(export["id"])
            await self._count(export["id"])
            await self._fetch(export["id"])
            await assert_sound(self.site.db, self.site.store)
        self.figures.seconds = round(time.monotonic() - begun, 1)
        return self.figures

    async def _fill(self) -> None:
        """Photos as ingest leaves them, as far as exports look."""
        plan, make = self.plan, Make(self.site.db)
        scenes = [picture(np.random.default_rng((plan.seed, n)), plan.width, plan.height) for n in range(_SCENES)]
        project = Project(id=self.site.project_id, owner_user_id=self.site.owner.user_id)
        for number in range(plan.photos):
            data = unlike(scenes[number % _SCENES], plan.seed, number)
            size = {"width_px": plan.width, "height_px": plan.height}
            asset = await make.asset(project, f"photo-{number:04}.jpg", preview_ready=False, **size)
            await put(make, self.site.store, asset, FileKind.ORIGINAL, data)

    async def _wanted(self) -> dict[str, Any]:
        rows = await self.site.rows("SELECT id FROM assets ORDER BY id")
        return {"preset": "web", "assetIds": [str(row.id) for row in rows]}

    def _start_workers(self) -> Workers:
        plan = self.plan
        return self.site.workers(
            worker_processes=plan.processes, worker_slots=plan.slots, job_lease=plan.lease, reconcile_every=1
        )

    async def _kill(self, export_id: str) -> None:
        """Kill at random moments while the export is made."""
        victims = Victims(self._start_workers, self.random)
        try:
            for _ in range(self.plan.kills):
                await asyncio.sleep(self.random.expovariate(1 / self.plan.every))
                victims.look()
                self.figures.blows_while_it_ran += await self._is_open(export_id)
                await victims.strike()
            await self._note_recovery(export_id)
            with suppress(AssertionError):  # what is still open is counted below
                await until_seen(self.site.all_jobs_ended, _PATIENCE)
            victims.look()
        finally:
            await asyncio.to_thread(victims.close)
        self.figures.killed, self.figures.orphans = dict(victims.killed), await victims.orphans()

    async def _note_recovery(self, export_id: str) -> None:
        struck, left = time.monotonic(), await self._left(export_id)

        async def one_more() -> bool:
            return await self._left(export_id) < left

        self.figures.open_at_last_kill = left
        if left:
            await until_seen(one_more, 2 * BAR)
            self.figures.seconds_to_next_photo = round(time.monotonic() - struck, 1)

    async def _left(self, export_id: str) -> int:
        statement = "SELECT count(*) AS n FROM export_items WHERE export_id = CAST(:id AS uuid) AND status = 'queued'"
        return int((await self.site.rows(statement, id=export_id))[0].n)

    async def _is_open(self, export_id: str) -> bool:
        statement = "SELECT 1 FROM exports WHERE id = CAST(:id AS uuid) AND status IN ('queued', 'running')"
        return bool(await self.site.rows(statement, id=export_id))

    async def _count(self, export_id: str) -> None:
        found, named = self.figures, {"id": export_id}
        [export] = await self.site.rows("SELECT status FROM exports WHERE id = CAST(:id AS uuid)", **named)
        items = "SELECT status, count(*) AS n FROM export_items WHERE export_id = CAST(:id AS uuid) GROUP BY status"
        files = "SELECT count(*) AS n FROM export_files WHERE export_id = CAST(:id AS uuid)"
        jobs = "SELECT count(*) AS n, sum(fence) AS claims FROM jobs WHERE arguments->>'export_id' = :id"
        told = (
            "SELECT count(*) AS n FROM (SELECT name, changed FROM outbox UNION ALL SELECT name, changed FROM events) t "
            "WHERE name = 'export.updated' AND changed->>'status' = 'done'"
        )
        found.status = export.status
        found.items = {row.status: row.n for row in await self.site.rows(items, **named)}
        found.files = (await self.site.rows(files, **named))[0].n
        [made] = await self.site.rows(jobs, **named)
        found.turns, found.claims = made.n, int(made.claims)
        found.told_done = (await self.site.rows(told))[0].n
        folder = f"{self.site.project_id}/exports/{export_id}/"
        found.objects = len([one async for one in self.site.store.list(folder)])

    async def _fetch(self, export_id: str) -> None:
        """The archive over HTTP, in two pieces, as after a broken connection; then what others say of it."""
        folder = self.home / "fetched"
        folder.mkdir()
        path = folder / "export.zip"
        url = urlsplit((await self.site.call("GET", f"/exports/{export_id}/download"))["url"])
        where = f"http://127.0.0.1:{self.site.servers[0].port}{url.path}?{url.query}"
        async with httpx.AsyncClient(timeout=120) as client:
            head = await client.head(where)
            size = int(head.headers["content-length"])
            for start, end in ((0, size // 3), (size // 3, size)):
                answer = await client.get(where, headers={"range": f"bytes={start}-{end - 1}"})
                assert answer.status_code == 206, answer.status_code
                with path.open("ab") as file:
                    file.write(answer.content)
        self.figures.archive_bytes = path.stat().st_size
        self.figures.unzip = _succeeds(folder, "unzip", "-tqq", "export.zip")
        _succeeds(folder, "unzip", "-qq", "export.zip")
        self.figures.sums = _succeeds(folder, "sha256sum", "-c", "--strict", "--quiet", "checksums.sha256")


def _succeeds(folder: Path, *command: str) -> bool:
    return subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode == 0


async def _main(plan: Plan) -> Figures:
    home = Path(tempfile.mkdtemp(prefix="kilo-chaos-exports-"))
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
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--every", type=float, default=Plan.every, help="mean seconds between two kills")
    parser.add_argument("--width", type=int, default=Plan.width, help="pixels of a photo; it is 3:2")
    given = vars(parser.parse_args())
    plan = Plan(**given, height=given["width"] * 2 // 3)
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)  # noqa: T201
    figures = asyncio.run(_main(plan))
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201
    figures.check()


if __name__ == "__main__":
    main()
