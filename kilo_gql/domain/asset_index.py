"""Everything a cull screen needs to know of a project's photos, in one answer."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from kilo_gql.access import Perm
from kilo_gql.asset_columns import IndexColumn, Place, pack, place_of
from kilo_gql.db import Tx
from kilo_gql.operations import operation
from kilo_gql.sight import viewer_id

#: What is sent unless it is said what is wanted: addresses of renditions can be had from the list as well.
USUAL: Final = tuple(c for c in IndexColumn if c not in (IndexColumn.THUMBNAILS, IndexColumn.PREVIEWS))


@dataclass(frozen=True, slots=True)
class AssetIndex:
    """``count`` photos at ``cursor``, in the order of their capture. ``state`` stays the same as long as this does.

    Columns are base64 of packed values (None: not asked for), numbers big-endian:

    - ``ids``: 16 bytes, a UUID
    - ``capture_steps``: int64, milliseconds since the photo before; the first, since 1970. Without a known time of
      capture, of the upload (bit 7 of the flags tells).
    - ``sizes``: width and height, two int32; 0 is unknown
    - ``formats``: a byte, the place in ``format_names`` from 1; 0 is unknown
    - ``flags``: a byte; from bit 0: preview, metadata, signals, embedding, ready, paired, with sidecar, capture known
    - ``ratings``: uint16; bits 0-2 the viewer's rating (0 none), then two bits each for picked, rejected, starred:
      0 nothing said, 1 no, 2 yes
    - ``colors``: 3 bytes, the average colour as RGB
    - ``thumbhashes``: a byte with the length, and the ThumbHash; 0 is none
    - ``thumbnails``, ``previews``: 8 bytes, the content hash in the address of the rendition; zeros are none
    """

    state: str
    cursor: str
    count: int
    format_names: list[str]
    ids: str | None = None
    capture_steps: str | None = None
    sizes: str | None = None
    formats: str | None = None
    flags: str | None = None
    ratings: str | None = None
    colors: str | None = None
    thumbhashes: str | None = None
    thumbnails: str | None = None
    previews: str | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The caller knows the index of this state already."""

    state: str


@operation(Perm.ASSET_READ)
async def asset_index(
    tx: Tx, project_id: UUID, columns: Sequence[IndexColumn] = USUAL, known: Sequence[str] = ()
) -> AssetIndex | Unchanged:
    """All photos that a project's list shows, as packed columns, with the event cursor at which they are exact.

    Every event after the cursor is all that must be applied to keep up. ``known``: states that the caller has.
    """
    await tx.enter(project_id)
    wanted = tuple(column for column in IndexColumn if column in columns)
    if known and (state := _state(await place_of(tx, project_id), wanted)) in known:
        return Unchanged(state)
    packed = await pack(tx, project_id, wanted)
    encoded = {column.value: b64encode(cells).decode() for column, cells in packed.columns.items()}
    place = packed.place
    return AssetIndex(_state(place, wanted), place.cursor, packed.count, packed.formats, **encoded)


def _state(place: Place, columns: Sequence[IndexColumn]) -> str:
    """Of one project and viewer, the name of what they are shown.

    Whatever changes a photo tells of it in the same transaction, so it adds to the pending events; numbering them
    moves the cursor. Neither ever goes back within an epoch.
    """
    parts = (place.cursor, place.pending, viewer_id(), *columns)
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]
