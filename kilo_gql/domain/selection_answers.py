"""What guests chose for a list, as the photographer reads it: guest by guest, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import aggregate_order_by

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.selection_lists import COUNT_MAX, the_list
from kilo_gql.models import GalleryGuest, SelectedAsset, Selection
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, page_of

#: Photos that an answer names at most.
NAMED_MAX: Final = COUNT_MAX


@dataclass(frozen=True, slots=True)
class GuestSelection:
    """What one guest chose: ``asset_ids`` in the order in which they were chosen. ``submitted_at`` None: not sent."""

    list_id: UUID
    guest_id: UUID
    guest_name: str | None
    count: int
    submitted_at: datetime | None
    message: str | None
    updated_at: datetime
    asset_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class SelectedPhoto:
    """A photo, how many guests chose it, and how many of them have sent their choice."""

    asset_id: UUID
    guest_count: int
    submitted_count: int


@operation(Perm.GALLERY_READ)
async def list_selections(tx: Tx, gallery_id: UUID, list_id: UUID, slice_: Slice) -> Page[GuestSelection]:
    """Who chose what for a list, guest by guest."""
    await the_list(tx, gallery_id, list_id)
    in_order = aggregate_order_by(SelectedAsset.asset_id, SelectedAsset.created_at, SelectedAsset.asset_id)
    chosen = (
        select(func.array_agg(in_order))
        .where(SelectedAsset.list_id == Selection.list_id, SelectedAsset.guest_id == Selection.guest_id)
        .correlate(Selection)
        .scalar_subquery()
    )
    statement = (
        select(Selection, GalleryGuest.name.label("guest_name"), chosen.label("asset_ids"))
        .join(GalleryGuest, GalleryGuest.id == Selection.guest_id)
        .where(Selection.list_id == list_id)
        .order_by(Selection.guest_id)
        .limit(slice_.limit + 1)
    )
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(Selection.guest_id > after[0])
    answers = [_answer(row) for row in await tx.rows(statement)]
    return page_of(answers, slice_, lambda answer: (answer.guest_id,))


@operation(Perm.GALLERY_READ)
async def merged_selection(tx: Tx, gallery_id: UUID, list_id: UUID, slice_: Slice) -> Page[SelectedPhoto]:
    """What all guests together chose for a list, the photos that most of them chose first."""
    await the_list(tx, gallery_id, list_id)
    times = func.count().label("guest_count")
    statement = (
        select(SelectedAsset.asset_id, times, func.count(Selection.submitted_at).label("submitted_count"))
        .join(
            Selection,
            (Selection.list_id == SelectedAsset.list_id) & (Selection.guest_id == SelectedAsset.guest_id),
        )
        .where(SelectedAsset.list_id == list_id)
        .group_by(SelectedAsset.asset_id)
        .order_by(times.desc(), SelectedAsset.asset_id)
        .limit(slice_.limit + 1)
    )
    if (after := slice_.after(int, UUID)) is not None:
        count, asset_id = after
        statement = statement.having(tuple_(-func.count(), SelectedAsset.asset_id) > tuple_(-count, asset_id))
    photos = [SelectedPhoto(*row) for row in await tx.rows(statement)]
    return page_of(photos, slice_, lambda photo: (photo.guest_count, photo.asset_id))


def _answer(row: Any) -> GuestSelection:
    answer, chosen = row.Selection, row.asset_ids or []
    return GuestSelection(
        answer.list_id,
        answer.guest_id,
        row.guest_name,
        len(chosen),
        answer.submitted_at,
        answer.message,
        answer.updated_at,
        chosen,
    )
