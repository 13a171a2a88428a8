"""What happened in a gallery, line by line, as its photographer reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import sharing
from kilo_gql.domain.guest_rows import arrive
from kilo_gql.domain.sharing import Entered
from kilo_gql.events import Change, EventName
from kilo_gql.models import ActivityKind, Gallery, GalleryActivity, GalleryGuest
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of

#: Who comes back within this time has not left.
VISIT: Final = timedelta(minutes=30)

#: Of these a guest leaves the last line alone (of each photo, where it is about one): nobody fills the feed by going to
#: and fro.
_TURNS: Final = (
    frozenset((ActivityKind.FAVORITED, ActivityKind.UNFAVORITED)),
    frozenset((ActivityKind.SELECTED, ActivityKind.UNSELECTED)),
    frozenset((ActivityKind.NAMED,)),
    frozenset((ActivityKind.AUTHENTICATED,)),
)


async def note(
    tx: Tx,
    entered: Entered,
    kind: ActivityKind,
    asset_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down what a guest does, and tell the project. The guest's row is there afterwards.

    Raises Conflict ``gallery_crowded``.
    """
    await arrive(tx, entered)
    await _write(tx, entered, kind, asset_id, dict(details or {}))


async def note_once(
    tx: Tx,
    entered: Entered,
    kind: ActivityKind,
    asset_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """As ``note``, for what is done again and again: within ``VISIT`` the same is one deed."""
    await arrive(tx, entered)
    told = dict(details or {})
    lately = select(GalleryActivity.id).where(
        GalleryActivity.gallery_id == entered.gallery.id,
        GalleryActivity.guest_id == entered.guest.guest_id,
        GalleryActivity.kind == kind,
        GalleryActivity.asset_id.is_not_distinct_from(asset_id),
        GalleryActivity.details == told,
        GalleryActivity.at > tx.now - VISIT,
    )
    if await tx.scalar(lately.limit(1)) is None:
        await _write(tx, entered, kind, asset_id, told)


async def _write(tx: Tx, entered: Entered, kind: ActivityKind, asset_id: UUID | None, told: dict[str, Any]) -> None:
    await _forget(tx, entered, kind, asset_id, told)
    line = {
        "id": uuid7(),
        "project_id": entered.gallery.project_id,
        "gallery_id": entered.gallery.id,
        "guest_id": entered.guest.guest_id,
        "kind": kind,
        "asset_id": asset_id,
        "details": told,
        "at": tx.now,
    }
    await tx.insert(GalleryActivity, [line])
    deed = {
        "activity": kind.value,
        "guestId": str(entered.guest.guest_id),
        "assetIds": [] if asset_id is None else [str(asset_id)],
    }
    tell(tx, entered.gallery, deed)


def tell(tx: Tx, gallery: Gallery, changed: Mapping[str, Any]) -> None:
    """Announce what happened in a gallery."""
    tx.emit(Change(EventName.GALLERY_UPDATED, gallery.project_id, (gallery.id,), changed))


async def _forget(
    tx: Tx, entered: Entered, kind: ActivityKind, asset_id: UUID | None, details: Mapping[str, Any]
) -> None:
    turn = next((turn for turn in _TURNS if kind in turn), None)
    if turn is None:
        return
    earlier = delete(GalleryActivity).where(
        GalleryActivity.gallery_id == entered.gallery.id,
        GalleryActivity.guest_id == entered.guest.guest_id,
        GalleryActivity.kind.in_(turn),
    )
    if asset_id is not None:
        earlier = earlier.where(GalleryActivity.asset_id == asset_id, GalleryActivity.details == details)
    await tx.session.execute(earlier.execution_options(synchronize_session=False))


@operation(Perm.PUBLIC, write=True)
async def record_visit(tx: Tx, slug: str) -> None:
    """Say that a guest has opened the gallery; within half an hour that is one visit. A member's look is none."""
    entered = await sharing.enter(tx, slug)
    if not entered.preview:
        await note_once(tx, entered, ActivityKind.OPENED)


@operation(Perm.GALLERY_READ)
async def list_gallery_activity(tx: Tx, gallery_id: UUID, slice_: Slice) -> Page[Any]:
    """What guests did in a gallery, the newest first; lines have ``guest_name`` as it is now."""
    await tx.get(Gallery, gallery_id)
    statement = (
        select(
            GalleryActivity.id,
            GalleryActivity.kind,
            GalleryActivity.guest_id,
            GalleryGuest.name.label("guest_name"),
            GalleryActivity.asset_id,
            GalleryActivity.details,
            GalleryActivity.at,
        )
        .outerjoin(GalleryGuest, GalleryGuest.id == GalleryActivity.guest_id)
        .where(GalleryActivity.gallery_id == gallery_id)
        .order_by(GalleryActivity.id.desc())
        .limit(slice_.limit + 1)
    )
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(GalleryActivity.id < after[0])
    return page_of(await tx.rows(statement), slice_, by_id)
