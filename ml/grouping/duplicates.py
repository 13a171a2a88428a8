"""Files of one exposure: the same bytes, a raw file and its JPEG, and copies that were re-encoded, resized or toned.

A hash alone never decides: hashes only name candidates, and frames that the camera's own clock tells apart are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.descriptors import STRUCTURE_ZERO, DescriptorTable
from ml.grouping.evidence import Level, Links, Reason
from ml.grouping.partition import distinct
from ml.grouping.shots import Bools, Floats, Ints, Shots
from ml.pdq import SIMILAR_BITS

#: Correlation of fine detail from which two pictures are of one exposure: where nothing else is known, and where one
#: body took both in the same hundredth of a second.
SAME_DETAIL: Final = 0.96
SAME_DETAIL_THEN: Final = 0.85
#: Photos that share a band of their hashes with more than so many are compared with so many that follow.
_CROWD: Final = 24
_BANDS: Final = 16
#: Bits of the hash: twice what its publishers let decide alone, since here detail decides.
_RADIUS: Final = 2 * SIMILAR_BITS
#: Clocks that are read to hundredths differ by less between files of one exposure.
_FINE_S, _COARSE_S = 0.011, 1.0
#: Exposures further apart are two: what a file says of its own is rounded.
_EV_ERROR: Final = 0.2
_CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class Compared:
    """Pairs of photo ids (m, 2), sorted, whose detail was compared, and its correlation (m,), -1 to 1."""

    pairs: Ints
    detail: Floats

    @classmethod
    def nothing(cls) -> Compared:
        """No pair."""
        return cls(np.zeros((0, 2), np.int64), np.zeros(0))


def links(shots: Shots, table: DescriptorTable, known: Compared) -> tuple[Links, Compared]:
    """The links between files of one exposure, and what was compared for it.

    ``known``: from an earlier grouping; pairs that stand there are not compared again.
    """
    position = np.empty(len(shots), np.int64)
    position[shots.order()] = np.arange(len(shots))
    alike, compared = _same_picture(shots, table, known)
    found = [_same_bytes(shots, position), _raw_pairs(shots, position), alike]
    return _one_a_pair(Links.joined(found)), compared


def correlation(table: DescriptorTable, first: Ints, second: Ints) -> Floats:
    """Normalised correlation of the structures of pairs, 0 where one is flat."""
    found = np.zeros(len(first))
    for start in range(0, len(first), _CHUNK):
        span = slice(start, start + _CHUNK)
        rows, where = np.unique(np.concatenate((first[span], second[span])), return_inverse=True)
        detail = table.structure(rows.astype(np.intp)).astype(np.float32) - np.float32(STRUCTURE_ZERO)
        one, other = np.split(where, 2)
        # whole numbers of at most 128² · 96: exact in every order within a row of 96, then in doubles
        squares = _dot(detail, detail)
        size = np.sqrt(squares[one] * squares[other])
        found[span] = _dot(detail[one], detail[other]) / np.maximum(size, 1)
    return found


def _dot(
    one: np.ndarray[tuple[int, int], np.dtype[np.float32]], other: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> Floats:
    rows = np.einsum("pij,pij->pi", one.reshape(len(one), 96, -1), other.reshape(len(other), 96, -1))
    total: Floats = rows.sum(axis=1, dtype=np.float64)
    return total


def _same_bytes(shots: Shots, position: Ints) -> Links:
    first, second = _chained(np.where(shots.content < 0, -1 - np.arange(len(shots)), shots.content), position)
    return _ruled(shots, first, second, Reason.SAME_BYTES)


def _raw_pairs(shots: Shots, position: Ints) -> Links:
    """A raw file and what the camera wrote beside it: one name, one body, one capture time."""
    rows = np.flatnonzero((shots.stem >= 0) & (shots.camera >= 0) & ~np.isnan(shots.time_s))
    keys = np.stack((shots.stem[rows], shots.camera[rows], np.rint(shots.time_s[rows] * 100).astype(np.int64)), axis=1)
    _, codes = np.unique(keys, axis=0, return_inverse=True)
    first, second = _chained(codes.reshape(-1), position[rows])
    first, second = rows[first], rows[second]
    mixed = shots.raw[first] != shots.raw[second]
    return _ruled(shots, first[mixed], second[mixed], Reason.RAW_PAIR | Reason.TIME | Reason.SAME_CAMERA)


def _chained(codes: Ints, position: Ints) -> tuple[Ints, Ints]:
    """Rows of one code, each with the next one in order of time."""
    order = np.lexsort((position, codes))
    same = np.flatnonzero(np.diff(codes[order]) == 0)
    return order[same], order[same + 1]


def _ruled(shots: Shots, first: Ints, second: Ints, reason: Reason) -> Links:
    gap_s = shots.time_s[second] - shots.time_s[first]
    unknown = np.full(len(first), np.nan)
    reasons = np.full(len(first), int(reason), np.int64)
    return Links.of(Level.DUPLICATE, first, second, gap_s=gap_s, look=unknown, score=unknown, reasons=reasons)


def _same_picture(shots: Shots, table: DescriptorTable, known: Compared) -> tuple[Links, Compared]:
    first, second = _candidates(table, shots)
    pairs = np.sort(np.stack((shots.ids[first], shots.ids[second]), axis=1), axis=1)
    detail, fresh = _remembered(known, pairs)
    detail[fresh] = correlation(table, first[fresh], second[fresh])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    compared = Compared(pairs[order], detail[order])
    same = np.flatnonzero(detail >= np.where(_taken_at_once(shots, first, second), SAME_DETAIL_THEN, SAME_DETAIL))
    same = same[_certain(shots, first[same], second[same], detail[same])]
    first, second, look = first[same], second[same], detail[same]
    found = _ruled(shots, first, second, Reason.SAME_PICTURE)
    return Links(found.first, found.second, found.level, found.gap_s, look, found.score, found.reasons), compared


def _certain(shots: Shots, first: Ints, second: Ints, detail: Floats) -> Bools:
    """Which of these links count, so that no file that says little joins frames that are told apart.

    Files say of their time all to a fraction, to a second, or nothing. One that has partners who say more than itself
    keeps the link to the most alike of these; one that says nothing keeps its best link only.
    """
    says = np.where((shots.camera >= 0) & ~np.isnan(shots.time_s), 1 + shots.has_subsec.astype(np.int64), 0)
    link = np.tile(np.arange(len(first)), 2)
    file, partner = np.concatenate((first, second)), np.concatenate((second, first))
    more = says[partner] > says[file]
    order = np.lexsort((partner, -detail[link], ~more, file))
    file, link, more = file[order], link[order], more[order]
    best = np.flatnonzero(np.diff(file, prepend=-1))
    led = np.zeros(len(shots), np.bool_)
    led[file[best[more[best]]]] = True
    kept: Bools = (says[first] == says[second]) & (says[first] > 0) & ~led[first] & ~led[second]
    kept[link[best[more[best] | (says[file[best]] == 0)]]] = True
    return kept


def _remembered(known: Compared, pairs: Ints) -> tuple[Floats, Ints]:
    """What is known of these pairs, and the places of those that are not."""
    both = np.concatenate((known.pairs, pairs))
    _, codes = np.unique(both, axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    values = np.full(len(both), np.nan)
    values[codes[: len(known.pairs)]] = known.detail
    detail = values[codes[len(known.pairs) :]]
    return detail, np.flatnonzero(np.isnan(detail))


def _candidates(table: DescriptorTable, shots: Shots) -> tuple[Ints, Ints]:
    """Pairs whose hashes are near, found by equal bands of 16 bits or an equal capture time; the earlier row first."""
    n = len(shots)
    bands = np.ascontiguousarray(table.pdq).view(np.uint16)
    by_time = shots.order()
    keys = [_crowded(bands[by_time, band], n) for band in range(_BANDS)]
    same_time = (np.diff(shots.time_s[by_time]) == 0) & (np.diff(shots.camera[by_time]) == 0)
    at = np.flatnonzero(same_time)
    keys.append(at * n + at + 1)
    found = distinct(np.concatenate(keys))
    first, second = by_time[found // max(n, 1)], by_time[found % max(n, 1)]
    possible = ~_told_apart(shots, first, second)
    first, second = first[possible], second[possible]
    words = np.ascontiguousarray(table.pdq).view(np.uint64)
    near = np.bitwise_count(words[first] ^ words[second]).sum(axis=1) <= _RADIUS
    near |= _taken_at_once(shots, first, second)
    return first[near], second[near]


def _crowded(codes: NDArray[np.uint16], n: int) -> Ints:
    """Keys of the pairs of equal codes; in a crowd, of each with the next ones. ``codes`` in order of time."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    keys = []
    for step in range(1, _CROWD + 1):
        same = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(same):
            break
        keys.append(order[same] * n + order[same + step])
    return np.concatenate(keys) if keys else np.zeros(0, np.int64)


