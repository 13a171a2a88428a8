"""A shoot in moments, bursts and duplicate groups, each within the one before, and the sets that stay whole.

Files of one exposure are found first and go as one. What remains is cut into segments at long pauses; each is grouped
on its own, so that photos that come later disturb only the segments they fall into.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ml.descriptors import DescriptorTable
from ml.grouping import duplicates
from ml.grouping.constraints import Constraints
from ml.grouping.duplicates import Compared
from ml.grouping.evidence import Links
from ml.grouping.incremental import taken_over
from ml.grouping.links import DEFAULT, Weights, segments
from ml.grouping.partition import components, distinct, joined, named
from ml.grouping.parts import Part, grouped
from ml.grouping.result import Basis, Grouping
from ml.grouping.shots import Floats, Ints, Shots

FREE: Final = Constraints()


def group(
    shots: Shots,
    table: DescriptorTable,
    *,
    tiles: Floats | None = None,
    weights: Weights = DEFAULT,
    constraints: Constraints = FREE,
    previous: Grouping | None = None,
) -> Grouping:
    """The grouping of photos: ``shots``, ``table`` and ``tiles`` (n, tiles) row by row.

    ``previous``: an earlier grouping of some of these photos, from the same versions of descriptors and tiles: its
    parts that nothing changed in are taken over, and the result is the one that a grouping from scratch gives. Raises
    ValueError if the rows do not match.
    """
    if len(shots) != len(table) or (tiles is not None and len(tiles) != len(shots)):
        raise ValueError("shots, descriptors and tiles need the same rows")
    known = previous.basis.compared if previous else Compared.nothing()
    links, compared = duplicates.links(shots, table, known)
    links, original, pinned, place = _originals(shots, links, constraints)
    rows = distinct(original)
    rows = rows[np.argsort(place[rows])]
    segment = segments(shots.time_s[rows])
    unit = np.full(len(shots), -1, np.int64)
    unit[rows] = rows[_units(segment, pinned[rows])]
    basis = Basis(shots, unit, pinned, compared, constraints, weights)
    done = taken_over(previous, basis, rows)
    left = ~np.isin(rows, done.rows)
    parts = [done]
    if left.any():
        fresh = rows[left]
        parts.append(grouped(shots, table, tiles, fresh, segment[left], pinned[fresh], constraints, weights))
    return Grouping(
        _numbered(_merged(parts, "moment", len(shots))[original], place),
        _numbered(_merged(parts, "burst", len(shots))[original], place),
        _numbered(original, place),
        sorted((one for part in parts for one in part.sets), key=lambda one: int(place[one.members[0]])),
        Links.joined([links, *(part.links for part in parts)]),
        basis,
        len(done.rows),
    )


def _originals(shots: Shots, links: Links, constraints: Constraints) -> tuple[Links, Ints, Ints, Ints]:
    """Duplicate groups: the links that count, each photo's original (the earliest file), the hand-made cluster that
    counts for it, and its place in order of time."""
    n = len(shots)
    pinned = constraints.codes(shots.ids)
    copies = components(n, links.first, links.second)
    if constraints.pinned:
        felt = _felt(copies, pinned, constraints)
        links = links.where(felt[links.first] == felt[links.second])
        copies = components(n, links.first, links.second)
    highest = np.full(n, -1, np.int64)
    np.maximum.at(highest, copies, pinned)
    by_time = shots.order()
    place = np.empty(n, np.int64)
    place[by_time] = np.arange(n)
    earliest = np.full(n, n, np.int64)
    np.minimum.at(earliest, copies, place)
    return links, by_time[earliest[copies]], highest[copies], place


def _felt(copies: Ints, pinned: Ints, constraints: Constraints) -> Ints:
    """The hand-made cluster that a photo or one of its copies is in, unless that cluster is closed to others."""
    open_to_others = ~np.isin(pinned, list(constraints.closed)) & (pinned >= 0)
    highest = np.full(len(copies), -1, np.int64)
    np.maximum.at(highest, copies[open_to_others], pinned[open_to_others])
    return np.where(pinned >= 0, pinned, highest[copies])


def _units(segment: Ints, pinned: Ints) -> Ints:
    """What must be grouped together: segments, and several where a hand-made cluster spans them."""
    return joined(named(segment), named(np.where(pinned >= 0, pinned, -1 - np.arange(len(pinned)))))


def _merged(parts: list[Part], name: str, n: int) -> Ints:
    label = np.full(n, -1, np.int64)
    for part in parts:
        label[part.rows] = getattr(part, name)
    return label


def _numbered(label: Ints, place: Ints) -> Ints:
    """Codes from 0 in order of time, for labels that are first rows."""
    _, codes = np.unique(place[label], return_inverse=True)
    return codes.reshape(-1).astype(np.int64)
