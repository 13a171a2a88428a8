"""A photographer's own ranker is what their picks in force make it, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import cluster_edits, consents, cull_undo, learning, rankers, ratings
from kilo_gql.domain.ratings import RatingChange
from kilo_gql.models import (
    Asset,
    AssetSignals,
    Cluster,
    Consent,
    ConsentPurpose,
    Job,
    JobStatus,
    Pick,
    PickBasis,
    Priority,
    Project,
    ProjectStatus,
    Queue,
    Ranker,
    RankerState,
    Role,
    Suggestion,
)
from kilo_gql.operations import Throat
from ml.ranking.features import FEATURES_VERSION
from ml.ranking.personal import ENOUGH
from tests.support.clock import Clock
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.shoot import Shoot
from tests.support.traces import told

PICK: dict[str, bool | None] = {"picked": True}
Pairs = list[tuple[Cluster, Asset, Asset]]


@pytest.fixture
async def ada(make: Make) -> UserActor:
    return await make.user()


@pytest.fixture
async def culled(db: Database, ada: UserActor) -> Culled:
    return await Culled.of(db, ada)


@pytest.fixture
async def shoot(db: Database, settings: Settings, culled: Culled, ada: UserActor) -> AsyncIterator[Shoot]:
    async with Shoot(db, settings, culled.project.id, ada) as opened:
        yield opened


async def learn(shoot: Shoot, user: UserActor) -> Ranker | None:
    """Learn a user's ranker now; their row, or None if there is none."""
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await learning.ask(tx, user.user_id, pause=None)
        await tx.session.execute(update(Job).where(Job.type == "ranker.learn").values(not_before=None))
        await tx.session.execute(
            update(Job).where(Job.type == "project.rank").values(not_before=tx.now + timedelta(days=1))
        )
        await tx.session.commit()
    assert await shoot.runner.run_next(Queue.CPU)
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        failed = await tx.scalars(select(Job.error).where(Job.type == "ranker.learn", Job.status == JobStatus.FAILED))
        assert list(failed) == []
        row: Ranker | None = await tx.scalar(select(Ranker).where(Ranker.user_id == user.user_id))
        return row


async def execute(db: Database, statement: Any) -> None:
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.session.execute(statement)
        await tx.session.commit()


async def brighter(culled: Culled, user: UserActor, pairs: Pairs) -> Any:
    """One action in which the brighter frame of each pair is picked."""
    return await culled.decide(user, {bright.id: PICK for _, _, bright in pairs})


def learnt(row: Ranker | None) -> dict[str, Any]:
    """All of a row but its timestamps."""
    assert row is not None
    columns = {column.name for column in Ranker.__table__.columns}
    return {name: getattr(row, name) for name in columns - {"learnt_at", "updated_at"}}


def weight(row: Ranker | None, feature: str) -> float:
    assert row is not None
    assert row.posterior is not None
    return float(row.posterior["mean"][row.posterior["features"].index(feature)])


async def test_it_speaks_from_twenty_picks_on(culled: Culled, shoot: Shoot, ada: UserActor) -> None:
    await culled.consent(ada)
    pairs = await culled.pairs(ENOUGH + 1)
    await brighter(culled, ada, pairs[: ENOUGH - 1])
    row = await learn(shoot, ada)
    assert row is not None
    assert (row.state, row.picks, row.posterior, row.temperature) == (RankerState.TOO_FEW, ENOUGH - 1, None, None)
    assert [job.type for job in await shoot.jobs()] == []
    await brighter(culled, ada, pairs[ENOUGH - 1 : ENOUGH])
    row = await learn(shoot, ada)
    assert row is not None
    assert (row.state, row.picks, row.held_out, row.features_version) == (
        RankerState.ACTIVE, ENOUGH, ENOUGH - 5, FEATURES_VERSION,
    )  # fmt: skip
    assert row.gain > 0
    assert weight(row, "brightness") > 0.5
    [rank] = await shoot.jobs()
    assert (rank.type, rank.priority, rank.not_before) == ("project.rank", Priority.BACKFILL, None)
    assert await shoot.runner.run_next(Queue.CPU)
    cluster, dark, bright = pairs[-1]
    made = {row.user_id: row.asset_ids for row in await culled.rows(Suggestion, Suggestion.cluster_id == cluster.id)}
    assert made == {None: [dark.id, bright.id], ada.user_id: [bright.id, dark.id]}


