"""Whole shoots, grouped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ml.descriptors import stack
from ml.evaluation.shoot_figures import measured
from ml.evaluation.shoots import Plan
from ml.grouping import clocks
from ml.grouping.evidence import Level, Reason
from ml.grouping.grouping import group
from ml.grouping.shots import Drive, Shots
from tests.ml_grouping.conftest import Described, together

Make = Callable[[int, Plan], Described]


@pytest.fixture(scope="module")
def plain(described: Make) -> Described:
    """Moments far from one another."""
    return described(6, Plan(moments=5, same_place=0, moment_gap_s=1200, burst_gap_s=4))


def test_moments_and_bursts(plain: Described) -> None:
    found = group(plain.shoot.shots, plain.table)
    assert together(found.moment) == together(plain.shoot.moment)
    assert together(found.burst) == together(plain.shoot.burst)
    assert together(found.duplicate_group) == set()


def test_each_level_lies_within_the_one_before(mixed: Described) -> None:
    found = group(mixed.shoot.shots, mixed.table, tiles=mixed.shoot.tiles)
    for inner, outer in ((found.duplicate_group, found.burst), (found.burst, found.moment)):
        assert all(len(set(outer[inner == code].tolist())) == 1 for code in np.unique(inner))


def test_sets_are_found_and_kept_whole(mixed: Described) -> None:
    found = group(mixed.shoot.shots, mixed.table, tiles=mixed.shoot.tiles)
    planted = {(one.kind, one.members) for one in mixed.shoot.sets}
    assert {(str(one.kind), one.members) for one in found.sets} == planted
    for one in found.sets:
        members = list(one.members)
        burst = found.burst[members]
        assert len(set(burst.tolist())) == 1
        # nothing but copies of members joins them
        others = np.setdiff1d(np.flatnonzero(found.burst == burst[0]), members)
        assert mixed.shoot.copied[others].all()


def test_without_tiles_no_focus_stack_is_claimed(mixed: Described) -> None:
    found = group(mixed.shoot.shots, mixed.table)
    assert sorted({str(one.kind) for one in found.sets}) == ["bracket", "panorama", "timelapse"]


def test_copies_are_found_and_no_frame_is_taken_for_one(mixed: Described) -> None:
    found = group(mixed.shoot.shots, mixed.table)
    originals = np.flatnonzero(~mixed.shoot.copied)
    assert len(set(found.duplicate_group[originals].tolist())) == len(originals)
    copies = np.flatnonzero(mixed.shoot.copied)
    right = found.duplicate_group[copies] == found.duplicate_group[mixed.shoot.duplicate[copies]]
    assert right.mean() >= 0.95


def test_a_copy_without_exif_does_not_bridge_two_frames(described: Make) -> None:
    still = described(3, Plan(moments=1, bursts=1, burst_frames=1, timelapses=1))
    rows = list(still.shoot.sets[0].members[:3])
    shots, table, _ = still.part([*rows, rows[1]])
    mute = replace(
        shots,
        ids=np.arange(4),
        content=np.arange(4),
        time_s=np.append(shots.time_s[:3], np.nan),
        camera=np.append(shots.camera[:3], -1),
    )
    found = group(mute, table)
    assert found.duplicate_group.tolist() == [0, 1, 2, 1]
    link = found.links.where(found.links.level == Level.DUPLICATE).about(3)[0]
    assert (link.first, link.second, link.look, link.reasons) == (1, 3, 1.0, Reason.SAME_PICTURE)


def test_the_same_bytes_are_one_photo_whatever_they_say(plain: Described) -> None:
    rows = [0, 5, 0]
    shots, table, _ = plain.part(rows)
    shots = replace(shots, ids=np.arange(3), content=np.array([4, 5, 4]), time_s=shots.time_s + np.array([0, 0, 9000]))
    found = group(shots, table)
    assert found.duplicate_group.tolist() == [0, 1, 0]
    assert found.moment[0] == found.moment[2]
    assert found.links.about(2)[0].reasons == Reason.SAME_BYTES


def test_a_raw_file_and_its_jpeg(plain: Described) -> None:
    shots, table, _ = plain.part([0, 7])
    alike = replace(
        shots,
        time_s=np.full(2, 50.0),
        stem=np.zeros(2, np.int64),
        raw=np.array([True, False]),
        camera=np.zeros(2, np.int64),
    )
    found = group(alike, table)
    assert found.duplicate_group.tolist() == [0, 0]
    assert Reason.RAW_PAIR in found.links.about(0)[0].reasons
    assert group(replace(alike, raw=np.array([False, False])), table).duplicate_group.tolist() == [0, 1]


def test_exposures_tell_files_of_one_second_apart(plain: Described) -> None:
    shots, table, _ = plain.part([0, 0])
    alike = replace(
        shots,
        ids=np.arange(2),
        content=np.arange(2),
        camera=np.zeros(2, np.int64),
        time_s=np.full(2, 50.0),
        has_subsec=np.zeros(2, np.bool_),
        aperture=np.full(2, 8.0),
        iso=np.full(2, 100.0),
        exposure_time_s=np.array([1 / 250, 0.004]),
    )
    assert group(alike, table).duplicate_group.tolist() == [0, 0]
    bracketed = replace(alike, exposure_time_s=np.array([1 / 250, 1 / 125]))
    assert group(bracketed, table).duplicate_group.tolist() == [0, 1]


def burst_of(described: Described, **columns: list[object]) -> list[int]:
    """The bursts of three frames of one burst of which only these columns are known."""
    sizes = np.bincount(described.shoot.burst)
    rows = np.flatnonzero(described.shoot.burst == int(np.argmax(sizes)))[:3].tolist()
    known = {name: np.array(values) for name, values in columns.items()}
    shots = Shots.of(known.pop("time_s"), camera=np.zeros(3), **known)
    return group(shots, stack([described.packed[row] for row in rows])).burst.tolist()


def test_frames_a_fraction_of_a_second_apart_are_a_burst(plain: Described) -> None:
    fine = [True] * 3
    assert burst_of(plain, time_s=[0.0, 0.2, 0.4], has_subsec=fine) == [0, 0, 0]
    assert burst_of(plain, time_s=[0.0, 0.2, 4.4], has_subsec=fine) == [0, 0, 1]


def test_the_drive_mode_wins(plain: Described) -> None:
    single, times = [int(Drive.SINGLE)] * 3, [0.0, 0.2, 0.4]
    assert burst_of(plain, time_s=times, has_subsec=[True] * 3, drive=single) == [0, 1, 2]


def test_clocks_of_whole_seconds_need_the_file_numbers(plain: Described) -> None:
    assert burst_of(plain, time_s=[5.0, 5.0, 6.0], counter=[11, 12, 13]) == [0, 0, 0]
    assert burst_of(plain, time_s=[5.0, 5.0, 6.0], counter=[11, 12, 15]) == [0, 0, 1]
    assert burst_of(plain, time_s=[5.0, 5.0, 6.0], counter=[9998, 9999, 1]) == [0, 0, 0]


def test_every_photo_of_a_moment_says_why(mixed: Described) -> None:
    found = group(mixed.shoot.shots, mixed.table, tiles=mixed.shoot.tiles)
    for code in np.unique(found.moment):
        members = np.flatnonzero(found.moment == code)
        for row in members.tolist() if len(members) > 1 else []:
            links = found.links.about(row)
            assert links, row
            assert all(found.moment[link.first] == found.moment[link.second] for link in links)


def test_a_link_in_numbers(plain: Described) -> None:
    found = group(plain.shoot.shots, plain.table)
    bursts = found.links.where(found.links.level == Level.BURST)
    link = bursts.about(int(bursts.second[0]))[0]
    times = plain.shoot.shots.time_s
    assert link.gap_s == times[link.second] - times[link.first]
    assert 0.7 < link.look <= 1
    assert Reason.TIME | Reason.LOOK | Reason.SAME_CAMERA | Reason.SUBSECOND in link.reasons


def test_undated_photos_are_grouped_by_looks(plain: Described) -> None:
    first = np.flatnonzero(plain.shoot.moment == 0)[:2].tolist()
    other = np.flatnonzero(plain.shoot.moment == 2)[:2].tolist()
    shots, table, _ = plain.part([*first, *other])
    undated = Shots.of(np.full(4, np.nan), counter=np.arange(4))
    assert len(shots) == 4
    assert group(undated, table).moment.tolist() == [0, 0, 1, 1]


def test_no_photos_and_one() -> None:
    nothing = group(Shots.of(np.zeros(0)), stack([]))
    assert len(nothing.moment) == 0
    assert nothing.sets == []


def test_rows_must_match(plain: Described) -> None:
    shots, table, tiles = plain.part([0, 1, 2])
    with pytest.raises(ValueError, match="the same rows"):
        group(shots, plain.table)
    with pytest.raises(ValueError, match="the same rows"):
        group(shots, table, tiles=tiles[:2])


def test_shoots_that_nothing_was_fitted_to(places: list[Image.Image]) -> None:
    figures = measured(places, [(seed, Plan(brackets=1, copies=0.2, cameras=2)) for seed in range(21, 25)])
    assert np.mean(figures.b_cubed) >= 0.9
    assert figures.false_copies.right == 0
    assert figures.copies.share >= 0.9
    assert (figures.sets["bracket"].right, figures.sets["bracket"].total, figures.invented) == (4, 4, 0)
    assert figures.clocks.right == figures.clocks.total


def test_the_second_cameras_clock(described: Make) -> None:
    two = described(4, Plan(moments=10, same_place=0, cameras=2, clock_s=3725.0, burst_frames=2))
    (found,) = clocks.offsets(two.shoot.shots, two.table)
    assert (found.camera, found.reference, found.accepted) == (1, 0, True)
    assert found.offset_s == pytest.approx(3725, abs=20)


def test_cameras_that_saw_nothing_together_agree_on_nothing(described: Make) -> None:
    apart = described(8, Plan(moments=4, cameras=2, clock_s=3725.0, own_places=True, bursts=1))
    assert [one.accepted for one in clocks.offsets(apart.shoot.shots, apart.table)] in ([False], [])


def test_one_camera_needs_no_clock(plain: Described) -> None:
    assert clocks.offsets(plain.shoot.shots, plain.table) == []
