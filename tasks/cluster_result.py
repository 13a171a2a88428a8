"""A grouping as clusters, which keep the ids that they had before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan, nan
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np

from kilo_gql.domain.clocks import Entry
from kilo_gql.domain.grouping_facts import Facts
from kilo_gql.domain.grouping_results import Member, Result, Shape
from kilo_gql.models import ClusterKind, SetKind
from kilo_gql.models.base import uuid7
from ml.grouping.evidence import Level, Links
from ml.grouping.identities import kept
from ml.grouping.result import Grouping
from ml.grouping.shots import Bools, Floats, Ints, Shots
from tasks.cluster_decisions import LEVELS

#: What is kept of numbers: times to milliseconds, looks and scores to a hundredth of what is shown of them.
_GAP_DIGITS: Final = 3
_DIGITS: Final = 4
#: Where it is asked why a photo is in a cluster of one level, links of these levels answer, the first that has one.
_ASKED: Final = {
    Level.MOMENT: (Level.MOMENT, Level.DUPLICATE),
    Level.BURST: (Level.BURST, Level.DUPLICATE, Level.MOMENT),
    Level.DUPLICATE: (Level.DUPLICATE,),
}


@dataclass(frozen=True, slots=True)
class _Cluster:
    """``rows``: its photos in order of time."""

    id: UUID
    level: Level
    rows: list[int]


def result_of(
    facts: Facts,
    photos: Sequence[Any],
    shots: Shots,
    found: Grouping,
    threshold: float | None,
    clocks: Mapping[str, Entry],
) -> Result:
    """What is to stand in the database, for ``photos`` in the order of ``shots``."""
    clusters = _clusters(facts, photos, shots, found)
    sets = _sets(clusters, found)
    links = {level: _by_row(found.links, level) for level in Level}
    times, ids = shots.time_s.tolist(), [photo.id for photo in photos]
    inside = {(level, row): one.id for level in Level for one in clusters[level] for row in one.rows}
    shapes: dict[UUID, Shape] = {}
    members: dict[tuple[UUID, ClusterKind], Member] = {}
    kinds: dict[UUID, ClusterKind] = {}
    for kind, level in LEVELS.items():
        for one in clusters[level]:
            kinds[one.id] = kind
            shapes[one.id] = _shape(one, photos, times, _parent(one, inside), sets.get(one.id, (None, {})))
            asked, together = [links[each] for each in _ASKED[level]], set(one.rows)
            for place, row in enumerate(one.rows):
                link = _why(row, together, asked)
                why = _NO_LINK if link is None else (ids[link.other], *link[1:])
                members[ids[row], kind] = Member(one.id, place, *why)
    return Result(kinds, shapes, members, len(photos), threshold, clocks)


# --- clusters --------------------------------------------------------------------------------------------------------


def _clusters(facts: Facts, photos: Sequence[Any], shots: Shots, found: Grouping) -> dict[Level, list[_Cluster]]:
    """Every moment; bursts of two exposures and more; duplicate groups of two photos and more."""
    everyone = np.ones(len(shots), np.bool_)
    exposures = _distinct(found.burst, found.duplicate_group)
    files = np.bincount(found.duplicate_group, minlength=1)
    codes: dict[Level, tuple[Ints, Bools]] = {
        Level.MOMENT: (found.moment, everyone),
        Level.BURST: (found.burst, exposures[found.burst] > 1),
        Level.DUPLICATE: (found.duplicate_group, files[found.duplicate_group] > 1),
    }
    place = np.empty(len(shots), np.int64)
    place[shots.order()] = np.arange(len(shots))
    return {level: _of_level(facts, level, photos, shots, place, *codes[level]) for level in Level}


def _distinct(outer: Ints, inner: Ints) -> Ints:
    """By outer code: how many inner codes there are in it."""
    pairs = np.unique(np.stack((outer, inner), axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=1)


def _of_level(
    facts: Facts, level: Level, photos: Sequence[Any], shots: Shots, place: Ints, codes: Ints, wanted: Bools
) -> list[_Cluster]:
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return []
    _, code = np.unique(codes[rows], return_inverse=True)
    code = code.reshape(-1).astype(np.int64)
    names = _names(facts, level, photos, shots, shots.ids[rows], code)
    order = np.lexsort((place[rows], code))
    parts = np.split(rows[order], np.flatnonzero(np.diff(code[order])) + 1)
    return [_Cluster(name, level, part.tolist()) for name, part in zip(names, parts, strict=True)]


def _names(facts: Facts, level: Level, photos: Sequence[Any], shots: Shots, ids_now: Ints, code: Ints) -> list[UUID]:
    """The id of each cluster: that of the earlier one it shares most photos with, or a new one."""
    number = dict(zip((photo.id for photo in photos), shots.ids.tolist(), strict=True))
    then = {cluster.id: name for name, cluster in enumerate(facts.clusters) if LEVELS[cluster.kind] is level}
    pairs = [
        (number[member.asset_id], then[member.cluster_id])
        for member in facts.members
        if member.cluster_id in then and member.asset_id in number
    ]
    ids_then, names_then = np.array(pairs, np.int64).reshape(-1, 2).T
    names = kept(ids_then, names_then, ids_now, code).tolist()
    return [facts.clusters[name].id if name >= 0 else uuid7() for name in names]


def _parent(one: _Cluster, inside: Mapping[tuple[Level, int], UUID]) -> UUID | None:
    """The burst, or else the moment, that it lies in."""
    first = one.rows[0]
    match one.level:
        case Level.MOMENT:
            return None
        case Level.BURST:
            return inside[Level.MOMENT, first]
        case _:
            return inside.get((Level.BURST, first), inside[Level.MOMENT, first])


def _sets(clusters: Mapping[Level, list[_Cluster]], found: Grouping) -> dict[UUID, tuple[SetKind, dict[str, Any]]]:
    """The clusters that are a kept set, wholly: a burst, and a moment if there is nothing else in it."""
    exposure = found.duplicate_group.tolist()
    sets = {frozenset(exposure[row] for row in one.members): one for one in found.sets}
    kept_sets: dict[UUID, tuple[SetKind, dict[str, Any]]] = {}
    for level in (Level.MOMENT, Level.BURST) if sets else ():
        for cluster in clusters[level]:
            if (one := sets.get(frozenset(exposure[row] for row in cluster.rows))) is not None:
                evidence = {_camel(name): round(value, _DIGITS) for name, value in sorted(one.evidence.items())}
                kept_sets[cluster.id] = SetKind(one.kind.value), evidence
    return kept_sets


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _shape(
    one: _Cluster,
    photos: Sequence[Any],
    times: Sequence[float],
    parent_id: UUID | None,
    kept_set: tuple[SetKind | None, dict[str, Any]],
) -> Shape:
    # photos without a time come last
    start, end = times[one.rows[0]], next((time for row in reversed(one.rows) if not isnan(time := times[row])), nan)
    start_time, end_time = (None, None) if isnan(start) else (_moment(start), _moment(end))
    sort_at = start_time or min(photos[row].ingested_at for row in one.rows)
    return Shape(parent_id, start_time, end_time, sort_at, len(one.rows), *kept_set)


def _moment(time_s: float) -> datetime:
    return datetime.fromtimestamp(round(time_s, 6), UTC)


# --- links -----------------------------------------------------------------------------------------------------------


class _Link(NamedTuple):
    """A link as it is said of one of its photos; numbers as they are kept, None for what is not known."""

    other: int
    gap_s: float | None
    look: float | None
    score: float | None
    reasons: int


_NO_LINK: Final = (None, None, None, None, 0)


def _by_row(links: Links, level: Level) -> dict[int, _Link]:
    """One link of a level a photo: to an earlier one, or else one that is not said of the later one."""
    some = links.where(links.level == level)
    numbers = _numbers(some.gap_s, _GAP_DIGITS), _numbers(some.look, _DIGITS), _numbers(some.score, _DIGITS)
    found: dict[int, _Link] = {}
    left: list[tuple[int, _Link]] = []
    columns = some.first.tolist(), some.second.tolist(), *numbers, some.reasons.tolist()
    for first, second, gap_s, look, score, reasons in zip(*columns, strict=True):
        if second not in found:
            found[second] = _Link(first, gap_s, look, score, reasons)
        else:
            left.append((first, _Link(second, gap_s, look, score, reasons)))
    for row, link in left:
        found.setdefault(row, link)
    return found


def _numbers(values: Floats, digits: int) -> list[float | None]:
    return [None if value != value else value for value in np.round(values, digits).tolist()]


def _why(row: int, together: set[int], asked: Iterable[Mapping[int, _Link]]) -> _Link | None:
    """Why a photo is with these: the first link that leads to one of them."""
    for links in asked:
        link = links.get(row)
        if link is not None and link.other in together:
            return link
    return None
