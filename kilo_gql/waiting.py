"""Waiting that can be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def happened(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait until ``event`` is set; False if it is not within ``seconds``.

    Not ``asyncio.wait_for``: until Python 3.12 that swallows a cancellation which comes together with the event, and
    whoever waits for the cancelled task waits for ever (python/cpython#86296).
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Wait for work that goes on to its end even if the waiting is cancelled.

    For queries: a connection whose query is cancelled is thrown away, and the next one costs far more than the query.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(task)


async def cancel(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and return when they have ended, however they did.

    Asks again every second: libraries swallow a cancellation now and then (redis-py does while it connects).
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=1.0)
    await asyncio.gather(*tasks, return_exceptions=True)
