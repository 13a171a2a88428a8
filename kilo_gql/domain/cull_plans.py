"""Which photos an automatic cull keeps. It follows from what is known of a shoot alone: the same shoot, the same plan.

An exposure (a photo with its copies) competes with the others of its moment by its share: the probability that it is
the one its photographer would choose, of those not rejected yet (independence of irrelevant alternatives, as in the
conditional logit the probabilities come from). The value of keeping some of a moment is the sum of their shares, that
is, the probability that the one to be chosen is among them; a set that is kept whole is one picture, of value 1. A
budget buys value greedily, the most for each photo first, but before any moment gets a second photo each gets its
first. Within a moment the order is that of the suggestion; equal values go by time. With equal costs greedy is optimal,
for no further photo of a moment is worth more than the one before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

#: How many of its least certain decisions a plan names.
CLOSE_CALLS: Final = 20


class LeftReason(StrEnum):
    """Why a plan leaves a photo as it is."""

    PICKED = "picked"
    REJECTED = "rejected"
    REVIEWED = "reviewed"
    NOT_GROUPED = "not_grouped"
    NOT_RANKED = "not_ranked"
    SET_IN_PART = "set_in_part"


class Photo(msgspec.Struct, frozen=True, gc=False):
    """A photo, its clusters, and what the viewer said of it. ``place`` is its place among its copies."""

    id: UUID
    moment_id: UUID | None
    burst_id: UUID | None
    copies_id: UUID | None
    place: int | None
    picked: bool | None
    rejected: bool | None


class Group(msgspec.Struct, frozen=True, gc=False):
    """What a cluster says about the photos in it."""

    id: UUID
    kept_whole: bool
    reviewed: bool
    winner_id: UUID | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A moment's photos from the best, with their probabilities."""

    asset_ids: Sequence[UUID]
    probabilities: Sequence[float]


@dataclass(frozen=True, slots=True)
class Rules:
    """How to cull. ``keep_per_moment`` and ``budget``: None is no bound."""

    keep_per_moment: int | None = None
    budget: int | None = None
    include_reviewed: bool = False
    respect_picks: bool = True


@dataclass(frozen=True, slots=True)
class Shoot:
    """``photos`` in order of time within each moment; ``groups`` in order of time, and ``ranked``, by cluster."""

    photos: Sequence[Photo]
    groups: Mapping[UUID, Group]
    ranked: Mapping[UUID, Ranked]


@dataclass(frozen=True, slots=True)
class CloseCall:
    """The last photo kept of a moment, the first one rejected, and the probability that of the two it is the better."""

    cluster_id: UUID
    kept_id: UUID
    rejected_id: UUID
    probability: float


@dataclass(frozen=True, slots=True)
class KeptOf:
    """What is kept of a moment, beyond what was picked before."""

    moment_id: UUID
    asset_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class Decisions:
    """``kept`` names every moment in which something is decided. ``choices``: how many pictures there are to choose.

    ``expected_regret``: how many of them are expected to be rejected. For a moment that is the probability that the
    one its photographer would choose is rejected (the sum of the shares of all that are); for a set, 1 or 0. What is
    left alone counts in neither.
    """

    kept: list[KeptOf]
    rejected: list[UUID]
    left: dict[LeftReason, list[UUID]]
    close_calls: list[CloseCall]
    expected_regret: float
    choices: int


class _Word(StrEnum):
    """What the viewer said of an exposure already."""

    NONE = "none"
    PICKED = "picked"
    REJECTED = "rejected"


@dataclass(slots=True)
class _Exposure:
    """A photo and its copies, by the id of the original. ``alone``: a person has reviewed it; ``free``: nobody has
    decided about it yet. ``share`` counts once its moment is judged.
    """

    id: UUID
    photos: list[Photo]
    word: _Word
    alone: bool
    free: bool
    set_id: UUID | None
    share: float = 0.0
    kept: bool = False


@dataclass(slots=True)
class _Moment:
    """``rivals``: from the best, those between which there is a choice; None if nothing says which is better."""

    id: UUID
    exposures: list[_Exposure]
    rivals: list[_Exposure] | None
    sets: list[list[_Exposure]]

    @property
    def open(self) -> bool:
        return bool(self.sets) or any(one.free for one in self.rivals or ())


@dataclass(frozen=True, slots=True)
class _Offer:
    """Exposures that are kept together or not at all; ``worth`` is their value for each photo of theirs."""

    exposures: Sequence[_Exposure]
    worth: float
    order: tuple[int, int]


