"""Frames that only make sense together: exposure brackets, panoramas, focus stacks and timelapses.

They are found before bursts, so that no burst swallows them, and stay whole in everything that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from ml.grouping import focus, panoramas
from ml.grouping.looks import Looks, Singles
from ml.grouping.panoramas import Detail
from ml.grouping.reels import Reels
from ml.grouping.shots import Bools, Drive, Floats, Ints, Shots

#: Frames of a bracket, at least and at most, and its step in EV. Two alone need the camera's word.
BRACKET_FRAMES: Final = (2, 9)
BRACKET_EV: Final = (0.28, 3.4)
_BRACKET_PAUSE_S: Final = 2.0
#: Shutter speeds are written in rounded thirds: 1/60 s is 1/64 s.
_EV_ERROR: Final = 0.2
#: Without a word from the camera, smaller steps may be its light meter.
_CLEAR_STEP_EV: Final = 0.55
#: Nobody dials another exposure bias in less.
_DIALLED_S: Final = 0.7

TIMELAPSE_FRAMES: Final = 10
#: So many are enough if they keep the beat as no hand does, to so many seconds, or if the camera says so.
_EXACT_FRAMES, _EXACT_S = 6, 0.04
_TOLD_FRAMES: Final = 3
#: Faster is a burst.
_TIMELAPSE_S: Final = 1.5
_TIMELAPSE_EDGES: Final = 0.5
_TRIMS: Final = 3
#: A frame at either end is on the beat by chance if it is off so many times more than is usual, and some.
_STRAY, _STRAY_S = 5.0, 0.02


class SetKind(StrEnum):
    """What kind of set."""

    BRACKET = "bracket"
    PANORAMA = "panorama"
    FOCUS_STACK = "focus_stack"
    TIMELAPSE = "timelapse"


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A set and how it shows. ``members``: rows, in order of time. ``evidence``: a bracket's ``step_ev`` and which
    word it rests on (``told`` 1 if the camera said so); a panorama's ``shift``, the mean step in fractions of a
    frame; a focus stack's ``moving``, the share of tiles that change; a timelapse's ``interval_s``.
    """

    kind: SetKind
    members: tuple[int, ...]
    evidence: dict[str, float]


def found(reels: Reels, looks: Looks, detail: Detail, tiles: Floats | None) -> list[KeptSet]:
    """The sets of a shoot. No photo is in two; what the camera counts as one kind is not taken for another.

    ``looks`` sorted by time; ``tiles``: sharpness of each photo's tiles as ``focus.stacks`` takes it, sorted alike;
    without it focus stacks cannot be told from bursts and are not sought.
    """
    finders: list[Callable[[], Iterable[KeptSet]]] = [
        lambda: brackets(reels, looks.light()),
        lambda: _longest_first(
            [*(focus_stacks(reels, tiles, detail) if tiles is not None else ()), *timelapses(reels)]
        ),
        lambda: panoramas_of(reels, looks, detail),
    ]
    taken: set[int] = set()
    kept: list[KeptSet] = []
    for finder in finders:
        for one in finder():
            if taken.isdisjoint(one.members):
                taken.update(one.members)
                kept.append(one)
    return sorted(kept, key=lambda one: one.members)


def _longest_first(kept: list[KeptSet]) -> list[KeptSet]:
    """Of as many frames the stack first: a camera that moves the focus may well do so at one interval."""
    return sorted(kept, key=lambda one: -len(one.members))


def brackets(reels: Reels, light: Singles) -> list[KeptSet]:
    """Exposures at even distances, shortly after one another, the longest first where several fit.

    Three kinds of evidence, any of which is enough: the exposure bias steps evenly; the drive is set to bracketing
    and the exposure steps evenly; or the exposure steps evenly and the pictures get brighter with it, as they would
    not if the camera had only metered anew. By either of the first two, one frame may be missing. For two frames
    alone the drive is set to bracketing, or the bias changes faster than by hand.
    """
    shots = reels.shots
    before = np.concatenate(([np.nan], np.nan_to_num(shots.exposure_time_s[:-1])))
    soon = reels.gap_s <= _BRACKET_PAUSE_S + before
    lightness = light[reels.rows].astype(np.float64)
    moved = np.abs(np.diff(shots.exposure_bias, prepend=np.nan)) > BRACKET_EV[0]
    moved |= np.abs(np.diff(reels.ev, prepend=np.nan)) > BRACKET_EV[0]
    kept: list[KeptSet] = []
    taken = np.zeros(len(reels.rows), np.bool_)
    for length in range(BRACKET_FRAMES[1], BRACKET_FRAMES[0] - 1, -1):
        starts = reels.windows(soon & moved, length)
        even = _are_even(shots.exposure_bias, starts, length) | _are_even(reels.ev, starts, length)
        for start in starts[even]:
            span = slice(int(start), int(start) + length)
            if not taken[span].any() and (one := _bracket(reels, span, lightness)) is not None:
                taken[span] = True
                kept.append(one)
    return kept


def _bracket(reels: Reels, span: slice, light: Floats) -> KeptSet | None:
    shots = reels.shots
    by_drive = bool((shots.drive[span] == Drive.BRACKET).all())
    biased, exposed = _step(shots.exposure_bias[span]), _step(reels.ev[span])
    told = biased is not None or by_drive
    step = biased if biased is not None else exposed
    if step is None:
        return None
    if span.stop - span.start == BRACKET_FRAMES[0] and not (by_drive or _not_dialled(reels, span, exposed)):
        return None
    if not told:
        ordered = np.argsort(reels.ev[span])
        evenly = float(np.ptp(np.diff(reels.ev[span][ordered]))) <= _EV_ERROR
        if step < _CLEAR_STEP_EV or not evenly or not (np.diff(light[span][ordered]) > 0).all():
            return None
    return _kept(SetKind.BRACKET, reels, span, step_ev=step, told=float(told))


