"""The photographer's side of comments: reading all of them, answering, and saying that something is done."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_activity
from kilo_gql.domain.gallery_comments import PHOTO_MAX, comment_row, erase, said, thread_of
from kilo_gql.domain.guest_words import cleaned_text
from kilo_gql.errors import Conflict, not_found
from kilo_gql.models import Gallery, GalleryComment, User
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of


@operation(Perm.GALLERY_READ)
async def list_gallery_comments(
    tx: Tx, gallery_id: UUID, slice_: Slice, asset_id: UUID | None = None, open: bool | None = None
) -> Page[GalleryComment]:
    """What was said in a gallery, the newest first: of one photo, or in threads that are (not) resolved yet.

    ``open`` leaves out answers and what was deleted.
    """
    await tx.get(Gallery, gallery_id)
    statement = select(GalleryComment).where(GalleryComment.gallery_id == gallery_id)
    if asset_id is not None:
        statement = statement.where(GalleryComment.asset_id == asset_id)
    if open is not None:
        resolved = GalleryComment.resolved_at
        statement = statement.where(
            GalleryComment.parent_id.is_(None),
            GalleryComment.deleted_at.is_(None),
            resolved.is_(None) if open else resolved.is_not(None),
        )
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(GalleryComment.id < after[0])
    found = await tx.scalars(statement.order_by(GalleryComment.id.desc()).limit(slice_.limit + 1))
    return page_of(found, slice_, by_id)


@operation(Perm.GALLERY_MANAGE, write=True)
async def reply_comment(tx: Tx, gallery_id: UUID, comment_id: UUID, text: str) -> GalleryComment:
    """Answer a guest; everybody who looks at the photo reads it, under your name. Raises Conflict ``comments_full``."""
    words = cleaned_text(text)
    gallery, comment = await _comment(tx, gallery_id, comment_id)
    thread = await thread_of(tx, gallery_id, comment.asset_id, comment_id)
    of_photo = select(GalleryComment.id).where(
        GalleryComment.gallery_id == gallery_id, GalleryComment.asset_id == comment.asset_id
    )
    if await tx.scalar(of_photo.offset(PHOTO_MAX - 1).limit(1)) is not None:
        raise Conflict(f"There are {PHOTO_MAX:,} comments already.", code="comments_full", details={"max": PHOTO_MAX})
    name = await tx.scalar(select(User.display_name).where(User.id == tx.user_id))
    author = {"user_id": tx.user_id, "author_name": name}
    return await said(
        tx, gallery, tx.add(comment_row(tx, gallery, comment.asset_id, words, parent_id=thread, **author))
    )


@operation(Perm.GALLERY_MANAGE, write=True)
async def resolve_comment(tx: Tx, gallery_id: UUID, comment_id: UUID, resolved: bool) -> GalleryComment:
    """Say that what a thread asks for is done, or that it is open again; answers the comment that began it."""
    gallery, comment = await _comment(tx, gallery_id, comment_id)
    if comment.parent_id is not None:
        _, comment = await _comment(tx, gallery_id, comment.parent_id)
    if (comment.resolved_at is not None) != resolved:
        comment.resolved_at = tx.now if resolved else None
        comment.resolved_by = tx.user_id if resolved else None
        gallery_activity.tell(tx, gallery, {"comments": [str(comment.asset_id)]})
    return comment


@operation(Perm.GALLERY_MANAGE, write=True)
async def delete_comment(tx: Tx, gallery_id: UUID, comment_id: UUID) -> None:
    """Take the words of any comment away; its place stays, and so do the answers to it."""
    gallery, comment = await _comment(tx, gallery_id, comment_id)
    await erase(tx, gallery, comment)


async def _comment(tx: Tx, gallery_id: UUID, comment_id: UUID) -> tuple[Gallery, GalleryComment]:
    gallery = await tx.get(Gallery, gallery_id)
    comment: GalleryComment | None = await tx.scalar(
        select(GalleryComment)
        .where(GalleryComment.gallery_id == gallery_id, GalleryComment.id == comment_id)
        .with_for_update()
    )
    if comment is None:
        raise not_found("comment")
    return gallery, comment
