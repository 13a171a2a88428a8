"""How long the jobs take that group and rank a project: all of it, and again after one photo in a hundred came late.

A worker in this process, on one PostgreSQL; the time on the clock from claim to commit. Beside it the grouping alone,
of what is in memory already: the rest is reading, comparing with what was there, and writing.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from pydantic import SecretStr

import tasks.cluster
from bench import grouping
from kilo_gql import assembly, embedded, migrate
from kilo_gql.config import Settings
from kilo_gql.jobs import JobType
from kilo_gql.models import Project, Queue
from ml.descriptors import Descriptors, DescriptorTable
from ml.grouping.grouping import group
from tasks.cluster_looks import Memory
from tests.support.grouped import Darkroom, Snap, snaps
from tests.support.make import Make
from tests.support.shoot import Shoot

#: Everything that ranking goes by, as it varies from frame to frame.
_SIGNALS: Final = """
UPDATE asset_signals SET signals = jsonb_build_object(
    'sharpness', 0.6 + 0.4 * random(), 'subject_sharpness', 0.6 + 0.4 * random(), 'motion', 0.2 * random(),
    'noise', 0.01 * random(), 'exposure_error', random() - 0.5, 'highlight_clip', 0.02 * random(), 'range_ev', 6,
    'shadow_clip', 0.02 * random(), 'contrast', 0.4 + 0.2 * random(), 'colour', 20 * random(), 'cast', 5 * random(),
    'brightness', random() - 0.5, 'back_light', 0, 'subject_size', 0.3, 'centre_offset', 0.2 * random())
WHERE signals = '{}'
"""
_DURATION: Final = "SELECT extract(epoch FROM sum(finished_at - started_at))::float8 FROM jobs WHERE type = $1"


@dataclass(frozen=True, slots=True)
class Ran:
    """Seconds of the two jobs, and of the grouping alone (None: not asked)."""

    what: str
    group_s: float
    rank_s: float
    alone_s: float | None = None


async def runs(photos: int) -> list[Ran]:
    """Of a project with so many photos in the end."""
    shots, table = grouping.shoot(photos)
    shoot = snaps(shots, _packed(table))
    late = [snap for number, snap in enumerate(shoot) if number % 100 == 50]
    early = [snap for number, snap in enumerate(shoot) if number % 100 != 50]
    began = time.perf_counter()
    group(shots, table)
    alone = time.perf_counter() - began
    async with _darkroom() as (darkroom, database, project):
        return [
            await _run("a project's first grouping and ranking", darkroom, database, project, early),
            await _run("again, one photo in a hundred came late", darkroom, database, project, late),
            await _forgotten(darkroom, database, project, alone),
        ]


def _packed(table: DescriptorTable) -> list[bytes]:
    structures = table.structure(range(len(table)))
    rows = zip(table.pdq, table.layout, table.histogram, table.hog, structures, strict=True)
    return [Descriptors(pdq.tobytes(), *rest).pack() for pdq, *rest in rows]


@asynccontextmanager
async def _darkroom() -> AsyncIterator[tuple[Darkroom, asyncpg.Connection, Project]]:
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-"))
    server = embedded.start(home)
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        secret = SecretStr("for a measurement alone, 32 signs")
        settings = Settings(home=home, database_url=SecretStr(url), secret_key=secret)
        db = assembly.open_database(settings)
        make = Make(db)
        owner = await make.user()
        project = await make.project(owner)
        database = await asyncpg.connect(url)
        async with Shoot(db, settings, project.id, owner) as shoot:
            yield Darkroom(db, shoot.runner), database, project
        await database.close()
        await db.close()
    finally:
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


async def _run(
    what: str, darkroom: Darkroom, database: asyncpg.Connection, project: Project, photos: list[Snap]
) -> Ran:
    """What the jobs take after these photos came."""
    if photos:
        await darkroom.put(project, photos)
        await database.execute(_SIGNALS)
        await database.execute("ANALYZE")
    before = await _seconds(database)
    await darkroom.group(project.id)
    while await darkroom.runner.run_next(Queue.CPU):  # the ranking that follows
        pass
    after = await _seconds(database)
    return Ran(what, after[0] - before[0], after[1] - before[1])


async def _forgotten(darkroom: Darkroom, database: asyncpg.Connection, project: Project, alone: float) -> Ran:
    """The same once more, by a worker that has just started."""
    tasks.cluster._memory = Memory()  # type: ignore[misc]
    ran = await _run("the same by a new worker", darkroom, database, project, [])
    return Ran(ran.what, ran.group_s, ran.rank_s, alone)


async def _seconds(database: asyncpg.Connection) -> tuple[float, float]:
    grouped = await database.fetchval(_DURATION, JobType.PROJECT_CLUSTER.value)
    ranked = await database.fetchval(_DURATION, JobType.PROJECT_RANK.value)
    return grouped or 0.0, ranked or 0.0
