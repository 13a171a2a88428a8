"""RAW: the camera's preview if it will do, else the sensor's data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips

from ml import ingest, jpeg, raws
from ml.formats import Format
from ml.raws import Source
from ml.refusals import Reason
from ml.renditions import Kind, Rendition
from tests.ml.conftest import Develop, Refuse
from tests.support import pictures

PREVIEW = pictures.jpeg(pictures.pixels(1200, 800))


def test_the_camera_preview_comes_first(develop: Develop) -> None:
    done = develop(pictures.dng(PREVIEW, width=1200, height=800), "a.dng")
    assert (done.format, done.source, done.width, done.height) == (Format.DNG, Source.EMBEDDED_PREVIEW, 1200, 800)
    assert [done.average_color >> shift & 0xFF for shift in (16, 8, 0)] == [130, 125, 130]


def test_the_preview_stands_as_the_camera_was_held(develop: Develop) -> None:
    done = develop(pictures.dng(PREVIEW, width=1200, height=800, orientation=6), "a.dng")
    assert (done.width, done.height) == (800, 1200)
    seen = pyvips.Image.jpegload_buffer(Path(done.renditions[0].path).read_bytes()).numpy()
    # turned clockwise, the red of the upper left is at the upper right
    assert np.abs(seen[100, 700].astype(int) - (200, 40, 40)).max() < 8


def test_without_a_preview_it_is_developed_at_half_size(develop: Develop) -> None:
    done = develop(pictures.dng(None, width=400, height=300), "a.dng")
    assert (done.source, done.width, done.height) == (Source.DEVELOP, 400, 300)
    assert (done.renditions[0].width, done.renditions[0].height) == (200, 150)


def test_a_postage_stamp_is_no_preview(develop: Develop) -> None:
    done = develop(pictures.dng(pictures.jpeg(), width=1200, height=800), "a.dng")
    assert done.source is Source.DEVELOP


def test_the_exposure_of_a_bracket_shows(develop: Develop) -> None:
    """LibRaw would brighten each frame by itself."""
    light = develop(pictures.dng(None, level=12_000), "a.dng").average_color
    dark = develop(pictures.dng(None, level=3_000), "a.dng").average_color
    assert light & 0xFF > dark & 0xFF + 50


def test_cut_behind_the_preview_it_is_shown_and_told(develop: Develop) -> None:
    whole = pictures.dng(PREVIEW, width=1200, height=800)
    done = develop(whole[: len(whole) // 2], "a.dng")
    assert done.source is Source.EMBEDDED_PREVIEW
    assert f"RAW data of {len(whole):,} bytes or more are announced, the file has {len(whole) // 2:,}" in done.notes


def test_cut_without_a_preview_it_is_refused(refuse: Refuse) -> None:
    whole = pictures.dng(None, width=400, height=300)
    assert refuse(whole[: len(whole) // 2], "a.dng").refused is Reason.TRUNCATED


def test_full_is_the_camera_jpeg_without_what_is_not_picture(develop: Develop) -> None:
    done = develop(pictures.dng(PREVIEW, width=1200, height=800), "a.dng", full=True)
    assert Path(done.renditions[3].path).read_bytes() == jpeg.stripped(PREVIEW)


def test_developing_on_demand(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(pictures.dng(PREVIEW, width=1200, height=800))
    made = ingest.develop_raw(str(path), str(out), "a.dng")
    assert isinstance(made, list)
    assert [(one.kind, one.width, one.height) for one in made] == [
        (Kind.PREVIEW, 1200, 800),
        (Kind.THUMBNAIL, 512, 341),
        (Kind.MICRO, 320, 213),
        (Kind.FULL, 1200, 800),
    ]


def test_only_raw_can_be_developed(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(pictures.jpeg())
    answer = ingest.develop_raw(str(path), str(out), "a.dng")
    assert isinstance(answer, ingest.Refusal)
    assert answer.refused is Reason.FORMAT_UNSUPPORTED


@pytest.mark.parametrize("threshold", [raws.PREVIEW_MIN_PX])
def test_a_loupe_on_raw_without_a_preview_sees_every_pixel(tmp_path: Path, out: Path, threshold: int) -> None:
    path = tmp_path / "original"
    path.write_bytes(pictures.dng(None, width=400, height=300))
    made = ingest.crop(str(path), str(out), "a.dng", x=0.5, y=0.5, width=0.5, height=0.5, max_px=threshold)
    assert isinstance(made, Rendition)
    assert (made.width, made.height) == (200, 150)


def test_a_damaged_preview_gives_way_to_the_sensor(develop: Develop) -> None:
    damaged = PREVIEW[:2000] + bytes(len(PREVIEW) - 2002) + jpeg.EOI
    done = develop(pictures.dng(damaged, width=1200, height=800), "a.dng")
    assert done.source is Source.DEVELOP
