"""Undo and redo return exactly to any earlier state, learning included, whatever was done in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from kilo_gql.access import UserActor
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import cluster_edits, cull_undo, culling
from kilo_gql.domain.cluster_edits import ClusterChange, Move
from kilo_gql.domain.culling import CullWish
from kilo_gql.domain.rating_changes import RatingChange
from kilo_gql.domain.ratings import rate_asset
from kilo_gql.errors import KiloError
from kilo_gql.models import Asset, Band, Cluster, ClusterKind, Project, Role
from kilo_gql.operations import Throat
from ml.evaluation.shoots import Plan
from tests.ml_grouping.conftest import Described, described, places
from tests.support.clock import Clock
from tests.support.cull_states import State, state, steps
from tests.support.grouped import Darkroom, snaps
from tests.support.layouts import Layout
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.shoot import Shoot

__all__ = ["described", "places"]

SEEDS = range(4)
MOVES = 60
LINE = "ab(cde[fg]) | h(i[jkl]) | [mn] | (opq)(rs)t | u"

Group = Callable[[], Awaitable[Any]]


class Walk:
    """One person's way through a project: random steps, some of them undone and redone, each state remembered."""

    def __init__(self, throat: Throat, clock: Clock, who: UserActor, project: Project, seed: int) -> None:
        self.throat, self.clock, self.who, self.project = throat, clock, who, project
        self.draw, self.db = random.Random(seed), throat.db
        self.assets: list[UUID] = []

    async def run(self, operation: Any, *arguments: Any) -> Any:
        return (await self.throat.execute(self.who, operation, *arguments)).value

    async def state(self) -> State:
        return await state(self.db, self.project.id)

    async def clusters(self, kind: ClusterKind | None = None) -> list[tuple[UUID, ClusterKind, list[UUID]]]:
        """Those that are not closed come first in their kind: most steps shall succeed."""
        found = await self.state()
        inside: dict[UUID, list[UUID]] = {}
        for member in found["cluster_members"]:
            inside.setdefault(member["cluster_id"], []).append(member["asset_id"])
        rows = [(row["id"], row["kind"], inside[row["id"]]) for row in found["clusters"]]
        return [row for row in rows if kind is None or row[1] is kind]

    async def step(self) -> None:
        """Something random. What is refused changes nothing."""
        words = [self._rate, self._rate, self._batch, self._winner, self._flags, self._reject]
        chosen = self.draw.choice([*words, self._split, self._split, self._merge, self._move])
        self.clock.advance(self.draw.random())
        before = await self.state()
        try:
            await chosen()
        except KiloError as error:
            assert error.code in ("cluster_locked", "bad_request", "not_found"), error.code  # noqa: PT017
            assert await self.state() == before

    def _wish(self) -> RatingChange:
        names = self.draw.sample(["picked", "rejected", "starred"], self.draw.randint(0, 2))
        wish: dict[str, Any] = {name: self.draw.choice([True, False, None]) for name in names}
        return RatingChange(**wish, rating=self.draw.choice([None, 1, 5]))

    async def _rate(self) -> None:
        await self.run(rate_asset, self.draw.choice(self.assets), self._wish())

    async def _batch(self) -> None:
        chosen = self.draw.sample(self.assets, self.draw.randint(1, 8))
        actions = [CullWish([id_], self._wish()) for id_ in chosen]
        await self.run(culling.apply_cull_action, self.project.id, actions)

    async def _winner(self) -> None:
        id_, _, inside = self.draw.choice(await self.clusters())
        flags = self.draw.random() < 0.7, self.draw.random() < 0.3
        await self.run(cluster_edits.set_winner, id_, self.draw.choice([*inside, None]), *flags)

    async def _flags(self) -> None:
        id_, _, _ = self.draw.choice(await self.clusters())
        names = self.draw.sample(["title", "reviewed", "locked"], self.draw.randint(1, 3))
        wish: dict[str, Any] = {name: self.draw.random() < 0.4 for name in names}
        if "title" in wish:
            wish["title"] = self.draw.choice([None, "One", "Two"])
        await self.run(cluster_edits.update_cluster, id_, ClusterChange(**wish))

    async def _reject(self) -> None:
        id_, _, _ = self.draw.choice(await self.clusters())
        await self.run(cluster_edits.reject_cluster, id_)

    async def _split(self) -> None:
        id_, _, inside = self.draw.choice([row for row in await self.clusters() if len(row[2]) > 1])
        taken = self.draw.sample(inside, self.draw.randint(1, len(inside) - 1))
        change = ClusterChange(split=taken, reviewed=False, locked=False)
        await self.run(cluster_edits.update_cluster, id_, change)

    async def _merge(self) -> None:
        found = await self.clusters(self.draw.choice(list(ClusterKind)))
        if len(found) > 1:
            chosen = self.draw.sample(found, min(len(found), self.draw.randint(2, 3)))
            await self.run(cluster_edits.merge_clusters, [row[0] for row in chosen])

    async def _move(self) -> None:
        found = await self.clusters(self.draw.choice(list(ClusterKind)))
        if len(found) > 1:
            source, target = self.draw.sample(found, 2)
            taken = self.draw.sample(source[2], self.draw.randint(1, len(source[2])))
            change = ClusterChange(move=Move(taken, target[0]), reviewed=False, locked=False)
            await self.run(cluster_edits.update_cluster, source[0], change)


