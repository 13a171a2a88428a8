"""Suggestions: every open cluster ranked, once what it rests on is there, and again only when that has changed."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import delete, func, update

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import chips, ranking, suggestions
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import (
    Asset,
    AssetSignals,
    Band,
    Cluster,
    ClusterKind,
    ClusterMember,
    Job,
    JobStatus,
    Queue,
    Ranker,
    RankerState,
    Role,
    SetKind,
    Suggestion,
)
from ml.ranking.features import FEATURES_VERSION, NAMES
from ml.ranking.logit import Posterior
from ml.ranking.prior import GLOBAL
from tasks.kit import Kit
from tasks.rank import rank_batch
from tasks.ranking import everyones, own, stored, suggested
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.ranked import COLUMNS, GOOD, ROWS, Culled
from tests.support.shoot import Shoot
from tests.support.traces import told


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


async def ranked(shoot: Shoot) -> dict[str, Any]:
    """Rank the project; the job's result."""
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await suggestions.follow(tx, shoot.project_id)
        await tx.session.commit()
    assert await shoot.runner.run_next(Queue.CPU)
    job = (await shoot.jobs())[-1]
    assert (job.type, job.status) == ("project.rank", JobStatus.DONE), job.error
    return job.result or {}


async def execute(db: Database, statement: Any) -> None:
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.session.execute(statement)
        await tx.session.commit()


async def suggestions_told(culled: Culled) -> list[str]:
    """The events that say so, by name."""
    return [name for name, changed in await told(culled.db, culled.project.id) if changed == {"suggestion": True}]


async def own_ranker(make: Make, user: UserActor, **weights: float) -> Ranker:
    """A ranker that ranks, everyone's but for these weights."""
    mean = GLOBAL.mean.copy()
    for name, value in weights.items():
        mean[NAMES.index(name)] = value
    posterior = Posterior(mean, GLOBAL.precision * 4)
    row = Ranker(
        user_id=user.user_id, enabled=True, state=RankerState.ACTIVE, posterior=stored(posterior), temperature=1.0,
        picks=20, held_out=15, gain=0.1, features_version=FEATURES_VERSION, updated_at=make.db.house.clock(),
    )  # fmt: skip
    await make.rows(row)
    return row


def ids(*photos: Asset) -> list[UUID]:
    return [photo.id for photo in photos]


async def test_the_sharpest_frame_wins_and_says_why(culled: Culled, shoot: Shoot) -> None:
    a, b, c = photos = await culled.photos(3)
    moment = await culled.cluster(photos)
    await culled.measure(a, sharpness=0.7, subject_sharpness=0.7)
    await culled.measure(b, {9: 250}, sharpness=1.0, subject_sharpness=1.0)
    await culled.measure(c, {9: 50, 3: 101}, sharpness=0.9, subject_sharpness=0.9)
    assert await ranked(shoot) == {"suggestions": 1}
    [made] = await culled.rows(Suggestion)
    assert (made.cluster_id, made.user_id, made.asset_ids) == (moment.id, None, ids(b, c, a))
    assert made.band is Band.HIGH
    assert [chip["reason"] for chip in made.chips] == ["Sharpest frame", "Sharpest subject"]
    for chip in made.chips:
        # sharpness counts 1.6 nats for 0.08: against the mean of the others 0.1 + 0.2 / 2, against the second 0.1
        assert chip["margin"] == pytest.approx(1.6 * 0.1 / 0.08)
        assert chip["contribution"] == pytest.approx(1.6 * (1.25 - (0 - 2.5) / 2))
        assert chip["difference"] == pytest.approx(0.1)
        assert chip["best"] is True
        assert chip["personal"] is False
        row, column = divmod(9, COLUMNS)
        assert chip["tile"] == {
            "row": row, "column": column, "x": column / COLUMNS, "y": row / ROWS, "w": 1 / COLUMNS, "h": 1 / ROWS,
        }  # fmt: skip
        assert chip["reason"] == chips.words(chip)
    assert await suggestions_told(culled) == ["cluster.updated"]


