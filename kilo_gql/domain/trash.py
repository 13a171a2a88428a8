"""Throwing photos away, bringing them back within 30 days, and purging them for good; and trying files once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select, update

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import clustering
from kilo_gql.domain.asset_pages import asset_ids
from kilo_gql.domain.assets import announce
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind, Job, JobStatus
from kilo_gql.operations import operation

#: How long the trash can be searched.
KEPT: Final = timedelta(days=30)
#: Photos one transaction of the sweep purges.
BATCH: Final = 500

_PARENT: Final[Any] = Asset.__table__.alias("parent")


@operation(Perm.ASSET_DELETE, write=True)
async def trash_assets(tx: Tx, project_id: UUID, ids: list[UUID]) -> int:
    """Throw up to 500 photos away, with the other files of each; for 30 days they can be restored.

    Answers how many of ``ids`` it threw away; those that are not in the project, not whole or in the trash are passed
    over.
    """
    wanted = asset_ids(ids)
    await tx.enter(project_id)
    await clustering.decided(tx, project_id)
    # whoever joins a file to one of these is done before we look which files belong to them
    named = select(Asset.id).where(Asset.project_id == project_id, Asset.id.in_(wanted))
    await tx.rows(named.order_by(Asset.id).with_for_update())
    gone = await _changed(
        tx,
        update(Asset)
        .where(
            Asset.project_id == project_id,
            Asset.trashed_at.is_(None),
            Asset.status != AssetStatus.UPLOADING,
            or_(Asset.id.in_(wanted), Asset.parent_id.in_(wanted)),
        )
        .values(trashed_at=tx.now),
    )
    announce(tx, project_id, gone, {"trashedAt": tx.now})
    return len(set(wanted) & set(gone))


@operation(Perm.ASSET_DELETE, write=True)
async def restore_assets(tx: Tx, project_id: UUID, ids: list[UUID]) -> int:
    """Bring up to 500 photos back from the trash exactly as they were, with the files that went with them.

    A file that is part of a photo brings the photo back. Answers how many of ``ids`` came back.
    """
    wanted = asset_ids(ids)
    await tx.enter(project_id)
    await clustering.decided(tx, project_id)
    wholes = await tx.scalars(select(Asset.parent_id).where(Asset.id.in_(wanted), Asset.parent_id.is_not(None)))
    photos = [*wanted, *wholes]
    # what was thrown away before its photo stays away
    together = select(_PARENT.c.trashed_at).where(_PARENT.c.id == Asset.parent_id).scalar_subquery()
    back = await _changed(
        tx,
        update(Asset)
        .where(
            Asset.project_id == project_id,
            Asset.trashed_at.is_not(None),
            or_(Asset.id.in_(photos), Asset.parent_id.in_(photos) & (Asset.trashed_at == together)),
        )
        .values(trashed_at=None),
    )
    announce(tx, project_id, back, {"trashedAt": None})
    return len(set(wanted) & set(back))


@operation(Perm.ASSET_PURGE, write=True)
async def purge_assets(tx: Tx, project_id: UUID, ids: list[UUID]) -> int:
    """Delete up to 500 photos from the trash for good: rows, ratings, originals, renditions.

    Answers how many of ``ids`` were purged; those that are not in the trash are passed over.
    """
    wanted = asset_ids(ids)
    await tx.enter(project_id)
    found = select(Asset.id).where(Asset.project_id == project_id, Asset.trashed_at.is_not(None), Asset.id.in_(wanted))
    return await _purge(tx, project_id, await tx.scalars(found.with_for_update()))


@operation(Perm.ASSET_UPDATE, write=True)
async def retry_assets(tx: Tx, project_id: UUID, ids: list[UUID]) -> int:
    """Take up to 500 quarantined files in once more, from the bytes that are here.

    Answers how many are on their way; those that are not quarantined, or of which nothing was kept, are passed over.
    """
    wanted = asset_ids(ids)
    await tx.enter(project_id)
    statement = (
        select(Asset, AssetFile.id)
        .join(AssetFile, AssetFile.asset_id == Asset.id)
        .where(
            Asset.project_id == project_id,
            Asset.id.in_(wanted),
            Asset.status == AssetStatus.QUARANTINED,
            Asset.trashed_at.is_(None),
            AssetFile.kind == FileKind.ORIGINAL,
        )
        .order_by(Asset.id)
        .with_for_update(of=Asset)
    )
    again = await tx.rows(statement)
    for asset, _ in again:
        asset.status, asset.updated_at = AssetStatus.PROCESSING, tx.now
        asset.quarantine_code = asset.quarantine_reason = asset.quarantine_offset = None
    new = [
        NewJob(JobType.ASSET_INGEST, {"upload_id": str(file_id)}, project_id, asset_id=asset.id)
        for asset, file_id in again
    ]
    await jobs.enqueue(tx, *new)
    announce(tx, project_id, [asset.id for asset, _ in again], {"status": AssetStatus.PROCESSING, "quarantine": None})
    return len(again)


async def purge_expired(tx: Tx) -> int:
    """Purge a batch of what has been in the trash for 30 days, in any project; returns how many. A system function."""
    statement = (
        select(Asset.project_id, Asset.id)
        .where(Asset.trashed_at < tx.now - KEPT)
        .order_by(Asset.trashed_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    expired = sorted((row.project_id, row.id) for row in await tx.rows(statement))
    for project_id, found in groupby(expired, key=lambda row: row[0]):
        await _purge(tx, project_id, [id_ for _, id_ in found])
    return len(expired)


async def _purge(tx: Tx, project_id: UUID, ids: Sequence[UUID]) -> int:
    """The rows go now and take their own along (files, uploads, ratings); a job takes the bytes."""
    if not ids:
        return 0
    await clustering.decided(tx, project_id)
    doomed = and_(Asset.project_id == project_id, or_(Asset.id.in_(ids), Asset.parent_id.in_(ids)))
    # an original that was mended lies where the asset lay that its bytes came with
    own = func.concat(AssetFile.project_id, "/", AssetFile.asset_id, "/%")
    elsewhere = (
        select(AssetFile.key).join(Asset, Asset.id == AssetFile.asset_id).where(doomed, AssetFile.key.not_like(own))
    )
    keys = await tx.scalars(elsewhere)
    gone = await _changed(tx, delete(Asset).where(doomed))
    ended = [status for status in JobStatus if status.terminal]
    await tx.session.execute(
        delete(Job)
        .where(Job.project_id == project_id, Job.asset_id.in_(gone), Job.status.in_(ended))
        .execution_options(synchronize_session=False)
    )
    objects = {"prefixes": [f"{project_id}/{id_}/" for id_ in gone], **({"keys": keys} if keys else {})}
    await jobs.enqueue(tx, NewJob(JobType.ASSET_PURGE, objects, project_id))
    announce(tx, project_id, gone, {"purged": True})
    return len(set(ids) & set(gone))


async def _changed(tx: Tx, statement: Any) -> list[UUID]:
    """Run an update or delete of assets; returns their ids, in order."""
    found = await tx.session.execute(statement.returning(Asset.id).execution_options(synchronize_session=False))
    return sorted(found.scalars())
