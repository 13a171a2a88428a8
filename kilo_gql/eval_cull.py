"""``kilo eval cull``: how good culling is on a folder of photos, in numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from kilo_gql.errors import BadRequest
from ml.evaluation import cull, groupings, series, winners
from ml.evaluation.cull import Report
from ml.evaluation.groupings import Share
from ml.evaluation.ranking import Score


def run(photos: Path, labelled: Path | None, seed: int, *, quick: bool, screen: Console) -> Report:
    """The report; ``screen`` is told how far it is. Raises BadRequest for a folder or table that is of no use."""
    if not photos.is_dir():
        raise BadRequest(f"{photos} is no folder.")
    try:
        table = series.read(labelled, photos) if labelled else None
        with screen.status("reading") as status:
            tell = status.update if screen.is_terminal else screen.print
            return cull.judged(photos, seed, cull.QUICK if quick else cull.FULL, tell, table)
    except (cull.TooFewPhotos, series.NoSeries) as error:
        raise BadRequest(str(error)) from error


def document(report: Report) -> str:
    """One JSON document; what is not known is null."""
    return json.dumps(cull.document(report), indent=2)


def show(report: Report, console: Console) -> None:
    """For people to read: what was found beside what is wanted."""
    console.print(f"{report.photos} photos, {report.left_out} left out; seed {report.seed}")
    for kind, names in report.families.items():
        console.print(f"defects, {kind.replace('_', ' ')}: {', '.join(names)}")
    console.print(_grouping(report.grouping))
    console.print(_ranking(report.ranking))
    console.print(_chips(report.ranking))
    if report.series:
        _show_series(report.series, console)


def _grouping(found: groupings.Report) -> Table:
    table = _table("grouping", "wanted", "found")
    for name, one in (
        ("one camera", found.plain),
        ("two cameras", found.two_cameras),
        ("sets and copies", found.mixed),
    ):
        table.add_row(f"{name}: {one.shoots} shoots, {one.photos:,} photos")
        table.add_row("  B³", "0.93", _mean(one.b_cubed, one.b_cubed_error))
        table.add_row("  pairwise F1", "0.92", _mean(one.pairwise, one.pairwise_error))
        table.add_row("  edits per 100 photos", "", f"{one.edits:.1f}")
    table.add_row("copies found", "95 %", _share(found.copies))
    table.add_row("burst neighbours called copies", "at most 0.5 %", _share(found.false_copies))
    for kind, share in found.sets.items():
        table.add_row(f"{kind.replace('_', ' ')}s kept whole", "all", _share(share))
    table.add_row("frames taken for a set's", "0", str(found.invented))
    table.add_row("clock offsets within 20 s, of those accepted", "95 %", _share(found.clocks))
    table.add_row("  not accepted: a person is asked", "", str(found.clocks_asked))
    table.add_row("accepted where cameras saw nothing alike", "0", _share(found.clocks_apart))
    return table


def _ranking(found: winners.Report) -> Table:
    table = _scores("winner")
    for name, curve in (("tuning", found.tuning), ("held out", found.held_out)):
        for picks, scores in curve.scores.items():
            table.add_row(f"{name}, {picks} picks")
            _add_scores(table, scores)
        table.add_row(f"  gained {100 * curve.gain:+.1f} points")
    agree, alone = found.agreement, found.self_agreement
    table.caption = (
        "wanted: Top-1 0.6 at 3 frames or fewer, or a gap closed by 0.6; 10 points gained; ECE 0.05\n"
        f"two photographers agree on {agree:.0%} of pairs, one with themselves on {alone:.0%}"
    )
    return table


def _chips(found: winners.Report) -> Table:
    table = _table("reasons: defect", "clusters", "good frame wins", "defect named then")
    for name, one in found.chips.items():
        table.add_row(name, str(one.clusters), str(one.won), str(one.named))
    total = (sum(getattr(one, part) for one in found.chips.values()) for part in ("clusters", "won", "named"))
    table.add_row("all (wanted: 90 % named)", *map(str, total))
    table.caption = f"a score's terms miss the difference they explain by {found.most_unexplained:.0e} at most"
    return table


def _show_series(found: series.Report, console: Console) -> None:
    table = _scores(f"{found.series} real series, {found.raters} raters")
    _add_scores(table, found.scores)
    console.print(table)
    if not math.isnan(found.others):
        console.print(f"what most other raters picked is right in {found.others:.1%}")
    if learnt := found.learnt:
        console.print(
            f"{learnt.raters} raters, {learnt.picks} picks after their first {series.LEARNT}: "
            f"Top-1 {learnt.before:.3f} with everyone's weights, {learnt.after:.3f} with their own"
        )
    for problem in found.problems:
        console.print(f"left out: {problem}", markup=False)


def _table(*columns: str) -> Table:
    return Table(*columns, box=SIMPLE, padding=(0, 1), collapse_padding=True)


def _scores(title: str) -> Table:
    table = _table(title, "clusters", "Top-1", "Top-3", "chance", "ceiling", "gap closed", "regret", "ECE")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _add_scores(table: Table, scores: Sequence[Score]) -> None:
    for one in scores:
        figures = (one.top1, one.top3, one.chance, one.ceiling, one.gap_closed, one.regret, one.ece)
        shown = ("" if math.isnan(figure) else f"{figure:.3f}" for figure in figures)
        frames = f"  all, {one.mean_size:.1f} frames" if one.sizes == "all" else f"  {one.sizes} frames"
        table.add_row(frames, str(one.clusters), *shown)


def _mean(value: float, error: float) -> str:
    return f"{value:.3f}" if math.isnan(error) else f"{value:.3f} ± {error:.3f}"


def _share(share: Share) -> str:
    if not share.total:
        return "none to find"
    return f"{share.right:,} of {share.total:,} ({share.right / share.total:.1%})"
