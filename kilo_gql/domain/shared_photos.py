"""The photos of a gallery as its guests see them: in order, with what this guest said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Select, Uuid, exists, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_media, sharing
from kilo_gql.domain.gallery_media import ShownPicture
from kilo_gql.domain.guest_rows import gallery_order, shown_assets
from kilo_gql.domain.sharing import Entered
from kilo_gql.errors import BadRequest, not_found
from kilo_gql.models import (
    Asset,
    GalleryAsset,
    GalleryComment,
    GalleryFavorite,
    GallerySection,
    SelectedAsset,
)
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, page_of

#: All photos, the ones this guest favours, or the ones they chose for a list.
Only = Literal["all", "favorites"] | UUID
#: Photos that a gallery shows at most.
PHOTOS_MAX: Final = 5_000


def only(favorites: bool, list_id: UUID | None) -> Only:
    """What a list of photos is narrowed to; it is one of the two. Raises BadRequest."""
    if favorites and list_id is not None:
        raise BadRequest("Ask for your favourites, or for your choice for a list.", details={"field": "listId"})
    return "favorites" if favorites else list_id if list_id is not None else "all"


@dataclass(frozen=True, slots=True)
class SharedPhoto:
    """A photo as a guest sees it: no camera, no place, no path, no name but where the photographer shows names.

    ``number``: its place in the whole gallery, from 1; ``previous_id`` and ``next_id`` its neighbours there.
    ``favorite``: this guest's; ``lists``: those of the gallery for which this guest chose it.
    """

    asset_id: UUID
    section_id: UUID | None
    number: int
    filename: str | None
    picture: ShownPicture
    favorite: bool
    favorite_count: int
    comments_count: int
    lists: list[UUID]
    previous_id: UUID | None
    next_id: UUID | None
    #: Where the page goes on after it.
    key: tuple[int, int, UUID]

    @property
    def preview_url(self) -> str:
        return self.picture.preview_url

    @property
    def thumbnail_url(self) -> str:
        return self.picture.thumbnail_url

    @property
    def width_px(self) -> int | None:
        return self.picture.width_px

    @property
    def height_px(self) -> int | None:
        return self.picture.height_px

    @property
    def thumbhash(self) -> str | None:
        return self.picture.thumbhash

    @property
    def average_color(self) -> int | None:
        return self.picture.average_color


@operation(Perm.PUBLIC)
async def shared_photos(
    tx: Tx, slug: str, slice_: Slice, only: Only = "all", section_id: UUID | None = None, signed: bool = False
) -> Page[SharedPhoto]:
    """The photos of a gallery in its order: all of them, or this guest's favourites or choice; of one section.

    ``signed``: whole addresses that need no cookie; else they are relative to the house.
    """
    entered = await sharing.enter(tx, slug)
    statement = _photos(entered, only, section_id).limit(slice_.limit + 1)
    if (after := slice_.after(int, int, UUID)) is not None:
        placed = statement.selected_columns
        here = tuple_(placed.section_place, placed.position, placed.asset_id)
        statement = statement.where(here > tuple_(*after))
    rows = await tx.rows(statement)
    return page_of(await _shown(tx, entered, rows, signed=signed), slice_, lambda photo: photo.key)


@operation(Perm.PUBLIC)
async def shared_photo(tx: Tx, slug: str, asset_id: UUID, signed: bool = False) -> SharedPhoto:
    """One photo of a gallery, with its neighbours in the gallery's order."""
    entered = await sharing.enter(tx, slug)
    statement = _photos(entered, "all", None)
    rows = await tx.rows(statement.where(statement.selected_columns.asset_id == asset_id))
    photos = await _shown(tx, entered, rows, signed=signed)
    if not photos:
        raise not_found("asset")
    return photos[0]


async def all_photos(tx: Tx, entered: Entered, *, signed: bool) -> list[SharedPhoto]:
    """Every photo of the gallery that was entered."""
    rows = await tx.rows(_photos(entered, "all", None).limit(PHOTOS_MAX))
    return await _shown(tx, entered, rows, signed=signed)


