"""What people decided about a project's clusters, as grouping takes it, and the threshold it teaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np

from kilo_gql.domain.grouping_facts import Facts
from kilo_gql.models import ClusterKind
from ml.descriptors import DescriptorTable
from ml.grouping.decisions import Decision, Decisions
from ml.grouping.evidence import Level
from ml.grouping.links import DEFAULT, Edges, Weights, pairs, scored
from ml.grouping.looks import Looks
from ml.grouping.moments import clustered
from ml.grouping.shots import Ints, Shots
from ml.grouping.thresholds import between, learnt

LEVELS: Final = {
    ClusterKind.MOMENT: Level.MOMENT,
    ClusterKind.BURST: Level.BURST,
    ClusterKind.DUPLICATE_GROUP: Level.DUPLICATE,
}


class Step(NamedTuple):
    """One decision about one level, by the numbers of photos. Each is ``op`` as ``CullAction.decision`` has it."""

    level: Level
    op: str
    parts: list[list[int]]
    ids: list[int]
    rest: list[int]
    target: list[int]

    def decision(self) -> Decision:
        """As grouping takes it."""
        if self.op == "split":
            return Decision(self.level, self.parts)
        return Decision(self.level, [part for part in ([*self.target, *self.ids], self.rest) if part])


def steps(facts: Facts, numbers: Mapping[UUID, int]) -> list[Step]:
    """The decisions in force, in order. ``numbers``: of the photos there are, by asset; others are left out."""
    return [step for written in facts.decisions for step in _unfolded(written, numbers)]


def _unfolded(written: Mapping[str, Any], numbers: Mapping[UUID, int]) -> Iterator[Step]:
    """A decision with those that it entailed further out, the outermost first."""
    if (outer := written.get("outer")) is not None:
        yield from _unfolded(outer, numbers)

    def known(ids: Iterable[str]) -> list[int]:
        return [number for id_ in ids if (number := numbers.get(UUID(id_))) is not None]

    level = LEVELS[ClusterKind(written["kind"])]
    parts = [found for part in written.get("parts", ()) if (found := known(part))]
    ids, rest, target = (known(written.get(name, ())) for name in ("ids", "rest", "target"))
    if parts or ids:
        yield Step(level, written["op"], parts, ids, rest, target)


def decisions(facts: Facts, log: Sequence[Step], numbers: Mapping[UUID, int]) -> Decisions:
    """What the log comes to, with every cluster that is reviewed or locked, closed as it stands."""
    closed = {cluster.id: LEVELS[cluster.kind] for cluster in facts.clusters if cluster.closed}
    inside: dict[UUID, list[int]] = {}
    for member in facts.members:
        if member.cluster_id in closed and member.asset_id in numbers:
            inside.setdefault(member.cluster_id, []).append(numbers[member.asset_id])
    # moments first: what is within them follows
    order = sorted(inside, key=lambda id_: (closed[id_], min(inside[id_])))
    standing = [Decision(closed[id_], [sorted(inside[id_])], closed=True) for id_ in order]
    return Decisions.folded([*(step.decision() for step in log), *standing])


# --- what they teach -------------------------------------------------------------------------------------------------


def weights(log: Sequence[Step], shots: Shots, table: DescriptorTable, known: dict[bytes, list[float]]) -> Weights:
    """The weights with the threshold that splits, merges and moves of moments speak for.

    Photos that were put together are scored between the parts that the model makes of them alone; photos that were
    taken apart, between the parts that a person made. ``known``: scores that may be taken over, by what they rest on;
    holds the present ones afterwards.
    """
    before = dict(known)
    known.clear()
    row = dict(zip(shots.ids.tolist(), range(len(shots)), strict=True))
    merged: list[float] = []
    split: list[float] = []
    for together, parts in (lesson for step in log if step.level is Level.MOMENT for lesson in _lessons(step)):
        rows = [np.array([row[number] for number in part], np.int64) for part in parts]
        basis = b"|".join(shots.ids[part].tobytes() + shots.time_s[part].tobytes() for part in rows)
        known[basis] = before[basis] if basis in before else _scores(shots, table, rows)
        (merged if together else split).extend(known[basis])
    return learnt(DEFAULT, merged, split)


def _lessons(step: Step) -> Iterator[tuple[bool, list[list[int]]]]:
    """Photos that belong together (one part, or two that were joined), or apart."""
    if step.op == "split":
        yield from ((False, list(pair)) for pair in combinations(step.parts, 2))
    elif step.op == "merge":
        yield True, [step.ids]
    else:
        if step.rest:
            yield False, [step.ids, step.rest]
        if step.target:
            yield True, [step.ids, step.target]


def _scores(shots: Shots, table: DescriptorTable, parts: Sequence[Ints]) -> list[float]:
    """Between each two parts that have links: those that are given, or those that the model makes of a single one."""
    rows = np.concatenate(parts)
    ordered = shots.take(rows).order()
    own, looks = shots.take(rows[ordered]), Looks.of(table, rows[ordered])
    ties = scored(pairs(own, looks, np.zeros(len(own), np.int64)), DEFAULT)
    if len(parts) == 1:
        part = clustered(ties, np.arange(len(own)), own.ids, np.zeros((0, 2), np.int64))
    else:
        part = np.repeat(np.arange(len(parts)), [len(one) for one in parts])[ordered]
    return [
        between(ties, np.flatnonzero(part == one), np.flatnonzero(part == other)) for one, other in _met(ties, part)
    ]


def _met(ties: Edges, part: Ints) -> list[tuple[int, int]]:
    """The pairs of parts that links lead between."""
    one, other = part[ties.first], part[ties.second]
    across = one != other
    found = np.stack((np.minimum(one, other)[across], np.maximum(one, other)[across]), axis=1)
    return [(int(a), int(b)) for a, b in np.unique(found, axis=0).tolist()]