async def test_what_is_stored_adds_up_to_the_score_difference(culled: Culled, shoot: Shoot) -> None:
    random = np.random.default_rng(20261121)
    for size in (2, 3, 5, 9):
        photos = await culled.photos(size)
        await culled.cluster(photos, ClusterKind.BURST if size % 2 else ClusterKind.MOMENT)
        for photo in photos:
            drawn: dict[str, Any] = {
                name: float(random.normal(0.5, 0.2)) for name in ("sharpness", "contrast", "brightness", "noise")
            }
            await culled.measure(photo, **drawn, tilt=None if random.random() < 0.3 else float(random.uniform(0, 9)))
    await ranked(shoot)
    found = await culled.rows(Suggestion)
    assert [len(made.asset_ids) for made in found] == [2, 3, 5, 9]
    for made in found:
        first, second, *_ = made.scores
        others = math.fsum(made.scores[1:]) / (len(made.scores) - 1)
        assert made.scores == sorted(made.scores, reverse=True)
        assert math.fsum(made.probabilities) == pytest.approx(1, abs=1e-12)
        assert math.fsum([made.rest, *(chip["contribution"] for chip in made.chips)]) == pytest.approx(
            first - others, abs=1e-12
        )
        assert math.fsum([made.rest_margin, *(chip["margin"] for chip in made.chips)]) == pytest.approx(
            first - second, abs=1e-12
        )


async def test_nothing_is_ranked_twice(culled: Culled, shoot: Shoot) -> None:
    first, second = await culled.photos(2), await culled.photos(2)
    await culled.cluster(first)
    changed = await culled.cluster(second)
    for photo in (*first, *second):
        await culled.measure(photo, sharpness=0.5 + photo.id.int % 7 / 10)
    assert await ranked(shoot) == {"suggestions": 2}
    before = {row.cluster_id: (row.id, row.made_at) for row in await culled.rows(Suggestion)}
    events = len(await suggestions_told(culled))
    assert await ranked(shoot) == {"suggestions": 0}
    [third] = await culled.photos(1)
    await culled.measure(third, sharpness=0.1)
    member = ClusterMember(
        project_id=culled.project.id, asset_id=third.id, kind=ClusterKind.MOMENT, cluster_id=changed.id, place=2,
        link_reasons=0,
    )  # fmt: skip
    await culled.make.rows(member)
    assert await ranked(shoot) == {"suggestions": 1}
    after = {row.cluster_id: row for row in await culled.rows(Suggestion)}
    assert {id_ for id_, row in after.items() if (row.id, row.made_at) != before[id_]} <= {changed.id}
    assert after[changed.id].asset_ids[-1] == third.id
    assert len(await suggestions_told(culled)) == events + 1


async def test_what_is_measured_anew_is_ranked_anew(culled: Culled, shoot: Shoot) -> None:
    """As when a RAW file is developed: the same version finds other numbers."""
    a, b = photos = await culled.photos(2)
    await culled.cluster(photos)
    await culled.measure(a, sharpness=0.9)
    await culled.measure(b, sharpness=0.8)
    await ranked(shoot)
    assert [row.asset_ids for row in await culled.rows(Suggestion)] == [ids(a, b)]
    later = culled.db.house.clock() + timedelta(seconds=1)
    anew = update(AssetSignals).where(AssetSignals.asset_id == a.id)
    await execute(culled.db, anew.values(signals={**GOOD, "sharpness": 0.5}, measured_at=later))
    assert await ranked(shoot) == {"suggestions": 1}
    assert [row.asset_ids for row in await culled.rows(Suggestion)] == [ids(b, a)]


async def test_a_cluster_waits_until_all_of_it_is_measured(culled: Culled, shoot: Shoot) -> None:
    a, b = photos = await culled.photos(2)
    await culled.cluster(photos)
    await culled.measure(a)
    assert await ranked(shoot) == {"suggestions": 0}
    await culled.measure(b, sharpness=0.2)
    assert await ranked(shoot) == {"suggestions": 1}
    await execute(culled.db, update(AssetSignals).where(AssetSignals.asset_id == b.id).values(signals_version=0))
    await ranked(shoot)
    assert await culled.rows(Suggestion) == []


