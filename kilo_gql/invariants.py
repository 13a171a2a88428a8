"""What must be true of a database and its object store whenever nothing is going on: ``kilo doctor --deep``.

Each rule has a name of its own. The checker only reads. Things that come and go while it reads are looked at twice
before they count, and objects younger than the grace belong to somebody who has not written their row yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain.keeping import Damage, referred
from kilo_gql.models import FileKind, UploadStatus
from kilo_gql.row_rules import ROWS, Rule
from kilo_gql.storage import Store
from kilo_gql.stored_files import Renditions, whole

_HOUSE: Final = System("invariants")

#: Age below which an object without a row is one that is still to get it. A day: longer than any job is tried.
GRACE: Final = timedelta(days=1)
#: Seconds that events may wait for their number, when nothing else happens.
OUTBOX_LAG: Final = 5.0
#: Findings of one rule that are listed.
_MOST: Final = 100
_PAGE: Final = 1_000
#: Objects that are looked at side by side.
_PARALLEL: Final = 16


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be so: which rule, about what (ids, or keys of objects), and in words."""

    rule: Rule
    subject: str
    says: str


@dataclass(frozen=True, slots=True)
class Scope:
    """How a check is done. ``decode``: open every rendition and read every byte of everything; else headers only.

    ``lease``: of a job, in seconds.
    """

    decode: bool = False
    grace: timedelta = GRACE
    lease: float = 30.0


async def check(
    db: Database, store: Store, *, decode: bool = False, grace: timedelta = GRACE, lease: float = 30.0
) -> list[Violation]:
    """Everything that is broken; empty: nothing. Raises Unavailable if the store is not there."""
    await store.check()
    scope = Scope(decode, grace, lease)
    found: list[Violation] = []
    for look in (_rows, _files, _uploads, _strays, _leftovers):
        found += await look(db, store, scope)
    return found


# --- rows against rows ---------------------------------------------------------------------------------------------


async def _rows(db: Database, store: Store, scope: Scope) -> list[Violation]:
    found: list[Violation] = []
    parameters = {"lease": scope.lease, "lag": OUTBOX_LAG}
    async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
        for rule, statements in ROWS.items():
            for statement in statements:
                named = {name: value for name, value in parameters.items() if f":{name}" in statement}
                rows = (await tx.unchecked(text(f"{statement} LIMIT {_MOST}"), named)).all()
                found += [Violation(rule, row.subject, row.says) for row in rows]
    return found


# --- rows against objects ------------------------------------------------------------------------------------------

_FILES: Final = text(
    """
    SELECT id, key, kind, content_type, byte_size, sha256 FROM asset_files
    WHERE id > :after AND damaged_at IS NULL ORDER BY id LIMIT :most
    """
)
_UPLOADS: Final = text(
    """
    SELECT id, key, status, byte_size, received FROM uploads
    WHERE id > :after AND status IN ('receiving', 'stored') ORDER BY id LIMIT :most
    """
)


async def _pages(db: Database, statement: Any) -> AsyncIterator[Sequence[Any]]:
    after = UUID(int=0)
    while True:
        async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
            page = (await tx.unchecked(statement, {"after": after, "most": _PAGE})).all()
        if not page:
            return
        yield page
        after = page[-1].id


async def _files(db: Database, store: Store, scope: Scope) -> list[Violation]:
    """The object of every file is there, and what its row says; every rendition is a whole picture.

    Damage that a check has found already is no violation: such a file is not served.
    """
    found: list[Violation] = []
    renditions, gate = Renditions(decode=scope.decode), asyncio.Semaphore(_PARALLEL)

    async def look(file: Any) -> Violation | None:
        async with gate:
            damage = await whole(store, file.key, file.byte_size, file.sha256 if scope.decode else None)
            if damage is not None:
                return Violation(Rule.FILE_OBJECT, file.key, f"{file.kind}: {_WORDS[damage]}")
            if FileKind(file.kind) in _FROM_OUTSIDE:
                return None
            fault = await renditions.fault(store, file.key, file.content_type, file.byte_size)
            return None if fault is None else Violation(Rule.RENDITION, file.key, f"{file.kind}: {fault}")

    async for page in _pages(db, _FILES):
        looked = await asyncio.gather(*(look(file) for file in page))
        found += [one for one in looked if one is not None and await _still(db, one.subject)]
    return found


