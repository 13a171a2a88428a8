"""Lists of assets: filtered, in one of three orders, a page a statement."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.sql import ColumnElement, Select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.asset_reads import MINE, RATINGS, rows, seen, viewer
from kilo_gql.domain.asset_rows import AssetRow
from kilo_gql.domain.joining import RAW_FORMATS
from kilo_gql.errors import BadRequest
from kilo_gql.models import Asset, AssetStatus, Base, GalleryAsset, GalleryComment, GalleryFavorite, SelectedAsset
from kilo_gql.models.assets import SHOWN
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, page_of
from kilo_gql.reads import Read
from kilo_gql.sight import viewer_id

#: Assets one call may name.
IDS_MAX: Final = 500
#: Guests that one may ask a photo to be favoured by.
FAVORITES_MAX: Final = 10_000
#: The filter word for RAW files of every maker.
RAW: Final = "raw"


class AssetSort(StrEnum):
    """The order of a list; assets that compare equal come by their ids. ``rating`` is the viewer's own; none is 0."""

    CAPTURED_AT = "captured_at"
    NAME = "name"
    RATING = "rating"


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """What a list is narrowed to; None: no matter. All that is given must hold.

    ``picked``, ``rejected``, ``starred`` and ``rating_min`` (1 to 5) are about the viewer's own rating, where nothing
    said counts as no. ``camera`` and ``lens`` are found anywhere in make and model, in any case; times are of the
    capture, from and up to but without the second. ``format`` is one of ``ml.formats``, or ``raw`` for all RAW files.
    ``client_favorites_min``: favoured by at least so many guests of galleries; ``client_list_id``: selected by a guest
    in this list; ``client_commented``: has a thread that is not resolved, or has none; ``gallery_id``: in this gallery.
    ``quarantined`` and ``trashed`` show those instead of the others.
    """

    picked: bool | None = None
    rejected: bool | None = None
    starred: bool | None = None
    rating_min: int | None = None
    camera: str | None = None
    lens: str | None = None
    captured_from: datetime | None = None
    captured_to: datetime | None = None
    format: str | None = None
    label: str | None = None
    keyword: str | None = None
    client_favorites_min: int | None = None
    client_list_id: UUID | None = None
    client_commented: bool | None = None
    gallery_id: UUID | None = None
    quarantined: bool = False
    trashed: bool = False

    def __post_init__(self) -> None:
        if self.client_favorites_min is not None and not 1 <= self.client_favorites_min <= FAVORITES_MAX:
            raise BadRequest(f"Ask for 1 to {FAVORITES_MAX:,} favourites.", details={"field": "clientFavoritesMin"})
        if self.rating_min is not None and not 1 <= self.rating_min <= 5:
            raise BadRequest("A rating is 1 to 5.", details={"field": "ratingMin"})
        for name in ("captured_from", "captured_to"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise BadRequest("Say in which time zone this is.", details={"field": name})
            if moment is not None and not MINYEAR < moment.year < MAXYEAR:
                raise BadRequest("This moment is none in every time zone.", details={"field": name})

    def values(self) -> dict[str, Any]:
        """The parameters of the conditions that it asks for, by name."""
        names = [field.name for field in dataclasses.fields(self) if field.name not in ("quarantined", "trashed")]
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        for name in given.keys() & {"camera", "lens", "format"}:
            given[name] = given[name].lower()
        if "format" in given:
            given["format"] = sorted(RAW_FORMATS) if given["format"] == RAW else [given["format"]]
        return given


def _said(column: Any, name: str) -> ColumnElement[bool]:
    return func.coalesce(column, text("false")) == bindparam(name)


def _within(name: str, *columns: Any) -> ColumnElement[bool]:
    part = bindparam(name, type_=Text())
    return func.strpos(func.lower(func.concat_ws(" ", *columns)), part) > 0


def _chosen(model: type[Base]) -> Any:
    """Ids of the project's photos about which there are such rows, as a set: looked up once, not for each photo."""
    table: Any = model.__table__
    return select(table.c.asset_id).where(table.c.project_id == bindparam("project_id", type_=Uuid())).correlate(None)


_HEARTS: Final[Any] = GalleryFavorite.__table__
_SAID: Final[Any] = GalleryComment.__table__
_FAVORED: Final = (
    _chosen(GalleryFavorite)
    .group_by(_HEARTS.c.asset_id)
    .having(func.count() >= bindparam("client_favorites_min", type_=BigInteger()))
)
_SELECTED: Final = _chosen(SelectedAsset).where(
    SelectedAsset.__table__.c.list_id == bindparam("client_list_id", type_=Uuid())
)
_OPEN: Final = _chosen(GalleryComment).where(
    _SAID.c.parent_id.is_(None), _SAID.c.resolved_at.is_(None), _SAID.c.deleted_at.is_(None)
)
_IN_GALLERY: Final = _chosen(GalleryAsset).where(
    GalleryAsset.__table__.c.gallery_id == bindparam("gallery_id", type_=Uuid())
)
_FROM: Final = bindparam("captured_from", type_=DateTime(timezone=True))
_TO: Final = bindparam("captured_to", type_=DateTime(timezone=True))
_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "picked": _said(RATINGS.c.picked, "picked"),
    "rejected": _said(RATINGS.c.rejected, "rejected"),
    "starred": _said(RATINGS.c.starred, "starred"),
    "rating_min": RATINGS.c.rating >= bindparam("rating_min", type_=SmallInteger()),
    "camera": _within("camera", Asset.camera_make, Asset.camera_model),
    "lens": _within("lens", Asset.lens_model),
    # ``sort_at`` is the capture where there is one, and has the index
    "captured_from": and_(Asset.captured_at.is_not(None), Asset.sort_at >= _FROM),
    "captured_to": and_(Asset.captured_at.is_not(None), Asset.sort_at < _TO),
    "format": Asset.format == func.any(bindparam("format", type_=ARRAY(Text()))),
    "label": Asset.label == bindparam("label", type_=Text()),
    "keyword": bindparam("keyword", type_=Text()) == func.any(Asset.keywords),
    "client_favorites_min": Asset.id.in_(_FAVORED),
    "client_list_id": Asset.id.in_(_SELECTED),
    "client_commented": Asset.id.in_(_OPEN) == bindparam("client_commented"),
    "gallery_id": Asset.id.in_(_IN_GALLERY),
}

