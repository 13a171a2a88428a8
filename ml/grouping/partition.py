"""Partitions of rows: every row carries the first row of its part."""

from __future__ import annotations

import numpy as np

from ml.grouping.shots import Bools, Ints


def components(start: Ints, first: Ints, second: Ints) -> Ints:
    """The parts that pairs make of the parts of ``start``, each named by its first row."""
    label = start.copy()
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


def together(codes: Ints) -> Ints:
    """Rows of one code as one part; each row without a code (-1) by itself."""
    return named(np.where(codes >= 0, codes, -1 - np.arange(len(codes))))


def previous_of(label: Ints, wanted: Bools) -> tuple[Ints, Ints]:
    """Rows that are wanted, each with the row before it of the same label, if there is one: earlier rows, rows."""
    order = np.argsort(label, kind="stable")
    at = np.flatnonzero((np.diff(label[order]) == 0) & wanted[order[1:]])
    return order[at], order[at + 1]


def joined(*partitions: Ints) -> Ints:
    """The finest partition in which nothing is apart that is together in one of these."""
    rows = np.arange(len(partitions[0]))
    return components(rows, np.concatenate(partitions), np.tile(rows, len(partitions)))


def kept_apart(start: Ints, first: Ints, second: Ints, apart: Ints) -> Ints:
    """The parts that pairs make of the parts of ``start``, but that none holds two rows of a pair of ``apart`` (m, 2).

    ``first`` and ``second``: from the strongest pair to the weakest; those that would bring together what is apart
    are left out.
    """
    label = components(start, first, second)
    wrong = label[apart[:, 0]][label[apart[:, 0]] == label[apart[:, 1]]]
    if not len(wrong):
        return label
    loose = np.isin(label, wrong)
    label = np.where(loose, start, label)
    rivals: dict[int, set[int]] = {}
    for one, other in start[apart[loose[apart].all(axis=1)]].tolist():
        rivals.setdefault(one, set()).add(other)
        rivals.setdefault(other, set()).add(one)
    into: dict[int, int] = {}
    for one, other in zip(first[loose[first]].tolist(), second[loose[first]].tolist(), strict=True):
        _join(into, rivals, _root(into, int(start[one])), _root(into, int(start[other])))
    label[loose] = [_root(into, part) for part in label[loose].tolist()]
    return label


def _root(into: dict[int, int], part: int) -> int:
    while part in into:
        part = into[part]
    return part


def _join(into: dict[int, int], rivals: dict[int, set[int]], one: int, other: int) -> None:
    low, high = min(one, other), max(one, other)
    if low == high or high in rivals.get(low, ()):
        return
    into[high] = low
    for rival in rivals.pop(high, set()):
        rivals[rival].discard(high)
        rivals[rival].add(low)
        rivals.setdefault(low, set()).add(rival)


def refined(codes: Ints, outer: Ints, closed: Bools) -> Ints:
    """The partition by ``codes`` (-1: each row by itself) as far as the outer ones of these rows allow.

    Rows of one code stay together with those of theirs that are free (-1) at the outer level, if that one is not
    ``closed``, where they have one outer code; otherwise each outer code, and the free rows, go by themselves.
    """
    if not (codes >= 0).any():
        return np.arange(len(codes))
    part = together(codes)
    return named(part * (outer.max() + 2) + np.where(torn(part, outer, closed), outer + 1, 0))


def torn(part: Ints, outer: Ints, closed: Bools) -> Bools:
    """Which rows are in parts that have several outer codes, or a ``closed`` row."""
    highest, shut = spread(outer, part), np.zeros(len(part), np.bool_)
    lowest = np.where(outer >= 0, outer, np.iinfo(np.int64).max)
    np.minimum.at(lowest, part, lowest.copy())
    np.logical_or.at(shut, part, closed)
    found: Bools = (highest > lowest[part]) | shut[part]
    return found


def spread(codes: Ints, part: Ints) -> Ints:
    """The highest code of each row's part, -1 where none has one."""
    highest = np.full(len(part), -1, np.int64)
    np.maximum.at(highest, part, codes)
    return highest[part]
