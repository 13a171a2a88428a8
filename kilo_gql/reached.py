"""How far the log must be read to have seen what an operation did: the cursor in a mutation's receipt."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import structlog

from kilo_gql import event_log
from kilo_gql.db import Database
from kilo_gql.events import Event
from kilo_gql.waiting import cancel, happened

#: Operations remembered whose events were just numbered.
_RECENT: Final = 4_096
#: Seconds without a nudge after which the log is asked about the operations waited for, and at least between two asks.
_ASK: Final = 0.02
_GAP: Final = 0.005

#: An operation, and the project whose cursor is meant (None: whichever comes last).
_Key = tuple[UUID, UUID | None]

_log: Final = structlog.get_logger(__name__)


class Reached:
    """Answers from what the relay of this process told, else from the log: one query for all who wait."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._recent: OrderedDict[_Key, str] = OrderedDict()
        self._waiting: defaultdict[_Key, list[asyncio.Future[str]]] = defaultdict(list)
        self._asked = asyncio.Event()
        self._nudged = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="reached")

    def note(self, events: Iterable[Event]) -> None:
        """Remember the operations of events just numbered: the events of one operation are numbered together."""
        for event in events:
            if event.op_id is not None:
                self._recent[event.op_id, event.project_id] = self._recent[event.op_id, None] = event.cursor
        for key in [key for key in self._waiting if key in self._recent]:
            for future in self._waiting.pop(key):
                if not future.done():
                    future.set_result(self._recent[key])
        while len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def nudge(self) -> None:
        """Something was numbered elsewhere."""
        self._nudged.set()

    async def wait(self, op_id: UUID, project_id: UUID | None, within: float) -> str | None:
        """The cursor of the operation's last event; None if it has none ``within`` that many seconds."""
        key = (op_id, project_id)
        if within <= 0 and key not in self._recent:
            self.note(await event_log.last_of(self._db, (op_id,)))
        if key in self._recent or within <= 0:
            return self._recent.get(key)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(future)
        self._asked.set()
        try:
            async with asyncio.timeout(within):
                return await future
        except TimeoutError:
            return None
        finally:
            self._give_up(key, future)

    async def close(self) -> None:
        await cancel(self._task)

    def _give_up(self, key: _Key, future: asyncio.Future[str]) -> None:
        if key in self._waiting:
            self._waiting[key].remove(future)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            await happened(self._nudged, _ASK)
            self._nudged.clear()
            if not self._waiting:
                self._asked.clear()
                continue
            try:
                self.note(await event_log.last_of(self._db, {op_id for op_id, _ in self._waiting}))
            except Exception as error:
                _log.warning("the event log cannot be read", error=repr(error))
            await asyncio.sleep(_GAP)
