"""Isolated child processes: where strangers' files are decoded and the CPU work of jobs runs.

A slot (``Child``) has one long-lived process, replaced when it dies, overruns a limit, is canceled or has served its
share; ``Children`` is a pool of slots. What a call does to its process becomes a ``ChildError``, and the next call on
the slot finds a healthy one::

    async with Children(slots=2) as children, children.slot() as child:
        size = await child.call("ml.decode:size", path=str(path), on_progress=report)

It protects against files that crash, hang or bloat a decoder, with limits on memory, CPU, time and descriptors, and
without sockets or forks where the system can refuse them. It is no sandbox for an intruder: the child has the files and
the user id of its parent (not its environment: no secrets).

Each child leads a session of its own and the parent kills the whole group. When the parent is killed, the kernel kills
the child (Linux), or its reader sees the socket close; programs that a child was allowed to start then stay behind.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tasks.child_main import Call, Done, Failed
from tasks.child_process import (
    KILL_S,
    ChildClosed,
    ChildCrashed,
    ChildError,
    ChildFailed,
    ChildLimits,
    ChildOutOfMemory,
    ChildTimeout,
    Lost,
    OnProgress,
    Process,
    encode,
    failure,
)

__all__ = [
    "Child",
    "ChildClosed",
    "ChildCrashed",
    "ChildError",
    "ChildFailed",
    "ChildLimits",
    "ChildOutOfMemory",
    "ChildTimeout",
    "Children",
    "Counters",
    "OnProgress",
]


@dataclass(slots=True)
class Counters:
    """Of a pool since its start: processes spawned, processes that crashed or broke a limit, calls begun."""

    spawned: int = 0
    crashed: int = 0
    calls: int = 0


class Child:
    """A slot: one process at a time, one call at a time.

    ``isolated_network`` and ``forks_denied`` say what the system could enforce on the latest process.
    """

    def __init__(
        self,
        *,
        limits: ChildLimits | None = None,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.limits = limits or ChildLimits()
        self.counters = counters or Counters()
        self.isolated_network = False
        self.forks_denied = False
        self._preload = preload
        self._env = env or {}
        self._numbers = itertools.count(1)
        self._process: Process | None = None
        self._starting: asyncio.Task[Process] | None = None
        self._busy = False
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the living process; None between two."""
        return None if self._process is None or self._process.exited.done() else self._process.pid

    async def call(self, function: str, /, *, on_progress: OnProgress | None = None, **arguments: Any) -> Any:
        """Run ``function`` ("package.module:name") with ``arguments`` in the child, and return its result.

        Arguments and results are what MessagePack carries: None, bool, int, float, str, bytes, lists, dicts (and
        dataclasses, datetimes, UUIDs on the way out, which arrive as dicts and strings). A function with a parameter
        ``report`` gets a callable for it: ``report(0..1, stage, message)`` ends at ``on_progress`` here, at most ten
        times a second. Raises ChildError; when canceled, the process is dead before CancelledError goes on.
        """
        if self._busy:
            raise RuntimeError("one call at a time: take another slot")
        call = Call(next(self._numbers), function, arguments, self.limits.cpu_s)
        frame = encode(call)
        self._busy = True
        try:
            process = await self._living()
            self.counters.calls += 1
            process.served += 1
            answer = await self._converse(process, call, frame, on_progress)
            out_of_memory = isinstance(answer, Failed) and answer.kind == "MemoryError"
            self.counters.crashed += out_of_memory
            if out_of_memory or process.served >= self.limits.calls:
                await self._drop(process)
        finally:
            self._busy = False
        if isinstance(answer, Failed):
            raise failure(answer)
        return answer.value

    async def _converse(
        self, process: Process, call: Call, frame: bytes, on_progress: OnProgress | None
    ) -> Done | Failed:
        deadline = asyncio.timeout(self.limits.wall_s)
        try:
            async with deadline:
                return await process.exchange(call, frame, on_progress)
        except Lost as lost:
            self._process = None
            error = await process.autopsy(str(lost))
            if self._closed:
                raise ChildClosed("The pool was closed.") from None
            self.counters.crashed += 1
            raise error from None
        except BaseException as error:
            await self._drop(process)
            if isinstance(error, TimeoutError) and deadline.expired():
                self.counters.crashed += 1
                raise ChildTimeout("wall", self.limits.wall_s) from None
            raise

    def prestart(self) -> None:
        """See that there is a process, or one on its way, for the next call."""
        if self._process is not None and self._process.exited.done():
            self._process.hang_up()
            self._process = None
            self.counters.crashed += 1
        if self._process is None and self._starting is None and not self._closed:
            self._starting = asyncio.create_task(self._start())
            # whoever calls next hears of a failure; perhaps nobody does
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _start(self) -> Process:
        process = Process(self.limits)
        try:
            await process.start(self._preload, self._env)
        except ChildError:
            self.counters.crashed += 1
            raise
        finally:
            self._starting = None
        self.counters.spawned += 1
        self.isolated_network, self.forks_denied = process.ready.isolated_network, process.ready.forks_denied
        self._process = process
        return process

    async def _living(self) -> Process:
        self.prestart()
        if self._closed:
            raise ChildClosed("The pool is closed.")
        if (starting := self._starting) is not None:
            await asyncio.wait({starting})  # which leaves it running when this call is canceled
            if starting.cancelled():
                raise ChildClosed("The pool was closed.")
            return starting.result()
        assert self._process is not None
        return self._process

    async def _drop(self, process: Process) -> None:
        self._process = None
        await process.end()

    async def aclose(self) -> None:
        """Kill the process. A call in flight raises ChildClosed."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting}, timeout=KILL_S)
        if self._process is not None:
            await self._drop(self._process)


class Children:
    """A pool of ``slots`` children (default: one a CPU core) that import the modules ``preload`` ahead of calls.

    ``env`` is added to the little that a child sees of our environment. ``start`` (or ``async with``) spawns them all;
    without it, each is spawned for its first call.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        limits: ChildLimits | None = None,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.counters = Counters()
        self._children = [
            Child(limits=limits, preload=preload, env=env, counters=self.counters)
            for _ in range(slots or os.cpu_count() or 1)
        ]
        self._idle: asyncio.LifoQueue[Child] = asyncio.LifoQueue()
        for child in self._children:
            self._idle.put_nowait(child)

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the living processes."""
        return tuple(child.pid for child in self._children if child.pid is not None)

    def start(self) -> None:
        """Spawn a process for each slot, in the background."""
        for child in self._children:
            child.prestart()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Child]:
        """A child of one's own for the block. Waits while all are taken; after ``aclose`` calls raise ChildClosed."""
        child = await self._idle.get()
        try:
            yield child
        finally:
            child.prestart()
            self._idle.put_nowait(child)

    async def aclose(self) -> None:
        """Kill all processes. Calls in flight raise ChildClosed."""
        await asyncio.gather(*(child.aclose() for child in self._children))

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
