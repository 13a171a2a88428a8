"""A photographer's own ranker, from their picks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import numpy as np

from kilo_gql.domain import learning as domain
from kilo_gql.domain.learning import Grounds, Lesson
from kilo_gql.domain.ranking import signals_of as signals_by_asset
from kilo_gql.jobs import JobType
from kilo_gql.models import ClusterKind, RankerState
from ml.ranking import features, personal
from ml.ranking.features import DIMENSIONS, FEATURES_VERSION
from ml.ranking.log import Basis, Pick
from ml.ranking.personal import Settings, State
from ml.signals import SIGNALS_VERSION
from tasks.kit import Kit
from tasks.ranking import signals_of, stored, values
from tasks.registry import handles

#: Picks whose frames are measured with one look at the database.
_BATCH: Final = 100
_FLOAT: Final = np.dtype("<f8")


@handles(JobType.RANKER_LEARN)
async def learn(kit: Kit) -> None:
    """Learn one user's ranker from their picks, as if for the first time; what they undid has never been."""
    async with kit.read() as tx:
        grounds = await domain.grounds(tx, UUID(kit.arguments["user_id"]))
    known = {pick.id: pick.values for pick in grounds.picks if pick.features_version == FEATURES_VERSION}
    unknown = [pick for pick in grounds.picks if pick.id not in known]
    for start in range(0, len(unknown), _BATCH):
        known |= await _measured(kit, grounds, unknown[start : start + _BATCH])
    lesson = await asyncio.to_thread(_lesson, grounds, known)
    async with kit.finish({"picks": lesson.picks, "state": lesson.state}) as tx:
        await domain.learnt(tx, grounds, lesson)


async def _measured(kit: Kit, grounds: Grounds, picks: Sequence[Any]) -> dict[UUID, bytes]:
    """The values of these picks' frames, kept from now on; picks are left out whose photos are gone or not measured."""
    async with kit.read() as tx:
        rows = await signals_by_asset(tx, sorted({id_ for pick in picks for id_ in pick.asset_ids}))
    found = {}
    for pick in picks:
        frames = [row for id_ in pick.asset_ids if (row := rows.get(id_)) and row.signals_version == SIGNALS_VERSION]
        if len(frames) == len(pick.asset_ids):
            measured = values([signals_of(row) for row in frames], burst=pick.kind is ClusterKind.BURST)
            found[pick.id] = measured.astype(_FLOAT).tobytes()
    if found:
        async with kit.write() as tx:
            await domain.keep_values(tx, grounds, FEATURES_VERSION, found)
    return found


def _lesson(grounds: Grounds, known: dict[UUID, bytes]) -> Lesson:
    reset_at = -math.inf if grounds.reset_at is None else grounds.reset_at.timestamp()
    picks = [_pick(row, known[row.id]) for row in grounds.picks if row.id in known]
    layer = personal.learn(picks, Settings(grounds.enabled, reset_at))
    active = layer.state is State.ACTIVE
    return Lesson(
        state=RankerState(layer.state),
        posterior=stored(layer.posterior) if active else None,
        temperature=layer.temperature if active else None,
        features_version=FEATURES_VERSION,
        picks=layer.picks,
        held_out=layer.held_out,
        gain=layer.gain,
    )


def _pick(row: Any, measured: bytes) -> Pick:
    frames = features.frames(np.frombuffer(measured, _FLOAT).reshape(-1, DIMENSIONS))
    place = {id_: number for number, id_ in enumerate(row.asset_ids)}
    return Pick(
        id=str(row.id),
        at=row.at.timestamp(),
        x=frames.x,
        picked=_rows(row.picked, place),
        rejected=_rows(row.rejected, place),
        basis=Basis(row.basis),
    )


def _rows(ids: Iterable[UUID], place: dict[UUID, int]) -> tuple[int, ...]:
    return tuple(place[id_] for id_ in ids)