def _not_dialled(reels: Reels, span: slice, exposed: float | None) -> bool:
    """Whether the bias of two frames, and the exposure with it, changed faster than a person can."""
    last = span.stop - 1
    if _step(reels.shots.exposure_bias[span]) is None or not reels.shots.has_subsec[span].all():
        return False
    return bool(reels.gap_s[last] <= _DIALLED_S) and (exposed is not None or bool(np.isnan(reels.ev[span]).any()))


def _are_even(ev: Floats, starts: Ints, length: int) -> Bools:
    """Whether the exposures of these windows may lie evenly, but for a missing one: as ``_step`` finds it, for many at
    once."""
    steps = np.diff(np.sort(ev[starts[:, None] + np.arange(length)], axis=1), axis=1)
    least = np.min(steps, axis=1)
    even: Bools = np.max(steps, axis=1) <= 2 * least + 2 * _EV_ERROR
    return even


def _step(ev: Floats) -> float | None:
    """The distance between exposures that lie evenly, but for one of three or more that may be missing; else None."""
    steps = np.diff(np.sort(ev))
    least = float(steps.min())
    wide = steps > 1.5 * least
    if wide.sum() > 1 or not BRACKET_EV[0] <= least <= BRACKET_EV[1]:
        return None
    steps = np.where(wide, steps / 2, steps)
    return float(steps.mean()) if float(np.ptp(steps)) <= _EV_ERROR else None


def timelapses(reels: Reels) -> list[KeptSet]:
    """Frames at one interval, which no hand keeps: no frame strays from the beat, however many they are."""
    shots, gap_s = reels.shots, reels.gap_s
    fine = shots.has_subsec
    slack = np.where(fine, np.maximum(0.1, 0.02 * gap_s), 1.01)
    even = np.abs(np.diff(gap_s, prepend=np.nan)) <= slack
    even &= np.concatenate(([False], reels.follows[:-1])) & (reels.edges >= _TIMELAPSE_EDGES) & (gap_s >= _TIMELAPSE_S)
    kept = []
    for start, end in reels.runs(even):
        # the gap before the first even one is the beat's first
        span = _on_beat(shots, slice(int(start) - 1, int(end)))
        if span is not None:
            interval = float(np.ptp(shots.time_s[span])) / (span.stop - span.start - 1)
            kept.append(_kept(SetKind.TIMELAPSE, reels, span, interval_s=interval))
    return kept


def _on_beat(shots: Shots, span: slice) -> slice | None:
    """The span, without stragglers at its ends, if it keeps the beat."""
    fine = bool(shots.has_subsec[span].all())
    for _ in range(_TRIMS + 1):
        frames = span.stop - span.start
        told = bool((shots.drive[span] == Drive.INTERVAL).all())
        if frames < (_TOLD_FRAMES if told else _EXACT_FRAMES if fine else TIMELAPSE_FRAMES):
            return None
        interval, ahead = _beat(shots.time_s[span])
        gaps = np.diff(shots.time_s[span])
        off = np.abs(gaps - np.median(gaps))
        slack = (max(0.15, 0.03 * interval) if fine else 0.75) if told or frames >= TIMELAPSE_FRAMES else _EXACT_S
        # a frame that happened to be taken just before, or after, is less exact than those of the intervalometer
        chance = fine and max(off[0], off[-1]) > _STRAY * float(np.median(off)) + _STRAY_S
        if np.abs(ahead).max() <= slack and (fine or interval > 2.5) and not chance:
            return span
        span = slice(span.start, span.stop - 1) if off[-1] > off[0] else slice(span.start + 1, span.stop)
    return None


def _beat(time_s: Floats) -> tuple[float, Floats]:
    """The interval that fits best, and by how many seconds each frame is off."""
    count = np.arange(len(time_s)) - (len(time_s) - 1) / 2
    centred = time_s - time_s.mean()
    interval = float(count @ centred / (count @ count))
    return interval, centred - interval * count


def panoramas_of(reels: Reels, looks: Looks, detail: Detail) -> list[KeptSet]:
    """Frames of one exposure that step sideways, or upwards, by like parts of a frame."""
    joined, shift = panoramas.steps(reels, looks, detail, _same_exposure(reels))
    kept = []
    for start, end in reels.runs(joined):
        if end - start >= panoramas.FRAMES:
            span = slice(int(start), int(end))
            mean = float(np.abs(shift[start + 1 : end]).mean())
            kept.append(_kept(SetKind.PANORAMA, reels, span, shift=mean))
    return kept


def focus_stacks(reels: Reels, tiles: Floats, detail: Detail) -> list[KeptSet]:
    """Frames of one view and exposure in which the sharp region moves: see ``ml.grouping.focus``."""
    found = focus.stacks(reels, tiles, detail, _same_exposure(reels))
    return [_kept(SetKind.FOCUS_STACK, reels, span, moving=moving) for span, moving in found]


def _same_exposure(reels: Reels) -> Bools:
    """Which frames are exposed exactly as the one before."""
    same = reels.follows.copy()
    for column in (reels.shots.exposure_time_s, reels.shots.iso, reels.shots.aperture, reels.shots.focal_length):
        one, other = column[1:], column[:-1]
        same[1:] &= (one == other) | (np.isnan(one) & np.isnan(other))
    return same & ~np.isnan(reels.shots.exposure_time_s)


def _kept(kind: SetKind, reels: Reels, span: slice, **evidence: float) -> KeptSet:
    members: Ints = reels.rows[span]
    return KeptSet(kind, tuple(int(row) for row in members), evidence)