async def wander(walk: Walk, moves: int, seen: Callable[[], Awaitable[Any]], *, alone: bool = True) -> list[int]:
    """Do, undo and redo at random; ``seen`` is the state that must come back. How often each was done.

    ``alone``: nothing else changes clusters meanwhile, so that no turn may leave any as it is.
    """
    project_id, states, at, counts = walk.project.id, [await seen()], 0, [0, 0, 0]
    for _ in range(moves):
        turn = walk.draw.random()
        if turn < 0.45:
            before = await steps(walk.db, project_id)
            await walk.step()
            now = await seen()
            if await steps(walk.db, project_id) == before:
                assert now == states[at]
                continue
            assert now != states[at]
            at, states = at + 1, [*states[: at + 1], now]
            counts[0] += 1
        elif turn < 0.75:
            at = await _turned(walk, cull_undo.undo_cull, states, at, -1, seen, alone)
            counts[1] += 1
        else:
            at = await _turned(walk, cull_undo.redo_cull, states, at, 1, seen, alone)
            counts[2] += 1
    while at:
        at = await _turned(walk, cull_undo.undo_cull, states, at, -1, seen, alone)
    while at < len(states) - 1:
        at = await _turned(walk, cull_undo.redo_cull, states, at, 1, seen, alone)
    return counts


async def _turned(
    walk: Walk, operation: Any, states: list[Any], at: int, by: int, seen: Callable[[], Awaitable[Any]], alone: bool
) -> int:
    """Undo or redo once, and be where one was then; returns the place in ``states``."""
    if not 0 <= at + by < len(states):
        with pytest.raises(KiloError, match="nothing to"):
            await walk.run(operation, walk.project.id)
        return at
    turned = await walk.run(operation, walk.project.id)
    assert (turned.kept_asset_ids, turned.kept_cluster_ids if alone else []) == ([], [])
    assert (turned.can_undo, turned.can_redo) == (at + by > 0, at + by < len(states) - 1)
    assert await seen() == states[at + by]
    return at + by


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_earlier_state_comes_back(throat: Throat, clock: Clock, make: Make, seed: int) -> None:
    ada = await make.user()
    project = await make.project(ada)
    layout = await Layout.laid(make.db, project, LINE)
    culled = Culled(make.db, project)
    await culled.consent(ada)
    walk = Walk(throat, clock, ada, project, seed)
    walk.assets = list(layout.ids.values())
    for id_, _, inside in await walk.clusters():
        order = walk.draw.sample(inside, len(inside))
        odds = [0.7, *[0.3 / (len(order) - 1)] * (len(order) - 1)] if len(order) > 1 else [1.0]
        await culled.suggest(Cluster(id=id_), [Asset(id=one) for one in order], odds, band=walk.draw.choice(list(Band)))

    async def seen() -> State:
        await layout.line()  # what contradicts itself fails
        return await walk.state()

    counts = await wander(walk, MOVES, seen)
    assert min(counts) > 5


async def test_two_hands_at_once(throat: Throat, make: Make) -> None:
    """One person's calls are logged in the order they happened in, so that each goes back to the one before."""
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "ab")
    wishes = [RatingChange(rating=number % 5 + 1, starred=number % 2 == 0) for number in range(10)]
    await asyncio.gather(*(throat.execute(ada, rate_asset, layout.ids["a"], wish) for wish in wishes))
    assert await steps(make.db, layout.project.id) == 10
    ratings = [(await state(make.db, layout.project.id))["ratings"]]
    for _ in wishes:
        turned = (await throat.execute(ada, cull_undo.undo_cull, layout.project.id)).value
        assert turned.kept_asset_ids == []
        ratings.append((await state(make.db, layout.project.id))["ratings"])
    assert ratings[-1] == []
    assert all(one != other for one, other in pairwise(ratings))


