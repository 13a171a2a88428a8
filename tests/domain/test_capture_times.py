"""A project that learns its time zone reads its cameras' clocks anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import projects
from kilo_gql.domain.projects import ProjectChange
from kilo_gql.models import Asset, AssetStatus
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Throat
from tests.support.make import Make

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
#: name -> (wall time, source, how the zone is known, offset)
PHOTOS: dict[str, tuple[str | None, str, str, int | None]] = {
    "assumed": ("2026-07-01T12:00:00", "exif_original", "assumed_utc", None),
    "winter": ("2026-01-01T12:00:00.250000", "exif_original", "assumed_utc", None),
    "written": ("2026-07-01T14:00:00", "exif_original", "written", 120),
    "by_gps": ("2026-07-01T14:00:00", "exif_original", "gps", 120),
    "hinted": ("2026-07-01T12:00:00", "hint", "utc", 0),
    "unknown": (None, "none", "none", None),
    "twice": ("2026-10-25T02:30:00", "exif_original", "assumed_utc", None),
}


async def photographed(make: Make, project_id: Any, user_id: Any) -> None:
    for name, (local, source, zone, offset) in PHOTOS.items():
        at = None if local is None else datetime.fromisoformat(local).replace(tzinfo=UTC)
        await make.rows(
            Asset(
                id=uuid7(), project_id=project_id, status=AssetStatus.READY, filename=name, stem=name, added_by=user_id,
                ingested_at=NOON, updated_at=NOON, captured_at=at, captured_local=local, offset_minutes=offset,
                captured_source=source, zone_source=zone,
            )
        )  # fmt: skip


async def times(db: Database, project_id: Any) -> dict[str, tuple[str | None, int | None, str | None]]:
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        columns = (Asset.filename, Asset.captured_at, Asset.offset_minutes, Asset.zone_source)
        rows = await tx.rows(select(*columns).where(Asset.project_id == project_id))
    return {
        row.filename: (row.captured_at and row.captured_at.isoformat(), row.offset_minutes, row.zone_source)
        for row in rows
    }


async def test_wall_times_follow_the_project_and_instants_stay(db: Database, throat: Throat, make: Make) -> None:
    ada = await make.user()
    project, other = (await make.project(ada)).id, (await make.project(ada)).id
    await photographed(make, project, ada.user_id)
    await photographed(make, other, ada.user_id)
    before = await times(db, other)

    outcome = await throat.execute(ada, projects.update_project, project, ProjectChange(timezone="Europe/Berlin"))
    assert await times(db, project) == {
        **before,
        "assumed": ("2026-07-01T10:00:00+00:00", 120, "project"),
        "winter": ("2026-01-01T11:00:00.250000+00:00", 60, "project"),
        "twice": ("2026-10-25T00:30:00+00:00", 120, "project"),  # the first of the two, still in summer time
    }
    assert await times(db, other) == before
    assert outcome.told

    await throat.execute(ada, projects.update_project, project, ProjectChange(timezone=None))
    assert await times(db, project) == before