_PARENT: Final[Any] = Asset.__table__.alias("parent")
Scope = Literal["shown", "quarantined", "trashed"]
_SCOPES: Final[dict[Scope, ColumnElement[bool]]] = {
    "shown": text(SHOWN),  # type: ignore[dict-item]
    "quarantined": and_(Asset.trashed_at.is_(None), Asset.status == AssetStatus.QUARANTINED),
    # what went with its photo is not shown beside it
    "trashed": and_(
        Asset.trashed_at.is_not(None),
        ~exists().where(_PARENT.c.id == Asset.parent_id, _PARENT.c.trashed_at.is_not(None)).correlate(Asset),
    ),
}


@dataclass(frozen=True, slots=True)
class _Order:
    """``column`` and the id are the order and the cursor; ``key`` reads the former from a row, as ``type``."""

    column: Any
    sql: Any
    type: type[Any]
    key: Callable[[AssetRow], Any]


_ORDERS: Final = {
    AssetSort.CAPTURED_AT: _Order(Asset.sort_at, DateTime(timezone=True), datetime, lambda row: row.sort_at),
    AssetSort.NAME: _Order(Asset.name_key, Text(), str, lambda row: row.name_key),
    AssetSort.RATING: _Order(func.coalesce(RATINGS.c.rating, 0), SmallInteger(), int, lambda row: row.rated or 0),
}


