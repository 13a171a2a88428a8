"""What clients chose, as facts about the photographer's photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, func, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.models import (
    Asset,
    GalleryComment,
    GalleryFavorite,
    GalleryGuest,
    SelectedAsset,
    Selection,
    SelectionList,
)
from kilo_gql.operations import operation

#: Hearts and selections that are named of one photo; the counts are of all of them.
NAMED_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class ClientFavorite:
    """A guest's heart on a photo; ``guest_name`` None: they did not say."""

    gallery_id: UUID
    guest_id: UUID
    guest_name: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ClientSelection:
    """A photo in a guest's answer to a list; ``submitted_at`` None: they are still at it."""

    gallery_id: UUID
    list_id: UUID
    list_title: str
    guest_id: UUID
    guest_name: str | None
    submitted_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClientChoices:
    """What clients chose and said about one photo, in all galleries of its project; newest first."""

    asset_id: UUID
    favorite_count: int
    favorites: list[ClientFavorite]
    selection_count: int
    selections: list[ClientSelection]
    comment_count: int
    open_threads: int


@operation(Perm.ASSET_READ)
async def get_client_choices(tx: Tx, asset_id: UUID) -> ClientChoices:
    """Who favoured a photo, who selected it and in which list, and how much is said about it."""
    await tx.get(Asset, asset_id, only=(Asset.id, Asset.project_id))
    return (await _choices(tx, [asset_id]))[asset_id]


@operation(Perm.ASSET_READ)
async def choices_by_asset(tx: Tx, ids: list[UUID]) -> list[ClientChoices]:
    """What clients chose of each photo, in the order asked for."""
    found = await _choices(tx, ids)
    return [found[id_] for id_ in ids]


async def _choices(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, ClientChoices]:
    """Three statements, however many photos."""
    hearts = _by_asset(await tx.rows(_favorites(ids)))
    chosen = _by_asset(await tx.rows(_selections(ids)))
    said = {row.asset_id: row for row in await tx.rows(_comments(ids))}
    return {id_: _of(id_, hearts.get(id_, ()), chosen.get(id_, ()), said.get(id_)) for id_ in ids}


def _of(asset_id: UUID, hearts: Sequence[Any], chosen: Sequence[Any], said: Any) -> ClientChoices:
    return ClientChoices(
        asset_id,
        hearts[0].count if hearts else 0,
        [ClientFavorite(row.gallery_id, row.guest_id, row.name, row.created_at) for row in hearts],
        chosen[0].count if chosen else 0,
        [
            ClientSelection(row.gallery_id, row.list_id, row.title, row.guest_id, row.name, row.submitted_at)
            for row in chosen
        ],
        said.count if said is not None else 0,
        said.open if said is not None else 0,
    )


def _by_asset(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    return {asset_id: list(found) for asset_id, found in groupby(rows, key=attrgetter("asset_id"))}


def _named(statement: Any, model: type[GalleryFavorite] | type[SelectedAsset]) -> Any:
    """The newest rows of each photo that the statement finds, with how many there are."""
    newest = func.row_number().over(partition_by=model.asset_id, order_by=model.created_at.desc())
    count = func.count().over(partition_by=model.asset_id)
    found = statement.add_columns(newest.label("place"), count.label("count")).subquery()
    return select(found).where(found.c.place <= NAMED_MAX).order_by(found.c.asset_id, found.c.place)


def _favorites(ids: Sequence[UUID]) -> Any:
    heart, guest = GalleryFavorite, GalleryGuest
    return _named(
        select(heart.asset_id, heart.gallery_id, heart.guest_id, heart.created_at, guest.name)
        .join(guest, guest.id == heart.guest_id)
        .where(heart.asset_id.in_(ids)),
        heart,
    )


def _selections(ids: Sequence[UUID]) -> Any:
    one, guest, whole, wanted = SelectedAsset, GalleryGuest, Selection, SelectionList
    return _named(
        select(
            one.asset_id, one.gallery_id, one.list_id, one.guest_id, wanted.title, guest.name, whole.submitted_at
        )
        .join(whole, and_(whole.list_id == one.list_id, whole.guest_id == one.guest_id))
        .join(wanted, wanted.id == one.list_id)
        .join(guest, guest.id == one.guest_id)
        .where(one.asset_id.in_(ids)),
        one,
    )  # fmt: skip


def _comments(ids: Sequence[UUID]) -> Any:
    said = GalleryComment
    open_ = and_(said.parent_id.is_(None), said.resolved_at.is_(None))
    return (
        select(said.asset_id, func.count().label("count"), func.count().filter(open_).label("open"))
        .where(said.asset_id.in_(ids), said.deleted_at.is_(None))
        .group_by(said.asset_id)
    )
