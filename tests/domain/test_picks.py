"""Picks: what is recorded of a decision, beside what was suggested at the time."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, text

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.models import Asset, Band, Cluster, ClusterKind, Job, Pick, PickBasis, Role, SetKind
from tests.support.clock import Clock
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.statements import statements

PICK: dict[str, bool | None] = {"picked": True}
REJECT: dict[str, bool | None] = {"rejected": True}
NOTHING: dict[str, bool | None] = {"picked": None}


@pytest.fixture
async def ada(make: Make) -> UserActor:
    return await make.user()


@pytest.fixture
async def culled(db: Database, ada: UserActor) -> Culled:
    return await Culled.of(db, ada)


def ids(*photos: Asset) -> list[UUID]:
    return [photo.id for photo in photos]


async def picks_of(culled: Culled, *conditions: Any) -> list[Pick]:
    return await culled.rows(Pick, *conditions)


def shown(pick: Pick) -> tuple[Any, ...]:
    return pick.basis, pick.suggested_asset_id, pick.band, pick.place, pick.regret


async def test_a_pick_within_a_moment(culled: Culled, ada: UserActor) -> None:
    a, b, c = photos = await culled.photos(3)
    moment = await culled.cluster(photos)
    action = await culled.decide(ada, {b.id: PICK, c.id: REJECT})
    [pick] = await picks_of(culled)
    assert (pick.user_id, pick.project_id, pick.action_id, pick.cluster_id, pick.in_force) == (
        ada.user_id, culled.project.id, action, moment.id, True,
    )  # fmt: skip
    assert (pick.asset_ids, pick.picked, pick.rejected) == (ids(a, b, c), ids(b), ids(c))
    assert shown(pick) == (PickBasis.UNPROMPTED, None, None, None, None)
    assert (pick.values, pick.features_version) == (None, None)


@pytest.mark.parametrize(
    ("band", "chosen", "expected"),
    [
        (Band.HIGH, 1, (PickBasis.ACCEPTED, Band.HIGH, 1, 0.0)),
        (Band.MIDDLE, 0, (PickBasis.OVERRIDE, Band.MIDDLE, 2, 0.25)),
        (Band.LOW, 1, (PickBasis.UNPROMPTED, Band.LOW, 1, 0.0)),
        (Band.LOW, 2, (PickBasis.UNPROMPTED, Band.LOW, 3, 0.375)),
    ],
)
async def test_it_is_held_against_what_was_shown(
    culled: Culled, ada: UserActor, band: Band, chosen: int, expected: tuple[Any, ...]
) -> None:
    photos = await culled.photos(3)
    moment = await culled.cluster(photos)
    await culled.suggest(moment, [photos[1], photos[0], photos[2]], [0.5, 0.25, 0.125], band=band)
    await culled.decide(ada, {photos[chosen].id: PICK})
    [pick] = await picks_of(culled)
    basis, band, place, regret = expected
    assert shown(pick) == (basis, photos[1].id, band, place, regret)


async def test_ones_own_suggestion_comes_before_everyones(culled: Culled, ada: UserActor, make: Make) -> None:
    a, b = photos = await culled.photos(2)
    moment = await culled.cluster(photos)
    bob = await make.member(culled.project.id, Role.EDITOR)
    await culled.suggest(moment, [a, b], [0.75, 0.25])
    await culled.suggest(moment, [b, a], [0.75, 0.25], user_id=bob.user_id)
    for user in (ada, bob):
        await culled.decide(user, {b.id: PICK})
    [hers] = await picks_of(culled, Pick.user_id == ada.user_id)
    [his] = await picks_of(culled, Pick.user_id == bob.user_id)
    assert shown(hers) == (PickBasis.OVERRIDE, a.id, Band.MIDDLE, 2, 0.5)
    assert shown(his) == (PickBasis.ACCEPTED, b.id, Band.MIDDLE, 1, 0.0)


async def test_rejecting_what_was_suggested_overrides_it(culled: Culled, ada: UserActor) -> None:
    a, b = photos = await culled.photos(2)
    await culled.suggest(await culled.cluster(photos), [a, b], [0.75, 0.25])
    await culled.decide(ada, {b.id: REJECT})
    await culled.decide(ada, {a.id: REJECT})
    bases = [(pick.basis, pick.place, pick.rejected) for pick in await picks_of(culled)]
    assert bases == [(PickBasis.UNPROMPTED, None, ids(b)), (PickBasis.OVERRIDE, None, ids(a, b))]


async def test_a_later_word_does_not_take_a_learnt_suggestion_for_accepted(culled: Culled, ada: UserActor) -> None:
    a, b, c = photos = await culled.photos(3)
    moment = await culled.cluster(photos)
    await culled.suggest(moment, [a, b, c], [0.5, 0.25, 0.25])
    await culled.decide(ada, {b.id: PICK})
    await culled.suggest(moment, [b, a, c], [0.5, 0.25, 0.25], user_id=ada.user_id)  # as her ranker would now
    await culled.decide(ada, {c.id: REJECT})
    first, second = await picks_of(culled)
    assert second.rejected == ids(c)
    assert shown(first) == shown(second) == (PickBasis.OVERRIDE, a.id, Band.MIDDLE, 2, 0.25)


async def test_a_burst_is_decided_for_itself(culled: Culled, ada: UserActor) -> None:
    photos = await culled.photos(5)
    moment = await culled.cluster(photos)
    burst = await culled.cluster(photos[1:4], ClusterKind.BURST, parent_id=moment.id)
    await culled.decide(ada, {photos[2].id: PICK})
    await culled.decide(ada, {photos[0].id: PICK})
    made = [(pick.cluster_id, pick.asset_ids, pick.picked) for pick in await picks_of(culled)]
    assert made == [
        (burst.id, ids(*photos[1:4]), ids(photos[2])),
        (moment.id, ids(*photos), ids(photos[0], photos[2])),
    ]


@pytest.mark.parametrize("kind", [ClusterKind.BURST, ClusterKind.MOMENT])
async def test_a_kept_set_gives_no_picks(culled: Culled, ada: UserActor, kind: ClusterKind) -> None:
    photos = await culled.photos(5)
    if kind is ClusterKind.BURST:
        moment = await culled.cluster(photos)
        await culled.cluster(photos[:3], kind, parent_id=moment.id, kept_set=SetKind.BRACKET)
    else:
        await culled.cluster(photos, kind, kept_set=SetKind.PANORAMA)
    await culled.decide(ada, {photos[0].id: PICK, photos[1].id: REJECT})
    assert await picks_of(culled) == []
    await culled.decide(ada, {photos[3].id: PICK})
    found = [pick.asset_ids for pick in await picks_of(culled)]
    assert found == ([ids(*photos[3:])] if kind is ClusterKind.BURST else [])


async def test_a_word_on_a_copy_counts_for_its_original(culled: Culled, ada: UserActor) -> None:
    a, a2, b, b2 = photos = await culled.photos(4)
    moment = await culled.cluster(photos)
    for copies in ((a, a2), (b, b2)):
        await culled.cluster(copies, ClusterKind.DUPLICATE_GROUP, parent_id=moment.id)
    await culled.decide(ada, {a2.id: PICK})
    await culled.decide(ada, {b2.id: REJECT})  # one file of it is enough: nothing is said against the exposure
    await culled.decide(ada, {b.id: REJECT})
    made = [(pick.asset_ids, pick.picked, pick.rejected) for pick in await picks_of(culled)]
    assert made == [(ids(a, b), ids(a), []), (ids(a, b), ids(a), ids(b))]


async def test_the_winner_stands_for_the_decision(culled: Culled, ada: UserActor) -> None:
    a, b, c = photos = await culled.photos(3)
    moment = await culled.cluster(photos)
    burst = await culled.cluster([b, c], ClusterKind.BURST, parent_id=moment.id)
    await culled.suggest(moment, [a, b, c], [0.5, 0.375, 0.125])
    await culled.decide(ada, {a.id: PICK})
    await culled.decide(ada, {c.id: PICK}, cluster=moment)
    made = [(pick.cluster_id, pick.picked, *shown(pick)) for pick in await picks_of(culled)]
    assert made == [
        (moment.id, ids(a), PickBasis.ACCEPTED, a.id, Band.MIDDLE, 1, 0.0),
        *sorted(
            [
                (moment.id, ids(a, c), PickBasis.OVERRIDE, a.id, Band.MIDDLE, 3, 0.375),
                (burst.id, ids(c), PickBasis.UNPROMPTED, None, None, None, None),
            ],
            key=lambda row: row[0],
        ),
    ]


async def test_saying_the_same_again_is_no_pick_and_taking_it_back_is_one(culled: Culled, ada: UserActor) -> None:
    a, _ = photos = await culled.photos(2)
    await culled.cluster(photos)
    await culled.decide(ada, {a.id: {"starred": True}})
    for word in (PICK, PICK, NOTHING, NOTHING):
        await culled.decide(ada, {a.id: word})
    assert [pick.picked for pick in await picks_of(culled)] == [ids(a), []]


async def test_the_later_of_two_calls_at_once_counts(culled: Culled, ada: UserActor, clock: Clock) -> None:
    a, b = photos = await culled.photos(2)
    moment = await culled.cluster(photos)
    await culled.decide(ada, {a.id: PICK})
    clock.advance(-0.01)  # it began before the other, and had to wait for it
    await culled.decide(ada, {a.id: NOTHING, b.id: PICK})
    clock.advance(0.01)
    await culled.decide(ada, {b.id: PICK})  # what holds already
    made = [(pick.cluster_id, pick.at, pick.picked) for pick in await picks_of(culled)]
    assert made == [(moment.id, clock(), ids(a)), (moment.id, clock(), ids(b))]


async def test_a_cluster_that_a_grouping_takes_away_meanwhile(culled: Culled, ada: UserActor) -> None:
    photos, others = await culled.photos(2), await culled.photos(2)
    gone, kept = await culled.cluster(photos), await culled.cluster(others)
    async with culled.db.transaction(System("test"), Perm.SYSTEM) as grouping:
        await grouping.session.execute(delete(Cluster).where(Cluster.id == gone.id))
        await grouping.session.execute(text("LOCK TABLE suggestions"))  # what is shown is read after the members
        deciding = asyncio.create_task(culled.decide(ada, {photos[0].id: PICK, others[0].id: PICK}))
        while not await grouping.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            await asyncio.sleep(0.01)
        assert not deciding.done()
        await grouping.session.commit()
    await deciding
    assert [(pick.cluster_id, pick.picked) for pick in await picks_of(culled)] == [(kept.id, ids(others[0]))]


async def test_what_is_in_the_trash_is_no_candidate(culled: Culled, ada: UserActor, clock: Clock) -> None:
    [gone] = await culled.photos(1, trashed_at=clock())
    a, b, c = await culled.photos(3)
    moment = await culled.cluster([gone, a, b, c], locked_at=clock())
    copies = await culled.cluster([gone, a], ClusterKind.DUPLICATE_GROUP, parent_id=moment.id)
    await culled.decide(ada, {a.id: PICK})
    assert [(pick.cluster_id, pick.asset_ids, pick.picked) for pick in await picks_of(culled)] == [
        (moment.id, ids(a, b, c), ids(a))
    ]
    assert copies.size == 2


async def test_a_frame_alone_is_no_choice(culled: Culled, ada: UserActor) -> None:
    [a], [b] = await culled.photos(1), await culled.photos(1)
    await culled.cluster([a])
    await culled.decide(ada, {a.id: PICK, b.id: PICK})  # the other is in no cluster yet
    assert await picks_of(culled) == []


async def test_undo_takes_them_out_of_force_and_redo_puts_them_back(culled: Culled, ada: UserActor, make: Make) -> None:
    a, b = photos = await culled.photos(2)
    await culled.cluster(photos)
    bob = await make.member(culled.project.id, Role.EDITOR)
    first = await culled.decide(ada, {a.id: PICK})
    await culled.undo(bob, first)  # not his
    await culled.decide(ada, {b.id: PICK})
    for step, expected in ((culled.undo, [False, True]), (culled.redo, [True, True])):
        await step(ada, first)
        assert [pick.in_force for pick in await picks_of(culled)] == expected


async def test_learning_is_asked_for_only_where_it_was_granted(culled: Culled, ada: UserActor, make: Make) -> None:
    a, b = photos = await culled.photos(2)
    await culled.cluster(photos)
    action = await culled.decide(ada, {a.id: PICK})
    await culled.undo(ada, action)
    assert await culled.rows(Job) == []
    await culled.consent(ada)
    await culled.redo(ada, action)
    await culled.decide(ada, {b.id: PICK})
    [job] = await culled.rows(Job)
    assert (job.type, job.project_id, job.arguments, job.once) == (
        "ranker.learn", None, {"user_id": str(ada.user_id)}, f"learn:{ada.user_id}",
    )  # fmt: skip
    assert (job.not_before - culled.db.house.clock()).total_seconds() == 3


@pytest.mark.parametrize("count", [2, 60])
async def test_four_statements_however_many_photos(culled: Culled, ada: UserActor, count: int) -> None:
    await culled.consent(ada)
    said: dict[UUID, dict[str, bool | None]] = {}
    for _ in range(count // 2):
        a, b = photos = await culled.photos(2)
        await culled.cluster(photos)
        said |= {a.id: PICK, b.id: REJECT}
    with statements(culled.db) as seen:
        await culled.decide(ada, said)
        await asyncio.sleep(0)
    assert len(await picks_of(culled)) == count // 2
    ours = ("FROM cluster_members JOIN", "FROM clusters LEFT", "INSERT INTO picks", "INSERT INTO jobs")
    assert {part: sum(part in text for text in seen) for part in ours} == dict.fromkeys(ours, 1)
