"""What a person sees while an import runs: one screen that renews itself, or lines where there is no terminal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from kilo_gql.importing.board import Board, Item, Stage

#: Seconds between two lines that say how far it is.
_LINE_EVERY: Final = 5.0
#: Names of files on the screen: those on their way, and the latest that are not in.
_SENDING_SHOWN, _PROBLEMS_SHOWN = 6, 5
_COLORS: Final = {
    Stage.SENDING: "cyan",
    Stage.PROCESSING: "yellow",
    Stage.READY: "green",
    Stage.QUARANTINED: "magenta",
    Stage.FAILED: "red",
}


@asynccontextmanager
async def shown(board: Board, console: Console) -> AsyncIterator[Callable[[], None]]:
    """Show a board while the block runs. What is yielded takes the screen down at once, for a program that must end."""
    if console.is_terminal:
        live = Live(get_renderable=_Screen(board).render, console=console, refresh_per_second=5, transient=True)
        with live:
            yield live.stop
        return
    telling = asyncio.create_task(_lines(board, console))
    try:
        yield lambda: None
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        _tell(board, console)


class _Screen:
    def __init__(self, board: Board) -> None:
        self._board, self._size = board, board.size
        self._bars = Progress(
            *(TextColumn("{task.description:<10}"), BarColumn(None), DownloadColumn(), TransferSpeedColumn()),
            TimeRemainingColumn(),
            expand=True,
        )
        self._bytes = self._bars.add_task("sent", total=self._size)
        self._files = Progress(
            *(TextColumn("{task.description:<10}"), BarColumn(None), TextColumn("{task.completed}/{task.total} files")),
            expand=True,
        )
        self._through = self._files.add_task("done", total=len(board.items))
        self._problems: list[Item] = []

    def render(self) -> RenderableType:
        board = self._board
        # what lay there before counts as total, not as speed
        self._bars.update(self._bytes, completed=board.sent, total=max(0, self._size - board.settled))
        self._files.update(self._through, completed=board.done)
        while board.news:
            if (item := board.news.popleft()).problem is not None:
                self._problems.append(item)
        counts = Table.grid(padding=(0, 3))
        stages = [stage for stage in Stage if board.counts[stage]]
        counts.add_row(*(f"[{_COLORS.get(stage, 'dim')}]{stage} {board.counts[stage]}[/]" for stage in stages))
        lines = [f"[dim]{escape(item.path.name)}[/] {_share(item)}" for item in _sending(board)]
        lines += [f"[red]{escape(described(item))}[/]" for item in self._problems[-_PROBLEMS_SHOWN:]]
        if board.notice is not None:
            lines.append(f"[yellow]{escape(board.notice)}[/]")
        return Group(self._bars, self._files, counts, *lines)


def _sending(board: Board) -> list[Item]:
    return [item for item in board.items if item.stage is Stage.SENDING][:_SENDING_SHOWN]


def _share(item: Item) -> str:
    return f"{100 * item.sent // max(1, item.found.size)} %"


def described(item: Item) -> str:
    """A file and why it is not in, on one line."""
    assert item.problem is not None
    return f"{item.path.name}: {item.stage.value} ({item.problem.code}): {item.problem.reason}"


async def _lines(board: Board, console: Console) -> None:
    noticed: str | None = None
    due = time.monotonic() + _LINE_EVERY
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(board.moved(), 1.0)
        _tell(board, console)
        if board.notice not in (None, noticed):
            console.print(board.notice, markup=False, soft_wrap=True)
        noticed = board.notice
        if time.monotonic() >= due:
            due = time.monotonic() + _LINE_EVERY
            console.print(_summary(board), markup=False, soft_wrap=True)


def _tell(board: Board, console: Console) -> None:
    while board.news:
        item = board.news.popleft()
        line = f"{item.path.name}: {item.stage.value}" if item.problem is None else described(item)
        console.print(line, markup=False, soft_wrap=True)


def _summary(board: Board) -> str:
    counts = ", ".join(f"{board.counts[stage]} {stage}" for stage in Stage if board.counts[stage])
    rate = board.sent / max(0.001, time.monotonic() - board.started)
    return f"{board.done}/{len(board.items)} files; {decimal(board.sent)} sent, {decimal(int(rate))}/s; {counts}"
