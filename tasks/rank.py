"""Suggestions for a project's clusters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kilo_gql.db import Tx
from kilo_gql.domain import ranking as domain
from kilo_gql.domain.ranking import Contest, Made
from kilo_gql.jobs import JobType
from tasks.kit import Kit
from tasks.ranking import InUse, basis, everyones, own, suggested
from tasks.registry import handles


@handles(JobType.PROJECT_RANK)
async def rank(kit: Kit) -> None:
    """Suggest a winner for every cluster that nobody has reviewed, where what the suggestion rests on has changed.

    Everyone's ranker suggests to all, a member's own beside it to that member. One batch of clusters after the other is
    read, ranked off the event loop, and written.
    """
    project_id = kit.claim.project_id
    assert project_id is not None
    async with kit.read() as tx:
        batches = await domain.open_clusters(tx, project_id)
        rankers = await _rankers(tx, project_id)
    made = 0
    for number, clusters in enumerate(batches):
        kit.report(number / len(batches), "ranking")
        made += await rank_batch(kit, project_id, clusters, rankers)
    async with kit.finish({"suggestions": made}) as tx:
        users = [in_use.user_id for in_use in await _rankers(tx, project_id, lock=True) if in_use.user_id]
        await domain.forget_others(tx, project_id, users)


async def _rankers(tx: Tx, project_id: UUID, *, lock: bool = False) -> list[InUse]:
    rows = await domain.rankers_of(tx, project_id, lock=lock)
    return [everyones(), *(in_use for in_use in map(own, rows) if in_use is not None)]


async def rank_batch(kit: Kit, project_id: UUID, clusters: Sequence[UUID], rankers: Sequence[InUse]) -> int:
    """Rank these clusters of a project by these rankers, and write what is new; returns how many suggestions were."""
    async with kit.read() as tx:
        contests = await domain.contests(tx, clusters)
        wanted = {contest.cluster_id: _stale(contest, rankers) for contest in contests}
        ranked = [contest for contest in contests if wanted[contest.cluster_id]]
        measured = await domain.signals_of(tx, [frame.asset_id for contest in ranked for frame in contest.frames])
    made = await asyncio.to_thread(_suggestions, ranked, wanted, measured)
    gone = [(contest.cluster_id, user_id) for contest in contests for user_id in _groundless(contest, rankers)]
    if not made and not gone:
        return 0
    async with kit.write() as tx:
        digests = {in_use.user_id: in_use.digest for in_use in await _rankers(tx, project_id, lock=True)}
        valid = {in_use.user_id for in_use in rankers if digests.get(in_use.user_id) == in_use.digest}
        return await domain.write(tx, project_id, contests, [each for each in made if each.user_id in valid], gone)


def _stale(contest: Contest, rankers: Sequence[InUse]) -> list[InUse]:
    """Those whose suggestion is missing, or rests on something else."""
    now = {in_use.user_id: basis(contest, in_use) for in_use in rankers}
    return [each for each in rankers if now[each.user_id] not in (None, contest.bases.get(each.user_id))]


def _groundless(contest: Contest, rankers: Sequence[InUse]) -> list[UUID | None]:
    """Whose suggestion has nothing to rest on any more."""
    known = {in_use.user_id: in_use for in_use in rankers}
    return [user for user in contest.bases if user in known and basis(contest, known[user]) is None]


def _suggestions(
    contests: Sequence[Contest], wanted: Mapping[UUID, list[InUse]], measured: Mapping[UUID, Any]
) -> list[Made]:
    return [made for each in contests for made in suggested(each, wanted[each.cluster_id], measured)]
