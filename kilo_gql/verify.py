"""``kilo verify``: reads every original again and compares it with the checksum it had when it came in.

What was found stands in the rows, batch by batch, so a run that was killed goes on where it was. A store that is away
damages nothing: before a batch with missing files is believed, the store has to prove that it is the right one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from kilo_gql.access import Perm, System
from kilo_gql.db import Database, Tx
from kilo_gql.domain import keeping
from kilo_gql.domain.keeping import Checked, Kept
from kilo_gql.storage import Store
from kilo_gql.stored_files import whole

#: Originals that are read between two writes: what a killed run reads again, at most.
BATCH: Final = 32
#: Files read at a time: enough to keep a disk busy while another one is hashed.
_PARALLEL: Final = 4

_HOUSE: Final = System("verify")


@dataclass(slots=True)
class Report:
    """What a run has read so far: files, bytes, seconds, and what is damaged."""

    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    #: What there was to read when it began.
    total_files: int = 0
    total_bytes: int = 0
    damaged: list[Checked] = field(default_factory=list)


async def verify(
    db: Database,
    store: Store,
    *,
    project_id: UUID | None = None,
    resume: bool = False,
    told: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Read all originals (of one project) and mark those that are damaged, and those that are not any more.

    ``resume`` skips what a run that did not come to its end has read. ``told`` hears how far it has come, after each
    file. Raises Unavailable if the store is not there.
    """
    await store.check()
    report, started = Report(), time.perf_counter()
    async with _write(db) as tx:
        since = await keeping.begin_verifying(tx, resume=resume)
        report.total_files, report.total_bytes = await keeping.unverified_size(tx, since, project_id)
    gate, after = asyncio.Semaphore(_PARALLEL), None
    while batch := await _next(db, since, project_id, after):
        after = batch[-1].id

        async def one(file: Kept) -> Checked:
            async with gate:
                found = Checked(file, await whole(store, file.key, file.byte_size, file.sha256))
            report.files, report.bytes = report.files + 1, report.bytes + file.byte_size
            report.seconds = time.perf_counter() - started
            told(report)
            return found

        checked = await asyncio.gather(*map(one, batch))
        if any(found.damage is not None for found in checked):
            await store.check()
        async with _write(db) as tx:
            report.damaged += await keeping.note_verified(tx, checked)
    async with _write(db) as tx:
        await keeping.end_verifying(tx)
    return report


async def _next(db: Database, since: datetime, project_id: UUID | None, after: UUID | None) -> Sequence[Kept]:
    async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
        return await keeping.unverified(tx, since, project_id, after, BATCH)


@asynccontextmanager
async def _write(db: Database) -> AsyncIterator[Tx]:
    """A transaction of the system with its events; the relay looks for them by itself."""
    async with db.transaction(_HOUSE, Perm.SYSTEM) as tx:
        yield tx
        await tx.write_outbox()
        await tx.session.commit()
