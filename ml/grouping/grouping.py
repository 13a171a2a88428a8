"""A shoot in moments, bursts and duplicate groups, each within the one before, and the sets that stay whole.

Files of one exposure are found first and go as one. What remains is cut into segments at long pauses; each is grouped
on its own, so that photos that come later disturb only the segments they fall into.
"""

from __future__ import annotations

import numpy as np

from ml.descriptors import DescriptorTable
from ml.grouping import duplicates, originals
from ml.grouping.constraints import FREE, Constraints
from ml.grouping.decisions import Decisions
from ml.grouping.duplicates import Compared
from ml.grouping.evidence import Links
from ml.grouping.incremental import taken_over
from ml.grouping.links import DEFAULT, Weights, segments
from ml.grouping.partition import distinct, joined, named, together
from ml.grouping.parts import Part, grouped
from ml.grouping.result import Basis, Grouping
from ml.grouping.shots import Floats, Ints, Shots


def group(
    shots: Shots,
    table: DescriptorTable,
    *,
    tiles: Floats | None = None,
    weights: Weights = DEFAULT,
    constraints: Constraints = FREE,
    bursts: Constraints = FREE,
    copies: Constraints = FREE,
    previous: Grouping | None = None,
) -> Grouping:
    """The grouping of photos: ``shots``, ``table`` and ``tiles`` row by row; the last as ``focus.grids`` makes them.

    ``constraints``, ``bursts`` and ``copies``: what was decided about moments, bursts and duplicate groups; where these
    contradict each other, moments count over bursts and bursts over copies: a hand-made burst whose photos were put in
    two moments is one burst in each.
    ``previous``: an earlier grouping of some of these photos, from the same versions of descriptors and tiles: its
    parts that nothing changed in are taken over, and the result is the one that a grouping from scratch gives. Raises
    ValueError if the rows do not match.
    """
    if len(shots) != len(table) or (tiles is not None and len(tiles) != len(shots)):
        raise ValueError("shots, descriptors and tiles need the same rows")
    known = previous.basis.compared if previous else Compared.nothing()
    links, compared = duplicates.links(shots, table, known)
    decisions = Decisions(constraints, bursts, copies)
    own = originals.found(shots, links, decisions)
    rows = distinct(own.row)
    rows = rows[np.argsort(own.place[rows])]
    segment, pinned, bound = segments(shots.time_s[rows]), own.pinned[rows], own.bound[rows]
    unit = np.full(len(shots), -1, np.int64)
    unit[rows] = rows[joined(named(segment), together(pinned), together(bound))]
    basis = Basis(shots, unit, own.pinned, own.bound, compared, decisions, weights)
    done = taken_over(previous, basis, rows)
    left = ~np.isin(rows, done.rows)
    parts = [done]
    if left.any():
        codes = segment[left], pinned[left], bound[left]
        parts.append(grouped(shots, table, tiles, rows[left], *codes, decisions, weights))
    return Grouping(
        _numbered(_merged(parts, "moment", len(shots))[own.row], own.place),
        _numbered(_merged(parts, "burst", len(shots))[own.row], own.place),
        _numbered(own.row, own.place),
        sorted((one for part in parts for one in part.sets), key=lambda one: int(own.place[one.members[0]])),
        Links.joined([own.links, *(part.links for part in parts)]),
        basis,
        len(done.rows),
    )


def _merged(parts: list[Part], name: str, n: int) -> Ints:
    label = np.full(n, -1, np.int64)
    for part in parts:
        label[part.rows] = getattr(part, name)
    return label


def _numbered(label: Ints, place: Ints) -> Ints:
    """Codes from 0 in order of time, for labels that are first rows."""
    _, codes = np.unique(place[label], return_inverse=True)
    return codes.reshape(-1).astype(np.int64)