@lru_cache(maxsize=512)
def _read(sort: AssetSort, descending: bool, after: bool, scope: Scope, conditions: frozenset[str]) -> Read:
    """The statement of a kind of page, compiled once."""
    column = _ORDERS[sort].column
    order = (column.desc(), Asset.id.desc()) if descending else (column, Asset.id)

    def cut(statement: Select[Any]) -> Select[Any]:
        statement = statement.where(Asset.project_id == bindparam("project_id", type_=Uuid()), _SCOPES[scope])
        statement = statement.where(*(_CONDITIONS[name] for name in sorted(conditions)))
        if after:
            here = tuple_(column, Asset.id)
            last = tuple_(bindparam("after_key", type_=_ORDERS[sort].sql), bindparam("after_id", type_=Uuid()))
            statement = statement.where(here < last if descending else here > last)
        return statement.order_by(*order).limit(bindparam("most", type_=BigInteger))

    if sort is not AssetSort.RATING:
        return Read(cut(seen(AssetRow)), AssetRow)
    # no index has this order: sort ids alone, and read only the page's assets whole
    page = cut(select(Asset.id).select_from(Asset).outerjoin(RATINGS, MINE)).correlate(None)
    return Read(seen(AssetRow).where(Asset.id.in_(page)).order_by(*order), AssetRow)


@operation(Perm.ASSET_READ)
async def list_assets(
    tx: Tx,
    project_id: UUID,
    slice_: Slice,
    filter: AssetFilter = AssetFilter(),
    sort: AssetSort = AssetSort.CAPTURED_AT,
    descending: bool = False,
) -> Page[AssetRow]:
    """A project's photos by time of capture, name or the viewer's rating, narrowed by a filter.

    Shown are photos that have arrived whole; a RAW+JPEG pair is one of them. A cursor belongs to its order.
    """
    order, values = _ORDERS[sort], filter.values()
    after = slice_.after(Literal[sort.value], order.type, UUID)  # type: ignore[arg-type]
    scope: Scope = "trashed" if filter.trashed else "quarantined" if filter.quarantined else "shown"
    read = _read(sort, descending, after is not None, scope, frozenset(values))
    place = {} if after is None else {"after_key": after[1], "after_id": after[2]}
    found = await read.rows(tx, project_id=project_id, most=slice_.limit + 1, **viewer(tx), **values, **place)
    if not found:
        await tx.enter(project_id)  # a row would have told that the project is there and may be read
    return page_of(found, slice_, lambda row: (sort.value, order.key(row), row.id))


async def ids_of(tx: Tx, project_id: UUID, filter: AssetFilter, most: int) -> list[UUID]:
    """The first ``most`` of a project's photos that a filter shows, by time of capture."""
    values = filter.values()
    found = await _ids(frozenset(values)).rows(tx, project_id=project_id, most=most, me=viewer_id(), **values)
    return [row.id for row in found]


@lru_cache(maxsize=64)
def _ids(conditions: frozenset[str]) -> Read:
    here = Asset.project_id == bindparam("project_id", type_=Uuid())
    narrowed = (_CONDITIONS[name] for name in sorted(conditions))
    statement = select(Asset.id).select_from(Asset).outerjoin(RATINGS, MINE).where(here, text(SHOWN), *narrowed)
    return Read(statement.order_by(Asset.sort_at, Asset.id).limit(bindparam("most", type_=BigInteger)))


@operation(Perm.ASSET_READ)
async def get_assets(tx: Tx, ids: list[UUID]) -> list[AssetRow]:
    """Up to 500 assets by their ids, in the order asked for; those that are not there or not visible are left out."""
    found = await rows(tx, asset_ids(ids))
    return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]


def asset_ids(ids: Sequence[UUID]) -> list[UUID]:
    """The ids of a call about many assets, each once. Raises BadRequest ``too_many_ids``."""
    if len(ids) > IDS_MAX:
        raise BadRequest(
            f"One call names at most {IDS_MAX} assets.",
            code="too_many_ids",
            details={"ids": len(ids), "max": IDS_MAX},
            remediation=["Make several calls."],
        )
    return list(dict.fromkeys(ids))
