"""What grouping makes of a photo's columns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ml.grouping.shots import Drive
from tasks.cluster_shots import cameras_of, corrected, numbered, shots_of

NOTHING = dict.fromkeys(
    (
        "time_s", "sub_seconds", "camera_make", "camera_model", "camera_serial", "drive_mode", "exposure_bias_ev",
        "exposure_time_s", "aperture", "iso", "focal_length_mm", "flash_fired", "format", "sha256",
    )
)  # fmt: skip


def photo(number: int = 1, **columns: Any) -> Any:
    return SimpleNamespace(**{**NOTHING, "id": number, "stem": f"img_{number:04}", **columns})


@pytest.mark.parametrize(
    ("stem", "counter"),
    [
        ("img_0001", 1),
        ("_mg_9999", 9999),
        ("dsc01234-edit", 1234),
        ("p1010123", 1010123),
        ("kiss (2)", -1),
        ("kiss", -1),
        ("20260501_120000", -1),
        ("pxl_20230101_123456789", -1),
    ],
)
def test_the_number_in_a_name(stem: str, counter: int) -> None:
    rows, ids = numbered([photo(stem=stem)])
    assert shots_of(rows, ids, [None]).counter.tolist() == [counter]


def test_what_is_not_known_is_not_known() -> None:
    rows, ids = numbered([photo()])
    shots = shots_of(rows, ids, cameras_of(rows))
    assert (shots.camera.tolist(), shots.drive.tolist(), shots.flash.tolist()) == ([-1], [-1], [-1])
    assert (shots.has_subsec.tolist(), shots.raw.tolist()) == ([False], [False])
    floats = (shots.time_s, shots.exposure_bias, shots.exposure_time_s, shots.aperture, shots.iso, shots.focal_length)
    assert all(np.isnan(column).all() for column in floats)


def test_what_is_known() -> None:
    known: dict[str, Any] = {
        "time_s": 1e9, "sub_seconds": "07", "camera_make": "NIKON CORPORATION", "camera_model": "NIKON Z 6",
        "camera_serial": "3001234", "drive_mode": "self_timer", "iso": 200, "flash_fired": True, "format": "nef",
    }  # fmt: skip
    rows, ids = numbered([photo(**known)])
    [camera] = cameras = cameras_of(rows)
    assert camera is not None
    assert camera.label == "NIKON Z 6 …1234"
    shots = shots_of(rows, ids, cameras)
    assert (shots.drive.tolist(), shots.flash.tolist(), shots.raw.tolist()) == ([Drive.SELF_TIMER], [1], [True])
    assert (shots.has_subsec.tolist(), shots.iso.tolist(), shots.camera.tolist()) == ([True], [200.0], [camera.code])
    assert corrected(shots, cameras, {camera.key: 60.0}).time_s.tolist() == [1e9 - 60]
    assert corrected(shots, cameras, {}).time_s.tolist() == [1e9]


def test_one_body_is_one_camera() -> None:
    bodies = [("Canon", "Canon EOS R5", "1"), ("Canon", "Canon EOS R5", "2"), ("SONY", "ILCE-7M4", None)]
    rows = [photo(n, camera_make=a, camera_model=b, camera_serial=c) for n, (a, b, c) in enumerate([*bodies, *bodies])]
    cameras = cameras_of(rows)
    assert [camera and camera.label for camera in cameras[:3]] == [
        "Canon EOS R5 …1",
        "Canon EOS R5 …2",
        "SONY ILCE-7M4",
    ]
    assert cameras[:3] == cameras[3:]
    assert len({camera.code for camera in cameras if camera}) == 3


def test_numbers_follow_from_bytes_alone() -> None:
    hashes = {number: f"{number:064x}" for number in (3, 1, 2)}
    shas = {number: hashes[number][::-1] for number in hashes}
    one, other = ([photo(n, sha256=shas[n]) for n in order] for order in ((1, 2, 3), (3, 1, 2)))
    (rows, ids), (others, other_ids) = numbered(one), numbered(other)
    assert [row.id for row in rows] == [row.id for row in others]
    assert ids.tolist() == other_ids.tolist() == sorted(ids.tolist())
    same = [photo(n, sha256="f" * 64) for n in (1, 2)]
    assert len(set(numbered(same)[1].tolist())) == 2