async def test_undoing_an_action_undoes_the_learning_to_the_bit(culled: Culled, shoot: Shoot, ada: UserActor) -> None:
    await culled.consent(ada)
    pairs = await culled.pairs(ENOUGH + 3)
    await brighter(culled, ada, pairs[:ENOUGH])
    before = learnt(await learn(shoot, ada))
    assert before["state"] is RankerState.ACTIVE
    action = await culled.decide(ada, {dark.id: PICK for _, dark, _ in pairs[ENOUGH - 2 :]})
    after = learnt(await learn(shoot, ada))
    assert after["picks"] == ENOUGH - 2 + 3  # of two pairs both frames are picked now: that tells nothing
    assert after["posterior"] != before["posterior"]
    await culled.undo(ada, action)
    assert learnt(await learn(shoot, ada)) == before
    await culled.redo(ada, action)
    assert learnt(await learn(shoot, ada)) == after


async def test_through_the_operations_of_a_person(culled: Culled, shoot: Shoot, ada: UserActor, throat: Throat) -> None:
    await throat.execute(ada, consents.set_consent, ConsentPurpose.PERSONAL_RANKING, True)
    pairs = await culled.pairs(ENOUGH + 1)
    project_id, picked = culled.project.id, RatingChange(picked=True)
    await throat.execute(ada, ratings.rate_assets, project_id, [b.id for _, _, b in pairs[:ENOUGH]], picked)
    before = learnt(await learn(shoot, ada))
    assert (before["state"], before["picks"]) == (RankerState.ACTIVE, ENOUGH)
    cluster, dark, _ = pairs[ENOUGH]
    await throat.execute(ada, cluster_edits.set_winner, cluster.id, dark.id)
    after = learnt(await learn(shoot, ada))
    assert (after["picks"], after["posterior"] != before["posterior"]) == (ENOUGH + 1, True)
    await throat.execute(ada, cull_undo.undo_cull, project_id)
    assert learnt(await learn(shoot, ada)) == before
    await throat.execute(ada, cull_undo.redo_cull, project_id)
    assert learnt(await learn(shoot, ada)) == after
    shown = (await throat.execute(ada, rankers.get_ranker)).value
    assert (shown.weights[0].feature, shown.weights[0].words) == ("brightness", "You prefer brighter")
    await throat.execute(ada, rankers.reset_ranker)
    assert learnt(await learn(shoot, ada))["picks"] == 0


async def test_of_a_cluster_the_latest_pick_counts_alone(culled: Culled, shoot: Shoot, ada: UserActor) -> None:
    await culled.consent(ada)
    pairs = await culled.pairs(ENOUGH)
    await culled.decide(ada, {dark.id: PICK for _, dark, _ in pairs})
    await culled.decide(ada, {dark.id: {"picked": None} for _, dark, _ in pairs} | {pairs[0][2].id: PICK})
    row = await learn(shoot, ada)
    assert row is not None
    assert (row.state, row.picks) == (RankerState.TOO_FEW, 1)
    await brighter(culled, ada, pairs)
    assert weight(await learn(shoot, ada), "brightness") > 0.5


async def test_only_picks_made_with_leave_are_learnt_from(
    culled: Culled, shoot: Shoot, ada: UserActor, clock: Clock
) -> None:
    pairs = await culled.pairs(ENOUGH + 10)
    await brighter(culled, ada, pairs[:5])
    clock.advance(60)
    await culled.make.rows(
        Consent(user_id=ada.user_id, purpose="personal_ranking", granted_at=clock(), revoked_at=None)
    )
    await brighter(culled, ada, pairs[5 : ENOUGH + 5])
    clock.advance(60)
    await execute(culled.db, update(Consent).values(revoked_at=clock()))
    await brighter(culled, ada, pairs[ENOUGH + 5 :])
    row = await learn(shoot, ada)
    assert row is not None
    assert row.picks == 0
    clock.advance(60)
    await culled.make.rows(
        Consent(user_id=ada.user_id, purpose="personal_ranking", granted_at=clock(), revoked_at=None)
    )
    row = await learn(shoot, ada)
    assert row is not None
    assert (row.state, row.picks) == (RankerState.ACTIVE, ENOUGH)


async def test_a_taste_outlives_the_photos(culled: Culled, shoot: Shoot, ada: UserActor) -> None:
    await culled.consent(ada)
    pairs = await culled.pairs(ENOUGH)
    await brighter(culled, ada, pairs)
    before = learnt(await learn(shoot, ada))
    kept = await culled.rows(Pick)
    assert {pick.features_version for pick in kept} == {FEATURES_VERSION}
    assert {len(pick.values) for pick in kept} == {2 * 24 * 8}
    await execute(culled.db, delete(Cluster))
    await execute(culled.db, delete(Asset))
    assert learnt(await learn(shoot, ada)) == before


