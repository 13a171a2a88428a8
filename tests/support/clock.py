"""A clock that moves only when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Callable like the real one; starts at the real time, so that database defaults stay plausible."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
