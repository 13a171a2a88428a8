"""Which photos go into a gallery: named ones, or those that a filter shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text

from kilo_gql.db import Tx
from kilo_gql.domain.asset_pages import AssetFilter, ids_of
from kilo_gql.errors import BadRequest, Conflict, NotFound
from kilo_gql.models import Asset, AssetStatus
from kilo_gql.models.assets import SHOWN

#: Photos a gallery has at most.
ASSETS_MAX: Final = 5_000
#: Ids that a refusal names at most.
_NAMED_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """Photos of a project: these, in this order, or those that a filter shows, by capture.

    ``AssetFilter(picked=True)`` is what the actor has picked; with ``client_list_id``, what guests selected.
    """

    asset_ids: Sequence[UUID] | None = None
    filter: AssetFilter | None = None

    def __post_init__(self) -> None:
        if (self.asset_ids is None) is (self.filter is None):
            raise BadRequest("Choose photos by their ids, or by a filter.", details={"field": "assetIds"})
        if self.filter is not None and (self.filter.trashed or self.filter.quarantined):
            raise BadRequest("What is thrown away or set aside cannot be shown.", details={"field": "from"})


async def photos_of(tx: Tx, project_id: UUID, choice: Choice) -> list[UUID]:
    """The chosen photos, each once, and none of them another's half: of a RAW+JPEG pair it is the photo.

    Until the transaction ends, nobody gives them another look. Raises NotFound ``asset_not_found`` if one that is
    named cannot be shown, Conflict ``gallery_full``, or BadRequest ``no_photos``.
    """
    if choice.filter is not None:
        found = await _ready(tx, project_id, await ids_of(tx, project_id, choice.filter, ASSETS_MAX + 1))
    else:
        found = await _named(tx, project_id, list(dict.fromkeys(choice.asset_ids or ())))
    if not found:
        raise BadRequest(
            "There is no photo in this choice.",
            code="no_photos",
            details={"field": "assetIds" if choice.filter is None else "from"},
            remediation=["Choose at least one photo."],
        )
    return found


def room_for(count: int) -> None:
    """Is there room for so many photos in one gallery? Raises Conflict ``gallery_full``."""
    if count > ASSETS_MAX:
        raise Conflict(
            f"A gallery has at most {ASSETS_MAX:,} photos.",
            code="gallery_full",
            details={"count": count, "max": ASSETS_MAX},
            remediation=["Make several galleries."],
        )


async def _named(tx: Tx, project_id: UUID, ids: list[UUID]) -> list[UUID]:
    room_for(len(ids))
    wholes = select(Asset.id, func.coalesce(Asset.parent_id, Asset.id).label("whole"))
    rows = await tx.rows(wholes.where(Asset.project_id == project_id, Asset.id.in_(ids)))
    whole = {row.id: row.whole for row in rows}
    ready = set(await _ready(tx, project_id, list(whole.values())))
    if missing := [str(id_) for id_ in ids if whole.get(id_) not in ready]:
        raise NotFound(
            "A photo of this call is not there, or cannot be shown.",
            code="asset_not_found",
            details={"assetIds": missing[:_NAMED_MAX]},
            remediation=["Leave it out, or restore it from the trash first."],
        )
    return list(dict.fromkeys(whole[id_] for id_ in ids))


async def _ready(tx: Tx, project_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Those of ``ids`` that can be shown, in their order; a render that is about one of them waits."""
    room_for(len(ids))
    statement = (
        select(Asset.id)
        .where(Asset.project_id == project_id, Asset.id.in_(ids), Asset.status == AssetStatus.READY, text(SHOWN))
        .order_by(Asset.id)
        .with_for_update(key_share=True, read=True)
    )
    ready = set(await tx.scalars(statement))
    return [id_ for id_ in ids if id_ in ready]
