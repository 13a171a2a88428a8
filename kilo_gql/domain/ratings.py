"""What each person thinks of a photo: four independent fields and a note, every one of them theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.asset_pages import asset_ids
from kilo_gql.domain.assets import announce
from kilo_gql.errors import BadRequest
from kilo_gql.models import Asset, Rating
from kilo_gql.operations import operation
from kilo_gql.patch import UNSET, UnsetType, given
from kilo_gql.text import lines

NOTES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class RatingChange:
    """What to say: a field left unset stays as it is, null takes back what was said. ``rating`` is 1 to 5."""

    rating: int | None | UnsetType = UNSET
    picked: bool | None | UnsetType = UNSET
    rejected: bool | None | UnsetType = UNSET
    starred: bool | None | UnsetType = UNSET
    notes: str | None | UnsetType = UNSET


@operation(Perm.ASSET_RATE, write=True)
async def rate_asset(tx: Tx, asset_id: UUID, change: RatingChange) -> Rating:
    """Say what you think of a photo: rating, pick, reject, star, notes; each stays as it is unless it is given."""
    values = _checked(change)
    asset = await tx.get(Asset, asset_id)
    await _say(tx, asset.project_id, [asset_id], values)
    found: Rating | None = await tx.scalar(
        select(Rating).where(Rating.asset_id == asset_id, Rating.user_id == tx.user_id)
    )
    return found or Rating(project_id=asset.project_id, asset_id=asset_id, user_id=tx.user_id)


@operation(Perm.ASSET_RATE, write=True)
async def rate_assets(tx: Tx, project_id: UUID, ids: list[UUID], change: RatingChange) -> int:
    """Say the same of up to 500 photos of a project; answers of how many that was news.

    Ids that are not in the project are passed over.
    """
    wanted, values = asset_ids(ids), _checked(change)
    await tx.enter(project_id)
    there = await tx.scalars(select(Asset.id).where(Asset.project_id == project_id, Asset.id.in_(wanted)))
    return len(await _say(tx, project_id, there, values))


async def _say(tx: Tx, project_id: UUID, ids: Sequence[UUID], values: dict[str, Any]) -> list[UUID]:
    """Returns the assets of which it was news."""
    if not values:
        return []
    own = {**values, "from_file": False}  # whatever came with the file, now somebody has said so
    rows = [
        {"project_id": project_id, "asset_id": id_, "user_id": tx.user_id, "updated_at": tx.now, **own}
        for id_ in sorted(ids)  # two bulk ratings at once take their locks in one order
    ]
    said = await tx.upsert(Rating, rows, changing=tuple(own), stamp="updated_at")
    changed = [row.asset_id for row in said]
    announce(tx, project_id, changed, {"rating": {"userId": str(tx.user_id), **values}})
    return changed


def _checked(change: RatingChange) -> dict[str, Any]:
    values = given(change)
    if (rating := values.get("rating")) is not None and not 1 <= rating <= 5:
        raise BadRequest("A rating is 1 to 5.", details={"field": "rating"}, remediation=["Use null for none."])
    if (notes := values.get("notes")) is not None:
        lines(notes, field="notes", limit=NOTES_MAX)
    return values
