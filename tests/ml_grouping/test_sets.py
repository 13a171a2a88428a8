"""Sets that are short, or not whole, and bursts that only look like sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ml.evaluation.shoots import Plan
from ml.grouping import focus
from ml.grouping.grouping import group
from ml.grouping.sets import KeptSet, SetKind
from ml.grouping.shots import Drive, Floats
from tests.ml_grouping.conftest import Described

Make = Callable[[int, Plan], Described]


@pytest.fixture(scope="module")
def still(described: Make) -> Described:
    """A timelapse: one view, on a beat."""
    return described(3, Plan(moments=1, bursts=1, burst_frames=1, timelapses=1))


def sets(photos: Described, rows: Sequence[int], **columns: Sequence[float]) -> list[KeptSet]:
    """The sets found in some frames, of which these columns say something else."""
    shots, table, tiles = photos.part(rows)
    told = {name: np.array(values) for name, values in columns.items()}
    return group(replace(shots, **told), table, tiles=tiles).sets


def frames(photos: Described, kind: str) -> list[int]:
    return list(next(one.members for one in photos.shoot.sets if one.kind == kind))


def exposed(photos: Described, bias: Sequence[float], gap_s: float, **columns: Sequence[float]) -> list[SetKind]:
    """The kinds of sets found in frames of one view, with these biases and shutter speeds that follow them."""
    rows = frames(photos, "timelapse")[: len(bias)]
    exposure = {"exposure_bias": bias, "exposure_time_s": [1 / 125 * 2**stop for stop in bias]}
    time_s = np.arange(len(bias)) * gap_s
    return [one.kind for one in sets(photos, rows, **{**exposure, "time_s": time_s, **columns})]


def test_two_frames_are_a_bracket_by_the_cameras_word(still: Described) -> None:
    by_drive = {"drive": [Drive.BRACKET] * 2}
    assert exposed(still, [0, -1], 0.3) == [SetKind.BRACKET]
    assert exposed(still, [0, -1], 1.5) == []
    assert exposed(still, [0, -1], 1.5, **by_drive) == [SetKind.BRACKET]
    assert exposed(still, [0, 0], 0.3, **by_drive) == []
    # the shutter did not follow the bias: nobody knows what changed
    assert exposed(still, [0, -1], 0.3, exposure_time_s=[0.01, 0.01]) == []
    assert exposed(still, [0, -1], 0.3, has_subsec=[False] * 2) == []


def test_a_bracket_may_lack_a_frame_if_the_camera_says_what_it_is(still: Described) -> None:
    assert exposed(still, [-2, -1, 1, 2], 0.4) == [SetKind.BRACKET]
    assert exposed(still, [0, -1, 2], 0.4) == [SetKind.BRACKET]
    nothing_told = {"exposure_bias": [np.nan] * 4, "exposure_time_s": [0.002, 0.004, 0.016, 0.032]}
    assert exposed(still, [-2, -1, 1, 2], 0.4, **nothing_told) == []


def beat(photos: Described, count: int, wobble_s: float, **columns: Sequence[float]) -> list[SetKind]:
    rows = frames(photos, "timelapse")[:count]
    time_s = np.arange(count) * 4.0 + wobble_s * (np.arange(count) % 2)
    return [one.kind for one in sets(photos, rows, time_s=time_s, **columns)]


def test_a_short_timelapse_keeps_a_beat_that_no_hand_keeps(still: Described) -> None:
    assert beat(still, 6, 0.01) == [SetKind.TIMELAPSE]
    assert beat(still, 6, 0.2) == []
    assert beat(still, 5, 0.0) == []
    assert beat(still, 3, 0.01, drive=[Drive.INTERVAL] * 3) == [SetKind.TIMELAPSE]


def test_a_steady_burst_at_one_exposure_is_no_set(described: Make) -> None:
    plan = Plan(moments=6, bursts=3, burst_frames=6, blurred=0.2, manual=1.0, burst_gap_s=5)
    for seed in range(3):
        burst = described(seed, plan)
        assert group(burst.shoot.shots, burst.table, tiles=burst.shoot.tiles).sets == [], seed


def swept(rows: int, columns: int, count: int) -> Floats:
    """Stored maps of a plane of focus that passes from left to right, as grouping takes them."""
    at = np.linspace(0, 1, columns)
    maps = [np.exp(-(((at - frame / (count - 1)) * 3) ** 2)) for frame in range(count)]
    stored = (np.tile(one * 120 + 20, (rows, 1)).astype(np.uint8).tobytes() for one in maps)
    return focus.grids(rows, columns, b"".join(stored))


@pytest.mark.parametrize(("rows", "columns"), [(21, 32), (24, 32), (5, 7)])
def test_a_stack_shows_in_stored_maps_of_sharpness(still: Described, rows: int, columns: int) -> None:
    five = frames(still, "timelapse")[:5]
    tiles = swept(rows, columns, 5)
    assert tiles.shape == (5, focus.SIDE**2)
    shots, table, _ = still.part(five)
    shots = replace(shots, time_s=np.arange(5) * 0.7, exposure_time_s=np.full(5, 0.01))
    assert [one.kind for one in group(shots, table, tiles=tiles).sets] == [SetKind.FOCUS_STACK]
    shuffled = tiles[[2, 0, 4, 1, 3]]
    assert group(shots, table, tiles=shuffled).sets == []
    unknown = np.where(np.arange(5)[:, None] == 2, np.nan, tiles)
    assert group(shots, table, tiles=unknown).sets == []


def test_a_map_in_eight_by_eight() -> None:
    (whole,) = focus.grids(16, 16, bytes([255]) * 256)
    assert whole.tolist() == pytest.approx([4.0] * 64)
    corner, nothing = focus.grids(8, 8, bytes([255, *[0] * 127]))
    assert corner.tolist() == pytest.approx([4.0, *[0.0] * 63])
    assert nothing.tolist() == [0.0] * 64
