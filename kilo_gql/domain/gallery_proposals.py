"""Where clients favour another frame than the photographer chose: a pair to learn from, once the photographer says so.

Nothing is learnt from clients alone. A proposal stands as long as some guest favours the one frame and not the other,
and both are in the gallery; accepted, it is a pick of the photographer who accepted it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, Uuid, and_, delete, func, literal, or_, select, union

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import learning
from kilo_gql.domain.candidates import CLUSTER, MEMBER, among, files, units
from kilo_gql.errors import Conflict
from kilo_gql.events import Change, EventName
from kilo_gql.models import (
    Gallery,
    GalleryAsset,
    GalleryFavorite,
    GalleryProposal,
    Pick,
    PickBasis,
    Rating,
    SelectedAsset,
    Selection,
)
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, page_of

#: (cluster, the photographer's frame, the client's frame)
_Pair = tuple[UUID, UUID, UUID]


@stored
@dataclass(frozen=True, slots=True)
class Regret:
    """How often clients favoured another frame than the photographer's, where both could be seen.

    ``clusters``: those with a frame of the photographer's in a gallery, of which a guest favoured some frame;
    ``disputed``: those of them with another frame favoured and the photographer's not. ``rate`` is their part, None
    where there are none.
    """

    clusters: int
    disputed: int
    accepted: int
    declined: int
    undecided: int

    @property
    def rate(self) -> float | None:
        return self.disputed / self.clusters if self.clusters else None


# --- what guests cause ---------------------------------------------------------------------------------------------


async def note(tx: Tx, gallery: Gallery, asset_ids: Sequence[UUID]) -> None:
    """Bring the proposals about these photos in line with what the gallery's guests favour now.

    Called with the guest's eyes, after the deed; it is the photographer's side that is looked at.
    """
    await tx.flush()
    with tx.trust("what guests favour is compared with what the photographer chose, which no guest may see"):
        standing = await _standing(tx, select(literal(gallery.id, Uuid())), asset_ids)
        known = await _known(tx, gallery.id, standing.clusters, standing.photos.union(asset_ids))
        stale = [row.id for row in known if row.accepted is None and _pair(row) not in _wanted(standing)]
        if stale:
            await tx.session.execute(delete(GalleryProposal).where(GalleryProposal.id.in_(stale)))
        rows = [_row(tx, gallery, pair, guest_id) for pair, guest_id in _new(standing, known).items()]
        await tx.insert(GalleryProposal, rows, ignore=True)
    if stale or rows:
        tx.emit(Change(EventName.GALLERY_UPDATED, gallery.project_id, (gallery.id,), {"proposals": True}))


def _row(tx: Tx, gallery: Gallery, pair: _Pair, guest_id: UUID) -> dict[str, Any]:
    cluster_id, winner, favored = pair
    return {
        "id": uuid7(),
        "project_id": gallery.project_id,
        "gallery_id": gallery.id,
        "guest_id": guest_id,
        "cluster_id": cluster_id,
        "winner_asset_id": winner,
        "favored_asset_id": favored,
        "created_at": tx.now,
    }


def _pair(row: GalleryProposal) -> _Pair:
    return row.cluster_id, row.winner_asset_id, row.favored_asset_id


async def _known(
    tx: Tx, gallery_id: UUID, clusters: Iterable[UUID], photos: Iterable[UUID]
) -> Sequence[GalleryProposal]:
    """The proposals about these clusters, and about these photos: they may have been in another cluster then."""
    proposal = GalleryProposal
    about = or_(proposal.cluster_id.in_(clusters), proposal.favored_asset_id.in_(photos))
    return await tx.scalars(select(proposal).where(proposal.gallery_id == gallery_id, about))


@dataclass(frozen=True, slots=True)
class _Standing:
    """How galleries stand: the pairs, each with the first guest behind it, and the photographer's frame by cluster.

    ``clusters`` and ``photos``: all that was looked at.
    """

    pairs: dict[tuple[UUID, _Pair], UUID]
    winners: dict[tuple[UUID, UUID], UUID]
    clusters: set[UUID]
    photos: set[UUID]


def _wanted(standing: _Standing) -> dict[_Pair, UUID]:
    return {pair: guest_id for (_, pair), guest_id in standing.pairs.items()}


def _new(standing: _Standing, known: Sequence[GalleryProposal]) -> dict[_Pair, UUID]:
    """What is to be proposed. What was decided is not asked again, also if the photos have another cluster by now."""
    waiting = {_pair(row) for row in known if row.accepted is None}
    decided = {
        (other, row.favored_asset_id)
        for row in known
        if row.accepted is not None
        for other in (row.cluster_id, row.winner_asset_id)
    }
    return {
        pair: guest_id
        for pair, guest_id in _wanted(standing).items()
        if pair not in waiting and not decided & {(pair[0], pair[2]), (pair[1], pair[2])}
    }


async def _standing(tx: Tx, galleries: Any, asset_ids: Sequence[UUID] | None = None) -> _Standing:
    """What guests of these galleries (a select of ids) favour, against what their photographers chose.

    ``asset_ids``: of which only the clusters count (None: all that anybody favours). Two statements.
    """
    if asset_ids is None:
        deeds = await _deeds(tx, galleries)
        frames = await _frames(tx, galleries, _favored(deeds))
    else:  # what guests favour beside these clusters may be much, and says nothing about them
        frames = await _frames(tx, galleries, asset_ids)
        deeds = await _deeds(tx, galleries, [frame.asset_id for frame in frames])
    standing = _Standing({}, {}, {frame.cluster_id for frame in frames}, {frame.asset_id for frame in frames})
    for (gallery_id, cluster_id), members in groupby(frames, key=attrgetter("gallery_id", "cluster_id")):
        shown = list(members)
        if (mine := _choice(shown)) is not None:
            standing.winners[gallery_id, cluster_id] = mine.asset_id
            for guest_id, favored in _disputes(mine, shown, deeds.get(gallery_id, {})):
                standing.pairs.setdefault((gallery_id, (cluster_id, mine.asset_id, favored)), guest_id)
    return standing


def _choice(frames: Sequence[Any]) -> Any:
    """The photographer's frame among those of a cluster that the gallery shows; None: they chose none of them."""
    winner = next((frame for frame in frames if frame.asset_id == frame.winner_asset_id), None)
    return winner or next((frame for frame in frames if frame.picked), None)