def decide(shoot: Shoot, rules: Rules) -> Decisions:
    """The plan for a shoot."""
    moments = _moments(shoot, rules)
    left = math.inf if rules.budget is None else rules.budget - _picked_before(shoot, moments, rules)
    first, further = _offers(moments, math.inf if rules.keep_per_moment is None else rules.keep_per_moment)
    _buy(further, _buy(first, left))
    return _outcome(shoot, moments, rules)


# --- what competes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Marks:
    """Clusters that are left alone, and those that are kept whole; ``respect``: what was said of a photo counts."""

    alone: frozenset[UUID]
    whole: frozenset[UUID]
    respect: bool

    @classmethod
    def of(cls, groups: Mapping[UUID, Group], rules: Rules) -> _Marks:
        reviewed = (group.id for group in groups.values() if group.reviewed and not rules.include_reviewed)
        whole = (group.id for group in groups.values() if group.kept_whole)
        return cls(frozenset(reviewed), frozenset(whole), rules.respect_picks)


def _moments(shoot: Shoot, rules: Rules) -> list[_Moment]:
    within: dict[UUID | None, list[Photo]] = {}
    for photo in shoot.photos:
        within.setdefault(photo.moment_id, []).append(photo)
    marks = _Marks.of(shoot.groups, rules)
    return [
        _moment(group, _exposures(within[id_], marks), shoot.ranked.get(id_))
        for id_, group in shoot.groups.items()
        if id_ in within
    ]


def _moment(group: Group, exposures: list[_Exposure], ranked: Ranked | None) -> _Moment:
    rivals = [one for one in exposures if one.set_id is None and one.word is not _Word.REJECTED]
    by_set: dict[UUID, list[_Exposure]] = {}
    for one in exposures:
        if one.set_id is not None:
            by_set.setdefault(one.set_id, []).append(one)
    sets = [members for members in by_set.values() if all(one.free for one in members)]
    return _Moment(group.id, exposures, _judged(rivals, ranked, group.winner_id), sets)


def _exposures(photos: Iterable[Photo], marks: _Marks) -> list[_Exposure]:
    """The photos of each exposure together, the original first; exposures in order of time."""
    by_original: dict[UUID, list[Photo]] = {}
    for photo in photos:
        by_original.setdefault(photo.copies_id or photo.id, []).append(photo)
    return [
        _exposure(copies if len(copies) == 1 else sorted(copies, key=lambda photo: photo.place or 0), marks)
        for copies in by_original.values()
    ]


def _exposure(copies: list[Photo], marks: _Marks) -> _Exposure:
    first = copies[0]
    clusters = (first.moment_id, first.burst_id, first.copies_id)
    alone = not marks.alone.isdisjoint(clusters)
    word = _word(copies) if alone or marks.respect else _Word.NONE
    whole = None if marks.whole.isdisjoint(clusters) else next(id_ for id_ in clusters if id_ in marks.whole)
    return _Exposure(first.id, copies, word, alone, word is _Word.NONE and not alone, whole)


def _word(copies: list[Photo]) -> _Word:
    """A pick of any copy is a pick of the exposure; to reject a copy is not to reject the original."""
    if any(photo.picked for photo in copies):
        return _Word.PICKED
    return _Word.REJECTED if copies[0].rejected else _Word.NONE


def _judged(rivals: list[_Exposure], ranked: Ranked | None, winner_id: UUID | None) -> list[_Exposure] | None:
    """The rivals from the best, with their shares; a winner that people have chosen is certain to be the one."""
    by_id = {one.id: one for one in rivals}
    if len(rivals) < 2:
        weights = dict.fromkeys(by_id, 1.0)
    elif ranked is None or not by_id.keys() <= set(ranked.asset_ids):
        return None
    else:
        pairs = zip(ranked.asset_ids, ranked.probabilities, strict=True)
        weights = {id_: probability for id_, probability in pairs if id_ in by_id}
    order = list(weights)
    if winner_id is not None:
        won = next((one.id for one in rivals if winner_id in [photo.id for photo in one.photos]), None)
        if won is not None:
            order.sort(key=lambda id_: id_ != won)
            weights = {id_: float(id_ == won) for id_ in order}
    total = math.fsum(weights.values())
    for id_ in order:
        by_id[id_].share = weights[id_] / total if total > 0 else 1 / len(order)
    return [by_id[id_] for id_ in order]


# --- what is bought --------------------------------------------------------------------------------------------------


def _picked_before(shoot: Shoot, moments: list[_Moment], rules: Rules) -> int:
    """Photos that stay picked whatever is decided: they count against the budget before anything else."""
    picked = sum(photo.picked is True for photo in shoot.photos)
    if rules.respect_picks:
        return picked
    return picked - sum(photo.picked is True for moment in moments for one in _decided(moment) for photo in one.photos)


