"""Culling as GraphQL shows it: what is said of many photos, what is decided about clusters, and undo."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import cull_log, cull_undo
from kilo_gql.domain.cluster_edits import ClusterChange, Move
from kilo_gql.domain.culling import CullWish
from schema.base import Connection, bounded, receipt, shows, text, value
from schema.clusters import Cluster
from schema.ratings import RatingInput

strawberry.enum(models.CullKind, description="What kind of step.")
CullKind = models.CullKind
strawberry.enum(
    models.CullState, description="Done, undone (it can be redone), or dropped: something else was done since."
)
CullState = models.CullState

#: The most that lists without pages can hold; no answer has so many.
_ALL = 1_000_000


@strawberry.input(description="What to say of a photo, or of several: fields left out stay, null takes back.")
class CullActionInput(RatingInput):
    """An item of ``applyCullAction``."""

    asset_id: UUID | None = strawberry.field(default=None, description="The photo.")
    asset_ids: list[UUID] | None = strawberry.field(default=None, description="Or the photos: as many as you like.")

    def action(self) -> CullWish:
        return CullWish.of(self.asset_id, self.asset_ids, self.change())


@strawberry.input(description="Photos to take out of a cluster, into a new one beside it.")
class SplitInput:
    """A split."""

    asset_ids: list[UUID] = strawberry.field(description="Some of its photos, not all.")


@strawberry.input(description="Clusters of the same kind that join this one.")
class MergeInput:
    """A merge."""

    cluster_ids: list[UUID] = strawberry.field(description="The others.")


@strawberry.input(description="Photos of a cluster that go to another.")
class MoveInput:
    """A move."""

    asset_ids: list[UUID] = strawberry.field(description="Some of its photos, or all.")
    target_cluster_id: UUID | None = strawberry.field(default=None, description="The other cluster; null: a new one.")


@strawberry.input(description="What is decided about who is in a cluster; at most one of split, merge and move.")
class ManualOverridesInput:
    """Manual overrides of ``updateCluster``."""

    locked: bool | None = strawberry.field(default=None, description="Keep it as it stands, or no longer.")
    split: SplitInput | None = strawberry.field(default=None, description="Take photos out.")
    merge: MergeInput | None = strawberry.field(default=None, description="Let other clusters join.")
    move: MoveInput | None = strawberry.field(default=None, description="Let photos go to another.")


@strawberry.input(description="What is to change of a cluster; fields left out stay as they are.")
class UpdateClusterInput:
    """Input of ``updateCluster``: for the title, absent and null are different."""

    title: strawberry.Maybe[str | None] = strawberry.field(default=None, description="1 to 500 characters, or none.")
    reviewed: bool | None = strawberry.field(
        default=None, description="Done with it: a preselected winner is confirmed, and grouping leaves it alone."
    )
    manual_overrides: ManualOverridesInput | None = strawberry.field(default=None, description="Who is in it.")

    def change(self) -> ClusterChange:
        by_hand = self.manual_overrides or ManualOverridesInput()
        wanted: dict[str, Any] = {} if self.title is None else {"title": self.title.value}
        given = {"reviewed": self.reviewed, "locked": by_hand.locked}
        wanted |= {name: flag for name, flag in given.items() if flag is not None}
        if by_hand.split is not None:
            wanted["split"] = by_hand.split.asset_ids
        if by_hand.merge is not None:
            wanted["merge"] = by_hand.merge.cluster_ids
        if by_hand.move is not None:
            wanted["move"] = Move(by_hand.move.asset_ids, by_hand.move.target_cluster_id)
        return ClusterChange(**wanted)


@strawberry.type(description="What bulk actions changed.")
class CullApplied:
    """The answer to ``applyCullAction``, over the ids it changed."""

    @strawberry.field(description="True: all of them were applied.")
    def ok(parent: strawberry.Parent[list[Any]]) -> bool:
        return True

    @strawberry.field(
        description="The photos of which that was news.", graphql_type=list[UUID], metadata={"bound": _ALL}
    )
    def updated_asset_ids(parent: strawberry.Parent[list[Any]]) -> Any:
        return parent


@strawberry.type(description="Bulk actions after they were applied.")
class CullAppliedPayload:
    """What ``applyCullAction`` answers."""

    applied: CullApplied = value("What changed.", CullApplied)
    receipt: None = receipt()


@strawberry.type(description="A cluster after a mutation.")
class ClusterPayload:
    """What mutations of one cluster answer."""

    cluster: Cluster = value("The cluster as it is now.", Cluster)
    receipt: None = receipt()


@strawberry.type(description="Clusters after a mutation.")
class ClustersPayload:
    """What mutations of several clusters answer."""

    clusters: list[Cluster] = value("As far as they stand.", list[Cluster], metadata={"bound": 2})
    receipt: None = receipt()


@shows(cull_undo.CullTurn)
@strawberry.type(description="A step that was undone or redone.")
class CullTurn:
    """What it was, and where to look."""

    kind: CullKind = text("What kind of step.")
    title: str = text("The step in words.")
    asset_ids: list[UUID] = bounded("Photos that it touched: the first 500.", cull_log.SHOWN)
    asset_count: int = text("How many photos it touched.")
    cluster_ids: list[UUID] = bounded("Clusters that it touched.", _ALL)
    focus_asset_id: UUID | None = text("The photo to go to.")
    kept_asset_ids: list[UUID] = bounded("Photos that were left alone: something has been said of them since.", 500)
    kept_cluster_ids: list[UUID] = bounded("Clusters that were left alone: somebody has changed them since.", _ALL)
    can_undo: bool = text("Is there something to undo now?")
    can_redo: bool = text("Is there something to redo now?")


@strawberry.type(description="What was undone or redone.")
class CullTurnPayload:
    """What ``undoCull`` and ``redoCull`` answer."""

    step: CullTurn = value("The step.", CullTurn)
    receipt: None = receipt()


@shows(cull_undo.CullStep)
@strawberry.type(description="A step of yours in a project.")
class CullStep:
    """An entry of your log."""

    id: UUID = text("Its id.")
    at: datetime = text("When it was done.")
    kind: CullKind = text("What kind of step.")
    state: CullState = text("Whether it is done.")
    title: str = text("The step in words.")
    asset_ids: list[UUID] = bounded("Photos that it touched: the first 500.", cull_log.SHOWN)
    asset_count: int = text("How many photos it touched.")
    cluster_ids: list[UUID] = bounded("Clusters that it touched.", _ALL)
    focus_asset_id: UUID | None = text("The photo to go to.")


CullStepConnection = Connection[CullStep]
