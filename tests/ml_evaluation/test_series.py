"""Real series, read from a table."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ml.evaluation import series
from ml.evaluation.series import NoSeries


@pytest.fixture
def photos(folder: Path, tmp_path: Path) -> Path:
    """Three series of a sharp frame and two soft ones."""
    for n in range(3):
        sharp = Image.open(folder / f"{n:02d}.jpg")
        sharp.save(tmp_path / f"{n}_sharp.jpg", quality=92)
        for blur in (2, 4):
            sharp.filter(ImageFilter.GaussianBlur(blur)).save(tmp_path / f"{n}_soft{blur}.jpg", quality=92)
    return tmp_path


def table(photos: Path, *rows: str, header: str = "series,file,picked,rater") -> Path:
    path = photos / "series.csv"
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def rows(n: int, picked: str, rater: str) -> list[str]:
    frames = (f"{n}_soft2.jpg", f"{n}_sharp.jpg", f"{n}_soft4.jpg")
    return [f"s{n},{frame},{int(frame == picked)},{rater}" for frame in frames]


def quiet(text: str) -> None:
    pass


def test_picks_of_several_raters(photos: Path) -> None:
    told = [line for n in range(3) for rater in ("ada", "bob") for line in rows(n, f"{n}_sharp.jpg", rater)]
    told += rows(0, "0_soft2.jpg", "eve")
    found = series.judged(series.read(table(photos, *told), photos), quiet)
    assert (found.series, found.raters, found.learnt, found.problems) == (3, 3, None, [])
    overall, by_size = found.scores
    assert (overall.clusters, by_size.sizes, overall.chance) == (7, "3", pytest.approx(1 / 3))
    # the sharp frame is foretold: right for two raters, wrong for the third
    assert overall.top1 == pytest.approx(6 / 7)
    assert np.isnan(overall.ceiling)
    # in the first series two of three have most others with them, in the other two both have
    assert found.others == pytest.approx((0.5 + 0.5 + 0 + 1 + 1 + 1 + 1) / 7)


def test_a_table_without_raters_and_with_words(photos: Path) -> None:
    told = ["a,0_sharp.jpg,Yes", "a,0_soft2.jpg,no", "b,1_sharp.jpg,TRUE", "b,1_soft4.jpg,false"]
    found = series.judged(series.read(table(photos, *told, header="Series, File,picked "), photos), quiet)
    assert (found.series, found.raters, found.scores[0].top1, found.scores[0].chance) == (2, 1, 1.0, 0.5)
    assert np.isnan(found.others)


def test_files_may_lie_in_the_folder_of_photos(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("table") / "series.csv"
    elsewhere.write_text("series,file,picked\na,0_sharp.jpg,1\na,0_soft2.jpg,0\n")
    assert [one.files for one in series.read(elsewhere, photos).series] == [
        [photos / "0_sharp.jpg", photos / "0_soft2.jpg"]
    ]
    with pytest.raises(NoSeries, match=r"line 2: there is no file 0_sharp\.jpg"):
        series.read(elsewhere, elsewhere.parent)


def test_of_several_picks_each_is_compared_with_what_was_not_picked(photos: Path) -> None:
    told = ["a,0_sharp.jpg,1,x", "a,0_soft2.jpg,1,x", "a,0_soft4.jpg,0,x"]
    found = series.judged(series.read(table(photos, *told), photos), quiet)
    assert (found.scores[0].clusters, found.scores[0].mean_size, found.scores[0].top1) == (2, 2.0, 1.0)


def test_rows_that_cannot_be_used_are_named_by_their_line(photos: Path) -> None:
    shutil.copy(photos / "0_sharp.jpg", photos / "whole.jpg")
    (photos / "torn.jpg").write_bytes((photos / "0_sharp.jpg").read_bytes()[:900])
    told = ["a,0_sharp.jpg,1,x", "a,gone.jpg,0,x", "a,0_soft2.jpg,maybe,x", ",0_soft2.jpg,0,x", "a,0_soft4.jpg,0,x"]
    told += ["b,torn.jpg,1,x", "b,whole.jpg,0,x", "c,whole.jpg"]
    read = series.read(table(photos, *told), photos)
    assert read.problems == [
        "line 3: there is no file gone.jpg",
        "line 4: picked is 'maybe', which is neither 1 nor 0",
        "line 5: the series or the file is missing",
        "line 9: picked is '', which is neither 1 nor 0",
    ]
    found = series.judged(read, quiet)
    assert (found.series, found.scores[0].top1) == (1, 1.0)
    assert found.problems[4].startswith("series b: torn.jpg cannot be read: ")
    assert found.problems[5] == "series b: nobody chose among frames that can be read"


def test_a_rater_who_picks_often_is_learnt_from(photos: Path) -> None:
    told = [line for n in range(30) for line in (f"s{n},{n % 3}_sharp.jpg,0,x", f"s{n},{n % 3}_soft2.jpg,1,x")]
    found = series.judged(series.read(table(photos, *told), photos), quiet)
    assert found.learnt is not None
    assert (found.learnt.raters, found.learnt.picks) == (1, 10)
    # against everything expected of people, this one likes it soft
    assert (found.learnt.before, found.learnt.after) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("series,file,picked\n", "no row that counts."),
        ("series,file,picked\na,x.jpg,1\n", "no row that counts; line 2: there is no file x.jpg."),
        ("name;file\n", "no column series, file, picked"),
        ("", "no column series, file, picked"),
    ],
)
def test_a_table_of_nothing(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "series.csv").write_text(text)
    with pytest.raises(NoSeries, match=said):
        series.read(tmp_path / "series.csv", tmp_path)


def test_a_table_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoSeries, match="cannot be read as CSV"):
        series.read(tmp_path, tmp_path)
    (tmp_path / "photo.csv").write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(NoSeries, match="cannot be read as CSV"):
        series.read(tmp_path / "photo.csv", tmp_path)
    (tmp_path / "one.csv").write_text("series,file,picked\na,one.csv,1\n")
    with pytest.raises(NoSeries, match="No series has two frames"):
        series.judged(series.read(tmp_path / "one.csv", tmp_path), quiet)