def _told_apart(shots: Shots, first: Ints, second: Ints) -> Bools:
    """Whether the cameras' own words exclude that two files are of one exposure."""
    known = (shots.camera[first] >= 0) & (shots.camera[second] >= 0)
    gap_s = np.abs(shots.time_s[second] - shots.time_s[first])
    fine = shots.has_subsec[first] & shots.has_subsec[second]
    late = gap_s >= np.where(fine, _FINE_S, _COARSE_S)
    light = shots.exposure_ev()
    otherwise = np.abs(light[second] - light[first]) > _EV_ERROR  # False where one is not known
    apart: Bools = known & ((shots.camera[first] != shots.camera[second]) | late | otherwise)
    return apart


def _taken_at_once(shots: Shots, first: Ints, second: Ints) -> Bools:
    """Whether one body took both, by clocks that are read to hundredths."""
    known = (shots.camera[first] == shots.camera[second]) & (shots.camera[first] >= 0)
    fine = shots.has_subsec[first] & shots.has_subsec[second]
    at_once: Bools = known & fine & (np.abs(shots.time_s[second] - shots.time_s[first]) < _FINE_S)
    return at_once


def _one_a_pair(found: Links) -> Links:
    """The first word about a pair, strongest reason first, with all reasons joined."""
    if not len(found):
        return found
    fresh = np.ones(len(found), np.bool_)
    fresh[1:] = (np.diff(found.first) != 0) | (np.diff(found.second) != 0)
    starts = np.flatnonzero(fresh)
    reasons = np.bitwise_or.reduceat(found.reasons, starts)
    look = np.fmax.reduceat(found.look, starts)
    kept = found.where(starts)
    return Links(kept.first, kept.second, kept.level, kept.gap_s, look, kept.score, reasons)