def _decided(moment: _Moment) -> list[_Exposure]:
    """The exposures between which the plan chooses."""
    return [*(one for one in moment.rivals or () if one.free), *(one for members in moment.sets for one in members)]


def _offers(moments: list[_Moment], most: float) -> tuple[list[_Offer], list[_Offer]]:
    """The first of each moment of which nothing is picked yet, and all others."""
    first: list[_Offer] = []
    further: list[_Offer] = []
    for number, moment in enumerate(moments):
        offers = _offers_of(number, moment, most)
        begun = any(one.word is _Word.PICKED for one in moment.exposures)
        first += offers[:0] if begun else offers[:1]
        further += offers if begun else offers[1:]
    return first, further


def _offers_of(number: int, moment: _Moment, most: float) -> list[_Offer]:
    """Single exposures from the best, as many as may still be kept, then the sets.

    A photo is never worth more than the one before it: it cannot be had without that one.
    """
    rivals = moment.rivals or []
    most -= sum(one.word is _Word.PICKED for one in rivals)
    offers: list[_Offer] = []
    for place, one in enumerate(one for one in rivals if one.free):
        if place < most:
            worth = min(one.share, offers[-1].worth if offers else 1.0)
            offers.append(_Offer((one,), worth, (number, place)))
    after = len(rivals)
    return offers + [_Offer(members, 1 / len(members), (number, after + n)) for n, members in enumerate(moment.sets)]


def _buy(offers: list[_Offer], left: float) -> float:
    """Keep what the photos left allow, the worthiest first; what does not fit whole is passed over."""
    for offer in sorted(offers, key=lambda offer: (-offer.worth, offer.order)):
        if len(offer.exposures) <= left:
            left -= len(offer.exposures)
            for one in offer.exposures:
                one.kept = True
    return left


# --- what comes of it ------------------------------------------------------------------------------------------------


def _outcome(shoot: Shoot, moments: list[_Moment], rules: Rules) -> Decisions:
    """Put everything in words."""
    left: dict[LeftReason, list[UUID]] = {reason: [] for reason in LeftReason}
    left[LeftReason.NOT_GROUPED] = [photo.id for photo in shoot.photos if photo.moment_id is None]
    rejected: list[UUID] = []
    for moment in moments:
        chosen = {id(one) for one in _decided(moment)}
        for one in moment.exposures:
            _sort(one, rules, id(one) in chosen, left, rejected)
    opened = [moment for moment in moments if moment.open]
    regret = [share for moment in opened for share in _lost(moment)]
    calls = sorted((call for moment in opened if (call := _close_call(moment))), key=lambda call: -call.probability)
    return Decisions(
        [KeptOf(moment.id, [one.id for one in moment.exposures if one.kept]) for moment in opened],
        rejected,
        left,
        calls[:CLOSE_CALLS],
        math.fsum(regret),
        sum(len(moment.sets) + any(one.free for one in moment.rivals or ()) for moment in opened),
    )


def _sort(one: _Exposure, rules: Rules, chosen: bool, left: dict[LeftReason, list[UUID]], rejected: list[UUID]) -> None:
    """Say of each photo of an exposure what becomes of it."""
    decided = chosen or (not one.alone and one.set_id is None and one.word is not _Word.NONE)
    for photo in one.photos:
        if one.alone:
            left[LeftReason.REVIEWED].append(photo.id)
        elif rules.respect_picks and (photo.picked or photo.rejected):
            left[LeftReason.PICKED if photo.picked else LeftReason.REJECTED].append(photo.id)
        elif not decided:
            left[LeftReason.NOT_RANKED if one.set_id is None else LeftReason.SET_IN_PART].append(photo.id)
        elif not (one.kept and photo is one.photos[0]):
            rejected.append(photo.id)


def _lost(moment: _Moment) -> Iterable[float]:
    """The expected regret of a moment, in parts."""
    yield from (one.share for one in moment.rivals or () if one.free and not one.kept)
    yield from (1.0 for members in moment.sets if not members[0].kept)


def _close_call(moment: _Moment) -> CloseCall | None:
    """Where a moment was divided; None if all of it was kept or rejected."""
    rivals = moment.rivals or []
    kept = [one for one in rivals if one.kept or (one.word is _Word.PICKED)]
    lost = [one for one in rivals if one.free and not one.kept]
    if not kept or not lost:
        return None
    last, best = kept[-1], lost[0]
    both = last.share + best.share
    return CloseCall(moment.id, last.id, best.id, best.share / both if both > 0 else 0.5)
