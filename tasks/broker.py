"""Dramatiq at its thinnest: a message is a nudge, a worker thread is a slot, and everything else is in the jobs table.

A nudge names the job that caused it, but the slot it wakes does whichever job's turn it is, and goes on until there is
none: messages may be lost, doubled or late. Therefore no middleware (retries, time limits, ages, results are not a
message's business), and nobody ever waits for Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue as queues
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from kilo_gql.bell import Bell
from kilo_gql.jobs import CANCEL
from kilo_gql.models import Queue

RunNext = Callable[[Queue], Awaitable[bool]]

#: Nudges for one queue after one commit. Slots go on by themselves, so a thousand new jobs need no thousand nudges.
_NUDGES: Final = 32
#: Nudges that may wait for Redis; more are dropped.
_WAITING: Final = 1_000
#: Seconds between two tries while Redis is away.
_PAUSE: Final = 1.0
#: A worker that Redis has not heard of for so many ms has died, and one command in ten looks for such. Dramatiq's
#: defaults (60 s, one in a thousand) brought messages back after 2 to 33 minutes.
_HEARTBEAT_MS: Final = 15_000
_MAINTENANCE_CHANCE: Final = 100_000
_NAMESPACE: Final = "kilo"
#: How often an idle consumer asks Redis, in ms: what a job waits at most when nothing runs.
_POLL_MS: Final = 200

_log: Final = structlog.get_logger(__name__)


def redis_broker(url: str) -> RedisBroker:
    """Dramatiq's Redis broker. The database in ``url`` is to be its own: maintenance walks all keys."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5)
    return RedisBroker(  # type: ignore[no-untyped-call]
        client=client,
        middleware=[],
        namespace=_NAMESPACE,
        heartbeat_timeout=_HEARTBEAT_MS,
        maintenance_chance=_MAINTENANCE_CHANCE,
    )


def _message(queue: str, job_id: str) -> dramatiq.Message[Any]:
    return dramatiq.Message(queue_name=queue, actor_name=queue, args=(job_id,), kwargs={}, options={})


class Line:
    """One queue of one worker process: a broker, and as many threads as it has slots."""

    def __init__(self, queue: Queue, slots: int, run_next: RunNext, redis_url: str | None = None) -> None:
        self.queue = queue
        self.slots = slots
        self.busy = 0
        self._run_next = run_next
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._count = threading.Lock()
        self._broker = redis_broker(redis_url) if redis_url else StubBroker(middleware=[])
        dramatiq.actor(actor_name=queue.value, queue_name=queue.value, broker=self._broker)(self._work)
        # A broker and a worker for each queue, so that no queue takes the threads of another.
        self._worker = dramatiq.Worker(self._broker, worker_threads=slots, worker_timeout=_POLL_MS)
        # A message that waits in a process whose slots are busy would wait there although other slots are free.
        self._worker.queue_prefetch = slots
        self._worker.start()

    def nudge(self, count: int = 1) -> None:
        """Wake up to ``count`` free slots of this process. Never blocks; more nudges than slots are of no use."""
        wanted = min(count, self.slots - self.busy)
        if isinstance(self._broker, StubBroker):
            for _ in range(min(wanted, self.slots - self._broker.queues[self.queue.value].qsize())):
                self._broker.enqueue(_message(self.queue.value, ""))
        elif wanted > 0:
            self._loop.run_in_executor(None, self._send, wanted)

    async def close(self, patience: float) -> None:
        """Let the threads end, for at most ``patience`` seconds; call it once nothing runs any more."""
        self._closing = True
        try:
            await asyncio.to_thread(self._worker.stop, int(patience * 1_000))
        except redis.RedisError as error:
            _log.warning("a queue closed without Redis", queue=self.queue.value, error=repr(error))

    def _work(self, job_id: str) -> None:
        """The actor: runs in a worker thread, while all the work is done in the event loop."""
        with self._count:
            self.busy += 1
        try:
            while not self._closing and asyncio.run_coroutine_threadsafe(self._next(), self._loop).result():
                pass
        finally:
            with self._count:
                self.busy -= 1

    async def _next(self) -> bool:
        return await self._run_next(self.queue)

    def _send(self, count: int) -> None:
        try:
            for _ in range(count):
                self._broker.enqueue(_message(self.queue.value, ""))
        except redis.RedisError as error:
            _log.warning("a nudge was not sent", queue=self.queue.value, error=repr(error))


class Sender:
    """Sends nudges through Redis from a thread of its own, so that no request waits for it."""

    def __init__(self, url: str) -> None:
        self._broker = redis_broker(url)
        self._waiting: queues.Queue[tuple[str, str] | None] = queues.Queue(_WAITING)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
        self._thread.start()

    def send(self, queue: str, job_id: str) -> None:
        """Send soon, or never: the reconciler finds what got lost."""
        with contextlib.suppress(queues.Full):
            self._waiting.put_nowait((queue, job_id))

    def close(self) -> None:
        """Send what waits, for at most 2 s."""
        self._closed.set()
        with contextlib.suppress(queues.Full):
            self._waiting.put_nowait(None)
        self._thread.join(2)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                self._broker.enqueue(_message(*item))
            except redis.RedisError as error:
                _log.warning("nudges were dropped", count=1 + self._drop(), error=repr(error))
                if self._closed.wait(_PAUSE):
                    return

    def _drop(self) -> int:
        """Forget what waits: by the time that Redis is back, the reconciler has found it."""
        count = 0
        with contextlib.suppress(queues.Empty):
            while self._waiting.get_nowait() is not None:
                count += 1
        return count


class HouseBells:
    """Whom a commit nudges: readers and cancellations through the bell, workers through Redis where there is one."""

    def __init__(self, bell: Bell, redis_url: str | None = None) -> None:
        self._bell = bell
        self._sender = Sender(redis_url) if redis_url else None

    def ring_events(self) -> None:
        """There is something in the outbox."""
        self._bell.ring_events()

    def ring_jobs(self, jobs: list[tuple[str, UUID]]) -> None:
        """There is something to do in these queues, or (CANCEL) to stop. Never blocks, never raises."""
        sent: Counter[str] = Counter()
        for queue, job_id in jobs:
            sent[queue] += 1
            if queue == CANCEL:
                self._bell.ring("cancel", str(job_id))
            elif sent[queue] <= _NUDGES and self._sender is not None:
                self._sender.send(queue, str(job_id))
            elif sent[queue] <= _NUDGES:
                self._bell.ring("jobs", f"{queue}:{job_id}")

    def ring_ended(self, sessions: list[UUID]) -> None:
        """These sessions are over."""
        self._bell.ring_ended(sessions)

    def close(self) -> None:
        """Send what waits; the bell is its owner's to close."""
        if self._sender is not None:
            self._sender.close()
