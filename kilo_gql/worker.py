"""One worker process: slots that do jobs until they are told to stop.

``python -m kilo_gql.worker [queue …]``. It ends by itself, and hands back what it has not finished, on SIGTERM, on
SIGINT, and when its supervisor dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import structlog

from kilo_gql import assembly, backing, logs
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.models import Queue
from kilo_gql.supervisor import on_supervisor_death
from tasks import registry
from tasks.broker import HouseBells, Line
from tasks.child import ChildLimits, Children
from tasks.kit import MODEL_LIMITS, Workshop
from tasks.runner import Runner

#: Seconds that running jobs have to end, once the worker is to stop, before they are handed back.
GRACE: Final = 5.0
#: Seconds that Dramatiq's threads have to end.
_THREADS: Final = 2.0
#: Said before numpy is loaded: a product of matrices takes one thread. Jobs run side by side as it is, and on a busy
#: machine threads that wait for one another spin.
_ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "1")
#: Connections beside one for each slot: heartbeats, progress, reconciling.
_SPARE_CONNECTIONS: Final = 3

#: Pictures travel by file; a child that sends more than this is not in its right mind.
CHILD_LIMITS: Final = ChildLimits(max_result_bytes=4 << 20)

_log: Final = structlog.get_logger(__name__)


def main(settings: Settings, queues: Iterable[Queue] = tuple(Queue)) -> None:
    """Work until told to stop."""
    os.environ.setdefault(*_ONE_THREAD)
    logs.configure(settings.log_format)
    asyncio.run(_until_stopped(settings, list(queues)))


async def _until_stopped(settings: Settings, queues: Sequence[Queue]) -> None:
    stop = _stop_event()
    await backing.await_database(settings)
    async with open_worker(settings, queues) as runner:
        _log.info("worker ready", queues=[queue.value for queue in queues], slots=settings.worker_slots)
        await stop.wait()
        await runner.drain(GRACE)
    _log.info("worker stopped")


@asynccontextmanager
async def open_worker(settings: Settings, queues: Sequence[Queue]) -> AsyncIterator[Runner]:
    """A working worker in this process and loop. At the end of the block it hands back what still runs."""
    redis = backing.redis_url(settings)
    async with AsyncExitStack() as stack:
        db = assembly.open_database(settings, pool=settings.worker_slots * len(queues) + _SPARE_CONNECTIONS)
        stack.push_async_callback(db.close)
        bell = await Bell.open(backing.database_url(settings), redis)
        stack.push_async_callback(bell.close)
        bells = HouseBells(bell, redis)
        stack.callback(bells.close)
        store = await assembly.open_store(settings, db)
        stack.push_async_callback(store.aclose)
        children = Children(
            settings.worker_slots * len([queue for queue in queues if queue is not Queue.IO]) or 1, limits=CHILD_LIMITS
        )
        stack.push_async_callback(children.aclose)
        models = Children(1, limits=model_limits(settings))
        stack.push_async_callback(models.aclose)
        runner = Runner(Workshop(settings, db, bells, children, store, models), registry.handlers())
        lines = {queue: Line(queue, settings.worker_slots, runner.run_next, redis) for queue in queues}
        stack.push_async_callback(_close, lines.values())
        stack.push_async_callback(runner.drain, 0.0)
        bell.listen("cancel", runner.cancel)
        if redis is None:
            bell.listen("jobs", _feed(lines))
        for loop in _loops(runner, lines, settings):
            await stack.enter_async_context(_background(loop))
        for line in lines.values():
            line.nudge(line.slots)
        yield runner


def model_limits(settings: Settings) -> ChildLimits:
    """Of the child that holds learned models. CUDA reserves more address space than any machine has memory."""
    return MODEL_LIMITS if settings.model_device == "cpu" else replace(MODEL_LIMITS, memory_bytes=1 << 46)


async def _close(lines: Iterable[Line]) -> None:
    await asyncio.gather(*(line.close(_THREADS) for line in lines))


def _feed(lines: dict[Queue, Line]) -> Callable[[str], None]:
    """Pass the bell's nudges (``queue:id``, or empty for "anything") on to the slots."""

    def nudge(payload: str) -> None:
        name = payload.partition(":")[0]
        for queue, line in lines.items():
            if not name:
                line.nudge(line.slots)
            elif queue.value == name:
                line.nudge()

    return nudge


def _loops(runner: Runner, lines: dict[Queue, Line], settings: Settings) -> list[Coroutine[Any, Any, None]]:
    def nudge(queue: Queue, count: int) -> None:
        lines[queue].nudge(count)

    return [
        runner.keep(),
        runner.tell(),
        runner.reconcile(nudge, list(lines), settings.worker_slots),
        runner.sweep(),
    ]


@asynccontextmanager
async def _background(loop: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(loop)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _stop_event() -> asyncio.Event:
    """Set when this process is to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    on_supervisor_death(stop.set)
    return stop


if __name__ == "__main__":
    main(Settings(), [Queue(name) for name in sys.argv[1:]] or tuple(Queue))
