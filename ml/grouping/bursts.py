"""Bursts: frames of one camera in quick succession, within a moment, and those that a person made."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ml.grouping.constraints import Constraints
from ml.grouping.evidence import Level, Links, Reason
from ml.grouping.partition import joined, kept_apart, previous_of, together
from ml.grouping.reels import Reels
from ml.grouping.shots import Bools, Drive, Floats, Ints

#: Frames this near may be of a burst, or within three times the usual interval around them.
PAUSE_S: Final = 1.0
_TIMES: Final = 3.0
#: Intervals longer than this are no drive's, and frames further apart are never of one burst.
_LONGEST_S: Final = 2.0
_AROUND: Final = 4
#: How alike edges must be: where the drive mode is not known, and where it is set to continuous.
EDGES: Final = 0.75
EDGES_CONTINUOUS: Final = 0.5


def found(reels: Reels, moment: Ints, kept: Ints, bound: Ints, constraints: Constraints) -> tuple[Ints, Links]:
    """The burst of each photo, named by its first row, and the links that made them. Rows are sorted by time.

    ``moment``: of each row; ``kept``: the kept set of each row, ``bound``: its hand-made burst, -1 for none. A set is a
    burst of its own; a hand-made burst is one as far as it lies in one moment.
    """
    rows = reels.rows
    joins, reasons = _joins(reels, moment[rows])
    at = np.flatnonzero(joins)
    first, second = rows[at - 1], rows[at]
    free = (kept[first] < 0) & (kept[second] < 0)
    free &= (bound[first] == bound[second]) | ~(constraints.shut(bound[first]) | constraints.shut(bound[second]))
    at = at[free][np.argsort(-reels.edges[at[free]], kind="stable")]
    start = joined(together(kept), together(np.where(bound >= 0, bound * len(rows) + moment, -1)))
    label = kept_apart(start, rows[at - 1], rows[at], constraints.parting(bound, start))
    at = at[label[rows[at - 1]] == label[rows[at]]]
    return label, Links.joined([_links(reels, at, bound, reasons), _by_hand(reels, at, label, bound)])


def _links(reels: Reels, at: Ints, bound: Ints, reasons: Ints) -> Links:
    """Those of the frames at these places of the reels to the ones before."""
    shots, first, second = reels.shots, reels.rows[at - 1], reels.rows[at]
    decided = (bound[first] >= 0) & (bound[first] == bound[second])
    return Links.of(
        Level.BURST,
        first,
        second,
        gap_s=shots.time_s[at] - shots.time_s[at - 1],
        look=reels.edges[at],
        score=np.full(len(at), np.nan),
        reasons=reasons[at] | np.where(decided, int(Reason.BY_HAND), 0),
    )


def _by_hand(reels: Reels, at: Ints, label: Ints, bound: Ints) -> Links:
    """Those of frames of hand-made bursts that nothing else links to an earlier one, to the one before."""
    unlinked = bound >= 0
    unlinked[reels.rows[at]] = False
    first, second = previous_of(label, unlinked)
    time_s, unknown = np.empty(len(label)), np.full(len(first), np.nan)
    time_s[reels.rows] = reels.shots.time_s
    return Links.of(
        Level.BURST,
        first,
        second,
        gap_s=time_s[second] - time_s[first],
        look=unknown,
        score=unknown,
        reasons=np.full(len(first), int(Reason.BY_HAND), np.int64),
    )


def _joins(reels: Reels, moment: Ints) -> tuple[Bools, Ints]:
    shots = reels.shots
    together = reels.follows & (np.diff(moment, prepend=-1) == 0)
    gap_s = np.where(together, reels.gap_s, np.inf)
    quick = gap_s <= np.maximum(PAUSE_S, np.minimum(_TIMES * _usual(gap_s, moment), _LONGEST_S))
    drive, before = shots.drive, np.concatenate(([int(Drive.UNKNOWN)], shots.drive[:-1]))
    continuous = (drive == Drive.CONTINUOUS) & (before == Drive.CONTINUOUS)
    one_by_one = np.isin(drive, (Drive.SINGLE, Drive.SELF_TIMER)) | np.isin(before, (Drive.SINGLE, Drive.SELF_TIMER))
    fine = shots.has_subsec & np.concatenate(([False], shots.has_subsec[:-1]))
    counted, known = _counted(shots.counter)
    alike = reels.edges >= np.where(continuous, EDGES_CONTINUOUS, EDGES)
    # a clock of whole seconds cannot tell a burst from two quick single frames; the file numbers can
    joins = together & quick & alike & ~one_by_one & (fine | continuous | counted | ~known)
    reasons = (Reason.TIME | Reason.LOOK | Reason.SAME_CAMERA) * np.ones(len(joins), np.int64)
    for holds, reason in ((continuous, Reason.DRIVE), (fine, Reason.SUBSECOND), (counted, Reason.COUNTER)):
        reasons |= np.where(holds, int(reason), 0)
    return joins, reasons


def _counted(counter: Ints) -> tuple[Bools, Bools]:
    """Whether a file's number follows the one before, and whether both numbers are known."""
    before = np.concatenate(([-1], counter[:-1]))
    known = (counter >= 0) & (before >= 0)
    # the counter of four digits starts again
    return known & np.isin(counter - before, (1, -9998, -9999)), known


def _usual(gap_s: Floats, moment: Ints) -> Floats:
    """The median of the short intervals of one moment around each frame, 0 where there is none."""
    width = 2 * _AROUND + 1
    around = sliding_window_view(np.pad(gap_s, _AROUND, constant_values=np.inf), width)
    own = sliding_window_view(np.pad(moment, _AROUND, constant_values=-1), width) == moment[:, None]
    ordered = np.sort(np.where(own & (around <= _LONGEST_S), around, np.inf), axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    middle = ordered[np.arange(len(gap_s)), np.maximum(count - 1, 0) // 2]
    return np.where(count > 0, middle, 0.0)