def _disputes(mine: Any, frames: Sequence[Any], guests: dict[UUID, set[UUID]]) -> Iterator[tuple[UUID, UUID]]:
    """Guests who favour other frames and none that the photographer picked, nor a copy of one; and what they favour."""
    own = {frame.exposure for frame in frames if frame.picked or frame.asset_id == mine.asset_id}
    same = {frame.asset_id for frame in frames if frame.exposure in own}
    others = [frame.asset_id for frame in frames if frame.asset_id not in same]
    for guest_id, chosen in guests.items():
        if not chosen & same:
            yield from ((guest_id, favored) for favored in others if favored in chosen)


async def _frames(tx: Tx, galleries: Any, asset_ids: Sequence[UUID]) -> Sequence[Any]:
    """The frames, shown in the galleries, of the clusters within which these photos are compared; in order of time."""
    clusters = units(literal(list(asset_ids), ARRAY(Uuid())))
    mine = and_(Rating.asset_id == MEMBER.asset_id, Rating.user_id == Gallery.created_by)
    statement = (
        files()
        .add_columns(
            GalleryAsset.gallery_id, func.coalesce(Rating.picked, False).label("picked"), CLUSTER.c.winner_asset_id
        )
        .join(GalleryAsset, and_(GalleryAsset.asset_id == MEMBER.asset_id, GalleryAsset.gallery_id.in_(galleries)))
        .join(Gallery, Gallery.id == GalleryAsset.gallery_id)
        .outerjoin(Rating, mine)
        .where(MEMBER.cluster_id.in_(clusters))
        .order_by(None)
        .order_by(GalleryAsset.gallery_id, MEMBER.cluster_id, MEMBER.place)
    )
    return await tx.rows(statement)


def _favored(deeds: dict[UUID, dict[UUID, set[UUID]]]) -> list[UUID]:
    return list({asset_id for guests in deeds.values() for assets in guests.values() for asset_id in assets})


async def _deeds(tx: Tx, galleries: Any, asset_ids: Sequence[UUID] | None = None) -> dict[UUID, dict[UUID, set[UUID]]]:
    """By gallery and guest what they favour (of these photos): hearts, and what they submitted; the guest who came
    first comes first.
    """
    heart, one = GalleryFavorite, SelectedAsset
    same = and_(Selection.list_id == one.list_id, Selection.guest_id == one.guest_id)
    submitted = select(one.gallery_id, one.guest_id, one.asset_id).join(Selection, same)
    chosen = union(
        select(heart.gallery_id, heart.guest_id, heart.asset_id).where(heart.gallery_id.in_(galleries)),
        submitted.where(one.gallery_id.in_(galleries), Selection.submitted_at.is_not(None)),
    ).subquery()
    statement = select(chosen).order_by(chosen.c.guest_id)
    if asset_ids is not None:
        statement = statement.where(among(chosen.c.asset_id, asset_ids))
    found: dict[UUID, dict[UUID, set[UUID]]] = {}
    for row in await tx.rows(statement):
        found.setdefault(row.gallery_id, {}).setdefault(row.guest_id, set()).add(row.asset_id)
    return found