async def test_kept_sets_singles_and_reviewed_clusters_are_left_alone(culled: Culled, shoot: Shoot) -> None:
    photos = await culled.photos(9)
    for photo in photos:
        await culled.measure(photo, sharpness=0.3 + 0.05 * photos.index(photo))
    moment = await culled.cluster(photos[:6])
    await culled.cluster(photos[:3], ClusterKind.BURST, parent_id=moment.id, kept_set=SetKind.BRACKET)
    burst = await culled.cluster(photos[3:5], ClusterKind.BURST, parent_id=moment.id)
    await culled.cluster(photos[6:7])
    await culled.cluster(photos[7:], reviewed_at=culled.db.house.clock())
    await ranked(shoot)
    made = {row.cluster_id: row.asset_ids for row in await culled.rows(Suggestion)}
    assert made == {
        moment.id: ids(*photos[5:2:-1]),  # what is no part of the bracket
        burst.id: ids(photos[4], photos[3]),
    }


async def test_only_originals_compete_and_copies_are_ordered_by_rule(culled: Culled, shoot: Shoot) -> None:
    small, large, raw = (
        (await culled.photos(1, width_px=600, height_px=400))[0],
        (await culled.photos(1, width_px=6000, height_px=4000))[0],
        (await culled.photos(1, width_px=6000, height_px=4000, format="cr3"))[0],
    )
    [other] = await culled.photos(1)
    for photo, sharpness in ((small, 0.5), (other, 0.8)):  # copies need no signals
        await culled.measure(photo, sharpness=sharpness)
    moment = await culled.cluster([small, large, raw, other])
    copies = await culled.cluster([small, large, raw], ClusterKind.DUPLICATE_GROUP, parent_id=moment.id)
    await ranked(shoot)
    made = {row.cluster_id: row for row in await culled.rows(Suggestion)}
    assert made[moment.id].asset_ids == ids(other, small)
    assert made[copies.id].asset_ids == ids(raw, large, small)
    assert (made[copies.id].band, made[copies.id].probabilities) == (Band.HIGH, [1.0, 0.0, 0.0])
    assert [chip["reason"] for chip in made[copies.id].chips] == ["The RAW file"]


async def test_what_is_in_the_trash_is_not_suggested(culled: Culled, shoot: Shoot) -> None:
    """It keeps its place in a cluster that a person has closed, and another file stands for its exposure."""
    now = culled.db.house.clock()
    [gone] = await culled.photos(1, trashed_at=now)
    photos = [gone, *await culled.photos(3)]
    for photo in photos:
        await culled.measure(photo, sharpness=0.9 - 0.1 * photos.index(photo))
    moment = await culled.cluster(photos, locked_at=now)
    copies = await culled.cluster(photos[:2], ClusterKind.DUPLICATE_GROUP, parent_id=moment.id, locked_at=now)
    await culled.suggest(copies, photos[:2], [1.0, 0.0])
    await ranked(shoot)
    made = {row.cluster_id: row.asset_ids for row in await culled.rows(Suggestion)}
    assert made == {moment.id: ids(*photos[1:])}


@pytest.mark.parametrize(
    ("sizes", "reason", "first"), [((400, 600), "Most pixels", 1), ((600, 600), "The first file", 0)]
)
async def test_more_pixels_come_first_and_then_the_earlier(
    culled: Culled, shoot: Shoot, sizes: tuple[int, int], reason: str, first: int
) -> None:
    photos = [(await culled.photos(1, width_px=width, height_px=400))[0] for width in sizes]
    await culled.cluster(photos, ClusterKind.DUPLICATE_GROUP)
    await ranked(shoot)
    [made] = await culled.rows(Suggestion)
    assert (made.asset_ids[0], [chip["reason"] for chip in made.chips]) == (photos[first].id, [reason])


async def test_the_place_in_a_burst_counts_in_bursts_alone(
    culled: Culled, shoot: Shoot, make: Make, ada: UserActor
) -> None:
    a, b = photos = await culled.photos(2)
    for photo in photos:
        await culled.measure(photo)
    moment = await culled.cluster(photos)
    burst = await culled.cluster(photos, ClusterKind.BURST, parent_id=moment.id)
    await own_ranker(make, ada, burst_position=2.0)
    await ranked(shoot)
    own = {row.cluster_id: row for row in await culled.rows(Suggestion, Suggestion.user_id == ada.user_id)}
    assert (own[moment.id].asset_ids, own[moment.id].scores) == (ids(a, b), [0.0, 0.0])
    assert own[burst.id].asset_ids == ids(b, a)
    assert [chip["reason"] for chip in own[burst.id].chips] == ["Your usual late pick"]


