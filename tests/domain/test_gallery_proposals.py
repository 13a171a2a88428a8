"""Pairs that clients propose: when they stand, and that nothing is learnt before a photographer says so."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.domain import gallery_proposals
from kilo_gql.domain.gallery_photos import remove_gallery_assets
from kilo_gql.errors import KiloError
from kilo_gql.models import (
    Asset,
    Cluster,
    Gallery,
    GalleryProposal,
    Job,
    Pick,
    PickBasis,
    Role,
)
from kilo_gql.operations import Throat
from tests.support.choices import Visitors
from tests.support.clock import Clock
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.statements import statements

PICK: dict[str, bool | None] = {"picked": True}


class Shoot:
    """Three frames of a moment, of which Ada chose the first, in a gallery."""

    def __init__(self, culled: Culled, moment: Cluster, frames: list[Asset], gallery: Gallery) -> None:
        self.culled, self.moment, self.frames, self.gallery = culled, moment, frames, gallery
        self.visitors = Visitors(culled.db, gallery)

    async def proposals(self) -> list[tuple[Any, ...]]:
        rows = sorted(await self.culled.rows(GalleryProposal), key=lambda row: row.id)
        names = {frame.id: number for number, frame in enumerate(self.frames)}
        return [(names[row.winner_asset_id], names[row.favored_asset_id], row.accepted) for row in rows]


@pytest.fixture
async def ada(make: Make) -> UserActor:
    return await make.user()


@pytest.fixture
async def shoot(db: Database, ada: UserActor) -> Shoot:
    culled = await Culled.of(db, ada)
    frames = await culled.photos(3)
    moment = await culled.cluster(frames)
    await choose(db, moment, frames[0])
    return Shoot(culled, moment, frames, await make_gallery(db, culled.project, frames))


async def choose(db: Database, moment: Cluster, winner: Asset | None) -> None:
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        chosen = update(Cluster).where(Cluster.id == moment.id)
        await tx.session.execute(chosen.values(winner_asset_id=winner.id if winner else None))
        await tx.session.commit()


async def test_an_alternate_that_a_client_favours_is_proposed_once(shoot: Shoot) -> None:
    _, alternate, _ = shoot.frames
    anna, ben = await shoot.visitors.guest("Anna"), await shoot.visitors.guest("Ben")
    await shoot.visitors.heart(anna, alternate)
    await shoot.visitors.heart(ben, alternate)
    assert await shoot.proposals() == [(0, 1, None)]
    [row] = await shoot.culled.rows(GalleryProposal)
    assert (row.guest_id, row.cluster_id, row.gallery_id) == (anna.id, shoot.moment.id, shoot.gallery.id)


async def test_favouring_the_photographers_frame_proposes_nothing(shoot: Shoot) -> None:
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[0])
    assert await shoot.proposals() == []
    await shoot.visitors.heart(anna, shoot.frames[1])
    assert await shoot.proposals() == []


async def test_it_goes_when_the_heart_goes_or_the_winner_gets_one_too(shoot: Shoot) -> None:
    winner, one, other = shoot.frames
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, one, other)
    assert await shoot.proposals() == [(0, 1, None), (0, 2, None)]
    await shoot.visitors.unheart(anna, one)
    assert await shoot.proposals() == [(0, 2, None)]
    await shoot.visitors.heart(anna, winner)
    assert await shoot.proposals() == []


async def test_what_was_decided_stays(shoot: Shoot, ada: UserActor, throat: Throat) -> None:
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[1])
    [row] = await shoot.culled.rows(GalleryProposal)
    await throat.execute(ada, gallery_proposals.decide_gallery_proposal, row.id, False)
    await shoot.visitors.unheart(anna, shoot.frames[1])
    assert await shoot.proposals() == [(0, 1, False)]


async def test_a_frame_that_no_guest_could_see_is_not_disputed(db: Database, shoot: Shoot) -> None:
    gallery = await make_gallery(db, shoot.culled.project, shoot.frames[1:])
    visitors = Visitors(db, gallery)
    await visitors.heart(await visitors.guest(None), shoot.frames[1])
    assert await shoot.proposals() == []


async def test_without_a_winner_the_photographers_pick_counts(db: Database, shoot: Shoot, ada: UserActor) -> None:
    await choose(db, shoot.moment, None)
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[1])
    assert await shoot.proposals() == []
    await shoot.culled.decide(ada, {shoot.frames[2].id: PICK})
    await shoot.visitors.note(anna.id, shoot.frames[1])
    assert await shoot.proposals() == [(2, 1, None)]


async def test_a_selection_counts_once_it_is_submitted(shoot: Shoot) -> None:
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.select(anna, "Album", shoot.frames[2])
    await shoot.visitors.note(anna.id, shoot.frames[2])
    assert await shoot.proposals() == []
    await shoot.visitors.select(anna, "Wall", shoot.frames[2], submitted=True)
    await shoot.visitors.note(anna.id, shoot.frames[2])
    assert await shoot.proposals() == [(0, 2, None)]


async def test_nothing_is_learnt_before_the_photographer_says_so(
    shoot: Shoot, ada: UserActor, throat: Throat, clock: Clock
) -> None:
    await shoot.culled.consent(ada)
    await shoot.culled.decide(ada, {shoot.frames[0].id: PICK})
    [own] = await shoot.culled.rows(Pick)
    jobs = len(await shoot.culled.rows(Job))
    await shoot.visitors.heart(await shoot.visitors.guest("Anna"), shoot.frames[1])
    assert [pick.id for pick in await shoot.culled.rows(Pick)] == [own.id]
    assert len(await shoot.culled.rows(Job)) == jobs
    [proposal] = await shoot.culled.rows(GalleryProposal)

    clock.advance(10)
    accepted = (await throat.execute(ada, gallery_proposals.decide_gallery_proposal, proposal.id, True)).value
    assert (accepted.accepted, accepted.decided_by) == (True, ada.user_id)
    [pick] = await shoot.culled.rows(Pick, Pick.basis == PickBasis.CLIENT)
    assert (pick.user_id, pick.cluster_id, pick.in_force) == (ada.user_id, shoot.moment.id, True)
    assert (pick.asset_ids, pick.picked, pick.rejected) == (own.asset_ids, [shoot.frames[1].id], [])
    assert pick.at > own.at

    await throat.execute(ada, gallery_proposals.decide_gallery_proposal, proposal.id, False)
    assert [pick.in_force for pick in await shoot.culled.rows(Pick, Pick.basis == PickBasis.CLIENT)] == [False]
    await throat.execute(ada, gallery_proposals.decide_gallery_proposal, proposal.id, True)
    assert [pick.in_force for pick in await shoot.culled.rows(Pick, Pick.basis == PickBasis.CLIENT)] == [True]


async def test_without_a_pick_of_ones_own_the_two_frames_are_compared(
    shoot: Shoot, ada: UserActor, throat: Throat
) -> None:
    await shoot.visitors.heart(await shoot.visitors.guest("Anna"), shoot.frames[2])
    [proposal] = await shoot.culled.rows(GalleryProposal)
    await throat.execute(ada, gallery_proposals.decide_gallery_proposal, proposal.id, True)
    [pick] = await shoot.culled.rows(Pick)
    assert (pick.asset_ids, pick.picked) == ([shoot.frames[0].id, shoot.frames[2].id], [shoot.frames[2].id])


async def test_who_accepted_it_takes_it_back(shoot: Shoot, ada: UserActor, make: Make, throat: Throat) -> None:
    bob = await make.member(shoot.culled.project.id, Role.EDITOR)
    await shoot.visitors.heart(await shoot.visitors.guest("Anna"), shoot.frames[1])
    [proposal] = await shoot.culled.rows(GalleryProposal)
    await throat.execute(bob, gallery_proposals.decide_gallery_proposal, proposal.id, True)
    with pytest.raises(KiloError) as refused:
        await throat.execute(ada, gallery_proposals.decide_gallery_proposal, proposal.id, False)
    assert refused.value.code == "decided_by_another"
    assert await shoot.proposals() == [(0, 1, True)]
    assert [pick.user_id for pick in await shoot.culled.rows(Pick)] == [bob.user_id]


async def test_regret(db: Database, shoot: Shoot, ada: UserActor, throat: Throat) -> None:
    async def regret() -> tuple[Any, ...]:
        found = (await throat.execute(ada, gallery_proposals.get_regret, shoot.culled.project.id)).value
        return found.clusters, found.disputed, found.rate, found.accepted, found.declined, found.undecided

    assert await regret() == (0, 0, None, 0, 0, 0)
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[1])
    agreed = await shoot.culled.photos(2)
    await choose(db, await shoot.culled.cluster(agreed), agreed[0])
    second = Visitors(db, await make_gallery(db, shoot.culled.project, agreed))
    await second.heart(await second.guest("Ben"), agreed[0])
    assert await regret() == (2, 1, 0.5, 0, 0, 1)
    with statements(db) as few:
        await regret()
    for _ in range(3):
        await make_gallery(db, shoot.culled.project, agreed)
    with statements(db) as many:
        await regret()
    assert len(many) == len(few)


@pytest.mark.parametrize("number", [0, 1])
async def test_it_goes_with_a_frame_that_leaves_the_gallery(
    shoot: Shoot, ada: UserActor, throat: Throat, number: int
) -> None:
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[1])
    await throat.execute(ada, remove_gallery_assets, shoot.gallery.id, [shoot.frames[number].id])
    assert await shoot.proposals() == []


async def test_whoever_accepts_what_another_has_taken_back_learns_for_themselves(
    shoot: Shoot, ada: UserActor, make: Make, throat: Throat
) -> None:
    bob = await make.member(shoot.culled.project.id, Role.EDITOR)
    await shoot.visitors.heart(await shoot.visitors.guest("Anna"), shoot.frames[1])
    [proposal] = await shoot.culled.rows(GalleryProposal)
    for who, accept in ((bob, True), (bob, False), (ada, True)):
        await throat.execute(who, gallery_proposals.decide_gallery_proposal, proposal.id, accept)
    picks = {pick.user_id: pick.in_force for pick in await shoot.culled.rows(Pick)}
    assert picks == {bob.user_id: False, ada.user_id: True}


async def test_another_of_several_picks_is_no_dispute(shoot: Shoot, ada: UserActor) -> None:
    """The photographer chose two of the three; favouring either is favouring theirs."""
    await shoot.culled.decide(ada, {shoot.frames[0].id: PICK, shoot.frames[1].id: PICK})
    anna, ben = await shoot.visitors.guest("Anna"), await shoot.visitors.guest("Ben")
    await shoot.visitors.heart(anna, shoot.frames[1])
    assert await shoot.proposals() == []
    await shoot.visitors.heart(ben, shoot.frames[2])
    assert await shoot.proposals() == [(0, 2, None)]


async def test_without_a_frame_of_the_photographers_nothing_waits(db: Database, shoot: Shoot) -> None:
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[1])
    await choose(db, shoot.moment, None)
    await shoot.visitors.heart(anna, shoot.frames[2])
    assert await shoot.proposals() == []


@pytest.mark.parametrize("accept", [None, False, True])
async def test_photos_that_are_grouped_anew_are_not_asked_about_twice(
    db: Database, shoot: Shoot, ada: UserActor, throat: Throat, accept: bool | None
) -> None:
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[1])
    [before] = await shoot.culled.rows(GalleryProposal)
    if accept is not None:
        await throat.execute(ada, gallery_proposals.decide_gallery_proposal, before.id, accept)
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.delete(await tx.session.get_one(Cluster, shoot.moment.id))
        await tx.session.commit()
    anew = await shoot.culled.cluster(shoot.frames)
    await choose(db, anew, shoot.frames[0])
    await shoot.visitors.note(anna.id, shoot.frames[1])
    [row] = await shoot.culled.rows(GalleryProposal)
    assert (row.accepted, row.cluster_id) == (accept, anew.id if accept is None else shoot.moment.id)


async def test_a_new_winner_is_compared_with_what_guests_favour(db: Database, shoot: Shoot) -> None:
    anna = await shoot.visitors.guest("Anna")
    await shoot.visitors.heart(anna, shoot.frames[1])
    await choose(db, shoot.moment, shoot.frames[2])
    await shoot.visitors.note(anna.id, shoot.frames[1])
    assert await shoot.proposals() == [(2, 1, None)]
    await choose(db, shoot.moment, shoot.frames[1])
    await shoot.visitors.note(anna.id, shoot.frames[1])
    assert await shoot.proposals() == []
