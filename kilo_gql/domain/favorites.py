"""Hearts: what each guest likes, counted for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_activity, gallery_proposals, sharing
from kilo_gql.domain.client_counts import ClientCount, tell_count
from kilo_gql.domain.guest_rows import require_shown
from kilo_gql.domain.sharing import Entered
from kilo_gql.errors import Conflict, Forbidden
from kilo_gql.models import ActivityKind, GalleryFavorite
from kilo_gql.operations import operation

#: Hearts of a guest, and of all guests of a gallery.
FAVORITES_MAX: Final = 5_000
TOGETHER_MAX: Final = 200_000


@stored
@dataclass(frozen=True, slots=True)
class Favorited:
    """A photo after a guest's word: ``favorite`` is theirs, ``favorite_count`` everybody's."""

    asset_id: UUID
    favorite: bool
    favorite_count: int
    ok: bool = True


@operation(Perm.PUBLIC, write=True)
async def favorite_asset(tx: Tx, slug: str, asset_id: UUID, favorite: bool) -> Favorited:
    """Put a heart on a photo, or take it back; saying it twice changes nothing.

    Raises Forbidden ``favorites_closed``, Conflict ``too_many_favorites``.
    """
    entered = await sharing.enter(tx, slug, acting=True)
    if not entered.gallery.favorites_allowed:
        raise Forbidden("This gallery takes no favourites.", code="favorites_closed")
    await require_shown(tx, entered.gallery.id, asset_id, lock=True)
    if await _has(tx, entered, asset_id) != favorite:
        await _turn(tx, entered, asset_id, favorite)
    hearts = select(func.count()).select_from(GalleryFavorite)
    count = await tx.scalar(
        hearts.where(GalleryFavorite.gallery_id == entered.gallery.id, GalleryFavorite.asset_id == asset_id)
    )
    return Favorited(asset_id, favorite, count)


async def _has(tx: Tx, entered: Entered, asset_id: UUID) -> bool:
    mine = select(GalleryFavorite.asset_id).where(
        GalleryFavorite.gallery_id == entered.gallery.id,
        GalleryFavorite.asset_id == asset_id,
        GalleryFavorite.guest_id == entered.guest.guest_id,
    )
    return await tx.scalar(mine) is not None


async def _turn(tx: Tx, entered: Entered, asset_id: UUID, favorite: bool) -> None:
    """The heart comes or goes, and everything that follows from it."""
    gallery, guest = entered.gallery, entered.guest
    kind = ActivityKind.FAVORITED if favorite else ActivityKind.UNFAVORITED
    await gallery_activity.note(tx, entered, kind, asset_id)
    if favorite:
        await _leave_room(tx, entered)
        row = {
            "project_id": gallery.project_id,
            "gallery_id": gallery.id,
            "asset_id": asset_id,
            "guest_id": guest.guest_id,
            "created_at": tx.now,
        }
        await tx.insert(GalleryFavorite, [row], ignore=True)
    else:
        gone = delete(GalleryFavorite).where(
            GalleryFavorite.gallery_id == gallery.id,
            GalleryFavorite.asset_id == asset_id,
            GalleryFavorite.guest_id == guest.guest_id,
        )
        await tx.session.execute(gone.execution_options(synchronize_session=False))
    await tell_count(tx, gallery.project_id, asset_id, ClientCount.FAVORITES)
    await gallery_proposals.note(tx, gallery, [asset_id])


async def _leave_room(tx: Tx, entered: Entered) -> None:
    of_gallery = select(GalleryFavorite.asset_id).where(GalleryFavorite.gallery_id == entered.gallery.id)
    own = of_gallery.where(GalleryFavorite.guest_id == entered.guest.guest_id)
    for hearts, most in ((own, FAVORITES_MAX), (of_gallery, TOGETHER_MAX)):
        if await tx.scalar(hearts.offset(most - 1).limit(1)) is not None:
            raise Conflict(
                f"There are {most:,} favourites already.",
                code="too_many_favorites",
                details={"max": most},
                remediation=["Take a heart from another photo first."],
            )
