"""What came of an import: a table for people, a document for programs, and an exit code."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from kilo_gql.importing.board import Board, Item, Stage
from kilo_gql.importing.projects import Target

#: Exit codes: all in, something is not, ended by Ctrl-C (128 + SIGINT).
DONE, INCOMPLETE, STOPPED = 0, 1, 130
#: Problems a table shows; a document has all.
_ROWS: Final = 50
_BAD: Final = (Stage.QUARANTINED, Stage.FAILED)
_THERE: Final = (Stage.PRESENT, Stage.TRASHED)


@dataclass(frozen=True, slots=True)
class Report:
    """A finished, or stopped, import. ``seconds`` it took."""

    board: Board
    target: Target
    seconds: float
    stopped: bool = False

    @classmethod
    def of(cls, board: Board, target: Target, *, stopped: bool = False) -> Report:
        """As it stands now."""
        return cls(board, target, time.monotonic() - board.started, stopped)

    @property
    def exit_code(self) -> int:
        if self.stopped:
            return STOPPED
        return INCOMPLETE if any(self._count(stage) for stage in _BAD) else DONE

    def document(self) -> dict[str, Any]:
        """The JSON summary."""
        return {
            "projectId": str(self.target.id),
            "projectTitle": self.target.title,
            "projectCreated": self.target.created,
            "files": len(self.board.items),
            "bytesSent": self.board.sent,
            "seconds": round(self.seconds, 3),
            "imported": self._count(Stage.READY),
            "processing": self._count(Stage.PROCESSING),
            "alreadyThere": sum(self._count(stage) for stage in _THERE),
            "quarantined": [_told(item) for item in self._items(Stage.QUARANTINED)],
            "failed": [_told(item) for item in self._items(Stage.FAILED)],
            "skipped": [{"path": str(path), "reason": reason.value} for path, reason in self.board.skipped],
            "stopped": self.stopped,
        }

    def print(self, console: Console) -> None:
        """The final table, and what is to do."""
        console.print(self._counts())
        bad = [item for stage in _BAD for item in self._items(stage)]
        if bad:
            console.print(_problems(bad[:_ROWS]))
        if len(bad) > _ROWS:
            console.print(f"… and {len(bad) - _ROWS} more; --json lists all.")
        if self.stopped:
            left = len(self.board.items) - self.board.done - self._count(Stage.PROCESSING)
            console.print(f"Stopped before {left} files were in. Run the same command again: it goes on where it was.")

    def _counts(self) -> Table:
        pace = decimal(int(self.board.sent / max(self.seconds, 0.001)))
        sent = f"{decimal(self.board.sent)} sent in {self.seconds:.1f} s ({pace}/s)"
        table = Table("", "files", "", title=f"Import into “{escape(self.target.title)}”", title_justify="left")
        table.add_row("imported", str(self._count(Stage.READY)), sent)
        if self._count(Stage.PROCESSING):
            table.add_row("being processed", str(self._count(Stage.PROCESSING)), "")
        trashed = self._count(Stage.TRASHED)
        there = self._count(Stage.PRESENT) + trashed
        table.add_row("already there", str(there), f"{trashed} in the trash" if trashed else "")
        for stage in _BAD:
            table.add_row(stage.value, str(self._count(stage)), "")
        reasons = Counter(reason.value for _, reason in self.board.skipped)
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        table.add_row("passed over", str(len(self.board.skipped)), why)
        return table

    def _count(self, stage: Stage) -> int:
        return self.board.counts[stage]

    def _items(self, stage: Stage) -> list[Item]:
        return [item for item in self.board.items if item.stage is stage]


def _told(item: Item) -> dict[str, Any]:
    assert item.problem is not None
    return {
        "path": str(item.path),
        "assetId": str(item.asset_id) if item.asset_id else None,
        "code": item.problem.code,
        "reason": item.problem.reason,
        "remediation": list(item.problem.remedies),
    }


def _problems(items: list[Item]) -> Table:
    table = Table("file", "", "code", "reason", "what to do")
    for item in items:
        problem = item.problem
        assert problem is not None
        remedies = "\n".join(problem.remedies)
        table.add_row(escape(item.path.name), item.stage.value, problem.code, escape(problem.reason), escape(remedies))
    return table
