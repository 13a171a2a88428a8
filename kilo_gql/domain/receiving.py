"""Uploads as their bytes arrive: claimed by one writer at a time, committed piece by piece, stored, expired.

The row counts what is durable; bytes that it does not count do not exist. Each claim raises its ``fence``, and only the
holder of the latest may commit: a newer writer always wins, and the older one finds out the next time it commits. No
transaction is open while bytes are on their way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, exists, func, select, update

from kilo_gql.access import Perm, TokenActor
from kilo_gql.db import Tx
from kilo_gql.domain.uploads import ANY_TYPE, KEPT_FOR, OPEN, purge, upload_complete, upload_expired
from kilo_gql.errors import Conflict, KiloError, not_found
from kilo_gql.models import Asset, AssetStatus, Project, ProjectStatus, Upload, UploadStatus
from kilo_gql.operations import operation
from kilo_gql.storage import PARTS_AHEAD, Incoming, Leftover, Part, next_number, received

#: Uploads that one transaction throws away at most.
BATCH: Final = 500
#: Bytes that no upload counts are thrown away when they are so old.
LEFTOVER_AFTER: Final = timedelta(hours=1)


class TakenOver(KiloError):
    """Somebody else goes on with this upload; what this writer sent after its last commit is dropped."""

    status = 423
    default_code = "upload_taken_over"


@dataclass(frozen=True, slots=True)
class Arriving:
    """An upload as the door of the bytes sees it. ``uploader``: whoever prepared it, with the right to send it."""

    incoming: Incoming
    uploader: TokenActor
    content_type: str
    status: UploadStatus
    expires_at: datetime

    @property
    def received_in_full(self) -> bool:
        return self.incoming.received == self.incoming.size


def _arriving(upload: Upload) -> Arriving:
    return Arriving(
        Incoming(
            upload.id,
            upload.key,
            upload.byte_size,
            upload.token,
            upload.fence,
            msgspec.convert(upload.parts, tuple[Part, ...]),
            upload.released,
            upload.next_part,
        ),
        # the address is a token with one scope; it is no row, so the upload stands for its id
        TokenActor(upload.user_id, upload.id, (Perm.ASSET_UPLOAD.value,)),
        upload.content_type or ANY_TYPE,
        upload.status,
        upload.expires_at,
    )


@operation(Perm.SYSTEM)
async def find_upload(tx: Tx, upload_id: UUID) -> Arriving:
    """How far an upload has come. Raises Gone ``upload_expired``."""
    found = await tx.scalars(select(Upload).where(Upload.id == upload_id))
    if not found or (found[0].status in OPEN and found[0].expires_at <= tx.now):
        raise upload_expired()
    return _arriving(found[0])


@operation(Perm.ASSET_UPLOAD, write=True, retention=None)
async def claim_upload(tx: Tx, upload_id: UUID, offset: int, token: str, restart: bool = False) -> Incoming:
    """Become the one writer of an upload, from ``offset`` on; asked of the uploader's rights as they are now.

    ``token``: from ``Store.begin``; the first writer's stays. ``restart``: what was received is dropped.
    Raises Conflict ``offset_mismatch`` or ``upload_complete``, Gone ``upload_expired``.
    """
    upload = await tx.get(Upload, upload_id, lock=True)
    alive = select(Project.id).where(Project.id == upload.project_id, Project.status != ProjectStatus.DELETED)
    if await tx.scalar(alive) is None:
        raise not_found("project")
    if upload.status is not UploadStatus.RECEIVING or upload.received == upload.byte_size:
        raise upload_complete()
    if upload.expires_at <= tx.now:
        raise upload_expired()
    if restart:
        upload.received, upload.parts = 0, []
    if offset != upload.received:
        raise offset_mismatch(upload.received)
    clean, numbers = upload.released, upload.next_part
    upload.token = upload.token or token
    upload.fence += 1
    upload.released = False
    upload.next_part += PARTS_AHEAD
    return replace(_arriving(upload).incoming, clean=clean, next_part=numbers)


@operation(Perm.SYSTEM, write=True)
async def commit_upload(tx: Tx, upload_id: UUID, fence: int, parts: Sequence[Part], release: bool = False) -> None:
    """Count what is durable; ``release``: this writer is done, and nothing of it is on its way any more.

    Raises TakenOver, or Gone ``upload_expired`` if there is no such upload any more.
    """
    values: dict[str, Any] = {
        "received": received(parts),
        "parts": msgspec.to_builtins(parts),
        "next_part": func.greatest(Upload.next_part, next_number(parts)),
        "released": release,
        "expires_at": tx.now + KEPT_FOR,
        "updated_at": tx.now,
    }
    if not parts:
        values["token"] = ""  # whatever the store began is worth nothing, and may be gone: the next writer begins anew
    mine = (Upload.id == upload_id, Upload.fence == fence, Upload.status == UploadStatus.RECEIVING)
    done = await tx.scalar(update(Upload).where(*mine).values(**values).returning(Upload.id))
    if done is not None:
        return
    if await tx.scalar(select(Upload.id).where(Upload.id == upload_id)) is None:
        raise upload_expired()
    raise TakenOver(
        "Another connection goes on with this upload.",
        remediation=["Let it finish, or ask the upload address with HEAD where to go on."],
    )


@operation(Perm.SYSTEM, write=True)
async def mark_stored(tx: Tx, upload_id: UUID) -> bool:
    """The whole file is an object now. False: there is no such upload any more. Doing it again is fine."""
    whole = (Upload.id == upload_id, Upload.received == Upload.byte_size)
    await tx.session.execute(
        update(Upload)
        .where(*whole, Upload.status == UploadStatus.RECEIVING)
        .values(status=UploadStatus.STORED, updated_at=tx.now)
    )
    return await tx.scalar(select(Upload.id).where(*whole)) is not None


def offset_mismatch(expected: int) -> Conflict:
    """The client does not know how far the upload is."""
    return Conflict(
        f"This upload goes on at byte {expected}.",
        code="offset_mismatch",
        details={"offset": expected},
        remediation=["Ask the upload address with HEAD where to go on."],
    )


# --- what nobody wants any more ------------------------------------------------------------------------------------


async def expire(tx: Tx) -> int:
    """Forget one batch of uploads whose time is over, and assets that never got a file; returns how many uploads.

    A writer that holds a row, or has just committed, keeps it. The bytes are found by ``Store.leftovers``.
    """
    over = (
        select(Upload.id)
        .where(Upload.status.in_(OPEN), Upload.expires_at < tx.now)
        .order_by(Upload.expires_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    gone = (
        await tx.session.execute(
            delete(Upload)
            .where(Upload.id.in_(over.scalar_subquery()))
            .returning(Upload.asset_id, Upload.project_id, Upload.status, Upload.key)
        )
    ).all()
    if gone:
        await purge(tx, ((row.project_id, row.key) for row in gone if row.status is UploadStatus.STORED))
        await tx.session.execute(
            delete(Asset).where(
                Asset.id.in_([row.asset_id for row in gone]),
                Asset.status == AssetStatus.UPLOADING,
                ~exists().where(Upload.asset_id == Asset.id),
            )
        )
    return len(gone)


async def unwanted(tx: Tx, leftovers: Sequence[Leftover]) -> list[Leftover]:
    """Those whose upload does not receive any more, or never did."""
    receives = Upload.status == UploadStatus.RECEIVING
    ids = [one.upload_id for one in leftovers if one.upload_id is not None]
    tokens = [one.token for one in leftovers if one.upload_id is None]
    here = set(await tx.scalars(select(Upload.id).where(receives, Upload.id.in_(ids))))
    begun = set(await tx.scalars(select(Upload.token).where(receives, Upload.token.in_(tokens))))
    return [one for one in leftovers if one.upload_id not in here and (one.upload_id or one.token not in begun)]
