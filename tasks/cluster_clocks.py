"""What the clocks of a project's cameras are off by, as their photos tell."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from kilo_gql.domain.clocks import Entry
from ml.descriptors import DescriptorTable
from ml.grouping.clocks import ClockOffset, offsets
from ml.grouping.shots import Bools, Ints, Shots
from tasks.cluster_shots import Camera

#: Photos of one camera that are compared: of more, those with the least numbers, which is as good as by lot.
_SAMPLE: Final = 2_000
#: Ratios are kept to so many digits, offsets to milliseconds.
_DIGITS: Final = 3


def estimated(
    before: Mapping[str, Entry],
    cameras: Sequence[Camera | None],
    shots: Shots,
    table: DescriptorTable,
    measured: Bools,
    known: dict[bytes, list[ClockOffset]],
) -> dict[str, Entry]:
    """The cameras of these photos with fresh estimates, and what a person said of them before.

    ``shots`` by the cameras' own clocks. ``known``: estimates that may be taken over, by what they rest on; holds the
    present ones afterwards.
    """
    counts = Counter(camera for camera in cameras if camera is not None)
    found = {one.camera: one for one in _offsets(shots, table, measured, known)}
    reference = next(iter(found.values())).reference if found else None
    if reference is None and counts:
        reference = max(counts, key=lambda camera: (counts[camera], camera.key)).code
    entries = {
        camera.key: _entry(camera, count, found.get(camera.code), reference, before.get(camera.key))
        for camera, count in counts.items()
    }
    # a camera whose photos are all in the trash may come back, and what was said of it holds
    gone = {
        key: Entry(entry.label, 0, manual_s=entry.manual_s)
        for key, entry in before.items()
        if key not in entries and entry.manual_s is not None
    }
    return {**entries, **gone}


def _entry(camera: Camera, count: int, found: ClockOffset | None, reference: int | None, before: Entry | None) -> Entry:
    manual_s = None if before is None else before.manual_s
    if found is None:
        return Entry(camera.label, count, camera.code == reference, manual_s=manual_s)
    return Entry(
        camera.label,
        count,
        False,
        round(found.offset_s, _DIGITS),
        found.support,
        round(found.ratio, _DIGITS) if math.isfinite(found.ratio) else None,
        found.accepted,
        manual_s,
    )


def _offsets(
    shots: Shots, table: DescriptorTable, measured: Bools, known: dict[bytes, list[ClockOffset]]
) -> list[ClockOffset]:
    rows = np.flatnonzero((shots.camera >= 0) & measured & ~np.isnan(shots.time_s))
    bodies = np.unique(shots.camera[rows])
    if len(bodies) < 2:
        known.clear()
        return []
    sample = np.sort(np.concatenate([_least(shots, rows[shots.camera[rows] == body]) for body in bodies]))
    facts = np.stack((shots.ids[sample], shots.camera[sample], shots.time_s[sample].view(np.int64)))
    basis = hashlib.blake2b(facts[:, np.argsort(facts[0])].tobytes()).digest()
    if basis not in known:
        chosen = np.full(len(shots), -1, np.int64)
        chosen[sample] = shots.camera[sample]
        fresh = offsets(replace(shots, camera=chosen), table)
        known.clear()
        known[basis] = fresh
    return known[basis]


def _least(shots: Shots, rows: Ints) -> Ints:
    return rows[np.argsort(shots.ids[rows])[:_SAMPLE]]