# --- what the photographer does with it ----------------------------------------------------------------------------


@operation(Perm.GALLERY_READ)
async def list_gallery_proposals(
    tx: Tx, project_id: UUID, slice_: Slice, decided: bool | None = None, gallery_id: UUID | None = None
) -> Page[GalleryProposal]:
    """The pairs in which a client favoured another frame than the photographer's, newest first.

    ``decided``: only those that were accepted or declined, or only those that wait.
    """
    await tx.enter(project_id)
    statement = select(GalleryProposal).where(GalleryProposal.project_id == project_id)
    if gallery_id is not None:
        statement = statement.where(GalleryProposal.gallery_id == gallery_id)
    if decided is not None:
        said = GalleryProposal.accepted
        statement = statement.where(said.is_not(None) if decided else said.is_(None))
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(GalleryProposal.id < after[0])
    found = await tx.scalars(statement.order_by(GalleryProposal.id.desc()).limit(slice_.limit + 1))
    return page_of(found, slice_, lambda row: (row.id,))


@operation(Perm.CULL_APPLY, write=True)
async def decide_gallery_proposal(tx: Tx, proposal_id: UUID, accept: bool) -> GalleryProposal:
    """Learn from a client's choice as if it were yours, or do not. Deciding again the other way takes it back.

    Raises Conflict ``decided_by_another`` if somebody else's ranker has learnt it.
    """
    proposal = await tx.get(GalleryProposal, proposal_id, lock=True)
    if proposal.accepted is accept:
        return proposal
    if proposal.accepted and proposal.decided_by != tx.user_id:
        raise Conflict(
            "Somebody else has accepted this proposal, and only they can take it back.",
            code="decided_by_another",
            details={"userId": str(proposal.decided_by)},
            remediation=["Ask them to decline it."],
        )
    if accept or proposal.accepted:
        await _learn(tx, proposal, accept=accept)
    proposal.accepted, proposal.decided_by, proposal.decided_at = accept, tx.user_id, tx.now
    tx.emit(Change(EventName.GALLERY_UPDATED, proposal.project_id, (proposal.gallery_id,), {"proposals": True}))
    return proposal


async def _learn(tx: Tx, proposal: GalleryProposal, *, accept: bool) -> None:
    """A person has one pick of a proposal, in force or not: who declined what they had accepted has one as well as
    whoever accepts it after them.
    """
    id_ = uuid5(proposal.id, str(tx.user_id))
    pick = await tx.session.get(Pick, id_)
    if pick is None:
        frames = await _compared(tx, proposal)
        pick = tx.add(
            Pick(
                id=id_, user_id=tx.user_id, project_id=proposal.project_id, cluster_id=proposal.cluster_id,
                at=tx.now, basis=PickBasis.CLIENT, asset_ids=frames, picked=[proposal.favored_asset_id],
                rejected=[],
            )
        )  # fmt: skip
    pick.in_force = accept
    pick.at = tx.now
    await tx.flush()
    await learning.follow(tx)


async def _compared(tx: Tx, proposal: GalleryProposal) -> list[UUID]:
    """Among which frames the favoured one is the best: those of the photographer's own pick, or the two."""
    two = {proposal.winner_asset_id, proposal.favored_asset_id}
    statement = (
        select(Pick.asset_ids)
        .where(Pick.user_id == tx.user_id, Pick.cluster_id == proposal.cluster_id, Pick.in_force)
        .order_by(Pick.at.desc(), Pick.id.desc())
        .limit(1)
    )
    own = await tx.scalar(statement)
    if own is not None and two <= set(own):
        return list(own)
    return [proposal.winner_asset_id, proposal.favored_asset_id]


@operation(Perm.GALLERY_READ)
async def get_regret(tx: Tx, project_id: UUID) -> Regret:
    """How often clients of a project's galleries favoured another frame than the photographer's."""
    await tx.enter(project_id)
    standing = await _standing(tx, select(Gallery.id).where(Gallery.project_id == project_id))
    disputed = {(gallery_id, cluster_id) for gallery_id, (cluster_id, _, _) in standing.pairs}
    said = GalleryProposal.accepted
    counts = await tx.rows(
        select(
            func.count().filter(said.is_(True)).label("accepted"),
            func.count().filter(said.is_(False)).label("declined"),
            func.count().filter(said.is_(None)).label("undecided"),
        ).where(GalleryProposal.project_id == project_id)
    )
    return Regret(len(standing.winners), len(disputed), *counts[0])
