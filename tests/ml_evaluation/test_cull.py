"""``kilo eval cull``: the command as a person runs it, and what it reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kilo_gql import eval_cull
from ml.evaluation import cull, groupings
from ml.evaluation.cull import Report, TooFewPhotos
from ml.evaluation.degradations import HELD_OUT, TUNING

ROOT = Path(__file__).parents[2]
SEED = 3


def kilo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from kilo_gql.cli import main; main()", "eval", "cull", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"},
        check=False,
    )


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return cull.judged(folder, SEED, cull.QUICK, lambda text: None)


def test_the_command_prints_one_document_and_its_progress_elsewhere(folder: Path, report: Report) -> None:
    done = kilo("--photos", str(folder), "--quick", "--json", "--seed", str(SEED))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # the same photos and seed give the same figures in another process
    assert found == cull.document(report)
    assert (found["photos"], found["left_out"], found["seed"], found["series"]) == (10, 2, SEED, None)
    assert found["families"] == {
        "tuning": ["defocus", "sensor_noise", "under_exposure", "haze", "lean"],
        "held_out": ["motion", "over_exposure", "double_image", "chroma_smear"],
    }
    assert found["grouping"]["two_cameras"]["b_cubed_error"] is None
    assert f"cluster 1 of {cull.QUICK.clusters.training}" in done.stderr


@pytest.mark.parametrize("wrong", ["absent", "empty", "table"])
def test_what_is_of_no_use_is_said_in_one_line(folder: Path, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "series.csv").write_text("series,file\n")
    arguments = {
        "absent": ("--photos", str(tmp_path / "absent")),
        "empty": ("--photos", str(tmp_path)),
        "table": ("--photos", str(folder), "--series", str(tmp_path / "series.csv")),
    }[wrong]
    said = {
        "absent": f"{tmp_path / 'absent'} is no folder.",
        "empty": f"{tmp_path} has 0 photos that can be read and have a short edge of 250 px or more; 8 are needed.",
        "table": "The table has no column picked; its header should be series,file,picked[,rater].",
    }[wrong]
    done = kilo(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == said


def test_every_figure_is_there(report: Report) -> None:
    grouping, ranking = report.grouping, report.ranking
    shoots = cull.QUICK.shoots
    assert (grouping.plain.shoots, grouping.two_cameras.shoots) == (shoots.plain, shoots.two_cameras)
    assert {kind: share.total for kind, share in grouping.sets.items()} == dict.fromkeys(
        ("bracket", "focus_stack", "panorama", "timelapse"), 2
    )
    assert grouping.clocks.total + grouping.clocks_asked == 2
    assert grouping.false_copies.right == 0
    for curve in (ranking.tuning, ranking.held_out):
        assert list(curve.scores) == [0, 20]
        for scores in curve.scores.values():
            overall, *by_size = scores
            # every photographer picks from every cluster
            assert overall.clusters == sum(one.clusters for one in by_size) == 12 * cull.QUICK.clusters.held_out
            assert overall.chance < overall.ceiling <= 1
    assert {name: one.clusters for name, one in ranking.chips.items()} == {
        family.name: 1 for family in (*TUNING, *HELD_OUT)
    }
    assert all(one.named <= one.won <= one.clusters for one in ranking.chips.values())
    assert ranking.most_unexplained < 1e-9


def test_the_report_can_be_read(report: Report) -> None:
    page = StringIO()
    eval_cull.show(report, Console(width=100, file=page))
    shown = page.getvalue()
    for word in (
        "10 photos, 2 left out; seed 3",
        "held out: motion, over_exposure",
        "gap closed",
        "kept whole",
        "haze",
    ):
        assert word in shown
    assert "nan" not in shown


def test_too_few_photos(tmp_path: Path) -> None:
    with pytest.raises(TooFewPhotos, match="has 0 photos"):
        cull.judged(tmp_path, 0, cull.QUICK, lambda text: None)


def test_what_is_not_known_is_null() -> None:
    found: Any = cull.document({"a": float("nan"), "b": [1.5, float("inf")], 3: groupings.Share(1, 2)})
    assert found == {"a": None, "b": [1.5, None], "3": {"right": 1, "total": 2}}
