"""What each person thinks of a photo: four independent fields and a note, every one of them theirs alone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import culling
from kilo_gql.domain.asset_pages import asset_ids
from kilo_gql.domain.rating_changes import RatingChange, checked
from kilo_gql.models import Asset, Rating
from kilo_gql.operations import operation


@operation(Perm.ASSET_RATE, write=True)
async def rate_asset(tx: Tx, asset_id: UUID, change: RatingChange) -> Rating:
    """Say what you think of a photo: rating, pick, reject, star, notes; each stays as it is unless it is given."""
    values = checked(change)
    asset = await tx.get(Asset, asset_id, only=(Asset.project_id, Asset.filename))
    own = {"project_id": asset.project_id, "asset_id": asset_id, "user_id": tx.user_id, "from_file": False}
    if values:
        title = culling.titled([values], asset.filename)
        changes = await culling.apply(tx, asset.project_id, {asset_id: values}, title=title)
        if changes.ids:
            return Rating(**own, **changes.after[0]["row"], updated_at=tx.now)
    found: Rating | None = await tx.scalar(
        select(Rating).where(Rating.asset_id == asset_id, Rating.user_id == tx.user_id)
    )
    return found or Rating(**own)


@operation(Perm.ASSET_RATE, write=True)
async def rate_assets(tx: Tx, project_id: UUID, ids: list[UUID], change: RatingChange) -> int:
    """Say the same of up to 500 photos of a project; answers of how many that was news.

    Ids that are not in the project are passed over.
    """
    wanted, values = asset_ids(ids), checked(change)
    await tx.enter(project_id)
    if not values:
        return 0
    changes = await culling.apply(tx, project_id, dict.fromkeys(wanted, values), passing_over=True)
    return len(changes.ids)


__all__ = ["RatingChange", "rate_asset", "rate_assets"]
