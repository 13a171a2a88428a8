"""Automatic culls as GraphQL shows them."""

from __future__ import annotations

from uuid import UUID

import strawberry

from kilo_gql.domain import auto_cull, cull_plans
from schema.base import bounded, receipt, shows, text, value

strawberry.enum(
    cull_plans.LeftReason,
    name="UntouchedReason",
    description="Why a photo stays as it is: you have picked or rejected it; its cluster is reviewed; it is in no "
    "cluster yet; nothing says yet which photo of its moment is better; or you have begun to cull the set it is of.",
)
UntouchedReason = cull_plans.LeftReason

#: Ids that a plan names: as many as a shoot has photos.
NAMED_MAX = 1_000_000


@shows(auto_cull.LeftAlone)
@strawberry.type(description="Photos that would stay as they are, for one reason.")
class Untouched:
    """One line of what a plan leaves alone."""

    reason: UntouchedReason = text("Why.")
    count: int = text("How many.")
    asset_ids: list[UUID] = bounded("Which.", NAMED_MAX)


@shows(cull_plans.CloseCall)
@strawberry.type(description="The last photo of a moment that would be kept, and the first that would not.")
class CloseCall:
    """One of the decisions to look at."""

    cluster_id: UUID = text("The moment.")
    kept_id: UUID = text("The last one kept.")
    rejected_id: UUID = text("The first one rejected.")
    probability: float = text("The probability that of the two you would rather have the rejected one.")


@shows(auto_cull.AutoCullPlan)
@strawberry.type(description="What an automatic cull would do.")
class AutoCullPlan:
    """A dry run."""

    plan_hash: str = text("Names this plan, for `applyAutoCull`.")
    keep_count: int = text("Photos it would pick.")
    reject_count: int = text("Photos it would reject.")
    untouched_count: int = text("Photos that would stay as they are.")
    moment_ids: list[UUID] = bounded("The moments of which it would decide something, in order of time.", NAMED_MAX)
    kept_ids: list[list[UUID]] = bounded(
        "Of each of these moments, the photos it would pick, beyond those you have picked.", NAMED_MAX
    )
    rejected_ids: list[UUID] = bounded("The photos it would reject.", NAMED_MAX)
    untouched: list[Untouched] = bounded("The photos that would stay as they are, by reason.", len(UntouchedReason))
    uncertain: list[CloseCall] = bounded("The closest decisions, the closest first.", cull_plans.CLOSE_CALLS)
    choice_count: int = text("Choices it would make: one a moment, one a set that is kept whole.")
    expected_regret: float = text(
        "How many of these choices are expected to go to a photo that it would reject: the sum of the probabilities of "
        "all that it would."
    )


@strawberry.input(description="How to cull. Give keepPerMoment, budget, or both.")
class AutoCullInput:
    """Input of ``autoCullPlan`` and ``applyAutoCull``."""

    keep_per_moment: int | None = strawberry.field(
        default=None, description="How many of each moment to keep at most; copies do not count, sets are kept besides."
    )
    budget: int | None = strawberry.field(
        default=None, description="How many photos to have picked in all, with those you have picked already."
    )
    include_reviewed: bool = strawberry.field(default=False, description="Cull what has been reviewed as well.")
    respect_picks: bool = strawberry.field(
        default=True, description="What you have picked or rejected stays. False: it is decided anew."
    )

    def wish(self) -> auto_cull.AutoCullWish:
        return auto_cull.AutoCullWish(self.keep_per_moment, self.budget, self.include_reviewed, self.respect_picks)


@shows(auto_cull.AutoCulled)
@strawberry.type(description="What an automatic cull did, in one step to undo.")
class AutoCulled:
    """The outcome of a plan."""

    plan_hash: str = text("The plan.")
    title: str = text("What the step is called.")
    picked_count: int = text("Photos that were picked.")
    rejected_count: int = text("Photos that were rejected.")


@strawberry.type(description="An automatic cull after it was applied.")
class AutoCulledPayload:
    """What ``applyAutoCull`` answers."""

    done: AutoCulled = value("What it did.", AutoCulled)
    receipt: None = receipt()
