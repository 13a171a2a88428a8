"""The newest events of one project in memory, and those who read them there. No database here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol
from uuid import UUID

import structlog

from kilo_gql.events import Event, Position, Reset, ResetReason

#: Events kept in memory for each project that is read.
RING: Final = 1_024

Batch = Sequence[Event | Reset]

_log: Final = structlog.get_logger(__name__)


class Sink(Protocol):
    """Takes a project's events as they come. What it cannot pass on it must bound itself."""

    async def catch_up(self, batch: Batch) -> None:
        """Take older events, at the sink's own pace."""

    def live(self, batch: Batch) -> None:
        """Take new events, at once: called in the event loop, for every sink in turn."""


class Feed:
    """Contiguous events up to ``head``. ``generation`` rises when the log turned out not to go on from there (it was
    restored, or pruned past the head): every reader is then reset, for the reason in ``broken``."""

    def __init__(self, project_id: UUID) -> None:
        self.project_id = project_id
        self.epoch = 0
        self.head = -1
        self.generation = 0
        self.broken = ResetReason.EPOCH
        self.readers = 0
        #: When a reader last left, in the loop's time.
        self.read_at = 0.0
        self.ring: deque[Event] = deque(maxlen=RING)
        self.live: set[Sink] = set()
        #: Set, and replaced by a new one, whenever something was added.
        self.news = asyncio.Event()

    @property
    def begun(self) -> bool:
        return self.head >= 0

    def begin(self, epoch: int, head: int) -> None:
        """Start at the end of the log, unless events arrived in the meantime."""
        if not self.begun:
            self.epoch, self.head = epoch, head

    def add(self, events: Sequence[Event]) -> bool:
        """Append what is new; False: nothing was added, for there is a gap, or it is of another epoch."""
        if not self.begun:
            self.begin(events[0].epoch, events[0].seq - 1)
        whole = events[-1].seq - events[0].seq == len(events) - 1
        if not whole or events[0].epoch != self.epoch or events[0].seq > self.head + 1:
            return False
        fresh = events[max(0, self.head + 1 - events[0].seq) :]
        if fresh:
            self.ring.extend(fresh)
            self.head = fresh[-1].seq
            self._tell(fresh)
        return True

    def restart(self, epoch: int, head: int, reason: ResetReason) -> None:
        """Go on from another place, because the log does not continue where this feed stands."""
        self.epoch, self.head, self.broken = epoch, head, reason
        self.generation += 1
        self.ring.clear()
        self._tell([Reset(epoch, head, self.project_id, reason)])

    def holds(self, position: Position) -> bool:
        """Can ``since`` answer for this position?"""
        return position.epoch == self.epoch and self.head - len(self.ring) <= position.seq <= self.head

    def since(self, position: Position) -> list[Event]:
        """Everything after a position that the feed ``holds``; empty at the head."""
        return list(islice(reversed(self.ring), self.head - position.seq))[::-1]

    def _tell(self, batch: Batch) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()
        for sink in tuple(self.live):
            try:
                sink.live(batch)
            except Exception:
                self.live.discard(sink)
                _log.exception("a sink failed and was dropped", project_id=self.project_id)
