"""What REST requests about culling carry."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from pydantic import Field

from kilo_gql.domain.cluster_edits import MERGED_MAX, ClusterChange, Move
from kilo_gql.domain.culling import CullWish
from kilo_gql.domain.rating_changes import RatingChange
from kilo_gql.rest.asset_bodies import UpsertRatingBody
from kilo_gql.rest.bodies import Body

#: Bytes of a request with actions: about 250,000 photos.
MAX_ACTIONS: Final = 32 << 20


class CullActionBody(UpsertRatingBody):
    """About one photo by ``assetId``, or about several by ``assetIds``."""

    asset_id: UUID | None = None
    asset_ids: list[UUID] | None = None

    def action(self) -> CullWish:
        given = self._given()
        return CullWish.of(given.pop("asset_id", None), given.pop("asset_ids", None), RatingChange(**given))


class BulkCullActionBody(Body):
    actions: list[CullActionBody] = Field(json_schema_extra={"minItems": 1})

    def arguments(self) -> dict[str, Any]:
        return {"actions": [action.action() for action in self.actions]}


class SplitBody(Body):
    asset_ids: list[UUID]


class MergeBody(Body):
    cluster_ids: list[UUID] = Field(json_schema_extra={"minItems": 2, "maxItems": MERGED_MAX})


class MoveBody(Body):
    """``targetClusterId`` null or absent: a new cluster."""

    asset_ids: list[UUID]
    target_cluster_id: UUID | None = None

    def arguments(self) -> dict[str, Any]:
        return {"asset_ids": self.asset_ids, "target_id": self.target_cluster_id}


class MergedBody(Body):
    """Clusters that join this one."""

    cluster_ids: list[UUID]


class ManualOverridesBody(Body):
    """At most one of ``split``, ``merge`` and ``move``. What is absent or null stays as it is."""

    locked: bool | None = None
    split: SplitBody | None = None
    merge: MergedBody | None = None
    move: MoveBody | None = None


class UpdateClusterBody(Body):
    """Absent keeps the title, null takes it off."""

    title: str | None = None
    reviewed: bool | None = None
    manual_overrides: ManualOverridesBody | None = None

    def arguments(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {"title": self.title} if "title" in self.model_fields_set else {}
        if self.reviewed is not None:
            wanted["reviewed"] = self.reviewed
        by_hand = self.manual_overrides or ManualOverridesBody()
        if by_hand.locked is not None:
            wanted["locked"] = by_hand.locked
        if by_hand.split is not None:
            wanted["split"] = by_hand.split.asset_ids
        if by_hand.merge is not None:
            wanted["merge"] = by_hand.merge.cluster_ids
        if by_hand.move is not None:
            wanted["move"] = Move(by_hand.move.asset_ids, by_hand.move.target_cluster_id)
        return {"change": ClusterChange(**wanted)}


class SetWinnerBody(Body):
    """``winnerAssetId`` null: none of them."""

    winner_asset_id: UUID | None
    pick: bool = True
    reviewed: bool = True
