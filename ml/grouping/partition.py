"""Partitions of rows: every row carries the first row of its part."""

from __future__ import annotations

import numpy as np

from ml.grouping.shots import Ints


def components(n: int, first: Ints, second: Ints) -> Ints:
    """The parts of ``n`` rows that pairs hold together, each named by its first row."""
    label = np.arange(n)
    while len(first):
        one, other = label[first], label[second]
        low, high = np.minimum(one, other), np.maximum(one, other)
        if (low == high).all():
            break
        np.minimum.at(label, high, low)
        while (label[label] != label).any():
            label = label[label]
    return label


def distinct(values: Ints) -> Ints:
    """The values in order, each once. numpy's own way hashes whole numbers, and is slow for keys made of two rows."""
    ordered = np.sort(values)
    fresh = np.ones(len(ordered), np.bool_)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return ordered[fresh]


def named(codes: Ints) -> Ints:
    """The partition by any codes, each part named by its first row."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def joined(*partitions: Ints) -> Ints:
    """The finest partition in which nothing is apart that is together in one of these."""
    n = len(partitions[0])
    rows = np.arange(n)
    return components(n, np.concatenate(partitions), np.tile(rows, len(partitions)))
