"""Waiting that can be cancelled."""

from __future__ import annotations

import asyncio


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
