"""What a person has decided about clusters, which no later grouping undoes.

Photos are named by their ids, so that decisions outlive every re-clustering and hold for photos that come later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ml.grouping.shots import Ints


@dataclass(frozen=True, slots=True)
class Constraints:
    """``pinned``: by photo id, the hand-made cluster it is in, one number each; photos of one number stay together.

    ``apart``: pairs of these numbers (the smaller first) that stay apart. ``closed``: those that no other photo joins.
    Each operation gives new constraints; where it contradicts an earlier one, the later one counts.
    """

    pinned: dict[int, int] = field(default_factory=dict)
    apart: frozenset[tuple[int, int]] = frozenset()
    closed: frozenset[int] = frozenset()

    def merged(self, ids: Collection[int]) -> Constraints:
        """These photos are one cluster."""
        return self._decided([ids])

    def split(self, parts: Collection[Collection[int]]) -> Constraints:
        """Each part is a cluster of its own, apart from the others."""
        return self._decided(parts)

    def moved(self, ids: Collection[int], rest: Collection[int], target: Collection[int]) -> Constraints:
        """These photos leave ``rest``, with which they were, and join ``target``; either may be empty."""
        return self._decided([part for part in ([*target, *ids], rest) if part])

    def locked(self, ids: Collection[int]) -> Constraints:
        """These photos are one cluster as it stands, reviewed: nothing leaves it and nothing joins."""
        decided = self._decided([ids])
        number = decided.pinned[next(iter(ids))]
        return Constraints(decided.pinned, decided.apart, decided.closed | {number})

    def unlocked(self, ids: Collection[int]) -> Constraints:
        """Photos may join the cluster again; its own stay together."""
        return Constraints(self.pinned, self.apart, self.closed - {self.pinned.get(one, -1) for one in ids})

    def codes(self, ids: Ints) -> Ints:
        """The number of each photo's hand-made cluster, -1 for a free photo."""
        if not self.pinned:
            return np.full(len(ids), -1, np.int64)
        return np.array([self.pinned.get(one, -1) for one in ids.tolist()], np.int64)

    def _decided(self, parts: Collection[Collection[int]]) -> Constraints:
        pinned, apart, closed = dict(self.pinned), set(self.apart), set(self.closed)
        fresh = max(pinned.values(), default=-1) + 1
        for number, part in enumerate(parts, fresh):
            before = {pinned[one] for one in part if one in pinned}
            pinned.update(dict.fromkeys(part, number))
            inherited = {(a if b in before else b, number) for a, b in apart if (a in before) != (b in before)}
            apart |= inherited
            closed |= {number} if before & closed else set()
        apart |= set(combinations(range(fresh, fresh + len(parts)), 2))
        return _tidy(pinned, apart, closed)


def _tidy(pinned: dict[int, int], apart: Iterable[tuple[int, int]], closed: Iterable[int]) -> Constraints:
    """Without numbers that no photo carries any more."""
    used = set(pinned.values())
    pairs = frozenset(pair for pair in apart if used.issuperset(pair))
    return Constraints(pinned, pairs, frozenset(used.intersection(closed)))
