"""Which stored bytes are needed, and whether they are still what they were. System functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, or_, select, text, union_all, update

from kilo_gql.db import Tx
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.models import (
    Asset,
    AssetFile,
    ExportFile,
    FileKind,
    Gallery,
    GalleryFile,
    Installation,
    Upload,
    UploadStatus,
)

#: An upload in one of these has bytes, or soon will, that no file row names yet.
ON_THE_WAY: Final = (UploadStatus.RECEIVING, UploadStatus.STORED)
#: What came from outside and cannot be made again.
KEPT: Final = (FileKind.ORIGINAL, FileKind.SIDECAR)

#: Held shared while a backup copies objects, and exclusively while objects are deleted.
COPYING: Final = 0x4B494C4F_0002


async def referred(tx: Tx, keys: Collection[str]) -> frozenset[str]:
    """Those of these keys that a file, or an upload on its way, refers to."""
    named = (AssetFile.key, GalleryFile.key, ExportFile.key, Gallery.watermark_key)
    uploads = select(Upload.key).where(Upload.key.in_(keys), Upload.status.in_(ON_THE_WAY))
    return frozenset(await tx.scalars(union_all(uploads, *(select(key).where(key.in_(keys)) for key in named))))  # type: ignore[arg-type]


async def may_delete(tx: Tx) -> bool:
    """May objects be deleted until this transaction ends? Not while a backup copies them."""
    return bool((await tx.unchecked(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": COPYING})).scalar_one())


# --- checking originals --------------------------------------------------------------------------------------------


class Damage(StrEnum):
    """What is wrong with stored bytes."""

    MISSING = "missing"
    SIZE = "size"
    CONTENT = "content"
    #: The disk itself says that it cannot read them.
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Kept:
    """An original as it was when it came in. ``byte_size`` in bytes, ``sha256`` in hexadecimal."""

    id: UUID
    asset_id: UUID
    project_id: UUID
    filename: str
    key: str
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Checked:
    """An original that was read again; ``damage`` None: it is what it was."""

    file: Kept
    damage: Damage | None


async def begin_verifying(tx: Tx, *, resume: bool) -> datetime:
    """When the check began that now begins, or goes on if ``resume`` and the last one did not come to its end."""
    since: datetime | None = await tx.scalar(select(Installation.verifying_since))
    if not resume or since is None:
        since = tx.now
        await tx.session.execute(update(Installation).values(verifying_since=since))
    return since


async def end_verifying(tx: Tx) -> None:
    """The check came to its end: the next one begins anew."""
    await tx.session.execute(update(Installation).values(verifying_since=None))


async def unverified_size(tx: Tx, since: datetime, project_id: UUID | None) -> tuple[int, int]:
    """How many originals are still to be read, and their bytes."""
    unread = _unread(since, project_id).subquery()
    found = await tx.rows(select(func.count(), func.coalesce(func.sum(unread.c.byte_size), 0)).select_from(unread))
    return int(found[0][0]), int(found[0][1])


async def unverified(tx: Tx, since: datetime, project_id: UUID | None, after: UUID | None, most: int) -> list[Kept]:
    """The next originals after ``after`` that were not read since then, in the order of their ids."""
    statement = _unread(since, project_id).order_by(AssetFile.id).limit(most)
    if after is not None:
        statement = statement.where(AssetFile.id > after)
    return [Kept(*row) for row in await tx.rows(statement)]


def _unread(since: datetime, project_id: UUID | None) -> Select[*tuple[Any, ...]]:
    statement = (
        select(
            AssetFile.id,
            AssetFile.asset_id,
            AssetFile.project_id,
            Asset.filename,
            AssetFile.key,
            AssetFile.byte_size,
            AssetFile.sha256,
        )
        .join(Asset, Asset.id == AssetFile.asset_id)
        .where(
            AssetFile.kind.in_(KEPT),
            AssetFile.sha256.is_not(None),
            or_(AssetFile.verified_at.is_(None), AssetFile.verified_at < since),
        )
    )
    return statement if project_id is None else statement.where(AssetFile.project_id == project_id)


async def note_verified(tx: Tx, checked: Sequence[Checked]) -> list[Checked]:
    """Write what reading found, and tell what changed: damaged files are not served any more, mended ones are again.

    Returns the damaged ones; a file that was deleted meanwhile is none, nor one that got other bytes.
    """
    keys = [one.file.key for one in checked]
    locked = select(AssetFile.id, AssetFile.damaged_at).where(AssetFile.key.in_(keys)).with_for_update()
    before = {row.id: row.damaged_at for row in await tx.rows(locked)}
    there = [one for one in checked if one.file.id in before]
    sound = [one for one in there if one.damage is None]
    damaged = [one for one in there if one.damage is not None]
    for group, damaged_at in ((sound, None), (damaged, func.coalesce(AssetFile.damaged_at, tx.now))):
        named = AssetFile.id.in_([one.file.id for one in group])
        await tx.session.execute(update(AssetFile).where(named).values(verified_at=tx.now, damaged_at=damaged_at))
    _tell(tx, [one for one in sound if before[one.file.id] is not None], damaged=False)
    _tell(tx, [one for one in damaged if before[one.file.id] is None], damaged=True)
    return damaged


def _tell(tx: Tx, changed: Sequence[Checked], *, damaged: bool) -> None:
    by_project: dict[UUID, list[UUID]] = {}
    for one in changed:
        by_project.setdefault(one.file.project_id, []).append(one.file.asset_id)
    for project_id, asset_ids in by_project.items():
        for start in range(0, len(asset_ids), MAX_IDS):
            ids = tuple(asset_ids[start : start + MAX_IDS])
            tx.emit(Change(EventName.ASSET_UPDATED, project_id, ids, {"damaged": damaged}))