async def count_photos(tx: Tx, entered: Entered) -> int:
    """How many photos guests see."""
    counted = shown_assets(func.count()).where(GalleryAsset.gallery_id == entered.gallery.id)
    return int(await tx.scalar(counted))


def _photos(entered: Entered, wanted: Only, section_id: UUID | None) -> Select[Any]:
    """Places are counted over the whole gallery, and only then is it narrowed."""
    gallery_id, guest_id = entered.gallery.id, entered.guest.guest_id
    order = gallery_order()
    placed = (
        shown_assets(
            GalleryAsset.asset_id,
            GalleryAsset.section_id,
            GalleryAsset.position,
            order[0].label("section_place"),
            Asset.filename,
            func.row_number().over(order_by=order).label("number"),
            func.lag(GalleryAsset.asset_id).over(order_by=order).label("previous_id"),
            func.lead(GalleryAsset.asset_id).over(order_by=order).label("next_id"),
        )
        .outerjoin(GallerySection, GallerySection.id == GalleryAsset.section_id)
        .where(GalleryAsset.gallery_id == gallery_id)
        .subquery("placed")
    )
    of_photo = placed.c.asset_id
    hearts = select(func.count()).where(GalleryFavorite.gallery_id == gallery_id, GalleryFavorite.asset_id == of_photo)
    comments = select(func.count()).where(
        GalleryComment.gallery_id == gallery_id,
        GalleryComment.asset_id == of_photo,
        GalleryComment.deleted_at.is_(None),
    )
    mine = exists().where(
        GalleryFavorite.gallery_id == gallery_id,
        GalleryFavorite.asset_id == of_photo,
        GalleryFavorite.guest_id == guest_id,
    )
    chosen = select(SelectedAsset.list_id).where(
        SelectedAsset.gallery_id == gallery_id,
        SelectedAsset.asset_id == of_photo,
        SelectedAsset.guest_id == guest_id,
    )
    statement = select(
        *placed.c,
        hearts.correlate(placed).scalar_subquery().label("favorite_count"),
        comments.correlate(placed).scalar_subquery().label("comments_count"),
        mine.correlate(placed).label("favorite"),
        func.array(chosen.correlate(placed).scalar_subquery(), type_=ARRAY(Uuid())).label("lists"),
    ).order_by(placed.c.section_place, placed.c.position, of_photo)
    if section_id is not None:
        statement = statement.where(placed.c.section_id == section_id)
    if wanted == "favorites":
        statement = statement.where(mine.correlate(placed))
    elif wanted != "all":
        statement = statement.where(literal(wanted, Uuid()).in_(chosen.correlate(placed)))
    return statement


async def _shown(tx: Tx, entered: Entered, rows: Sequence[Any], *, signed: bool) -> list[SharedPhoto]:
    """The rows with their pictures; a photo whose picture went away meanwhile is left out."""
    gallery = entered.gallery
    pictures = await gallery_media.pictures(tx, gallery, [row.asset_id for row in rows])
    if signed:
        whole = gallery_media.signer(tx, gallery, preview=entered.preview)
        pictures = {id_: gallery_media.signed(picture, whole) for id_, picture in pictures.items()}
    return [_photo(entered, row, pictures[row.asset_id]) for row in rows if row.asset_id in pictures]


def _photo(entered: Entered, row: Any, picture: ShownPicture) -> SharedPhoto:
    return SharedPhoto(
        row.asset_id,
        row.section_id,
        row.number,
        row.filename if entered.gallery.filenames_shown else None,
        picture,
        row.favorite,
        row.favorite_count,
        row.comments_count,
        [UUID(int=list_id.int) for list_id in row.lists],  # the driver makes its own kind of UUID
        row.previous_id,
        row.next_id,
        (row.section_place, row.position, row.asset_id),
    )
