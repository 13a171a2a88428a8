"""Pages of the log, read once for all who want them: after a restart every client comes back with an old cursor."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final
from uuid import UUID

from kilo_gql import event_log
from kilo_gql.db import Database
from kilo_gql.event_log import PAGE, Page
from kilo_gql.events import Position

#: Complete pages kept: some 20 MB of events at most.
_KEPT: Final = 32

#: A project, an epoch, and the number of a page: pages begin at multiples of ``PAGE``, whoever reads.
_Key = tuple[UUID, int, int]


class LogPages:
    """Readers that come together share one query; a complete page never changes and is kept for a while."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: OrderedDict[_Key, Page] = OrderedDict()
        self._reading: dict[_Key, asyncio.Task[Page]] = {}

    async def around(self, project_id: UUID, at: Position) -> Page:
        """The page with the event after a position. Its bounds may be some time old; its events are not."""
        key = (project_id, at.epoch, at.seq // PAGE)
        if (page := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return page
        if (task := self._reading.get(key)) is None:
            task = self._reading[key] = asyncio.create_task(self._read(key), name="log page")
        return await asyncio.shield(task)  # one reader that leaves must not take the page from the others

    def forget(self, project_id: UUID) -> None:
        """The log of a project turned out to be another one."""
        for key in [key for key in self._kept if key[0] == project_id]:
            del self._kept[key]

    async def _read(self, key: _Key) -> Page:
        project_id, epoch, number = key
        try:
            page = await event_log.read_one(self._db, project_id, number * PAGE)
        finally:
            del self._reading[key]
        if page.epoch == epoch and len(page.events) == PAGE and page.events[0].seq == number * PAGE + 1:
            self._kept[key] = page
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return page
