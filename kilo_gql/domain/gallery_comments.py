"""What guests say about photos, and read there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_activity, sharing
from kilo_gql.domain.client_counts import ClientCount, tell_count
from kilo_gql.domain.guest_rows import require_session, require_shown
from kilo_gql.domain.guest_words import cleaned_text
from kilo_gql.domain.sharing import Entered
from kilo_gql.errors import BadRequest, Conflict, Forbidden, RateLimited, not_found
from kilo_gql.models import ActivityKind, Gallery, GalleryComment, GalleryGuest
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation

#: Comments of one guest in an hour, of one photo, of a whole gallery.
HOURLY_MAX: Final = 200
PHOTO_MAX: Final = 500
GALLERY_MAX: Final = 50_000
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a picture: 0, 0 is the upper left corner, 1, 1 the lower right one."""

    x: float
    y: float

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise BadRequest("A spot lies in the picture: x and y are 0 to 1.", details={"field": "x"})

    @classmethod
    def of(cls, x: float | None, y: float | None) -> Spot | None:
        """None for none; both or neither are given. Raises BadRequest."""
        if x is None and y is None:
            return None
        if x is None or y is None:
            raise BadRequest("A spot has an x and a y.", details={"field": "x"})
        return cls(x, y)


@dataclass(frozen=True, slots=True)
class SharedComment:
    """A comment as guests read it: nobody is named but by the name they gave.

    ``mine``: of this session's guest. A deleted comment keeps its place without its words. ``resolved``: is the thread?
    """

    id: UUID
    asset_id: UUID
    parent_id: UUID | None
    author_name: str | None
    by_photographer: bool
    mine: bool
    text: str
    x: float | None
    y: float | None
    resolved: bool
    deleted: bool
    created_at: datetime


@operation(Perm.PUBLIC, write=True)
async def comment_asset(
    tx: Tx, slug: str, asset_id: UUID, text: str, parent_id: UUID | None = None, spot: Spot | None = None
) -> GalleryComment:
    """Say something about a photo, or answer in a thread (``parentId``); a spot pins it to a place in the picture.

    Raises Forbidden ``comments_closed``, RateLimited ``too_many_comments``, Conflict ``comments_full``.
    """
    words = cleaned_text(text)
    entered = await sharing.enter(tx, slug, acting=True)
    if not entered.gallery.comments_allowed:
        raise Forbidden("This gallery takes no comments.", code="comments_closed")
    await require_shown(tx, entered.gallery.id, asset_id)
    thread = await thread_of(tx, entered.gallery.id, asset_id, parent_id)
    await gallery_activity.note(tx, entered, ActivityKind.COMMENTED, asset_id)
    await _leave_room(tx, entered, asset_id)
    name = select(GalleryGuest.name).where(GalleryGuest.id == entered.guest.guest_id)
    author = {"guest_id": entered.guest.guest_id, "author_name": await tx.scalar(name)}
    comment = comment_row(tx, entered.gallery, asset_id, words, parent_id=thread, spot=spot, **author)
    return await said(tx, entered.gallery, tx.add(comment))


@operation(Perm.PUBLIC)
async def shared_comments(tx: Tx, slug: str, asset_id: UUID) -> list[SharedComment]:
    """What was said about a photo, the oldest first; at most 500, answers among them. None where comments are off."""
    entered = await sharing.enter(tx, slug)
    await require_shown(tx, entered.gallery.id, asset_id)
    if not entered.gallery.comments_allowed:
        return []
    statement = (
        select(GalleryComment)
        .where(GalleryComment.gallery_id == entered.gallery.id, GalleryComment.asset_id == asset_id)
        .order_by(GalleryComment.id)
        .limit(PHOTO_MAX)
    )
    return [_shared(entered, comment) for comment in await tx.scalars(statement)]


