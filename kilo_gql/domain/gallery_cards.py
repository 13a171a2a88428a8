"""The picture that stands beside a gallery's link in a message: for galleries without a password alone."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.gallery_files import StoredPicture
from kilo_gql.domain.gallery_looks import NOBODY, look_of
from kilo_gql.domain.gallery_media import SHOWN
from kilo_gql.domain.gallery_renders import PendingPicture, enqueue_pictures
from kilo_gql.domain.sharing import is_open
from kilo_gql.errors import not_found
from kilo_gql.models import (
    Asset,
    Gallery,
    GalleryAsset,
    GalleryFile,
    GalleryRendition,
    Project,
    ProjectStatus,
)
from kilo_gql.operations import operation


@dataclass(frozen=True, slots=True)
class _Card:
    gallery: Gallery
    asset_id: UUID
    file: StoredPicture | None


@operation(Perm.PUBLIC)
async def open_gallery_card(tx: Tx, slug: str) -> StoredPicture | None:
    """The card of a gallery; None if it has to be made first.

    Raises NotFound, alike for a gallery that is not there, is closed, empty, or asks for a password.
    """
    return (await _find(tx, slug)).file


@operation(Perm.PUBLIC, write=True)
async def render_gallery_card(tx: Tx, slug: str) -> PendingPicture:
    """Have the card of a gallery made, unless it is there. Raises as ``open_gallery_card`` does."""
    card = await _find(tx, slug)
    if card.file is not None:
        return PendingPicture(card.gallery.project_id, None)
    with tx.trust("the card of an open gallery is made for whoever has its link"):
        job_id = await enqueue_pictures(tx, card.gallery, GalleryRendition.CARD, [card.asset_id])
    return PendingPicture(card.gallery.project_id, job_id)


async def _find(tx: Tx, slug: str) -> _Card:
    with tx.trust("a card is for whoever has the link of an open gallery"):
        row = (await tx.session.execute(_statement(slug))).one_or_none()
    if row is None or row.deleted or not hmac.compare_digest(row.Gallery.share_slug, slug):
        raise not_found("picture")
    gallery: Gallery = row.Gallery
    if gallery.password_hash is not None or not is_open(gallery, tx):
        raise not_found("picture")
    basis = look_of(gallery, row.title, NOBODY).basis(GalleryRendition.CARD, row.pinned_sha256)
    file = None
    if row.basis == basis:
        file = StoredPicture(row.key, row.content_type, row.byte_size, row.sha256)
    return _Card(gallery, row.asset_id, file)


def _statement(slug: str) -> Select[*tuple[Any, ...]]:
    """The gallery with its cover, or else its first photo, and the card that was made of it."""
    shown = (
        select(GalleryAsset.asset_id, GalleryAsset.pinned_sha256)
        .join(Asset, Asset.id == GalleryAsset.asset_id)
        .where(
            GalleryAsset.gallery_id == Gallery.id,
            GalleryAsset.pinned_sha256.is_not(None),
            Asset.trashed_at.is_(None),
            Asset.status.in_(SHOWN),
        )
        .order_by(
            (GalleryAsset.asset_id == Gallery.cover_asset_id).desc(), GalleryAsset.position, GalleryAsset.asset_id
        )
        .limit(1)
        .lateral("shown")
    )
    made = and_(
        GalleryFile.gallery_id == Gallery.id,
        GalleryFile.asset_id == shown.c.asset_id,
        GalleryFile.rendition == GalleryRendition.CARD,
        GalleryFile.guest_id.is_(None),
    )
    return (
        select(
            Gallery,
            Project.title,
            (Project.status == ProjectStatus.DELETED).label("deleted"),
            shown.c.asset_id,
            shown.c.pinned_sha256,
            GalleryFile.basis,
            GalleryFile.key,
            GalleryFile.content_type,
            GalleryFile.byte_size,
            GalleryFile.sha256,
        )
        .join(Project, Project.id == Gallery.project_id)
        .join(shown, shown.c.asset_id.is_not(None))
        .outerjoin(GalleryFile, made)
        .where(Gallery.share_slug == slug)
    )
