"""Moments: average-linkage clustering over the windowed links, all segments at once."""

from __future__ import annotations

from typing import Final

import numpy as np

from ml.grouping.links import Edges
from ml.grouping.shots import Bools, Floats, Ints

#: So many links between two clusters count, the strongest ones. The weaker ones span the longer gaps.
STRONGEST: Final = 5
#: Links this near in log odds count as equally strong. The pairs of one round are then many, not one at a time.
_STEPS: Final = 8.0
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def clustered(edges: Edges, start: Ints, ids: Ints, apart: Ints) -> Ints:
    """The cluster of each photo, named by its first row.

    ``start``: clusters that are already decided, named by their first rows; ``ids`` break ties; ``apart``: pairs of
    rows (m, 2) whose clusters must not become one. In each round, clusters that are each other's best partner become
    one, as long as the mean score of the strongest links between them is above 0. Which other segments are clustered
    along makes no difference.
    """
    label = start.copy()
    first, second, score = edges.first, edges.second, edges.score
    while len(first):
        one, other = label[first], label[second]
        between = one != other
        first, second, score, one, other = (part[between] for part in (first, second, score, one, other))
        low, high, mean = _pairs(np.minimum(one, other), np.maximum(one, other), score, len(label))
        allowed = mean > 0
        if len(apart):
            allowed &= ~_forbidden(low, high, label[apart], len(label))
        low, high, mean = low[allowed], high[allowed], mean[allowed]
        if not len(low):
            break
        mutual = _mutual(low, high, mean, ids)
        into = np.arange(len(label))
        into[high[mutual]] = low[mutual]
        label = into[label]
    return label


def _pairs(low: Ints, high: Ints, score: Floats, n: int) -> tuple[Ints, Ints, Floats]:
    """Pairs of clusters that have links, and the mean score of the strongest of these."""
    keys = low * n + high
    # scores are exact, so the order among equal keys makes no difference
    order = np.argsort(keys)
    keys, score = keys[order], score[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    sizes = np.diff(starts, append=len(keys))
    many = np.flatnonzero(np.repeat(sizes > STRONGEST, sizes))
    ordered = many[np.lexsort((-score[many], keys[many]))]
    rank = many - np.repeat(starts, sizes)[many]
    score[ordered[rank >= STRONGEST]] = 0
    sums = np.add.reduceat(score, starts) if len(starts) else score
    return keys[starts] // n, keys[starts] % n, sums / np.minimum(sizes, STRONGEST)


def _forbidden(low: Ints, high: Ints, pairs: Ints, n: int) -> Bools:
    taken = pairs.min(axis=1) * n + pairs.max(axis=1)
    return np.isin(low * n + high, taken)


def _mutual(low: Ints, high: Ints, mean: Floats, ids: Ints) -> Bools:
    """Which pairs are the best one of both their clusters. Equals are ordered by a hash of their ids: the order of
    time would let only the first pair of an even sequence join in each round."""
    mixed = ids.astype(np.uint64) * _MIX
    hashed = (mixed[low] ^ (mixed[high] >> np.uint64(7))) * _MIX
    order = np.lexsort((hashed, np.rint(mean * _STEPS)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    top = np.full(len(ids), -1, np.int64)
    np.maximum.at(top, low, rank)
    np.maximum.at(top, high, rank)
    mutual: Bools = (top[low] == rank) & (top[high] == rank)
    return mutual
