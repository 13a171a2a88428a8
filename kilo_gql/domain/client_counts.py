"""How often a photo was chosen and talked about, told with the photo: in all galleries of its project."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true

from kilo_gql.db import Tx
from kilo_gql.events import Change, EventName
from kilo_gql.models import GalleryComment, GalleryFavorite, SelectedAsset


class ClientCount(StrEnum):
    """The names of the counts in ``asset.updated``."""

    FAVORITES = "clientFavorites"
    SELECTIONS = "clientSelections"
    COMMENTS = "clientComments"


_COUNTED: Final[dict[ClientCount, tuple[Any, ColumnElement[bool]]]] = {
    ClientCount.FAVORITES: (GalleryFavorite, true()),
    ClientCount.SELECTIONS: (SelectedAsset, true()),
    ClientCount.COMMENTS: (GalleryComment, GalleryComment.deleted_at.is_(None)),
}


async def tell_count(tx: Tx, project_id: UUID, asset_id: UUID, count: ClientCount) -> None:
    """Announce a photo's count as it is now."""
    await tx.flush()
    model, counts = _COUNTED[count]
    with tx.trust("a photo's count is of all galleries of its project, and is told to the project alone"):
        statement = select(func.count()).select_from(model)
        number = await tx.scalar(statement.where(model.project_id == project_id, model.asset_id == asset_id, counts))
    tx.emit(Change(EventName.ASSET_UPDATED, project_id, (asset_id,), {count.value: number}))