async def test_two_people_at_once(throat: Throat, make: Make) -> None:
    """Whoever comes second finds what the first one made of it."""
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "abcdef")
    people = [ada, await make.member(layout.project.id, Role.EDITOR)]
    moment = await layout.of("abcdef")
    splits = [(people[n % 2], layout[names]) for n, names in enumerate(("bc", "cd", "de", "f", "ef"))]
    calls = (throat.execute(who, cluster_edits.split_cluster, moment, taken) for who, taken in splits)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    done = [answer for answer in answers if not isinstance(answer, BaseException)]
    refused = [answer for answer in answers if isinstance(answer, KiloError)]
    assert len(done) + len(refused) == 5
    assert {error.code for error in refused} == {"not_in_cluster"}
    assert len((await layout.line()).split(" | ")) == 1 + len(done)


# --- with groupings in between ---------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def darkroom(db: Database, settings: Settings, make: Make) -> AsyncIterator[Darkroom]:
    owner = await make.user()
    project = await make.project(owner)
    async with Shoot(db, settings, project.id, owner) as shoot:
        yield Darkroom(db, shoot.runner)


@pytest.mark.parametrize("seed", [1])
async def test_so_it_does_if_the_project_is_grouped_in_between(
    throat: Throat,
    clock: Clock,
    make: Make,
    darkroom: Darkroom,
    described: Callable[[int, Plan], Described],
    seed: int,
) -> None:
    """A grouping may name clusters anew; what is in which, and what was decided about it, comes back."""
    plan = Plan(moments=5, moment_gap_s=900, brackets=1, copies=0.2)
    made = described(seed, plan)
    ada = await make.user()
    project = await make.project(ada)
    ids = await darkroom.put(project, snaps(made.shoot.shots, made.packed, made.shoot.tiles))
    await darkroom.group(project.id)
    walk = Walk(throat, clock, ada, project, seed)
    walk.assets = list(ids.values())

    async def seen() -> Any:
        at_once = _shape(await walk.state())
        await darkroom.group(project.id)
        grouped = _shape(await walk.state())
        assert _closed(at_once).items() <= _closed(grouped).items()
        assert [held for held in map(_held(grouped), grouped["decisions"][-1:]) if not held] == []
        return grouped

    counts = await wander(walk, 24, seen, alone=False)
    assert min(counts) > 2


def _shape(found: State) -> Any:
    """Clusters by what is in them, and all that was said of them and of photos, whatever they are called."""
    inside: dict[UUID, list[UUID]] = {}
    for member in found["cluster_members"]:
        inside.setdefault(member["cluster_id"], []).append(member["asset_id"])
    names = ("title", "winner_asset_id", "winner_by", "reviewed_at", "reviewed_by", "locked_at", "kept_set")
    clusters = {
        (row["kind"].value, *sorted(inside[row["id"]])): {name: row[name] for name in names}
        for row in found["clusters"]
    }
    picks = [{name: pick[name] for name in ("id", "picked", "rejected")} for pick in found["picks"]]
    return {"clusters": clusters, "ratings": found["ratings"], "decisions": found["decisions"], "picks": picks}


def _closed(shape: Any) -> dict[Any, Any]:
    """The clusters that a person has closed, with what people decided about them."""
    closed = {key: row for key, row in shape["clusters"].items() if row["reviewed_at"] or row["locked_at"]}
    return {key: tuple(row[name] for name in row if name != "kept_set") for key, row in closed.items()}


def _held(shape: Any) -> Callable[[Any], bool]:
    """Does a decision hold: are its parts together, and apart?"""

    def holds(row: Any) -> bool:
        said = row["decision"]
        parts = said.get("parts") or [[*said.get("target", ()), *said["ids"]], said.get("rest", [])]
        exposure, at = _places(shape, "duplicate_group"), _places(shape, said["kind"])
        # files of one exposure are no burst, but together all the same
        found = [{at.get(id_, exposure.get(id_, id_)) for id_ in part} for part in parts if part]
        return all(len(place) == 1 for place in found) and len(set().union(*found)) == len(found)

    return holds


def _places(shape: Any, kind: str) -> dict[str, Any]:
    """The cluster of each photo."""
    return {str(id_): key for key in shape["clusters"] if key[0] == kind for id_ in key[1:]}