async def test_nothing_is_kept_of_picks_that_are_forgotten(
    culled: Culled, shoot: Shoot, ada: UserActor, throat: Throat, clock: Clock
) -> None:
    await culled.consent(ada)
    pairs = await culled.pairs(3)
    await brighter(culled, ada, pairs[:2])
    clock.advance(1)
    await throat.execute(ada, rankers.reset_ranker)
    clock.advance(1)
    await brighter(culled, ada, pairs[2:])
    await learn(shoot, ada)
    assert [pick.values is None for pick in await culled.rows(Pick)] == [True, True, False]


@pytest.mark.parametrize("change", ["revoked", "reset"])
async def test_nothing_is_kept_for_one_who_says_no_while_picks_are_measured(
    culled: Culled, ada: UserActor, throat: Throat, change: str
) -> None:
    await culled.consent(ada)
    await brighter(culled, ada, await culled.pairs(1))
    grounds = await grounds_of(culled, ada)
    if change == "reset":
        await throat.execute(ada, rankers.reset_ranker)
    else:
        await throat.execute(ada, consents.set_consent, ConsentPurpose.PERSONAL_RANKING, False)
    async with culled.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await learning.keep_values(tx, grounds, FEATURES_VERSION, {grounds.picks[0].id: b"measured"})
        await tx.session.commit()
    assert [(pick.values, pick.features_version) for pick in await culled.rows(Pick)] == [(None, None)]


async def test_a_screen_is_told_when_everyones_ranker_ranks_again(
    culled: Culled, ada: UserActor, make: Make, throat: Throat
) -> None:
    [(cluster, dark, bright)] = await culled.pairs(1)
    bob = await make.member(culled.project.id, Role.EDITOR)
    for user in (ada, bob):
        await culled.suggest(cluster, [bright, dark], [0.5, 0.5], user_id=user.user_id)
    await throat.execute(ada, rankers.set_ranker_enabled, False)
    assert [row.user_id for row in await culled.rows(Suggestion)] == [bob.user_id]
    assert await told(culled.db, culled.project.id) == [("cluster.updated", {"suggestion": True})]


async def test_what_is_not_measured_is_left_out_until_it_is(culled: Culled, shoot: Shoot, ada: UserActor) -> None:
    await culled.consent(ada)
    pairs = await culled.pairs(ENOUGH)
    await brighter(culled, ada, pairs)
    photo = pairs[0][1].id
    await execute(culled.db, update(AssetSignals).where(AssetSignals.asset_id == photo).values(signals_version=0))
    row = await learn(shoot, ada)
    assert row is not None
    assert (row.state, row.picks) == (RankerState.TOO_FEW, ENOUGH - 1)
    await execute(culled.db, update(AssetSignals).values(signals_version=1))
    await execute(culled.db, update(Pick).values(features_version=0, values=b"of another version"))
    row = await learn(shoot, ada)
    assert row is not None
    assert (row.state, row.picks) == (RankerState.ACTIVE, ENOUGH)


async def test_a_sweep_is_no_comparison(culled: Culled, shoot: Shoot, ada: UserActor) -> None:
    await culled.consent(ada)
    photos = await culled.photos(learning.MOST_FRAMES + 1)
    await culled.cluster(photos)
    for photo in photos:
        await culled.measure(photo)
    await culled.decide(ada, {photo.id: PICK for photo in photos[:50]})
    row = await learn(shoot, ada)
    assert row is not None
    assert row.picks == 0


async def test_an_accepted_suggestion_tells_less(culled: Culled, shoot: Shoot, ada: UserActor) -> None:
    await culled.consent(ada)
    pairs = await culled.pairs(ENOUGH + 5)
    await brighter(culled, ada, pairs)
    unprompted = weight(await learn(shoot, ada), "brightness")
    await execute(culled.db, update(Pick).values(basis=PickBasis.ACCEPTED))
    assert 0 < weight(await learn(shoot, ada), "brightness") < unprompted


@pytest.mark.parametrize("basis", [PickBasis.OVERRIDE, PickBasis.CLIENT])
async def test_what_was_taken_from_a_client_tells_as_much_as_ones_own(
    culled: Culled, shoot: Shoot, ada: UserActor, basis: PickBasis
) -> None:
    await culled.consent(ada)
    await brighter(culled, ada, await culled.pairs(ENOUGH))
    own = learnt(await learn(shoot, ada))
    await execute(culled.db, update(Pick).values(basis=basis))
    assert learnt(await learn(shoot, ada)) == own
    jobs = await culled.rows(Job, Job.type == "ranker.learn")
    assert [(job.status, job.error) for job in jobs] == [(JobStatus.DONE, None)] * 2


async def grounds_of(culled: Culled, user: UserActor) -> learning.Grounds:
    async with culled.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return await learning.grounds(tx, user.user_id)


