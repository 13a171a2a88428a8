"""A shoot as each camera saw it: its own frames one after the other, without those of other cameras between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.grouping.links import WINDOW
from ml.grouping.looks import Alike, Looks, paired
from ml.grouping.shots import Bools, Floats, Ints, Shots


@dataclass(frozen=True, slots=True)
class Reels:
    """The reels of all cameras behind one another, in arrays of shape (n,). ``rows``: the photos' rows in order of
    time.

    ``follows``: whether the frame before is of the same camera and segment; ``gap_s`` and ``edges`` are about that one,
    and mean nothing where there is none. ``shots`` are in the reels' order, ``ev`` is their exposure.
    """

    rows: Ints
    follows: Bools
    gap_s: Floats
    edges: Floats
    shots: Shots
    ev: Floats

    @classmethod
    def of(cls, shots: Shots, looks: Looks, alike: Alike, segment: Ints) -> Reels:
        """The reels of photos sorted by time; ``alike`` are the looks windowed by ``WINDOW``."""
        rows = np.argsort(shots.camera, kind="stable")
        own = shots.take(rows)
        follows = np.zeros(len(rows), np.bool_)
        follows[1:] = (np.diff(own.camera) == 0) & (np.diff(segment[rows]) == 0)
        gap_s = np.full(len(rows), np.nan)
        gap_s[1:] = np.diff(own.time_s)
        return cls(rows, follows, gap_s, _edges(rows, follows, looks, alike), own, own.exposure_ev())

    def runs(self, joined: Bools) -> Ints:
        """Starts and ends (m, 2) of the longest runs of frames each of which is ``joined`` to the one before."""
        marks = np.concatenate(([False], joined & self.follows, [False])).astype(np.int8)
        steps = np.diff(marks)
        starts = np.flatnonzero(steps == 1) - 1
        return np.stack((starts, np.flatnonzero(steps == -1)), axis=1)

    def windows(self, joined: Bools, length: int) -> Ints:
        """Where ``length`` frames begin of which all but the first are ``joined`` to the one before."""
        counts = np.concatenate(([0], np.cumsum(joined & self.follows)))
        starts = np.arange(max(len(self.rows) - length + 1, 0))
        found: Ints = starts[counts[starts + length] - counts[starts + 1] == length - 1]
        return found


def _edges(rows: Ints, follows: Bools, looks: Looks, alike: Alike) -> Floats:
    found = np.zeros(len(rows))
    at = np.flatnonzero(follows)
    back = rows[at] - rows[at - 1]
    near = back <= WINDOW
    found[at[near]] = alike.edges[back[near] - 1, rows[at[near]]]
    far = at[~near]
    found[far] = paired(looks, rows[far - 1], rows[far]).edges
    return found
