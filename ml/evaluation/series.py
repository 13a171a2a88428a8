"""Series of real photos with the choices people made among them, read from a table and compared with the ranker's.

The table is CSV with a header: ``series`` (any name), ``file`` (a path from where the table lies, or from the folder of
photos), ``picked`` (1 or 0, yes or no, true or false) and, if several people chose, ``rater``. Each row is one rater's
word on one file; the frames of a series are in the order in which its files first occur.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from ml import signals
from ml.evaluation import pictures, ranking
from ml.evaluation.ranking import Outcome, Score
from ml.ranking import features, log, personal
from ml.ranking.confidence import TEMPERATURE, draws, probabilities
from ml.ranking.features import Floats
from ml.ranking.log import Basis, Pick
from ml.ranking.prior import GLOBAL
from ml.refusals import Refused

Progress = Callable[[str], None]

COLUMNS: Final = ("series", "file", "picked")
_PICKED: Final = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
#: As large as the previews that the product measures.
_PREVIEW_PX: Final = 2048
#: Picks of one rater that are learnt from, and how many more it takes to try what was learnt.
LEARNT: Final = 20
TRIED: Final = 10


@dataclass(slots=True)
class Series:
    """``files`` in the order taken; ``picks``: the files that each rater picked, none for one who picked nothing."""

    name: str
    files: list[Path] = field(default_factory=list)
    picks: dict[str, set[Path]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """``problems``: the rows that count for nothing, by their line, and why."""

    series: Sequence[Series]
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Learnt:
    """Over ``raters`` with picks enough: Top-1 on their later ``picks`` with everyone's weights, and after ``LEARNT``
    picks of their own."""

    raters: int
    picks: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Report:
    """``scores`` over all picks, then by size of the series: without ceiling and regret, for nobody knows the truth.

    ``others``: how often what most of the other raters picked is what a rater picked, where there are others (nan if
    nowhere): what can be foretold at best. ``learnt`` is None where nobody picked often enough.
    """

    series: int
    raters: int
    scores: Sequence[Score]
    others: float
    learnt: Learnt | None
    problems: Sequence[str]


class NoSeries(ValueError):
    """The table has nothing to compare with."""


def read(table: Path, photos: Path) -> Table:
    """The series of the table. Raises NoSeries if it cannot be read, lacks a column or has no row that counts."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            return _read(csv.DictReader(file), (table.parent, photos))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NoSeries(f"{table} cannot be read as CSV: {error}") from error


def _read(rows: csv.DictReader[str], folders: Sequence[Path]) -> Table:
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    if missing := [name for name in COLUMNS if name not in rows.fieldnames]:
        raise NoSeries(
            f"The table has no column {', '.join(missing)}; its header should be series,file,picked[,rater]."
        )
    series, problems = dict[str, Series](), list[str]()
    for row in rows:
        name, file, picked = ((row[column] or "").strip() for column in COLUMNS)
        path = next((folder / file for folder in folders if (folder / file).is_file()), None)
        if path is None or not name or picked.lower() not in _PICKED:
            problems.append(f"line {rows.line_num}: {_problem(name, file, picked)}")
            continue
        one = series.setdefault(name, Series(name))
        if path not in one.files:
            one.files.append(path)
        by_rater = one.picks.setdefault((row.get("rater") or "").strip(), set())
        if _PICKED[picked.lower()]:
            by_rater.add(path)
    if not series:
        raise NoSeries("The table has no row that counts" + (f"; {problems[0]}." if problems else "."))
    return Table(list(series.values()), problems)


def _problem(name: str, file: str, picked: str) -> str:
    if not name or not file:
        return "the series or the file is missing"
    if picked.lower() not in _PICKED:
        return f"picked is {picked!r}, which is neither 1 nor 0"
    return f"there is no file {file}"


def judged(table: Table, progress: Progress) -> Report:
    """What the ranker makes of the series. Raises NoSeries if none has two frames that can be read and a choice."""
    picks, problems = dict[str, list[Pick]](), list(table.problems)
    together: list[dict[str, tuple[int, ...]]] = []
    for n, one in enumerate(table.series, 1):
        progress(f"series {n} of {len(table.series)}")
        files, x = _frames(one, problems)
        choices = {
            rater: tuple(row for row, file in enumerate(files) if file in own) for rater, own in one.picks.items()
        }
        told = {rater: rows for rater, rows in choices.items() if 0 < len(rows) < len(files)}
        if not told:
            problems.append(f"series {one.name}: nobody chose among frames that can be read")
            continue
        together.append(told)
        for rater, rows in told.items():
            picks.setdefault(rater, []).append(Pick(f"{n:06d}", float(n), x, rows, (), Basis.UNPROMPTED))
    if not together:
        raise NoSeries("No series has two frames that can be read and a choice among them.")
    everyone = draws(GLOBAL)
    outcomes = [made for own in picks.values() for pick in own for made in _outcomes(pick, everyone, TEMPERATURE)]
    return Report(len(together), len(picks), ranking.scores(outcomes), _others(together), _learnt(picks), problems)


def _frames(one: Series, problems: list[str]) -> tuple[list[Path], Floats]:
    files, measured = [], []
    for file in one.files:
        try:
            measured.append(signals.measure(pictures.load(file, _PREVIEW_PX)))
            files.append(file)
        except (Refused, OSError) as error:
            problems.append(f"series {one.name}: {file.name} cannot be read: {error}")
    return files, features.frames(features.measured(measured)).x if measured else np.zeros((0, 0))


def _outcomes(pick: Pick, weights: Floats, temperature: float) -> Iterator[Outcome]:
    """One for each frame picked, beside all that were not."""
    for picked, *others in log.against(pick, pick.picked):
        rows = sorted((picked, *others))
        yield Outcome(probabilities(pick.x[rows], weights, temperature), rows.index(picked))


def _others(together: Sequence[Mapping[str, tuple[int, ...]]]) -> float:
    """Of frames that most others picked equally often each counts as a part."""
    right = []
    for choices in together:
        for rater, own in choices.items():
            votes = [row for other, rows in choices.items() if other != rater for row in rows]
            if votes:
                counts = {row: votes.count(row) for row in votes}
                first = [row for row, count in counts.items() if count == max(counts.values())]
                right.append(sum(row in own for row in first) / len(first))
    return float(np.mean(right)) if right else float("nan")


def _learnt(picks: Mapping[str, Sequence[Pick]]) -> Learnt | None:
    enough = {rater: own for rater, own in picks.items() if len(own) >= LEARNT + TRIED}
    before, after = list[Outcome](), list[Outcome]()
    for own in enough.values():
        layer = personal.learn(own[:LEARNT])
        for weights, temperature, into in (
            (draws(GLOBAL), TEMPERATURE, before),
            (draws(layer.posterior), layer.temperature, after),
        ):
            into += [made for pick in own[LEARNT:] for made in _outcomes(pick, weights, temperature)]
    if not enough:
        return None
    first, then = (ranking.score("all", outcomes).top1 for outcomes in (before, after))
    return Learnt(len(enough), len(before), first, then)
