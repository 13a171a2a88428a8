"""Guests of a gallery: people without an account, who are told apart by the session they were given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from kilo_gql.access import Guest, Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_activity, guesses, sharing
from kilo_gql.domain.guest_rows import require_session
from kilo_gql.domain.guest_words import cleaned_name
from kilo_gql.domain.sharing import Entered
from kilo_gql.errors import BadRequest, Unauthorized
from kilo_gql.guest_tokens import BEARER_FOR, guest_token
from kilo_gql.models import (
    ActivityKind,
    Gallery,
    GalleryComment,
    GalleryFavorite,
    GalleryGuest,
    SelectedAsset,
    Selection,
)
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of
from kilo_gql.text import email_address
from kilo_gql.tokens import password_matches

#: The most characters of a password that are looked at.
PASSWORD_MAX = 200


@dataclass(frozen=True, slots=True)
class GuestPass:
    """A guest's session: ``token`` is a bearer until ``expires_at``, unless the gallery's sessions end before."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"GuestPass({self.expires_at})"


def pass_for(tx: Tx, gallery: Gallery) -> tuple[Guest, GuestPass]:
    """A fresh session of the gallery as it is now: for the guest who is calling, or else for a new one."""
    actor = tx.actor
    again = isinstance(actor, Guest) and actor.gallery_id == gallery.id
    guest = Guest(gallery.id, actor.guest_id if again and isinstance(actor, Guest) else uuid7(), gallery.version)
    expires_at = tx.now + BEARER_FOR
    return guest, GuestPass(guest_token(tx.house.key, guest, expires_at), expires_at)


@operation(Perm.PUBLIC, write=True, retention=None)
async def authenticate_guest(tx: Tx, slug: str, password: str, address: str = "?") -> GuestPass:
    """Enter a gallery with its password. A guest whose session was ended keeps what they chose.

    Raises Unauthorized ``wrong_password``, RateLimited ``too_many_guesses`` after 10 wrong ones in 15 minutes from one
    address or 100 from all, which are not evaluated any more, or Forbidden ``preview_only``.
    """
    gallery, member = await sharing.find(tx, slug)
    if member:
        await sharing.enter(tx, slug, acting=True)
    if not 1 <= len(password) <= PASSWORD_MAX:
        raise BadRequest(f"A password has 1 to {PASSWORD_MAX} characters.", details={"field": "password"})
    if gallery.password_hash is not None:
        await _evaluate(tx, gallery, password, address)
        await sharing.find(tx, slug)  # it may have gone meanwhile
    guest, session = pass_for(tx, gallery)
    tx.act_as(guest)
    entered = Entered(gallery, guest, preview=False, known=True)
    await gallery_activity.note(tx, entered, ActivityKind.AUTHENTICATED)
    return session


async def _evaluate(tx: Tx, gallery: Gallery, password: str, address: str) -> None:
    assert gallery.password_hash is not None
    guess = await guesses.count_guess(tx, gallery.id, address)
    if not await password_matches(gallery.password_hash, password):
        raise Unauthorized(
            "This is not the gallery's password.",
            code="wrong_password",
            details={"guessesLeft": guess.left},
            remediation=["Look at how it is written, capitals included.", "Ask the photographer for it."],
        )
    await guesses.give_back(tx, guess)


@operation(Perm.PUBLIC, write=True)
async def name_guest(tx: Tx, slug: str, name: str, email: str | None = None) -> GalleryGuest:
    """Say who you are: a name, and an address if the photographer may write to you.

    Comments keep the name they were written under. Raises BadRequest ``bad_email`` and Unauthorized
    ``guest_session_needed``.
    """
    entered = await sharing.enter(tx, slug, acting=True)
    require_session(entered)
    said = {"name": cleaned_name(name), "email": email_address(email) if email and email.strip() else None}
    await gallery_activity.note(tx, entered, ActivityKind.NAMED, details={"name": said["name"]})
    own = GalleryGuest.id == entered.guest.guest_id
    await tx.session.execute(update(GalleryGuest).where(own).values(**said))
    found: GalleryGuest = await tx.scalar(select(GalleryGuest).where(own).execution_options(populate_existing=True))
    return found


# --- the photographer's view -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GuestSummary:
    """A guest, and how much they have done. ``anonymous``: whoever came without a session."""

    id: UUID
    gallery_id: UUID
    name: str | None
    email: str | None
    anonymous: bool
    favorite_count: int
    comment_count: int
    selected_count: int
    submitted_count: int
    created_at: datetime
    last_seen_at: datetime


@operation(Perm.GALLERY_READ)
async def list_guests(tx: Tx, gallery_id: UUID, slice_: Slice) -> Page[GuestSummary]:
    """Who has done something in a gallery, the newest guests first."""
    await tx.get(Gallery, gallery_id)
    statement = (
        select(GalleryGuest, *(_counted(model, name) for name, model in _COUNTED.items()), _submitted())
        .where(GalleryGuest.gallery_id == gallery_id)
        .order_by(GalleryGuest.id.desc())
        .limit(slice_.limit + 1)
    )
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(GalleryGuest.id < after[0])
    return page_of([_summary(row) for row in await tx.rows(statement)], slice_, by_id)


_COUNTED: dict[str, Any] = {
    "favorite_count": GalleryFavorite,
    "comment_count": GalleryComment,
    "selected_count": SelectedAsset,
}


def _counted(model: Any, name: str) -> Any:
    counted = select(func.count()).where(model.gallery_id == GalleryGuest.gallery_id, model.guest_id == GalleryGuest.id)
    if model is GalleryComment:
        counted = counted.where(GalleryComment.deleted_at.is_(None))
    return counted.correlate(GalleryGuest).scalar_subquery().label(name)


def _submitted() -> Any:
    counted = select(func.count()).where(
        Selection.gallery_id == GalleryGuest.gallery_id,
        Selection.guest_id == GalleryGuest.id,
        Selection.submitted_at.is_not(None),
    )
    return counted.correlate(GalleryGuest).scalar_subquery().label("submitted_count")


def _summary(row: Any) -> GuestSummary:
    guest: GalleryGuest = row.GalleryGuest
    return GuestSummary(
        guest.id,
        guest.gallery_id,
        guest.name,
        guest.email,
        guest.id == sharing.nobody(guest.gallery_id),
        row.favorite_count,
        row.comment_count,
        row.selected_count,
        row.submitted_count,
        guest.created_at,
        guest.last_seen_at,
    )
