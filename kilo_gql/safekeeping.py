"""What ``kilo verify``, ``kilo backup``, ``kilo restore`` and ``kilo doctor --deep`` do at a terminal."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

import orjson
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from kilo_gql import assembly, backing, backup, embedded, invariants, storage
from kilo_gql.access import Perm, System
from kilo_gql.config import Settings
from kilo_gql.db import Database, Tx
from kilo_gql.row_rules import Rule
from kilo_gql.storage import Store
from kilo_gql.verify import Report
from kilo_gql.verify import verify as verify_all


@asynccontextmanager
async def _database(settings: Settings, *, make: bool = False) -> AsyncIterator[str]:
    """The database's URL; an embedded one that does not run is started for the length of the block.

    ``make``: also one that was never there. Raises Unavailable otherwise.
    """
    runs = settings.database_url is not None or embedded.running_url(settings.home) is not None
    if runs or not (make or embedded.exists(settings.home)):
        yield backing.database_url(settings)
        return
    server = await asyncio.to_thread(embedded.start, settings.home)
    try:
        yield embedded.url(server)
    finally:
        await asyncio.to_thread(embedded.stop, server)


@asynccontextmanager
async def system(settings: Settings, reason: str) -> AsyncIterator[Tx]:
    """One transaction of the system, for a command; it commits at the end of the block, and workers find its jobs."""
    async with _database(settings):
        await backing.await_database(settings, seconds=0)
        db = assembly.open_database(settings, pool=2)
        try:
            async with db.transaction(System(reason), Perm.SYSTEM) as tx:
                yield tx
                await tx.write_outbox()
                await tx.session.commit()
        finally:
            await db.close()


@asynccontextmanager
async def _installation(settings: Settings) -> AsyncIterator[tuple[Database, Store]]:
    async with _database(settings):
        await backing.await_database(settings, seconds=0)
        db = assembly.open_database(settings, pool=2)
        try:
            store = await assembly.open_store(settings, db)
            try:
                yield db, store
            finally:
                await store.aclose()
        finally:
            await db.close()


@contextmanager
def _counting(console: Console, what: str) -> Iterator[backup.Told]:
    """A bar that counts things; hears how many are done, of how many."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


async def verify(settings: Settings, console: Console, project_id: UUID | None, *, resume: bool) -> bool:
    """Read every original again; False if one is damaged."""
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    async with _installation(settings) as (db, store):
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("reading", total=None)

            def told(report: Report) -> None:
                progress.update(task, completed=report.bytes, total=report.total_bytes)

            report = await verify_all(db, store, project_id=project_id, resume=resume, told=told)
    if report.damaged:
        table = Table("file", "damage", "asset", "object", title="Damaged originals")
        for one in report.damaged:
            table.add_row(one.file.filename, one.damage, str(one.file.asset_id), one.file.key)
        console.print(table)
        console.print("Restore these objects from a backup, or send the files again.")
    rate = decimal(int(report.bytes / report.seconds)) if report.seconds else "0 bytes"
    console.print(f"{report.files} originals, {decimal(report.bytes)}, {rate}/s: {len(report.damaged)} damaged")
    return not report.damaged


async def deep(settings: Settings, console: Console, *, decode: bool, as_json: bool = False) -> bool:
    """Check what must be true of database and store; False if something is not."""
    async with _installation(settings) as (db, store):
        found = await invariants.check(db, store, decode=decode, lease=settings.job_lease)
    if as_json:
        console.print_json(orjson.dumps(found).decode())
        return not found
    if found:
        table = Table("rule", "what", "finding", title="Violations")
        for one in found:
            table.add_row(one.rule, one.subject, one.says)
        console.print(table)
    console.print(f"{len(found)} violations of {len(Rule)} rules")
    return not found


async def make_backup(settings: Settings, console: Console, folder: Path) -> bool:
    """Write a backup; False if it lacks something."""
    async with _installation(settings) as (_, store):
        url = backing.database_url(settings)
        with _counting(console, "objects") as told:
            made = await backup.backup(url, store, folder, told)
    for key in made.missing:
        console.print(f"[red]not there[/]: {key}")
    console.print(f"{folder}: the database and {len(made.objects)} objects, {decimal(made.bytes)}")
    return not made.missing


async def bring_back(settings: Settings, console: Console, folder: Path, *, replace: bool) -> bool:
    """Restore a backup; False if some of it is damaged."""
    backup.read_manifest(folder)  # a wrong folder is told before anything is started or made
    async with _database(settings, make=True) as url:
        store = await storage.open_store(settings, create=True)
        try:
            with tempfile.TemporaryDirectory(dir=_scratch(settings)) as scratch, _counting(console, "objects") as told:
                done = await backup.restore(url, store, folder, Path(scratch), replace=replace, told=told)
        finally:
            await store.aclose()
    for key in done.damaged:
        console.print(f"[red]damaged in the backup[/]: {key}")
    console.print(f"{done.objects} objects, {decimal(done.bytes)}; the event log begins epoch {done.epoch}")
    return not done.damaged


def _scratch(settings: Settings) -> Path:
    folder = settings.home / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
