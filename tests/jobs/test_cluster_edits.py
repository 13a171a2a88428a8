"""What people do to clusters, and the grouping that follows: it comes to the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from kilo_gql.access import UserActor
from kilo_gql.domain.cluster_edits import lock_cluster, merge_clusters, move_assets, split_cluster
from kilo_gql.domain.cull_undo import undo_cull
from kilo_gql.errors import KiloError
from kilo_gql.models import ClusterKind, Project
from kilo_gql.operations import Throat
from ml.evaluation.shoots import Plan
from tests.jobs.test_cluster import PLAN, darkroom, memory
from tests.ml_grouping.conftest import Described, described, places
from tests.support.grouped import Darkroom, snaps
from tests.support.make import Make

__all__ = ["darkroom", "described", "memory", "places"]

Layout = dict[ClusterKind, dict[UUID, set[UUID]]]


async def layout(darkroom: Darkroom, project: Project) -> Layout:
    found: Layout = {}
    for kind in ClusterKind:
        parts = await darkroom.partition(project.id, kind)
        found[kind] = {id_: set(part) for id_, part in parts.items()}
    return found


async def edit(throat: Throat, ada: UserActor, chance: random.Random, now: Layout) -> list[UUID]:
    """Something that somebody might do; the clusters that it left."""
    kind = chance.choice([kind for kind in ClusterKind if now[kind]])
    clusters = now[kind]
    one, other = (chance.choice(list(clusters)) for _ in range(2))
    some = chance.sample(sorted(clusters[one]), max(1, len(clusters[one]) // 2))
    calls: list[Callable[[], Any]] = [
        lambda: throat.execute(ada, split_cluster, one, some),
        lambda: throat.execute(ada, merge_clusters, [one, other]),
        lambda: throat.execute(ada, move_assets, one, some, other),
        lambda: throat.execute(ada, lock_cluster, one),
    ]
    [call] = chance.choices(calls, [4, 2, 4, 1])
    try:
        rows = (await call()).value
    except KiloError:  # it is closed, or there is nothing to take apart
        return []
    return [row.id for row in (rows if isinstance(rows, list) else [rows])]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_next_grouping_comes_to_the_same(
    darkroom: Darkroom, make: Make, throat: Throat, described: Callable[[int, Plan], Described], seed: int
) -> None:
    chance, ada, made = random.Random(seed), await make.user(), described(5, PLAN)
    project = await make.project(ada)
    await darkroom.put(project, snaps(made.shoot.shots, made.packed, made.shoot.tiles))
    await darkroom.group(project.id)
    first = await layout(darkroom, project)
    edits = 0
    for _ in range(12):
        left = await edit(throat, ada, chance, await layout(darkroom, project))
        edits += bool(left)
        before = await layout(darkroom, project)
        await darkroom.group(project.id)
        after = await layout(darkroom, project)
        for kind in ClusterKind:
            for id_ in set(left) & before[kind].keys():
                assert before[kind][id_] <= after[kind].get(id_, set()), (kind, id_)
    assert edits >= 6
    while (await throat.execute(ada, undo_cull, project.id)).value.can_undo:
        pass
    await darkroom.group(project.id)
    names = {kind: {frozenset(part) for part in parts.values()} for kind, parts in first.items()}
    now = await layout(darkroom, project)
    assert {kind: {frozenset(part) for part in parts.values()} for kind, parts in now.items()} == names
