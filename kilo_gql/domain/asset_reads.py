"""How assets are read: one statement for everything that is shown of them, with the viewer's rating and two renditions.

A row is an ``AssetRow`` or ``AssetDetail``; its fields say which columns are selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, Uuid, and_, bindparam, cast, func, literal_column, select
from sqlalchemy.sql import ColumnElement

from kilo_gql.db import Tx
from kilo_gql.domain import media
from kilo_gql.domain.asset_rows import AssetDetail, AssetRow
from kilo_gql.models import Asset, AssetFile, AssetSignals, ClusterKind, ClusterMember, FileKind, Rating
from kilo_gql.reads import Read
from kilo_gql.sight import viewer_id

# Plain tables: they join to an asset by its id, so whoever may see the asset may see these rows of it.
RATINGS: Final[Any] = Rating.__table__
#: The viewer's rating of an asset.
MINE: Final = and_(RATINGS.c.asset_id == Asset.id, RATINGS.c.user_id == bindparam("me", type_=Uuid()))
_FILES: Final[Any] = AssetFile.__table__
_PREVIEW: Final = _FILES.alias("preview")
_THUMBNAIL: Final = _FILES.alias("thumbnail")
_COMPANION: Final[Any] = Asset.__table__.alias("companion")
_SIGNALS: Final[Any] = AssetSignals.__table__
_MEMBERS: Final[Any] = ClusterMember.__table__


def _of_companions(column: Any, kind: Any) -> Any:
    """A column of the assets joined to this one, oldest first."""
    found = (
        select(column)
        .where(_COMPANION.c.parent_id == Asset.id, _COMPANION.c.trashed_at.is_(None), column.is_not(None))
        .order_by(_COMPANION.c.id)
        .correlate(Asset)
    )
    return func.array(found.scalar_subquery(), type_=ARRAY(kind))


def _of_key(value: Any, *key: ColumnElement[bool]) -> Any:
    """A value from the row with this key, looked up for each asset: as a join, the planner would read whole tables."""
    return select(value).where(*key).correlate(Asset).scalar_subquery()


_IN_DUPLICATES: Final = (
    _MEMBERS.c.asset_id == Asset.id,
    _MEMBERS.c.kind == literal_column(f"'{ClusterKind.DUPLICATE_GROUP.value}'"),
)
#: The clusters of an asset, from the outermost inwards.
_CLUSTERS: Final = (
    select(_MEMBERS.c.cluster_id)
    .where(_MEMBERS.c.asset_id == Asset.id)
    .order_by(func.array_position(literal_column(f"ARRAY{[kind.value for kind in ClusterKind]}"), _MEMBERS.c.kind))
    .correlate(Asset)
)
_COMPUTED: Final[dict[str, Any]] = {
    "own_flags": cast(Asset.flags, Text),
    "rgb": Asset.average_color,
    "preview_hash": func.left(_PREVIEW.c.sha256, media.HASH_DIGITS),
    "thumbnail_hash": func.left(_THUMBNAIL.c.sha256, media.HASH_DIGITS),
    "companion_formats": _of_companions(_COMPANION.c.format, Text()),
    "companion_ids": _of_companions(_COMPANION.c.id, Uuid()),
    "cluster_ids": func.array(_CLUSTERS.scalar_subquery(), type_=ARRAY(Uuid())),
    "has_face": _of_key(func.jsonb_array_length(_SIGNALS.c.faces) > 0, _SIGNALS.c.asset_id == Asset.id),
    "is_duplicate": func.coalesce(_of_key(_MEMBERS.c.place > 0, *_IN_DUPLICATES), False),
    "rated_by": bindparam("me", type_=Uuid()),
    "rated": RATINGS.c.rating,
    "picked": RATINGS.c.picked,
    "rejected": RATINGS.c.rejected,
    "starred": RATINGS.c.starred,
    "rating_notes": RATINGS.c.notes,
    "rated_at": RATINGS.c.updated_at,
    "base_url": bindparam("base_url", type_=Text()),
    "exif_json": cast(Asset.exif, Text),
    "iptc_json": cast(Asset.iptc, Text),
    "xmp_json": cast(Asset.xmp, Text),
}


def _columns(row: type[AssetRow]) -> list[Any]:
    names = row.__struct_fields__
    return [_COMPUTED[name].label(name) if name in _COMPUTED else getattr(Asset, name) for name in names]


def seen(row: type[AssetRow]) -> Select[Any]:
    """The select of such rows, with the parameters that ``viewer`` gives."""

    def rendition(table: Any, kind: FileKind) -> Any:
        whole = (table.c.variant == literal_column("''"), table.c.damaged_at.is_(None))
        return and_(table.c.asset_id == Asset.id, table.c.kind == literal_column(f"'{kind.value}'"), *whole)

    return (
        select(*_columns(row))
        .select_from(Asset)
        .outerjoin(RATINGS, MINE)
        .outerjoin(_PREVIEW, rendition(_PREVIEW, FileKind.PREVIEW))
        .outerjoin(_THUMBNAIL, rendition(_THUMBNAIL, FileKind.THUMBNAIL))
    )


def viewer(tx: Tx) -> dict[str, Any]:
    """Whose rating is shown, and under which address."""
    return {"me": viewer_id(), "base_url": tx.house.base_url}


_IDS: Final = bindparam("ids", type_=ARRAY(Uuid()))
_DETAILS: Final = Read(seen(AssetDetail).where(Asset.id == func.any(_IDS)), AssetDetail)
_ROWS: Final = Read(seen(AssetRow).where(Asset.id == func.any(_IDS)), AssetRow)


async def details(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, AssetDetail]:
    """Everything about those assets of ``ids`` that the actor can see, by id."""
    return {row.id: row for row in await _DETAILS.rows(tx, ids=list(ids), **viewer(tx))}


async def rows(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, AssetRow]:
    """Those assets of ``ids`` that the actor can see, by id."""
    return {row.id: row for row in await _ROWS.rows(tx, ids=list(ids), **viewer(tx))}
