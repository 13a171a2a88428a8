"""Clusters keep their names when photos are grouped anew."""

from __future__ import annotations

import numpy as np

from ml.grouping.partition import named
from ml.grouping.shots import Ints


def kept(ids_then: Ints, names_then: Ints, ids_now: Ints, codes_now: Ints) -> Ints:
    """The name of each cluster there is now: that of the earlier one it shares most photos with, -1 for a new cluster.

    ``names_then``: the name (≥ 0) of each earlier photo's cluster; ``codes_now``: the code of each photo's cluster,
    0 to m - 1. The answer is (m,). Greedy: the pair of clusters that shares most goes first, of equals the one with the
    older name, then the one with the lower code. No name is given twice.
    """
    count = int(codes_now.max(initial=-1)) + 1
    result = np.full(count, -1, np.int64)
    _, at_then, at_now = np.intersect1d(ids_then, ids_now, assume_unique=True, return_indices=True)
    names, codes = names_then[at_then], codes_now[at_now]
    pair = named(names * max(count, 1) + codes)
    first, shared = np.unique(pair, return_counts=True)
    used: set[int] = set()
    for at in np.lexsort((codes[first], names[first], -shared)).tolist():
        name, code = int(names[first[at]]), int(codes[first[at]])
        if result[code] < 0 and name not in used:
            result[code] = name
            used.add(name)
    return result
