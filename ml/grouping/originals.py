"""Duplicate groups, and the file that stands for each: what grouping goes on with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.grouping.constraints import Constraints
from ml.grouping.decisions import Decisions
from ml.grouping.evidence import Level, Links, Reason
from ml.grouping.partition import components, joined, kept_apart, refined, spread, torn
from ml.grouping.shots import Bools, Ints, Shots


@dataclass(frozen=True, slots=True)
class Originals:
    """``links``: those that count; ``row``: each photo's original, the earliest file of its duplicate group;
    ``place``: its place in order of time. ``pinned`` and ``bound``: the hand-made moment and burst that count for it,
    -1 for none.
    """

    links: Links
    row: Ints
    place: Ints
    pinned: Ints
    bound: Ints


def found(shots: Shots, links: Links, decisions: Decisions) -> Originals:
    """The duplicate groups that ``links`` make, as far as decisions allow: the outer level's come first."""
    moments, bursts, copies = decisions.moments, decisions.bursts, decisions.copies
    pinned, bound, own = (level.codes(shots.ids) for level in (moments, bursts, copies))
    held = refined(bound, pinned, moments.shut(pinned))
    pinned, bursty = spread(pinned, held), bound >= 0
    start = refined(own, pinned, moments.shut(pinned))
    # nor may copies of its photos draw a burst into several moments
    drawn = torn(joined(held, start), pinned, moments.shut(pinned))
    start = refined(own, pinned, moments.shut(pinned) | drawn)
    start = refined(np.where(own >= 0, start, -1), bound, bursts.shut(bound))
    pinned, bound = spread(pinned, start), spread(bound, start)
    links = links.where(_allowed(links, own, copies))
    parts = components(start, links.first, links.second)
    in_moment = np.where(bursty, pinned, _felt(parts, pinned, moments.shut(pinned)))
    felt = [in_moment, _felt(parts, bound, bursts.shut(bound))]
    links = links.where(np.all([codes[links.first] == codes[links.second] for codes in felt], axis=0))
    strongest = np.lexsort((links.second, links.first, -np.nan_to_num(links.look, nan=1.0)))
    ordered = links.where(strongest)
    parts = kept_apart(start, ordered.first, ordered.second, copies.parting(own, start))
    links = links.where(parts[links.first] == parts[links.second])
    row, place = _earliest(shots, parts)
    by_hand = _by_hand(shots, start, place, links)
    return Originals(Links.joined([links, by_hand]), row, place, spread(pinned, parts), spread(bound, parts))


def _allowed(links: Links, own: Ints, copies: Constraints) -> Bools:
    """Which links lead neither into a closed group nor out of it."""
    one, other = own[links.first], own[links.second]
    allowed: Bools = (one == other) | ~(copies.shut(one) | copies.shut(other))
    return allowed


def _felt(parts: Ints, codes: Ints, closed: Bools) -> Ints:
    """The hand-made cluster that a photo or one of its copies is in, unless that cluster is closed to others."""
    return np.where(codes >= 0, codes, spread(np.where(closed, -1, codes), parts))


def _earliest(shots: Shots, parts: Ints) -> tuple[Ints, Ints]:
    by_time = shots.order()
    place = np.empty(len(shots), np.int64)
    place[by_time] = np.arange(len(shots))
    earliest = np.full(len(shots), len(shots), np.int64)
    np.minimum.at(earliest, parts, place)
    return by_time[earliest[parts]], place


def _by_hand(shots: Shots, start: Ints, place: Ints, links: Links) -> Links:
    """A link from each photo of a hand-made group to the one before it, where they have none."""
    order = np.lexsort((place, start))
    at = np.flatnonzero(np.diff(start[order]) == 0)
    first, second = order[at], order[at + 1]
    n = max(len(shots), 1)
    there, here = (
        np.minimum(one, other) * n + np.maximum(one, other)
        for one, other in ((links.first, links.second), (first, second))
    )
    fresh = ~np.isin(here, there)
    first, second = first[fresh], second[fresh]
    unknown = np.full(len(first), np.nan)
    return Links.of(
        Level.DUPLICATE,
        first,
        second,
        gap_s=shots.time_s[second] - shots.time_s[first],
        look=unknown,
        score=unknown,
        reasons=np.full(len(first), int(Reason.BY_HAND), np.int64),
    )
