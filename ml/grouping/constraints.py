"""What a person has decided about clusters of one level, which no later grouping undoes.

Photos are named by their ids, so that decisions outlive every re-clustering and hold for photos that come later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np

from ml.grouping.shots import Bools, Ints


@dataclass(frozen=True, slots=True)
class Constraints:
    """``pinned``: by photo id, the hand-made cluster it is in, one number each; photos of one number stay together.

    ``apart``: pairs of these numbers (the smaller first) that stay apart. ``closed``: those that no other photo joins.
    Each operation gives new constraints; where it contradicts an earlier one, the later one counts. For a long log of
    decisions take a ``Draft``, which copies nothing.
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
        return self._decided([[*target, *ids], rest])

    def locked(self, ids: Collection[int]) -> Constraints:
        """These photos are one cluster as it stands, reviewed: nothing leaves it and nothing joins."""
        return self.locked_all([ids])

    def locked_all(self, clusters: Iterable[Collection[int]]) -> Constraints:
        """Each of these clusters is locked."""
        draft = Draft(self)
        for ids in clusters:
            draft.decide([ids], closed=True)
        return draft.constraints()

    def unlocked(self, ids: Collection[int]) -> Constraints:
        """Photos may join the cluster again; its own stay together."""
        return Constraints(self.pinned, self.apart, self.closed - {self.pinned.get(one, -1) for one in ids})

    def codes(self, ids: Ints) -> Ints:
        """The number of each photo's hand-made cluster, -1 for a free photo."""
        if not self.pinned:
            return np.full(len(ids), -1, np.int64)
        return np.array([self.pinned.get(one, -1) for one in ids.tolist()], np.int64)

    def shut(self, codes: Ints) -> Bools:
        """Which of these numbers are closed."""
        return np.isin(codes, list(self.closed))

    def parting(self, codes: Ints, parts: Ints) -> Ints:
        """The pairs of rows (m, 2) that stay apart, of rows with these ``codes``: one row of each of ``parts``.

        No part has rows of two codes, other than -1.
        """
        if not self.apart:
            return np.zeros((0, 2), np.int64)
        rows: dict[int, list[int]] = {}
        firsts, at = np.unique(np.where(codes >= 0, parts, -1), return_index=True)
        for row, code in zip(firsts.tolist(), codes[at].tolist(), strict=True):
            rows.setdefault(code, []).append(row)
        pairs = [(one, other) for a, b in sorted(self.apart) for one in rows.get(a, ()) for other in rows.get(b, ())]
        return np.array(pairs, np.int64).reshape(-1, 2)

    def _decided(self, parts: Collection[Collection[int]]) -> Constraints:
        draft = Draft(self)
        draft.decide(parts)
        return draft.constraints()


#: Nothing decided.
FREE: Final = Constraints()


class Draft:
    """Constraints in the making: each decision costs what it is about, not what has been decided before."""

    def __init__(self, constraints: Constraints = FREE) -> None:
        self._pinned = dict(constraints.pinned)
        self._closed = set(constraints.closed)
        self._sizes: dict[int, int] = {}
        for number in self._pinned.values():
            self._sizes[number] = self._sizes.get(number, 0) + 1
        self._rivals: dict[int, set[int]] = {}
        for a, b in constraints.apart:
            self._part(a, b)
        self._fresh = max(self._sizes, default=-1) + 1

    def decide(self, parts: Iterable[Collection[int]], *, closed: bool = False) -> None:
        """Each part is one cluster, apart from the others, and closed if so said or if a part of it was."""
        made = [self._cluster(part, closed) for part in parts if part]
        for a, b in combinations(made, 2):
            self._part(a, b)

    def open(self, ids: Iterable[int]) -> None:
        """Photos may join the clusters of these again."""
        self._closed.difference_update(self._pinned[one] for one in ids if one in self._pinned)

    def gather(self, ids: Collection[int]) -> None:
        """Where these are in several clusters, or some in a closed one, all join the one that has most of them."""
        counts = Counter(self._pinned[one] for one in ids if one in self._pinned)
        some_free = counts.total() < len(ids)
        if len(counts) > 1 or (some_free and not self._closed.isdisjoint(counts)):
            most = max(counts, key=lambda number: (counts[number], -number))
            for one in ids:
                self._move(one, most)

    def constraints(self) -> Constraints:
        """What has been decided so far."""
        apart = frozenset((a, b) for a, rivals in self._rivals.items() for b in rivals if a < b)
        return Constraints(dict(self._pinned), apart, frozenset(self._closed))

    def _cluster(self, ids: Collection[int], closed: bool) -> int:
        number, self._fresh = self._fresh, self._fresh + 1
        before = {self._pinned[one] for one in ids if one in self._pinned}
        rivals = set().union(*(self._rivals.get(old, ()) for old in before)) - before
        if closed or not before.isdisjoint(self._closed):
            self._closed.add(number)
        for one in ids:
            self._move(one, number)
        for rival in rivals & self._sizes.keys():
            self._part(number, rival)
        return number

    def _move(self, one: int, number: int) -> None:
        old = self._pinned.get(one)
        self._pinned[one] = number
        self._sizes[number] = self._sizes.get(number, 0) + 1
        if old is not None:
            self._sizes[old] -= 1
            if not self._sizes[old]:
                self._forget(old)

    def _forget(self, number: int) -> None:
        """No photo carries it any more."""
        del self._sizes[number]
        self._closed.discard(number)
        for rival in self._rivals.pop(number, ()):
            self._rivals[rival].discard(number)

    def _part(self, a: int, b: int) -> None:
        self._rivals.setdefault(a, set()).add(b)
        self._rivals.setdefault(b, set()).add(a)
