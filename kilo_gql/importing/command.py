"""The command: what a person asks for, an import, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from kilo_gql.importing import progress
from kilo_gql.importing.board import Board
from kilo_gql.importing.client import PATIENCE, Client, Credentials, open_http
from kilo_gql.importing.projects import target
from kilo_gql.importing.report import STOPPED, Report
from kilo_gql.importing.run import Import
from kilo_gql.importing.scan import Scan, scan

#: Seconds in which a server has to answer at first.
_GREETING: Final = 5.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be imported, and how. ``project`` is an id or a title, ``patience`` in seconds without an answer."""

    paths: Sequence[Path]
    project: str
    parallel: int = 4
    wait: bool = True
    patience: float = PATIENCE


async def run(wish: Wish, url: str, credentials: Credentials, console: Console) -> Report:
    """Import, showing how far it is; Ctrl-C stops cleanly, a second one at once. Raises KiloError."""
    board = Board.of(await asyncio.to_thread(scan, wish.paths))
    async with open_http(url) as http:
        project = await target(Client(http, credentials, patience=min(_GREETING, wish.patience)), wish.project)
        client = Client(http, credentials, _notice_on(board), wish.patience)
        job = Import(client, board, project.id, wish.parallel, wish.wait)
        async with progress.shown(board, console) as take_down:
            stopped = await _until_stopped(job, take_down, console)
        return Report.of(board, project, stopped=stopped)


def dry_run(wish: Wish, console: Console) -> Scan:
    """Show what would be offered to the server, which is not asked."""
    found = scan(wish.paths)
    table = Table("extension", "files", "size")
    extensions = sorted({each.path.suffix.lower() for each in found.found})
    for extension in extensions:
        sizes = [each.size for each in found.found if each.path.suffix.lower() == extension]
        table.add_row(extension, str(len(sizes)), decimal(sum(sizes)))
    table.add_section()
    table.add_row("all", str(len(found.found)), decimal(found.size))
    console.print(table)
    return found


def document(found: Scan) -> str:
    """A dry run for programs."""
    return json.dumps(
        {
            "files": [{"path": str(each.path), "byteSize": each.size} for each in found.found],
            "skipped": [{"path": str(path), "reason": reason.value} for path, reason in found.skipped],
        },
        indent=2,
    )


def _notice_on(board: Board) -> Callable[[str | None], None]:
    def notice(text: str | None) -> None:
        board.notice = text

    return notice


async def _until_stopped(job: Import, take_down: Callable[[], None], console: Console) -> bool:
    """Run an import; True if a person stopped it."""
    importing = asyncio.create_task(job.run())
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            take_down()
            os._exit(STOPPED)
        stopped = True
        job.board.notice = "Stopping; once more ends it at once."
        importing.cancel()

    async with _on_signals(stop):
        try:
            await importing
        except asyncio.CancelledError:
            if not stopped:
                raise
    return stopped


@asynccontextmanager
async def _on_signals(handler: Callable[[], None]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
