"""Waiting for what happens elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return when ``condition`` holds; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.002)


async def until_seen(look: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Return when a look, such as at the database, finds what is waited for; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not await look():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)
