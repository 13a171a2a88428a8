"""The import itself: hash, ask what is needed, send, finalize, follow; each step as soon as the one before has a file.

Photos can be culled while later ones are still being read from the card.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from kilo_gql.errors import KiloError, Unavailable
from kilo_gql.importing import transfer
from kilo_gql.importing.board import Board, Item, Problem, Stage
from kilo_gql.importing.client import Client
from kilo_gql.importing.events import OPEN, Message, follow
from kilo_gql.importing.scan import digest

#: Files of one call.
_BATCH: Final = 200
#: Files that are hashed, or prepared, ahead of those that are sent.
_AHEAD: Final = 400
#: Times that a file is prepared before it is given up.
_TRIES: Final = 3
_BY_IDS: Final = """
    query Assets($ids: [UUID!]!) { assetsByIds(ids: $ids) { id status quarantine { code reason remediation } } }
"""

T = TypeVar("T")


class Belt(Generic[T]):
    """Hands things from one step to the next, one by one or all that lie there; ends when it is closed and empty."""

    def __init__(self, most: int = 0) -> None:
        self._queue: asyncio.Queue[T | None] = asyncio.Queue(most)

    async def put(self, thing: T) -> None:
        """Lay a thing down, when there is room."""
        await self._queue.put(thing)

    async def close(self) -> None:
        """Nothing more will come."""
        await self._queue.put(None)

    async def __aiter__(self) -> AsyncIterator[T]:
        while (thing := await self._queue.get()) is not None:
            yield thing
        await self._queue.put(None)  # the end is for every reader

    async def batches(self) -> AsyncIterator[list[T]]:
        """All that lies there at a time, up to what one call takes."""
        async for first in self:
            batch = [first]
            while len(batch) < _BATCH and not self._queue.empty():
                if (thing := self._queue.get_nowait()) is None:
                    await self._queue.put(None)
                    break
                batch.append(thing)
            yield batch


@dataclass(frozen=True, slots=True)
class _Ticket:
    """Where a file is to go, and how much of it is there."""

    item: Item
    url: str
    received: int


@dataclass
class Import:
    """One import of what lies on a board. ``parallel``: files sent at a time; ``wait``: until all are processed."""

    client: Client
    board: Board
    project_id: UUID
    parallel: int = 4
    wait: bool = True
    _first: dict[tuple[str, str], Item] = field(default_factory=dict)
    _twins: list[Item] = field(default_factory=list)
    _following: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Import; when this is canceled, what has arrived in full is finalized first. Raises KiloError."""
        following = asyncio.create_task(self._follow())
        working = asyncio.create_task(self._work())
        try:
            await asyncio.wait((following, working), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()  # it ends by an error alone
            await working
        except ExceptionGroup as group:
            raise _first(group) from None
        finally:
            for task in (working, following):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _work(self) -> None:
        await self._following.wait()
        hashed: Belt[Item] = Belt(_AHEAD)
        needed: Belt[_Ticket] = Belt(_AHEAD)
        sent: Belt[Item] = Belt()
        finalizing = asyncio.create_task(self._finalize(sent))
        try:
            async with asyncio.TaskGroup() as steps:
                steps.create_task(self._hash(hashed))
                steps.create_task(self._prepare(hashed, needed))
                for _ in range(self.parallel):
                    steps.create_task(self._send(needed, sent))
        finally:
            await sent.close()
            await finalizing
        if self.wait:
            await self.board.idle()
        await self._explain()
        for twin in self._twins:
            first = self._first[twin.content]
            bad = first.stage in (Stage.FAILED, Stage.QUARANTINED)
            self.board.move(twin, first.stage if bad else Stage.PRESENT, first.problem)

    async def _hash(self, hashed: Belt[Item]) -> None:
        """Files in order, read by two threads; unreadable and empty ones end here, and of twins one goes on."""
        loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(2, "hash")
        try:
            ahead: list[tuple[Item, asyncio.Future[str]]] = []
            for item in [*self.board.items, None]:
                if item is not None:
                    ahead.append((item, loop.run_in_executor(pool, digest, item.path)))
                while ahead and (item is None or len(ahead) > 4):
                    await self._hashed(*ahead.pop(0), hashed)
            await hashed.close()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _hashed(self, item: Item, reading: asyncio.Future[str], hashed: Belt[Item]) -> None:
        try:
            item.sha256 = await reading
        except OSError as error:
            self.board.move(item, Stage.FAILED, _unreadable(error))
            return
        if item.found.size == 0:
            self.board.move(item, Stage.FAILED, _EMPTY)
        elif self._first.setdefault(item.content, item) is not item:
            self._twins.append(item)
        else:
            self.board.move(item, Stage.HASHED)
            await hashed.put(item)

    async def _prepare(self, hashed: Belt[Item], needed: Belt[_Ticket]) -> None:
        async for batch in hashed.batches():
            for ticket in await self._prepared(batch):
                await needed.put(ticket)
        await needed.close()

    async def _prepared(self, batch: Sequence[Item]) -> list[_Ticket]:
        """Ask what the project needs of these files; what it does not need, or does not take, ends here."""
        files = [
            {
                "filename": item.path.name,
                "byteSize": item.found.size,
                "checksumSha256": item.sha256,
                "capturedAt": item.found.written_at,
            }
            for item in batch
        ]
        path = f"/projects/{self.project_id}/assets:prepareUpload"
        answers = (await self.client.call("POST", path, {"files": files}))["uploads"]
        tickets, quarantined = [], []
        for item, answer in zip(batch, answers, strict=True):
            item.tries += 1
            self.board.meet(item, UUID(answer["assetId"]))
            match answer["state"]:
                case "needed":
                    tickets.append(_Ticket(item, answer["uploadUrl"], answer["received"]))
                case "quarantined":
                    quarantined.append(item)
                case "refused":
                    self.board.move(item, Stage.QUARANTINED, Problem.told(answer["error"]))
                case state:
                    self.board.move(item, Stage.TRASHED if state == "trashed" else Stage.PRESENT)
        await self._look(quarantined)
        return tickets

    async def _send(self, needed: Belt[_Ticket], sent: Belt[Item]) -> None:
        async for ticket in needed:
            try:
                await self._sent(ticket)
            except OSError as error:
                self.board.move(ticket.item, Stage.FAILED, _unreadable(error))
            except Unavailable:
                raise  # no other file will fare better
            except KiloError as error:
                self.board.move(ticket.item, Stage.FAILED, Problem(error.code, error.message, error.remediation))
            else:
                if not ticket.item.stage.final:
                    await sent.put(ticket.item)

    async def _sent(self, ticket: _Ticket) -> None:
        item, tickets = ticket.item, [ticket]
        while tickets:
            [ticket] = tickets
            self.board.resume(item, ticket.received)
            try:
                await transfer.send(self.client, self.board, item, ticket.url, ticket.received)
                break
            except transfer.Expired:
                if item.tries >= _TRIES:
                    self.board.move(item, Stage.FAILED, _EXPIRED)
                    return
                tickets = await self._prepared([item])
        if not item.stage.final:
            if not await asyncio.to_thread(item.found.untouched):
                raise transfer.changed(item)
            self.board.move(item, Stage.SENT)

    async def _finalize(self, sent: Belt[Item]) -> None:
        async for batch in sent.batches():
            assets = [{"assetId": str(item.asset_id), "checksumSha256": item.sha256} for item in batch]
            for item in batch:
                self.board.move(item, Stage.PROCESSING)  # first: its end may be told before the answer is here
            path = f"/projects/{self.project_id}/assets:finalizeUpload"
            answers = (await self.client.call("POST", path, {"assets": assets}))["assets"]
            over = []
            for item, answer in zip(batch, answers, strict=True):
                if answer["error"] is not None:
                    self.board.move(item, Stage.FAILED, Problem.told(answer["error"]))
                elif answer["status"] in ("ready", "quarantined"):
                    over.append(item)  # its end was told to an earlier import
            await self._look(over)

    # --- what becomes of them

    async def _follow(self) -> None:
        async for message in follow(self.client, self.project_id):
            if message is OPEN:
                self._following.set()
            elif message.name == "asset.updated":
                self._told(message)
            elif message.name == "reset":
                await self._look(self.board.processing())

    def _told(self, message: Message) -> None:
        changed: dict[str, Any] = message.data["changed"]
        for id_ in message.data["ids"]:
            item = self.board.of_asset(UUID(id_))
            if item is not None and item.stage is Stage.PROCESSING:
                self._became(item, changed)

    def _became(self, item: Item, changed: dict[str, Any]) -> None:
        match changed.get("status"):
            case "ready":
                self.board.move(item, Stage.READY)
            case "duplicate":
                self.board.move(item, Stage.PRESENT)
            case "quarantined":
                self.board.move(item, Stage.QUARANTINED, Problem.told(changed["quarantine"]))

    async def _look(self, items: Sequence[Item]) -> None:
        """Read where these stand, because nothing will tell it."""
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            ids = [str(item.asset_id) for item in batch]
            found = {row["id"]: row for row in (await self.client.graphql(_BY_IDS, ids=ids))["assetsByIds"] if row}
            for item in batch:
                row = found.get(str(item.asset_id))
                self._became(item, {**row, "status": row["status"].lower()} if row else _DROPPED)

    async def _explain(self) -> None:
        """Add what to do about quarantined files, which events do not tell."""
        mute = [item for item in self.board.items if item.stage is Stage.QUARANTINED and not _remedied(item)]
        for start in range(0, len(mute), _BATCH):
            batch = {str(item.asset_id): item for item in mute[start : start + _BATCH]}
            for row in (await self.client.graphql(_BY_IDS, ids=list(batch)))["assetsByIds"]:
                if row and row["quarantine"]:
                    batch[row["id"]].problem = Problem.told(row["quarantine"])


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """What went wrong, of what went wrong together."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def _remedied(item: Item) -> bool:
    return item.problem is not None and bool(item.problem.remedies)


#: An asset that is gone was a duplicate of another.
_DROPPED: Final = {"status": "duplicate"}
_EMPTY: Final = Problem("zero_bytes", "This file is empty.", ("Copy the file from the card again.",))
_EXPIRED: Final = Problem(
    "upload_expired", "The server took the upload address back.", ("Run the same command again.",)
)


def _unreadable(error: OSError) -> Problem:
    reason = f"This file cannot be read: {error.strerror or error}."
    return Problem("file_unreadable", reason, ("Look at the card or the disk it is on, and run the command again.",))
