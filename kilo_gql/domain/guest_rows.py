"""What every deed of a guest begins with: a guest who is there, and a photo that is shown to guests."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, Select, and_, func, select, update
from sqlalchemy.sql import ColumnElement

from kilo_gql.db import Tx
from kilo_gql.domain.sharing import Entered
from kilo_gql.errors import Conflict, Unauthorized, not_found
from kilo_gql.models import Asset, AssetStatus, Gallery, GalleryAsset, GalleryGuest, GallerySection

#: Guests of a gallery who did something. Sessions of open galleries are had for nothing, so there is an end to them.
GUESTS_MAX: Final = 10_000

#: A photo of a gallery as its guests see it: whole, approved, and not thrown away.
SHOWN: Final[ColumnElement[bool]] = and_(
    GalleryAsset.pinned_sha256.is_not(None),
    Asset.trashed_at.is_(None),
    Asset.status.in_((AssetStatus.PROCESSING, AssetStatus.READY)),
)


def shown_assets(*columns: Any) -> Select[*tuple[Any, ...]]:
    """A statement over the photos of galleries that guests see; galleries and columns are for the caller to say."""
    return select(*columns).select_from(GalleryAsset).join(Asset, Asset.id == GalleryAsset.asset_id).where(SHOWN)


def gallery_order() -> tuple[Any, ...]:
    """Photos of no section first, then section by section; needs ``GallerySection`` joined from outside."""
    return func.coalesce(GallerySection.position, -1), GalleryAsset.position, GalleryAsset.asset_id


async def require_shown(tx: Tx, gallery_id: UUID, asset_id: UUID, *, lock: bool = False) -> None:
    """``lock``: what is chosen and counted about one photo happens one after another. Raises NotFound."""
    statement = shown_assets(GalleryAsset.asset_id).where(
        GalleryAsset.gallery_id == gallery_id, GalleryAsset.asset_id == asset_id
    )
    if lock:
        # in the order of a render, which holds the photo and then marks it in its galleries
        await tx.scalar(select(Asset.id).where(Asset.id == asset_id).with_for_update(read=True, key_share=True))
        statement = statement.with_for_update(of=GalleryAsset)
    if await tx.scalar(statement) is None:
        raise not_found("asset")


def require_session(entered: Entered) -> None:
    """For what only somebody can do who is told apart from others. Raises Unauthorized ``guest_session_needed``."""
    if not entered.known:
        raise Unauthorized(
            "This takes a session of this gallery.",
            code="guest_session_needed",
            remediation=["Open the gallery, and send the token you get as a bearer."],
        )


async def arrive(tx: Tx, entered: Entered) -> None:
    """The guest is here, and has a row, held to the end: what one guest does happens one after another.

    Raises Conflict ``gallery_crowded``.
    """
    guest = entered.guest
    seen = (
        update(GalleryGuest)
        .where(GalleryGuest.id == guest.guest_id, GalleryGuest.gallery_id == guest.gallery_id)
        .values(last_seen_at=tx.now)
    )
    found: CursorResult[Any] = await tx.session.execute(seen)  # type: ignore[assignment]
    if found.rowcount:
        return
    if await _guests(tx, entered.gallery) >= GUESTS_MAX:
        raise Conflict(
            f"This gallery has had {GUESTS_MAX:,} guests.",
            code="gallery_crowded",
            details={"max": GUESTS_MAX},
            remediation=["Ask the photographer for another gallery."],
        )
    if not await tx.insert(GalleryGuest, [_new_guest(entered, tx.now)], ignore=True):
        await tx.session.execute(seen)  # somebody else was first: hold the row as whoever finds it does


async def _guests(tx: Tx, gallery: Gallery) -> int:
    with tx.trust("how many guests a gallery has had is not for guests to see, but there is an end to it"):
        counted = select(func.count()).select_from(GalleryGuest).where(GalleryGuest.gallery_id == gallery.id)
        return int(await tx.scalar(counted))


def _new_guest(entered: Entered, now: datetime) -> dict[str, Any]:
    return {
        "id": entered.guest.guest_id,
        "project_id": entered.gallery.project_id,
        "gallery_id": entered.gallery.id,
        "name": None,
        "email": None,
        "last_seen_at": now,
        "created_at": now,
    }
