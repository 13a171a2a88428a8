"""Kills the supervisor, the workers and the children of a run at random, and sees who is left in the end."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.support.processes import Workers, alive, kill

TARGETS: Final = ("worker", "supervisor", "child")
#: Seconds to wait for a target of the chosen kind before another is taken.
_PATIENCE: Final = 5.0


class Victims:
    """The workers of a run; ``start`` makes them, and makes them again when their supervisor was killed.

    ``killed`` counts by target; ``supervisors`` is how many there have been.
    """

    def __init__(self, start: Callable[[], Workers], chance: random.Random) -> None:
        self._start, self._chance = start, chance
        self.workers = start()
        self.killed: Counter[str] = Counter()
        self.supervisors = 1
        self._seen: set[int] = set()

    async def strike(self) -> None:
        """Kill one process of a random kind."""
        target = self._chance.choice(TARGETS)
        patience = time.monotonic() + _PATIENCE
        while not (pids := self._pids(target)):
            await asyncio.sleep(0.05)
            if time.monotonic() > patience:  # a worker without work has no child yet
                target = "supervisor"
        if kill(self._chance.choice(pids)):
            self.killed[target] += 1
        if target == "supervisor":  # the system's own supervisor starts it again
            await asyncio.to_thread(self.workers.process.wait)
            self.workers.close()
            self.workers = self._start()
            self.supervisors += 1

    def _pids(self, target: str) -> list[int]:
        if target == "supervisor":
            return [self.workers.pid]
        return self.workers.workers() if target == "worker" else self.workers.decoders()

    def look(self) -> None:
        """Remember who lives now."""
        self._seen.update((self.workers.pid, *self.workers.workers(), *self.workers.decoders()))

    def close(self) -> None:
        """End them, gently."""
        self.workers.close()

    async def orphans(self) -> int:
        """How many of all that were ever seen still live a little after the end."""
        for _ in range(100):
            if not any(alive(pid) for pid in self._seen):
                return 0
            await asyncio.sleep(0.1)
        return sum(alive(pid) for pid in self._seen)