def lesson(**columns: Any) -> learning.Lesson:
    values = {
        "state": RankerState.ACTIVE, "posterior": {"mean": [1.0]}, "temperature": 1.0, "features_version": 1,
        "picks": 20, "held_out": 15, "gain": 0.5,
    }  # fmt: skip
    return learning.Lesson(**{**values, **columns})


async def teach(culled: Culled, grounds: learning.Grounds, what: learning.Lesson) -> list[str]:
    """What else is asked for."""
    async with culled.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await learning.learnt(tx, grounds, what)
        await tx.session.commit()
    return [job.type for job in await culled.rows(Job, Job.status == JobStatus.QUEUED)]


@pytest.mark.parametrize("change", ["revoked", "switched_off", "reset"])
async def test_what_was_decided_while_it_was_learnt_counts(
    culled: Culled, ada: UserActor, clock: Clock, change: str
) -> None:
    await culled.consent(ada)
    await teach(culled, await grounds_of(culled, ada), lesson(state=RankerState.TOO_FEW, posterior=None))
    [before] = await culled.rows(Ranker)
    grounds = await grounds_of(culled, ada)
    statement = {
        "revoked": update(Consent).values(revoked_at=clock()),
        "switched_off": update(Ranker).values(enabled=False),
        "reset": update(Ranker).values(reset_at=clock()),
    }[change]
    await execute(culled.db, statement)
    asked = await teach(culled, grounds, lesson())
    assert asked == ([] if change == "revoked" else ["ranker.learn"])
    [after] = await culled.rows(Ranker)
    assert (after.state, after.posterior, after.learnt_at) == (before.state, None, before.learnt_at)


async def test_an_older_lesson_does_not_replace_a_newer(culled: Culled, ada: UserActor, clock: Clock) -> None:
    await culled.consent(ada)
    older = await grounds_of(culled, ada)
    clock.advance(1)
    await teach(culled, await grounds_of(culled, ada), lesson(picks=25))
    await teach(culled, older, lesson(picks=24))
    assert [row.picks for row in await culled.rows(Ranker)] == [25]


async def test_a_ranker_that_is_no_better_any_more_takes_its_suggestions_along(
    culled: Culled, ada: UserActor, clock: Clock
) -> None:
    await culled.consent(ada)
    [(cluster, dark, bright)] = await culled.pairs(1)
    await teach(culled, await grounds_of(culled, ada), lesson())
    await culled.suggest(cluster, [dark, bright], [0.5, 0.5])
    await culled.suggest(cluster, [bright, dark], [0.5, 0.5], user_id=ada.user_id)
    await teach(culled, await grounds_of(culled, ada), lesson(state=RankerState.NOT_BETTER, posterior=None))
    assert [row.user_id for row in await culled.rows(Suggestion)] == [None]


async def test_projects_with_something_left_to_suggest_are_ranked_anew(
    culled: Culled, ada: UserActor, make: Make, clock: Clock
) -> None:
    await culled.consent(ada)
    elsewhere, done, empty, archived, others = [await Culled.of(culled.db, ada) for _ in range(4)] + [
        await Culled.of(culled.db, await make.user())
    ]
    shared = await Culled.of(culled.db, await make.user())
    await make.member(shared.project.id, Role.VIEWER, ada)
    pairs = {each.project.id: (await each.pairs(1))[0] for each in (culled, elsewhere, done, archived, others, shared)}
    await execute(
        culled.db, update(Cluster).where(Cluster.id == pairs[done.project.id][0].id).values(reviewed_at=clock())
    )
    archive = update(Project).where(Project.id == archived.project.id)
    await execute(culled.db, archive.values(status=ProjectStatus.ARCHIVED))
    await brighter(culled, ada, [pairs[culled.project.id]])
    assert await teach(culled, await grounds_of(culled, ada), lesson()) == ["ranker.learn", *["project.rank"] * 3]
    assert empty.project.id not in pairs
    assert await pauses(culled) == {culled.project.id: None, elsewhere.project.id: 300, shared.project.id: 300}
    await teach(culled, await grounds_of(culled, ada), lesson())  # nothing moved
    await execute(culled.db, delete(Job).where(Job.type == "project.rank"))
    await teach(culled, await grounds_of(culled, ada), lesson(posterior={"mean": [2.0]}))
    assert await pauses(culled) == {culled.project.id: 10, elsewhere.project.id: 300, shared.project.id: 300}


async def pauses(culled: Culled) -> dict[Any, float | None]:
    """By project: in how many seconds it is ranked."""
    jobs: Sequence[Job] = await culled.rows(Job, Job.type == "project.rank")
    now = culled.db.house.clock()
    return {job.project_id: None if job.not_before is None else (job.not_before - now).total_seconds() for job in jobs}
