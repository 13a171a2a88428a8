"""Clusters as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import clocks, cluster_rows, clusters
from kilo_gql.domain.cluster_rows import ClusterDetail, ClusterRow
from schema.base import Connection, Info, Node, bounded, receipt, shows, text, value
from schema.scalars import JSON

if TYPE_CHECKING:
    from schema.assets import Asset

strawberry.enum(models.ClusterKind, description="A duplicate group lies within a burst or moment, a burst in a moment.")
ClusterKind = models.ClusterKind
strawberry.enum(models.SetKind, description="Frames that only make sense together and are kept whole.")
SetKind = models.SetKind
strawberry.enum(
    models.Band, description="How sure a suggestion is: preselected, suggested, or the best three to compare."
)
Band = models.Band
strawberry.enum(models.GroupingState, description="Whether a project's clusters are how things stand.")
GroupingState = models.GroupingState
strawberry.enum(cluster_rows.Role, name="ClusterRole", description="A photo's part in its cluster.")
Role = cluster_rows.Role
strawberry.enum(cluster_rows.LinkReason, description="What speaks for two photos being together.")
LinkReason = cluster_rows.LinkReason
strawberry.enum(clocks.ClockSource, description="Where the offset of a camera's clock comes from.")
ClockSource = clocks.ClockSource

#: Photos and links that a cluster lists at most; ``assetIds`` names all photos.
LISTED_MAX = 100
#: Ids that a cluster names: as many as a shoot has photos.
NAMED_MAX = 1_000_000


@shows(cluster_rows.Suggested)
@strawberry.type(
    description="A cluster ranked for you: by your own ranker if it has learnt enough, else by everyone's."
)
class Suggestion:
    """Photos from the best."""

    asset_ids: list[UUID] = bounded("The photos, from the best.", NAMED_MAX)
    scores: list[float] = bounded("Their scores in nats.", NAMED_MAX)
    probabilities: list[float] = bounded("How likely each is the one to pick; they add up to 1.", NAMED_MAX)
    band: Band = text("How sure it is.")
    chips: JSON = text("At most three reasons, each with its margin over the runner-up, and the tile to look at.")
    rest: float = text("With the chips' contributions, by how much the first is ahead of the mean of the others.")
    rest_margin: float = text("With the chips' margins, by how much the first is ahead of the runner-up.")
    personal: bool = text("Was it made by your own ranker?")
    made_at: datetime = text("When it was made.")


@shows(cluster_rows.ClusterAsset)
@strawberry.type(description="A photo's place in its cluster.")
class ClusterAsset:
    """One row of a comparison."""

    asset_id: UUID = text("The photo.")
    rank: int = text("From 1: the winner, then as suggested, then the rest by time.")
    role: Role = text("Winner, candidate, or not in the running, as the copy of another photo.")
    signals: JSON = text(
        "What was measured, null for can't tell, nothing if it was not measured; blur: 0 to 1, against the sharpest of "
        "the cluster; redundancy: 0 to 1, the closest likeness to another photo of it."
    )

    @strawberry.field(
        description="The photo itself.",
        graphql_type=Annotated["Asset", strawberry.lazy("schema.assets")] | None,
    )
    async def asset(parent: strawberry.Parent[cluster_rows.ClusterAsset], info: Info) -> Any:
        return await info.context.load.assets_by_id.load(parent.asset_id)


def _source(parent: strawberry.Parent[cluster_rows.ClusterLink]) -> UUID:
    return parent.source


@shows(cluster_rows.ClusterLink)
@strawberry.type(description="Why a photo is in its cluster.")
class ClusterLink:
    """An edge, in numbers and words."""

    from_: UUID = strawberry.field(resolver=_source, name="from", description="The photo it is linked to.")
    to: UUID = text("The photo.")
    gap_seconds: float | None = text("Seconds between the two; null if not known.")
    look: float | None = text("How alike they are, 0 to 1.")
    score: float | None = text(
        "Logarithm of the odds that they belong together; null where a rule or a person decided."
    )
    reasons: list[LinkReason] = bounded("What speaks for it.", len(LinkReason))
    text: str = strawberry.field(description="In a line: 0.6 s apart, look 0.94.")


@shows(ClusterRow)
@strawberry.type(description="Photos that belong together: a moment, a burst or a duplicate group.")
class Cluster(Node):
    """A cluster row, with what is suggested to the viewer."""

    project_id: UUID = text("The project it belongs to.")
    kind: ClusterKind = text("What kind of cluster.")
    parent_id: UUID | None = text("The cluster it lies in: the moment of a burst; null for moments.")
    title: str | None = text("Its title, if it was given one.")
    start_time: datetime | None = text("When its first photo was taken, by the corrected clock.")
    end_time: datetime | None = text("When its last photo was taken, by the corrected clock.")
    size: int = text("How many photos.")
    asset_ids: list[UUID] = bounded("All its photos in order of time, without those in the trash.", NAMED_MAX)
    kept_set: SetKind | None = text("A set that is kept whole: bracket, panorama, focus stack, timelapse.")
    set_evidence: JSON = text("How the set shows: stepEv, shift, moving, intervalS.")
    reviewed: bool = text("Has somebody gone through it? Grouping leaves it alone then.")
    reviewed_at: datetime | None = text("When it was reviewed.")
    reviewed_by: UUID | None = text("Who reviewed it.")
    locked: bool = text("Is it locked as it stands?")
    winner_asset_id: UUID | None = text("The photo that was chosen, or that is preselected.")
    preselected: bool = text("Is the winner one that nobody has decided on yet?")
    band: Band | None = text("How sure the suggestion is.")
    confidence: float | None = text("Probability that the suggestion's first photo is the one to pick.")
    score: float | None = text("The winner's score in nats.")
    why_winner: list[str] = bounded("Reasons for the winner, in words.", 3)
    suggestion: Suggestion | None = text("What is suggested to you.")
    created_at: datetime = text("When it came to be.")
    updated_at: datetime = text("When it last changed.")

    @strawberry.field(
        description="Its photos by rank, with what was measured: the first 100.",
        graphql_type=list[ClusterAsset],
        metadata={"bound": LISTED_MAX},
    )
    async def assets(parent: strawberry.Parent[ClusterRow], info: Info) -> Any:
        return (await _detail(parent, info)).assets[:LISTED_MAX]

    @strawberry.field(
        description="Why its photos are together, in order of time: the first 100.",
        graphql_type=list[ClusterLink],
        metadata={"bound": LISTED_MAX},
    )
    async def links(parent: strawberry.Parent[ClusterRow], info: Info) -> Any:
        return (await _detail(parent, info)).links[:LISTED_MAX]


async def _detail(row: ClusterRow, info: Info) -> ClusterDetail:
    """The whole of a cluster: at hand where one was asked for, else read with its neighbours."""
    if isinstance(row, ClusterDetail):
        return row
    found: ClusterDetail | None = await info.context.load.details_by_cluster.load(row.id)
    assert found is not None, "a cluster went away while it was read"
    return found


ClusterConnection = Connection[Cluster]


@shows(clocks.CameraClock)
@strawberry.type(description="A camera of a project, and its clock.")
class CameraClock:
    """An offset, and what it rests on."""

    camera: str = text("The key of the camera in this project.")
    label: str = text("Make, model, and the end of the serial number.")
    asset_count: int = text("How many of the project's photos it took.")
    reference: bool = text("Is it the clock that the others are compared with?")
    offset_seconds: float = text("How many seconds it is taken to be ahead.")
    source: ClockSource | None = text("Who says so; null: nobody, it counts as right.")
    estimated_seconds: float | None = text("The estimate, also where it is not applied.")
    support: int | None = text("Pairs of photos that agree with the estimate.")
    ratio: float | None = text("How much more agree with it than with any other; null: there is no other.")
    accepted: bool | None = text("Is the estimate clear enough to be applied?")


@shows(clusters.ProjectGrouping)
@strawberry.type(description="How a project's photos were last grouped.")
class Grouping:
    """The grouping as a whole."""

    project_id: UUID = text("The project.")
    state: GroupingState = text("None yet, stale (a job is on its way), or ready.")
    grouped_at: datetime | None = text("When the photos were last grouped.")
    asset_count: int = text("How many photos were grouped.")
    threshold: float | None = text(
        "Log odds above which photos are one moment, as splits and merges taught; null: none."
    )
    clocks: list[CameraClock] = bounded("Its cameras, those with most photos first.", 50)


@strawberry.type(description="The cameras of a project after a mutation.")
class ClocksPayload:
    """What ``setClockOffset`` answers."""

    clocks: list[CameraClock] = value("All cameras of the project.", list[CameraClock], metadata={"bound": 50})
    receipt: None = receipt()
