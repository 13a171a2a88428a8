"""A project in order of capture, before anything is grouped: which of neighbouring frames is the softer one?

Sharpness depends on what is seen, so a frame is held against its neighbours alone: a few frames of the same camera,
taken within a minute. A threshold for all scenes would blame fog and praise brick walls.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    DateTime,
    Float,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    null,
    select,
    text,
    tuple_,
    union_all,
)

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import media
from kilo_gql.models import Asset, AssetFile, AssetSignals, FileKind
from kilo_gql.models.assets import SHOWN
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, page_of
from kilo_gql.reads import Read

#: Frames before and as many after that a frame is held against; they are looked for within so many places of the list.
NEIGHBOURS: Final = 4
REACH: Final = 16
#: What lies further apart is another scene.
NEAR: Final = timedelta(minutes=1)


class Frame(msgspec.Struct, frozen=True):
    """A frame of the strip. ``blur``: 0, as sharp as the sharpest of its neighbours, to 1; None where nobody can tell.

    ``sharpness`` and ``camera`` are what that was found by.
    """

    asset_id: UUID
    sort_at: datetime
    captured_at: datetime | None
    width_px: int | None
    height_px: int | None
    thumbhash: str | None
    thumbnail_hash: str | None
    base_url: str
    camera: str | None
    sharpness: float | None
    blur: float | None = None

    @property
    def thumbnail_url(self) -> str | None:
        if self.thumbnail_hash is None:
            return None
        return media.media_url(self.base_url, self.asset_id, FileKind.THUMBNAIL, self.thumbnail_hash)


@operation(Perm.ASSET_READ)
async def filmstrip(tx: Tx, project_id: UUID, slice_: Slice) -> Page[Frame]:
    """A project's photos in order of capture, each with its blur relative to its neighbours: 0 to 1.

    It needs no grouping. Blur is null where a frame has no measured neighbour of the same camera within a minute.
    """
    after = slice_.after(datetime, UUID)
    place = {} if after is None else {"after_at": after[0], "after_id": after[1]}
    most = slice_.limit + 1 + REACH
    found = await _read(after is not None).rows(
        tx, project_id=project_id, most=most, base_url=tx.house.base_url, **place
    )
    if not found:
        await tx.enter(project_id)  # a row would have told that the project is there and may be read
    first = sum(_key(frame) <= after for frame in found) if after is not None else 0
    page = [
        msgspec.structs.replace(found[at], blur=blur_of(found[at], _neighbours(found, at)))
        for at in range(first, min(first + slice_.limit + 1, len(found)))
    ]
    return page_of(page, slice_, _key)


def blur_of(frame: Frame, neighbours: Sequence[Frame]) -> float | None:
    """The share that a frame lacks of the sharpness of the sharpest one, itself included."""
    if frame.sharpness is None or not neighbours:
        return None
    best = max(frame.sharpness, *(one.sharpness or 0.0 for one in neighbours))
    return round(1 - frame.sharpness / best, 4) if best > 0 else None


def _neighbours(frames: Sequence[Frame], at: int) -> list[Frame]:
    """Those of a frame in the list, the nearest first on either side."""
    sides = (frames[max(at - REACH, 0) : at][::-1], frames[at + 1 : at + 1 + REACH])
    return [one for side in sides for one in islice(filter(partial(_comparable, frames[at]), side), NEIGHBOURS)]


def _comparable(frame: Frame, other: Frame) -> bool:
    if frame.camera is None or frame.captured_at is None or other.captured_at is None:
        return False
    near = abs(other.captured_at - frame.captured_at) <= NEAR
    return near and other.camera == frame.camera and other.sharpness is not None


def _key(frame: Frame) -> tuple[datetime, UUID]:
    return frame.sort_at, frame.asset_id


# --- the statement ---------------------------------------------------------------------------------------------------

# Plain tables: they join to an asset by its id, so whoever may see the asset may see these rows of it.
_SIGNALS: Final[Any] = AssetSignals.__table__
_THUMBNAIL: Final[Any] = AssetFile.__table__.alias("thumbnail")
_CAMERA: Final = func.nullif(func.concat_ws(" ", Asset.camera_make, Asset.camera_model, Asset.camera_serial), "")
_COLUMNS: Final = (
    Asset.id.label("asset_id"),
    Asset.sort_at,
    Asset.captured_at,
    Asset.width_px,
    Asset.height_px,
    Asset.thumbhash,
    func.left(_THUMBNAIL.c.sha256, media.HASH_DIGITS).label("thumbnail_hash"),
    bindparam("base_url", type_=Text()).label("base_url"),
    _CAMERA.label("camera"),
    cast(_SIGNALS.c.signals["sharpness"].astext, Float).label("sharpness"),
    cast(null(), Float).label("blur"),
)


@lru_cache(maxsize=2)
def _read(after: bool) -> Read:
    """A page with ``REACH`` frames on either side, compiled once."""
    place = tuple_(Asset.sort_at, Asset.id)
    here = tuple_(bindparam("after_at", type_=DateTime(timezone=True)), bindparam("after_id", type_=Uuid()))
    most = bindparam("most", type_=BigInteger())
    ids = select(Asset.id).where(Asset.project_id == bindparam("project_id", type_=Uuid()), text(SHOWN))
    onwards = ids.order_by(Asset.sort_at, Asset.id).limit(most)
    if after:
        back = ids.where(place <= here).order_by(Asset.sort_at.desc(), Asset.id.desc()).limit(REACH)
        chosen: Any = union_all(back.subquery().select(), onwards.where(place > here).subquery().select())
    else:
        chosen = onwards.correlate(None)
    whole = and_(_THUMBNAIL.c.variant == "", _THUMBNAIL.c.damaged_at.is_(None))
    statement = (
        select(*_COLUMNS)
        .select_from(Asset)
        .outerjoin(_SIGNALS, _SIGNALS.c.asset_id == Asset.id)
        .outerjoin(_THUMBNAIL, and_(_THUMBNAIL.c.asset_id == Asset.id, _THUMBNAIL.c.kind == FileKind.THUMBNAIL, whole))
        .where(Asset.id.in_(chosen))
        .order_by(Asset.sort_at, Asset.id)
    )
    return Read(statement, Frame)