@operation(Perm.PUBLIC, write=True)
async def delete_own_comment(tx: Tx, slug: str, comment_id: UUID) -> None:
    """Take back what you said; answers to it stay. Raises Unauthorized ``guest_session_needed``."""
    entered = await sharing.enter(tx, slug, acting=True)
    require_session(entered)
    own = select(GalleryComment).where(
        GalleryComment.id == comment_id,
        GalleryComment.gallery_id == entered.gallery.id,
        GalleryComment.guest_id == entered.guest.guest_id,
    )
    comment: GalleryComment | None = await tx.scalar(own.with_for_update())
    if comment is None:
        raise not_found("comment")
    await erase(tx, entered.gallery, comment)


# --- for guests and photographers ------------------------------------------------------------------------------------


async def thread_of(tx: Tx, gallery_id: UUID, asset_id: UUID, comment_id: UUID | None) -> UUID | None:
    """The thread that an answer to a comment belongs to: threads have one level. Raises NotFound."""
    if comment_id is None:
        return None
    found = await tx.rows(
        select(GalleryComment.id, GalleryComment.parent_id).where(
            GalleryComment.id == comment_id,
            GalleryComment.gallery_id == gallery_id,
            GalleryComment.asset_id == asset_id,
        )
    )
    if not found:
        raise not_found("comment")
    return found[0].parent_id or found[0].id  # type: ignore[no-any-return]


def comment_row(
    tx: Tx, gallery: Gallery, asset_id: UUID, text: str, *, spot: Spot | None = None, **columns: Any
) -> GalleryComment:
    """A new comment that is not written yet; ``columns``: whose it is, and its thread."""
    return GalleryComment(
        id=uuid7(),
        project_id=gallery.project_id,
        gallery_id=gallery.id,
        asset_id=asset_id,
        text=text,
        x=spot.x if spot is not None else None,
        y=spot.y if spot is not None else None,
        created_at=tx.now,
        **columns,
    )


async def said(tx: Tx, gallery: Gallery, comment: GalleryComment) -> GalleryComment:
    """Announce a comment that was written."""
    await tell_count(tx, gallery.project_id, comment.asset_id, ClientCount.COMMENTS)
    gallery_activity.tell(tx, gallery, {"comments": [str(comment.asset_id)]})
    return comment


async def erase(tx: Tx, gallery: Gallery, comment: GalleryComment) -> None:
    """The words go, the place stays: answers must hang somewhere."""
    if comment.deleted_at is None:
        comment.deleted_at, comment.text = tx.now, ""
        await said(tx, gallery, comment)


def _shared(entered: Entered, comment: GalleryComment) -> SharedComment:
    return SharedComment(
        comment.id,
        comment.asset_id,
        comment.parent_id,
        comment.author_name,
        comment.user_id is not None,
        entered.known and comment.guest_id == entered.guest.guest_id,
        comment.text,
        comment.x,
        comment.y,
        comment.resolved_at is not None,
        comment.deleted_at is not None,
        comment.created_at,
    )


async def _leave_room(tx: Tx, entered: Entered, asset_id: UUID) -> None:
    """The guest's row is held, so what one guest says at the same moment is counted one after another."""
    of_gallery = select(GalleryComment.id).where(GalleryComment.gallery_id == entered.gallery.id)
    lately = select(func.count(), func.min(GalleryComment.created_at)).where(
        GalleryComment.gallery_id == entered.gallery.id,
        GalleryComment.guest_id == entered.guest.guest_id,
        GalleryComment.created_at > tx.now - _HOUR,
    )
    [(count, oldest)] = await tx.rows(lately)
    if count >= HOURLY_MAX:
        raise RateLimited(
            f"One guest says at most {HOURLY_MAX} things in an hour.",
            code="too_many_comments",
            details={"max": HOURLY_MAX},
            retry_after=max(1.0, (oldest + _HOUR - tx.now).total_seconds()),
        )
    of_photo = of_gallery.where(GalleryComment.asset_id == asset_id)
    for comments, most in ((of_photo, PHOTO_MAX), (of_gallery, GALLERY_MAX)):
        if await tx.scalar(comments.offset(most - 1).limit(1)) is not None:
            raise Conflict(
                f"There are {most:,} comments already.",
                code="comments_full",
                details={"max": most},
                remediation=["Write to the photographer."],
            )