async def test_a_member_with_a_ranker_of_their_own_has_suggestions_of_their_own(
    culled: Culled, shoot: Shoot, make: Make, ada: UserActor
) -> None:
    bob, eve = await make.member(culled.project.id, Role.EDITOR), await make.user()
    bright, sharp = photos = await culled.photos(2)
    await culled.cluster(photos)
    await culled.measure(bright, brightness=1.0, sharpness=0.86)
    await culled.measure(sharp, brightness=0.0, sharpness=0.9)
    await own_ranker(make, bob, brightness=3.0)
    await own_ranker(make, eve, brightness=3.0)  # no member
    assert await ranked(shoot) == {"suggestions": 2}
    made = {row.user_id: row for row in await culled.rows(Suggestion)}
    assert {user: row.asset_ids[0] for user, row in made.items()} == {None: sharp.id, bob.user_id: bright.id}
    assert [chip["reason"] for chip in made[bob.user_id].chips] == ["Your usual brighter pick"]
    assert await suggestions_told(culled) == ["cluster.updated"]
    assert await ranked(shoot) == {"suggestions": 0}
    await execute(culled.db, update(Ranker).where(Ranker.user_id == bob.user_id).values(temperature=2.0))
    assert await ranked(shoot) == {"suggestions": 1}
    await execute(
        culled.db, update(Ranker).where(Ranker.user_id == bob.user_id).values(state=RankerState.OFF, posterior=None)
    )
    await ranked(shoot)
    assert [row.user_id for row in await culled.rows(Suggestion)] == [None]


async def test_clusters_that_changed_while_they_were_ranked_are_left_to_the_next_time(culled: Culled) -> None:
    sets = [await culled.photos(2) for _ in range(4)]
    gone, reviewed, smaller, same = clusters = [await culled.cluster(photos) for photos in sets]
    for photos in sets:
        for photo in photos:
            await culled.measure(photo)
    async with culled.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        contests = await ranking.contests(tx, [cluster.id for cluster in clusters])
        measured = await ranking.signals_of(tx, [photo.id for photos in sets for photo in photos])
    made = [each for contest in contests for each in suggested(contest, [everyones()], measured)]
    await execute(culled.db, delete(Cluster).where(Cluster.id == gone.id))
    await execute(culled.db, update(Cluster).where(Cluster.id == reviewed.id).values(reviewed_at=func.now()))
    await execute(culled.db, delete(ClusterMember).where(ClusterMember.asset_id == sets[2][1].id))
    async with culled.db.transaction(System("test"), Perm.SYSTEM) as tx:
        assert await ranking.write(tx, culled.project.id, contests, made, [(smaller.id, None)]) == 1
        await tx.session.commit()
    assert [row.cluster_id for row in await culled.rows(Suggestion)] == [same.id]


async def test_a_ranker_that_was_switched_off_meanwhile_suggests_nothing(
    culled: Culled, shoot: Shoot, make: Make, ada: UserActor, floor: Floor
) -> None:
    photos = await culled.photos(2)
    moment = await culled.cluster(photos)
    for photo in photos:
        await culled.measure(photo)
    mine = own(await own_ranker(make, ada, brightness=3.0))
    assert mine is not None
    await execute(culled.db, update(Ranker).values(state=RankerState.OFF, posterior=None))
    await floor.enqueue(NewJob(JobType.PROJECT_RANK, {}, culled.project.id))
    kit = Kit(shoot.runner.workshop, await floor.claimed())
    assert await rank_batch(kit, culled.project.id, [moment.id], [everyones(), mine]) == 1
    assert [row.user_id for row in await culled.rows(Suggestion)] == [None]


async def test_nothing_to_rank_is_no_failure(culled: Culled, shoot: Shoot) -> None:
    assert await ranked(shoot) == {"suggestions": 0}
    jobs = await culled.rows(Job)
    assert [job.status for job in jobs] == [JobStatus.DONE]