_FROM_OUTSIDE: Final = (FileKind.ORIGINAL, FileKind.SIDECAR, FileKind.EXPORT)
_WORDS: Final = {
    Damage.MISSING: "its object is not there",
    Damage.SIZE: "its object has another size",
    Damage.CONTENT: "its object has another content",
    Damage.UNREADABLE: "its object cannot be read",
}


async def _still(db: Database, key: str) -> bool:
    """Does a row refer to this key now? It may have been deleted since we read it."""
    async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
        return bool(await referred(tx, [key]))


async def _uploads(db: Database, store: Store, scope: Scope) -> list[Violation]:
    """Bytes that an upload counts are there: as an object if it is stored, else as what its writers left."""
    held = {leftover.upload_id for leftover in [one async for one in store.leftovers()]}
    found: list[Violation] = []
    async for page in _pages(db, _UPLOADS):
        for upload in page:
            if upload.status == UploadStatus.STORED:
                damage = await whole(store, upload.key, upload.byte_size, None)
                if damage is not None and await _still(db, upload.key):
                    found.append(Violation(Rule.UPLOAD, str(upload.id), _WORDS[damage]))
            # a store that knows its leftovers by token only cannot be asked about one upload
            elif upload.received and None not in held and upload.id not in held and await _counts(db, upload.id):
                says = f"counts {upload.received} bytes that are not there"
                found.append(Violation(Rule.UPLOAD, str(upload.id), says))
    return found


async def _counts(db: Database, upload_id: UUID) -> bool:
    statement = text("SELECT true FROM uploads WHERE id = :id AND status = 'receiving' AND received > 0")
    async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
        return bool((await tx.unchecked(statement, {"id": upload_id})).scalar_one_or_none())


# --- objects against rows ------------------------------------------------------------------------------------------


async def _strays(db: Database, store: Store, scope: Scope) -> list[Violation]:
    """Every object is referred to, or young."""
    found: list[Violation] = []
    old = datetime.now(UTC) - scope.grace

    async def look(batch: Sequence[Any]) -> None:
        async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
            needed = await referred(tx, [stored.key for stored in batch])
        astray = [stored for stored in batch if stored.key not in needed and stored.modified_at < old]
        found.extend(Violation(Rule.STRAY_OBJECT, stored.key, f"{stored.size} bytes of nobody") for stored in astray)

    await _batched(store.list(""), look)
    return found


async def _leftovers(db: Database, store: Store, scope: Scope) -> list[Violation]:
    """What unfinished uploads left belongs to one that goes on, or is young."""
    found: list[Violation] = []
    old = datetime.now(UTC) - scope.grace
    statement = text(
        "SELECT id, token FROM uploads WHERE status = 'receiving' AND (id = ANY(:ids) OR token = ANY(:ts))"
    )

    async def look(batch: Sequence[Any]) -> None:
        named = {
            "ids": [one.upload_id for one in batch if one.upload_id],
            "ts": [one.token for one in batch if one.token],
        }
        async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
            rows = (await tx.unchecked(statement, named)).all()
        ids, tokens = {row.id for row in rows}, {row.token for row in rows}
        astray = [o for o in batch if o.upload_id not in ids and o.token not in tokens and o.modified_at < old]
        found.extend(Violation(Rule.LEFTOVER, one.name, f"{one.size} bytes of no living upload") for one in astray)

    await _batched(store.leftovers(), look)
    return found


async def _batched(things: AsyncIterator[Any], look: Callable[[Sequence[Any]], Awaitable[None]]) -> None:
    batch: list[Any] = []
    async for thing in things:
        batch.append(thing)
        if len(batch) == _PAGE:
            await look(batch)
            batch = []
    if batch:
        await look(batch)
