"""Statistics of a cull as GraphQL shows them."""

from __future__ import annotations

from datetime import date, datetime

import strawberry

from kilo_gql.domain import cull_statistics
from schema.base import bounded, shows, text
from schema.clusters import ClusterKind


@shows(cull_statistics.ClusterCount)
@strawberry.type(description="Clusters of a kind, counted.")
class ClusterCount:
    """One kind of cluster."""

    kind: ClusterKind = text("The kind.")
    count: int = text("How many there are.")
    reviewed_count: int = text("How many of them somebody has reviewed.")


@shows(cull_statistics.Measured)
@strawberry.type(description="A mean, and over how many cases.")
class Measured:
    """A figure with its n."""

    value: float | None = text("The mean; null over no cases.")
    n: int = text("How many cases.")


@shows(cull_statistics.OverrideWeek)
@strawberry.type(description="How often the suggestion was not followed in one week.")
class OverrideWeek:
    """One ISO week."""

    week: str = text("The ISO week, such as 2026-W47.")
    starts_on: date = text("Its Monday.")
    rate: Measured = text("The share of decisions that took another photo than the suggested one.")


@shows(cull_statistics.CullStatistics)
@strawberry.type(description="How your cull of a project goes. Counts are of photos that lists show.")
class CullStatistics:
    """A project in numbers."""

    asset_count: int = text("Photos.")
    picked_count: int = text("Photos you have picked.")
    rejected_count: int = text("Photos you have rejected.")
    starred_count: int = text("Photos you have starred.")
    rated_count: int = text("Photos you have given 1 to 5.")
    undecided_count: int = text("Photos you have neither picked nor rejected.")
    clusters: list[ClusterCount] = bounded("Clusters by kind.", len(ClusterKind))
    step_count: int = text("Your steps, those you have undone as well.")
    first_step_at: datetime | None = text("When you began.")
    last_step_at: datetime | None = text("When you last did something.")
    elapsed_seconds: float = text("From the first step to the last.")
    active_seconds: float = text("Of these, the pauses between steps, each up to 5 minutes.")
    override_rate: Measured = text(
        "Of your decisions about clusters in which one photo was suggested, the share that took another. Like all that "
        "follows: decisions in force, of each cluster the latest."
    )
    override_weeks: list[OverrideWeek] = bounded("The same by week, the oldest first.", cull_statistics.WEEKS_MAX)
    top1: Measured = text("Of your picks in ranked clusters, the share that took the photo ranked first.")
    top3: Measured = text("The share that took one of the first three.")
    mean_regret: Measured = text("By how much probability the first photo was ahead of the one you took.")
