"""When a project learns in which time zone it was shot, the cameras' wall clocks get another meaning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import DateTime, SmallInteger, Uuid, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from kilo_gql.db import Tx
from kilo_gql.domain import clustering
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.models import Asset

#: Where the zone of a wall time was taken from the project, or would have been (``ml.capture_time.ZoneSource``).
_FROM_PROJECT: Final = ("project", "assumed_utc")
#: Sources that are instants already; the zone only says how they are shown (``ml.capture_time.Source``).
_INSTANTS: Final = ("container", "gps", "hint")


async def rezone(tx: Tx, project_id: UUID, timezone: str | None) -> None:
    """Read the wall times of a project's photos in ``timezone`` (IANA; None: as UTC, and say that it is assumed).

    An hour that a clock passes twice is taken for its first pass, as when a photo comes in (``docs/capture-time.md``).
    Photos that carry their own offset, and those that have only an instant, keep their time.
    """
    rows = await tx.rows(
        select(Asset.id, Asset.captured_local).where(
            Asset.project_id == project_id,
            Asset.zone_source.in_(_FROM_PROJECT),
            Asset.captured_source.not_in(_INSTANTS),
            Asset.captured_local.is_not(None),
        )
    )
    if not rows:
        return
    await clustering.decided(tx, project_id)
    moments = [_moment(row.captured_local, timezone) for row in rows]
    new = select(
        _unnested([row.id for row in rows], Uuid()).label("id"),
        _unnested([at for at, _ in moments], DateTime(timezone=True)).label("at"),
        _unnested([offset for _, offset in moments], SmallInteger()).label("offset_minutes"),
    ).subquery()
    await tx.session.execute(
        update(Asset)
        .where(Asset.id == new.c.id, Asset.project_id == project_id)
        .values(
            captured_at=new.c.at,
            offset_minutes=new.c.offset_minutes,
            zone_source="assumed_utc" if timezone is None else "project",
            updated_at=tx.now,
        )
        .execution_options(synchronize_session=False)
    )
    ids = [row.id for row in rows]
    for start in range(0, len(ids), MAX_IDS):
        moved = tuple(ids[start : start + MAX_IDS])
        tx.emit(Change(EventName.ASSET_UPDATED, project_id, moved, {"timezone": timezone}))


def _moment(local: str, timezone: str | None) -> tuple[datetime, int | None]:
    wall = datetime.fromisoformat(local)
    if timezone is None:
        return wall.replace(tzinfo=UTC), None
    offset = wall.replace(tzinfo=ZoneInfo(timezone)).utcoffset() or timedelta()
    return (wall - offset).replace(tzinfo=UTC), round(offset.total_seconds() / 60)


def _unnested(values: list[Any], type_: TypeEngine[Any]) -> Any:
    return func.unnest(literal(values, ARRAY(type_)))
