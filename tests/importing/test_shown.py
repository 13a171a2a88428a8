"""What people and programs are told of an import."""

from __future__ import annotations

import io
import json
from pathlib import Path
from uuid import UUID

import pytest
from rich.console import Console

from kilo_gql.importing.board import Board, Problem, Stage
from kilo_gql.importing.progress import shown
from kilo_gql.importing.projects import Target
from kilo_gql.importing.report import Report
from kilo_gql.importing.scan import scan

TARGET = Target(UUID(int=7), "Wedding [2026]")
BROKEN = Problem("truncated", "The file ends [early].", ("Send it again.",))


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """Six files of 10, 20, … bytes and a video."""
    for number in range(1, 7):
        (tmp_path / f"[{number}].jpg").write_bytes(b"x" * 10 * number)
    (tmp_path / "clip.mov").touch()
    return Board.of(scan([tmp_path]))


def advance(board: Board) -> None:
    ready, there, broken, lost, sending, _ = board.items
    board.resume(ready, 0)
    board.progressed(ready, 10)
    board.move(ready, Stage.READY)
    board.move(there, Stage.PRESENT)
    board.move(broken, Stage.QUARANTINED, BROKEN)
    board.move(lost, Stage.FAILED, Problem("file_unreadable", "This file cannot be read.", ()))
    board.resume(sending, 20)
    board.progressed(sending, 45)


def test_the_board_counts(board: Board) -> None:
    advance(board)
    assert (board.size, board.sent, board.settled, board.done) == (210, 10 + 25, 20 + 20 + 30 + 40, 4)
    [ready, *_] = board.items
    board.move(ready, Stage.FAILED)  # an end is an end
    assert (ready.stage, board.counts[Stage.READY], board.counts[Stage.FAILED]) == (Stage.READY, 1, 1)
    assert sum(board.counts.values()) == 6


def test_a_report_for_programs(board: Board, tmp_path: Path) -> None:
    advance(board)
    report = Report(board, TARGET, 2.0)
    told = {"path": str(tmp_path / "[3].jpg"), "assetId": None, "code": "truncated",
            "reason": "The file ends [early].", "remediation": ["Send it again."]}  # fmt: skip
    document = json.loads(json.dumps(report.document()))
    assert document["quarantined"] == [told]
    assert document["skipped"] == [{"path": str(tmp_path / "clip.mov"), "reason": "video"}]
    numbers = {name: value for name, value in document.items() if isinstance(value, int | float)}
    assert numbers == {
        "files": 6, "bytesSent": 35, "seconds": 2.0, "imported": 1, "processing": 0, "alreadyThere": 1,
        "projectCreated": False, "stopped": False,
    }  # fmt: skip


def test_exit_codes(board: Board) -> None:
    assert Report(board, TARGET, 1.0).exit_code == 0
    advance(board)
    assert Report(board, TARGET, 1.0).exit_code == 1
    assert Report(board, TARGET, 1.0, stopped=True).exit_code == 130


def test_a_report_for_people(board: Board) -> None:
    advance(board)
    out = io.StringIO()
    Report(board, TARGET, 2.0, stopped=True).print(Console(file=out, width=120))
    text = out.getvalue()
    assert "Wedding [2026]" in text
    assert "The file ends [early]." in text
    assert "Stopped before 2 files were in." in text


async def test_lines_where_there_is_no_terminal(board: Board) -> None:
    out = io.StringIO()
    async with shown(board, Console(file=out, width=40)):
        advance(board)
    assert out.getvalue().splitlines() == [
        "[1].jpg: ready",
        "[2].jpg: already there",
        "[3].jpg: quarantined (truncated): The file ends [early].",
        "[4].jpg: failed (file_unreadable): This file cannot be read.",
    ]


async def test_a_screen_where_there_is_one(board: Board) -> None:
    out = io.StringIO()
    advance(board)
    board.notice = "The disk is full [507]."
    async with shown(board, Console(file=out, width=100, force_terminal=True, color_system=None)):
        pass
    text = out.getvalue()
    for said in ("4/6 files", "ready 1", "uploading 1", "[5].jpg", "90 %", "The file ends [early].", "full [507]."):
        assert said in text
