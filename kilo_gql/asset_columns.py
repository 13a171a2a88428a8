"""A project's photos as packed columns, made by PostgreSQL: no row of them passes through Python.

Every column is in the same order (capture, then id) and all numbers are big-endian. One statement is one snapshot: the
rows, and the place in the event log that they stand for. Sequence numbers are given after the commit, so whatever the
log holds up to that place is in the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.types import Uuid

from kilo_gql.db import Tx
from kilo_gql.models import FileKind
from kilo_gql.models.assets import SHOWN
from kilo_gql.sight import viewer_id


class IndexColumn(StrEnum):
    """What an index can hold of each photo."""

    IDS = "ids"
    CAPTURE_STEPS = "capture_steps"
    SIZES = "sizes"
    FORMATS = "formats"
    FLAGS = "flags"
    RATINGS = "ratings"
    COLORS = "colors"
    THUMBHASHES = "thumbhashes"
    THUMBNAILS = "thumbnails"
    PREVIEWS = "previews"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project stands. ``pending``: events that are committed, but not numbered yet."""

    epoch: int
    seq: int
    pending: int

    @property
    def cursor(self) -> str:
        return f"{self.epoch}-{self.seq}"


@dataclass(frozen=True, slots=True)
class Packed:
    """``count`` photos as they were at ``place``. ``formats`` names what the column of that name numbers, from 1."""

    place: Place
    count: int
    formats: list[str]
    columns: dict[IndexColumn, bytes]


_TRI: Final = "CASE WHEN r.{0} THEN {2} WHEN NOT r.{0} THEN {1} ELSE 0 END"
_FLAGS: Final = (
    "a.preview_ready", "a.metadata_ready", "a.signals_ready", "a.embedding_ready", "a.status = 'ready'", "k.paired",
    "k.sidecar", "a.captured_at IS NOT NULL",
)  # fmt: skip
_HASH: Final = "coalesce(decode(left({}.sha256, 16), 'hex'), '\\x0000000000000000')"
_MS: Final = "(extract(epoch FROM {}) * 1000)::int8"

#: One photo's bytes in each column; ``docs/concepts.md`` says what they mean.
_CELLS: Final[dict[IndexColumn, str]] = {
    IndexColumn.IDS: "uuid_send(a.id)",
    IndexColumn.CAPTURE_STEPS: f"int8send({_MS.format('a.sort_at')} - coalesce({_MS.format('a.before')}, 0))",
    IndexColumn.SIZES: "int4send(coalesce(a.width_px, 0)) || int4send(coalesce(a.height_px, 0))",
    IndexColumn.FORMATS: "substr(int2send(coalesce(array_position(f.formats, a.format), 0)::int2), 2)",
    IndexColumn.FLAGS: "substr(int2send(("
    + " | ".join(f"CASE WHEN {condition} THEN {1 << bit} ELSE 0 END" for bit, condition in enumerate(_FLAGS))
    + ")::int2), 2)",
    IndexColumn.RATINGS: "int2send((coalesce(r.rating, 0) | "
    + " | ".join(
        _TRI.format(name, 1 << bit, 2 << bit) for name, bit in (("picked", 3), ("rejected", 5), ("starred", 7))
    )
    + ")::int2)",
    IndexColumn.COLORS: "substr(int4send(coalesce(a.average_color, 0)), 2)",
    IndexColumn.THUMBHASHES: "substr(int2send(octet_length(h.hash)::int2), 2) || h.hash",
    IndexColumn.THUMBNAILS: _HASH.format("t"),
    IndexColumn.PREVIEWS: _HASH.format("p"),
}

_PLACE: Final = """
    SELECT i.epoch, coalesce(s.last_seq, 0) AS seq,
        (SELECT count(*) FROM outbox WHERE project_id = :project_id) AS pending
    FROM installation i LEFT JOIN event_streams s ON s.project_id = :project_id
"""
_PHOTOS: Final = f"""(
    SELECT *, lag(sort_at) OVER (ORDER BY sort_at, id) AS before FROM assets
    WHERE project_id = :project_id AND {SHOWN}
)"""  # noqa: S608 - made of constants
_RENDITION: Final = (
    "LEFT JOIN asset_files {0} ON {0}.asset_id = a.id AND {0}.kind = '{1}' AND {0}.variant = ''"
    " AND {0}.damaged_at IS NULL"
)
#: What a column needs beside the photo itself.
_JOINS: Final[dict[IndexColumn, str]] = {
    IndexColumn.FLAGS: """
        LEFT JOIN (
            SELECT parent_id, bool_or(format = 'xmp') AS sidecar, bool_or(format <> 'xmp') AS paired FROM assets
            WHERE project_id = :project_id AND parent_id IS NOT NULL AND trashed_at IS NULL GROUP BY parent_id
        ) k ON k.parent_id = a.id""",
    IndexColumn.RATINGS: "LEFT JOIN ratings r ON r.asset_id = a.id AND r.user_id = :viewer",
    IndexColumn.THUMBHASHES: "CROSS JOIN LATERAL (SELECT decode(coalesce(a.thumbhash, ''), 'base64')) AS h(hash)",
    IndexColumn.THUMBNAILS: _RENDITION.format("t", FileKind.THUMBNAIL.value),
    IndexColumn.PREVIEWS: _RENDITION.format("p", FileKind.PREVIEW.value),
}


@cache
def _statement(columns: Sequence[IndexColumn]) -> TextClause:
    cells = "".join(f", string_agg({_CELLS[c]}, '' ORDER BY a.sort_at, a.id) AS {c}_cells" for c in columns)
    joins = "\n".join(_JOINS[column] for column in columns if column in _JOINS)
    return _bound(
        f"""
        WITH place AS ({_PLACE}), f AS (
            SELECT coalesce(array_agg(DISTINCT a.format ORDER BY a.format), '{{}}') AS formats
            FROM {_PHOTOS} a WHERE a.format IS NOT NULL
        ), packed AS (
            SELECT count(*) AS count{cells}
            FROM {_PHOTOS} a CROSS JOIN f {joins}
        )
        SELECT * FROM place CROSS JOIN f CROSS JOIN packed
        """  # noqa: S608 - made of constants
    )


def _bound(sql: str) -> TextClause:
    names = [name for name in ("project_id", "viewer") if f":{name}" in sql]
    return text(sql).bindparams(*(bindparam(name, type_=Uuid()) for name in names))


async def place_of(tx: Tx, project_id: UUID) -> Place:
    """Where a project that this transaction has entered stands."""
    assert project_id in tx.granted
    row: Any = (await tx.unchecked(_bound(_PLACE), {"project_id": project_id})).one()
    return Place(row.epoch, row.seq, row.pending)


async def pack(tx: Tx, project_id: UUID, columns: Sequence[IndexColumn]) -> Packed:
    """The photos that lists show of a project that this transaction has entered, with the viewer's ratings."""
    assert project_id in tx.granted
    values = {"project_id": project_id, "viewer": viewer_id()}
    row: Any = (await tx.unchecked(_statement(tuple(columns)), values)).one()
    found = {column: bytes(getattr(row, f"{column}_cells") or b"") for column in columns}
    return Packed(Place(row.epoch, row.seq, row.pending), row.count, list(row.formats), found)
