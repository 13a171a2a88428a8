"""Where a process's streams read: the newest events from memory, older ones in pages from the log.

Either a reader is told every event after its cursor, in order and once, or it is told that this is impossible
(``Reset``). A reader asks for more when it has passed on what it got, so a slow one costs nothing but its place; one
that falls out of memory reads pages again. No database connection is held while waiting.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from kilo_gql import event_log
from kilo_gql.access import Actor
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.errors import Unavailable
from kilo_gql.events import Event, Position, Reset, ResetReason, servable
from kilo_gql.feed import Batch, Feed, Sink
from kilo_gql.guard import Allowed, Guard
from kilo_gql.log_pages import LogPages
from kilo_gql.reached import Reached
from kilo_gql.waiting import cancel, happened

#: Seconds between two looks at the log for feeds that nobody nudged, and until an unread feed is forgotten.
_POLL: Final = 1.0
_IDLE: Final = 60.0
#: Feeds brought up to date by one statement.
_AT_ONCE: Final = 200

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Reader:
    """Where a reader stands (None: its cursor was none of ours), and in which generation of its feed."""

    at: Position | None
    generation: int


class Hub:
    """One process's feeds, by project."""

    def __init__(self, db: Database, bell: Bell, settings: Settings) -> None:
        self.feeds: dict[UUID, Feed] = {}
        self._guards: defaultdict[UUID, set[Guard]] = defaultdict(set)
        self._db, self._far = db, settings.event_far_behind
        self._reached = Reached(db)
        self._pages = LogPages(db)
        self._stale: set[UUID] = set()
        self._look = asyncio.Event()
        self._stopping = asyncio.Event()
        self._unlisten = [bell.listen("events", self._nudged), bell.listen("session", self._session)]
        self._task = asyncio.create_task(self._run(), name="hub")

    # --- reading -----------------------------------------------------------------------------------------------

    async def follow(
        self, project_id: UUID, after: str | None, *, idle: float | None = None
    ) -> AsyncGenerator[Batch, None]:
        """Everything after a cursor (None: from now on), in batches, until the hub stops.

        Yields an empty batch after ``idle`` seconds of silence. Whether the reader may see the project is asked
        elsewhere: by ``open_stream`` first, and by a ``guard`` from then on. Close it (``contextlib.aclosing``).
        """
        with self._reading(project_id) as feed:
            reader = await self._reader(feed, after)
            while not self._stopping.is_set():
                if batch := await self._next(feed, reader):
                    yield batch
                elif not await happened(feed.news, idle):
                    yield ()

    async def attach(self, project_id: UUID, after: str | None, sink: Sink) -> Callable[[], None]:
        """Give a sink everything after a cursor, then everything that comes; returns how to detach it.

        Raises Unavailable if the hub is stopping.
        """
        with self._reading(project_id) as feed:
            reader = await self._reader(feed, after)
            while batch := await self._next(feed, reader):
                await sink.catch_up(batch)
            if self._stopping.is_set():
                raise Unavailable("The server is restarting.", code="stopping", retry_after=1)
            # nothing is awaited between "no more" and here, so not one event is missed or told twice
            feed.live.add(sink)
            feed.readers += 1
        attached = True

        def detach() -> None:
            nonlocal attached
            if attached:
                attached = False
                feed.live.discard(sink)
                self._leave(feed)

        return detach

    async def cursor(self, project_id: UUID) -> str:
        """The present end of a project's log: where a reader without a cursor starts."""
        with self._reading(project_id) as feed:
            await self._begin(feed)
            return f"{feed.epoch}-{feed.head}"

    async def reached(self, op_id: UUID, project_id: UUID | None = None, *, within: float = 1.0) -> str | None:
        """The cursor of the last event of an operation, in one project or in whichever.

        Waits until the events are numbered; None if that takes longer than ``within`` seconds. Ask only for
        operations that caused events, or with ``within=0``.
        """
        return await self._reached.wait(op_id, project_id, within)

    @contextmanager
    def guard(self, project_id: UUID, actor: Actor, allowed: Allowed) -> Iterator[Guard]:
        """Watch, for the length of a block, whether a reader may still read; the caller runs ``guard.refused()``."""
        guard = Guard(project_id, actor, allowed)
        self._guards[project_id].add(guard)
        try:
            yield guard
        finally:
            self._guards[project_id].discard(guard)
            if not self._guards[project_id]:
                del self._guards[project_id]

    # --- being told --------------------------------------------------------------------------------------------

    def publish(self, project_id: UUID, events: Sequence[Event]) -> None:
        """Take events just numbered by the relay of this process."""
        self._reached.note(events)
        if (feed := self.feeds.get(project_id)) is not None and not self._add(feed, events):
            self._mark((project_id,))

    def stop(self) -> None:
        """End every stream now. Called when the server begins to shut down, before it waits for its connections."""
        self._stopping.set()
        for feed in self.feeds.values():
            feed.news.set()

    async def stopped(self) -> None:
        """Return when the hub is stopping."""
        await self._stopping.wait()

    async def close(self) -> None:
        """Stop, and free everything."""
        self.stop()
        for unlisten in self._unlisten:
            unlisten()
        await cancel(self._task)
        await self._reached.close()

    def _nudged(self, payload: str) -> None:
        self._reached.nudge()
        if not payload:
            self._mark(self.feeds)
        elif (project_id := UUID(payload)) in self.feeds:
            self._mark((project_id,))

    def _session(self, payload: str) -> None:
        for guards in self._guards.values():
            for guard in guards:
                guard.heard(payload)

    def _mark(self, project_ids: Iterable[UUID]) -> None:
        self._stale.update(project_ids)
        self._look.set()

    def _add(self, feed: Feed, events: Sequence[Event]) -> bool:
        for guard in self._guards.get(feed.project_id, ()):
            guard.saw(events)  # first: what is told after a reader's removal must find it in doubt
        return feed.add(events)

    # --- one reader --------------------------------------------------------------------------------------------

    async def _reader(self, feed: Feed, after: str | None) -> _Reader:
        await self._begin(feed)
        at = Position(feed.epoch, feed.head) if after is None else Position.parse(after)
        return _Reader(at, feed.generation)

    async def _begin(self, feed: Feed) -> None:
        if not feed.begun:
            page = await event_log.read_one(self._db, feed.project_id, None)
            feed.begin(page.epoch, page.last)

    async def _next(self, feed: Feed, reader: _Reader) -> Batch:
        """What follows for a reader; empty at the head of the feed, which is decided last, without a pause."""
        while not self._stopping.is_set():
            if reader.generation != feed.generation:
                reader.generation = feed.generation
                return self._reset(feed.project_id, reader, feed.epoch, feed.head, feed.broken)
            if reader.at is not None and feed.holds(reader.at):
                batch = feed.since(reader.at)
                if batch:
                    reader.at = Position(feed.epoch, batch[-1].seq)
                return batch
            if page := await self._page(feed, reader):
                return page
            # the log ends before the feed does, or the feed does not know yet what this reader learned elsewhere
            self._mark((feed.project_id,))
            await happened(feed.news, _POLL)
        return ()

    async def _page(self, feed: Feed, reader: _Reader) -> Batch:
        """Older events, read together with others; a reset only on what the log itself says at this moment."""
        hole = False
        if reader.at is not None:
            page = await self._pages.around(feed.project_id, reader.at)
            last = max(page.last, feed.head)
            unservable = servable(reader.at, epoch=page.epoch, first=page.first, last=last, far=self._far)
            batch = page.after(reader.at.seq)
            hole = bool(batch) and batch[-1].seq - reader.at.seq != len(batch)
            if unservable is None and not hole:
                reader.at = Position(page.epoch, batch[-1].seq) if batch else reader.at
                return batch
        now = await event_log.read_one(self._db, feed.project_id, None)
        reason = servable(reader.at, epoch=now.epoch, first=now.first, last=now.last, far=self._far)
        if reason is None and not hole:
            return ()
        return self._reset(feed.project_id, reader, now.epoch, now.last, reason or ResetReason.EXPIRED)

    def _reset(self, project_id: UUID, reader: _Reader, epoch: int, seq: int, reason: ResetReason) -> Batch:
        reader.at = Position(epoch, seq)
        return [Reset(epoch, seq, project_id, reason)]

    # --- the feeds ---------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, project_id: UUID) -> Iterator[Feed]:
        if (feed := self.feeds.get(project_id)) is None:
            feed = self.feeds[project_id] = Feed(project_id)
        feed.readers += 1
        try:
            yield feed
        finally:
            self._leave(feed)

    def _leave(self, feed: Feed) -> None:
        feed.readers -= 1
        feed.read_at = asyncio.get_running_loop().time()

    async def _run(self) -> None:
        polled = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await happened(self._look, _POLL)
            if loop.time() - polled >= _POLL:
                polled = loop.time()
                self._forget(polled)
                self._mark(self.feeds)
            try:
                await self._refresh()
            except Exception as error:
                _log.warning("the event log cannot be read", error=repr(error))
                await asyncio.sleep(_POLL)

    async def _refresh(self) -> None:
        self._look.clear()
        stale, self._stale = list(self._stale), set()
        for start in range(0, len(stale), _AT_ONCE):
            feeds = [feed for p in stale[start : start + _AT_ONCE] if (feed := self.feeds.get(p)) and feed.begun]
            heads = {feed.project_id: feed.head for feed in feeds}
            for page in await event_log.read(self._db, heads.items()):
                self._bring(self.feeds[page.project_id], heads[page.project_id], page)

    def _bring(self, feed: Feed, head: int, page: event_log.Page) -> None:
        """Go on with what the log holds after ``head``, where the feed stood when the log was asked."""
        if page.epoch != feed.epoch:
            self._restart(feed, page, ResetReason.EPOCH)
        elif page.last < head:
            self._restart(feed, page, ResetReason.FUTURE)
        elif page.events:
            self._reached.note(page.events)
            if not self._add(feed, page.events):
                self._restart(feed, page, ResetReason.EXPIRED)
            elif page.events[-1].seq < page.last:
                self._mark((feed.project_id,))

    def _restart(self, feed: Feed, page: event_log.Page, reason: ResetReason) -> None:
        self._pages.forget(feed.project_id)
        feed.restart(page.epoch, page.last, reason)

    def _forget(self, now: float) -> None:
        for feed in list(self.feeds.values()):
            if not feed.readers and now - feed.read_at > _IDLE:
                del self.feeds[feed.project_id]
