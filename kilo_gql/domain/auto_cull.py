"""Culling by the suggestions: first what it would do, then exactly that."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import cull_log, cull_plans, cull_shoots, culling
from kilo_gql.domain.cull_plans import CloseCall, Decisions, KeptOf, LeftReason, Rules
from kilo_gql.errors import BadRequest, Conflict
from kilo_gql.models import CullKind
from kilo_gql.operations import operation

#: The most that can be asked for, of both numbers.
MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class AutoCullWish:
    """How to cull: ``keep_per_moment`` exposures of each moment at most, or ``budget`` photos in all, or both.

    The budget counts every photo that you have picked in the end, also those that you had before. What has been
    reviewed is left alone unless ``include_reviewed``; what you have picked or rejected stays if ``respect_picks``.
    """

    keep_per_moment: int | None = None
    budget: int | None = None
    include_reviewed: bool = False
    respect_picks: bool = True

    def rules(self) -> Rules:
        """Raises BadRequest if nothing is asked for, or what cannot be."""
        for field, value, least in (("keepPerMoment", self.keep_per_moment, 1), ("budget", self.budget, 0)):
            if value is not None and not least <= value <= MOST:
                raise BadRequest(f"{field} is {least} to {MOST:,}.", details={"field": field})
        if self.keep_per_moment is None and self.budget is None:
            raise BadRequest(
                "Say how many photos to keep.",
                details={"field": "keepPerMoment"},
                remediation=["Give keepPerMoment, budget, or both."],
            )
        return Rules(self.keep_per_moment, self.budget, self.include_reviewed, self.respect_picks)


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Photos that stay as they are, for one reason."""

    reason: LeftReason
    asset_ids: list[UUID]

    @property
    def count(self) -> int:
        return len(self.asset_ids)


@dataclass(frozen=True, slots=True)
class AutoCullPlan:
    """What a cull would do; ``plan_hash`` names it.

    ``moments``: those of which something is decided, with what is kept beyond what is picked already. ``uncertain``:
    the 20 closest decisions. ``expected_regret``: of ``choice_count`` choices (one a moment, one a set that is kept
    whole), how many are expected to go to a photo that is rejected: the sum of the probabilities of all that are.
    """

    plan_hash: str
    moments: list[KeptOf]
    rejected_ids: list[UUID]
    untouched: list[LeftAlone]
    uncertain: list[CloseCall]
    expected_regret: float
    choice_count: int

    @property
    def keep_count(self) -> int:
        return sum(len(moment.asset_ids) for moment in self.moments)

    @property
    def moment_ids(self) -> list[UUID]:
        return [moment.moment_id for moment in self.moments]

    @property
    def kept_ids(self) -> list[list[UUID]]:
        return [moment.asset_ids for moment in self.moments]

    @property
    def reject_count(self) -> int:
        return len(self.rejected_ids)

    @property
    def untouched_count(self) -> int:
        return sum(left.count for left in self.untouched)


@stored
@dataclass(frozen=True, slots=True)
class AutoCulled:
    """What was done: photos picked and rejected that were not before, in one step that ``title`` names."""

    plan_hash: str
    title: str
    picked_count: int
    rejected_count: int


@operation(Perm.CULL_READ)
async def plan_auto_cull(tx: Tx, project_id: UUID, wish: AutoCullWish) -> AutoCullPlan:
    """What an automatic cull would do: which photos it would keep and reject, and how sure it is. Changes nothing.

    The best of each moment are kept, as suggested. A budget goes first to the best photo of every moment, then to
    whatever saves the most expected regret for a photo. Brackets, panoramas, focus stacks and timelapses are kept or
    rejected whole; copies are rejected; photos without a suggestion are left alone.
    """
    rules = wish.rules()
    await tx.enter(project_id)
    return (await _planned(tx, project_id, rules))[0]


@operation(Perm.CULL_APPLY, write=True)
async def apply_auto_cull(tx: Tx, project_id: UUID, wish: AutoCullWish, plan_hash: str) -> AutoCulled:
    """Do exactly what a plan said, as one step to undo: photos that are kept become picked, the others rejected.

    Raises Conflict ``plan_changed`` if the plan would be another one by now, and changes nothing. The ranker learns
    nothing from it, for these are its own guesses.
    """
    rules = wish.rules()
    await tx.enter(project_id)
    await cull_log.turn(tx)
    plan, wanted = await _planned(tx, project_id, rules)
    if plan.plan_hash != plan_hash:
        raise Conflict(
            "The project has changed since this was planned; nothing was done.",
            code="plan_changed",
            details={"planHash": plan.plan_hash},
            remediation=["Ask for the plan again, look at it, and apply that one."],
        )
    title = f"Auto-cull: keep {plan.keep_count:,}, reject {plan.reject_count:,}"
    done = await culling.apply(tx, project_id, wanted, kind=CullKind.AUTO_CULL, title=title, learnt=False)
    changed = set(done.ids)
    picked = sum(id_ in changed for moment in plan.moments for id_ in moment.asset_ids)
    return AutoCulled(plan_hash, title, picked, len(changed) - picked)


async def _planned(tx: Tx, project_id: UUID, rules: Rules) -> tuple[AutoCullPlan, dict[UUID, dict[str, bool | None]]]:
    """The plan, and what it wants said of each photo."""
    shoot = await cull_shoots.shoot(tx, project_id)
    made = await asyncio.to_thread(cull_plans.decide, shoot, rules)  # a tenth of a second for 20,000 photos
    left = [LeftAlone(reason, ids) for reason, ids in made.left.items() if ids]
    digest = _digest(f"{project_id} {tx.user_id} {rules}", made)
    wanted = _words(shoot.photos, {id_ for moment in made.kept for id_ in moment.asset_ids}, set(made.rejected))
    plan = AutoCullPlan(digest, made.kept, made.rejected, left, made.close_calls, made.expected_regret, made.choices)
    return plan, wanted


def _words(photos: Sequence[cull_plans.Photo], kept: set[UUID], rejected: set[UUID]) -> dict[UUID, dict[str, Any]]:
    """What is said of each photo; a word to the contrary is taken back."""
    wanted: dict[UUID, dict[str, bool | None]] = {}
    for photo in photos:
        if photo.id in kept:
            wanted[photo.id] = {"picked": True, **({"rejected": None} if photo.rejected else {})}
        elif photo.id in rejected:
            wanted[photo.id] = {"rejected": True, **({"picked": None} if photo.picked else {})}
    return wanted


def _digest(question: str, answer: Decisions) -> str:
    """The name of a plan: another question, or another word in the answer, and it is another one."""
    digest = hashlib.sha256(f"{question} {answer.expected_regret.hex()} {answer.choices}".encode())
    lists = [[moment.moment_id, *moment.asset_ids] for moment in answer.kept]
    lists += [answer.rejected, *answer.left.values()]
    lists += [[call.cluster_id, call.kept_id, call.rejected_id] for call in answer.close_calls]
    for ids in lists:
        digest.update(len(ids).to_bytes(4) + b"".join(id_.bytes for id_ in ids))
    digest.update(" ".join(call.probability.hex() for call in answer.close_calls).encode())
    return digest.hexdigest()[:32]
