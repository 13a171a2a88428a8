"""A project's photos in moments, bursts and duplicate groups."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np

from kilo_gql.domain import clustering, measuring
from kilo_gql.domain.clocks import applied
from kilo_gql.domain.grouping_facts import Facts, facts
from kilo_gql.domain.grouping_results import Moved, Result, write
from kilo_gql.jobs import JobType
from ml.descriptors import DescriptorTable
from ml.grouping.evidence import Level
from ml.grouping.grouping import group
from ml.grouping.result import Grouping
from ml.grouping.shots import Ints
from tasks.cluster_clocks import estimated
from tasks.cluster_decisions import decisions, steps, weights
from tasks.cluster_looks import Memory, Remembered, is_measured, refresh, table_of, tiles_of
from tasks.cluster_result import result_of
from tasks.cluster_shots import cameras_of, corrected, numbered, numbers_by_asset, shots_of
from tasks.kit import Kit
from tasks.registry import handles

#: How often a grouping starts again because somebody decided something meanwhile. Then it is left to the job that
#: the decision asked for.
_ATTEMPTS: Final = 3

#: What this process knows of the projects it grouped last.
_memory: Final = Memory()


@dataclass(frozen=True, slots=True)
class _Grouped:
    """What came out, and what the next grouping may take over."""

    result: Result
    grouping: Grouping | None


@handles(JobType.PROJECT_CLUSTER)
async def cluster(kit: Kit) -> None:
    """Group a project anew; photos in whose part of the shoot nothing changed are taken over from the last time."""
    assert kit.claim.project_id is not None
    for _ in range(_ATTEMPTS):
        with _uncollected():
            if await _attempt(kit, kit.claim.project_id, _memory):
                return
    async with kit.finish({"skipped": "decisions came faster than they were grouped"}) as tx:
        await clustering.follow(tx, kit.claim.project_id)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: it would look again and again through rows that are all needed to the end. With
    100,000 photos that is most of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def _attempt(kit: Kit, project_id: UUID, memory: Memory) -> bool:
    """Group and write; False: it does not hold any more."""
    kit.report(0.1, "reading")
    async with kit.read() as tx:
        known = await facts(tx, project_id)
    remembered = memory.take(project_id)
    photos, ids = numbered(known.photos)
    await refresh(kit, remembered, photos)
    kit.report(0.4, "grouping")
    table = table_of(kit, remembered, photos)
    grouped = await asyncio.to_thread(_grouped, known, photos, ids, table, remembered)
    kit.report(0.8, "writing")
    try:
        async with kit.finish(_counts(grouped.result)) as tx:
            await write(tx, known, grouped.result)
            if _unheard_of(known):
                await measuring.follow(tx, project_id)
    except Moved:
        return False
    finally:
        remembered.grouping = grouped.grouping
        memory.put(project_id, remembered)
    return True


def _grouped(
    known: Facts, photos: Sequence[Any], ids: Ints, table: DescriptorTable, remembered: Remembered
) -> _Grouped:
    """The grouping of ``photos``; their numbers ``ids`` and descriptors in ``table`` are in the same order."""
    cameras, numbers = cameras_of(photos), numbers_by_asset(photos, ids)
    measured = np.array([is_measured(photo) for photo in photos], np.bool_)
    by_own_clocks = shots_of(photos, ids, cameras)
    clocks = estimated(known.clocks, cameras, by_own_clocks, table, measured, remembered.clocks)
    shots = corrected(by_own_clocks, cameras, applied(clocks))
    log = steps(known, numbers)
    taught = weights(log, shots, table, remembered.scores)
    held = decisions(known, log, numbers)
    found = group(
        shots,
        table,
        tiles=tiles_of(remembered, photos),
        weights=taught,
        constraints=held.moments,
        bursts=held.bursts,
        copies=held.copies,
        previous=remembered.grouping,
    )
    threshold = taught.threshold if any(step.level is Level.MOMENT for step in log) else None
    return _Grouped(result_of(known, photos, shots, found, threshold, clocks), found)


def _counts(result: Result) -> Mapping[str, Any]:
    kinds = list(result.kinds.values())
    return {"photos": result.asset_count, **{kind.value: kinds.count(kind) for kind in dict.fromkeys(kinds)}}


def _unheard_of(known: Facts) -> bool:
    """Whether photos came that are not measured: those that were grouped before so were asked for then."""
    grouped = {member.asset_id for member in known.members}
    return any(not is_measured(photo) and photo.id not in grouped for photo in known.photos)
