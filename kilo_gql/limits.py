"""Rate limits: token buckets, in memory for one machine and in Redis for many."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import Any, Final, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from kilo_gql.access import Actor, Anonymous, Guest
from kilo_gql.errors import RateLimited

#: Buckets one process keeps; the one not used for the longest goes first, which can only be in a caller's favour.
_BUCKETS: Final = 50_000


def payer(actor: Actor, address: str) -> str:
    """Whose budget a call comes from. Sessions of guests are had for nothing: what counts is the address."""
    return f"anonymous:{address}" if isinstance(actor, Anonymous | Guest) else actor.key


class Limiter(Protocol):
    """Takes ``cost`` from the bucket ``key`` that holds ``capacity`` and fills up within a minute."""

    async def take(self, key: str, cost: float, capacity: float) -> float:
        """0 if taken, otherwise the seconds until there will be enough; nothing is taken then."""
        ...


class MemoryLimiter:
    """Buckets of one process."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, key: str, cost: float, capacity: float) -> float:
        now = time.monotonic()
        level, at = self._buckets.pop(key, (capacity, now))
        level = min(capacity, level + (now - at) * capacity / 60)
        wait = 0.0 if level >= cost else (cost - level) * 60 / capacity
        self._buckets[key] = (level if wait else level - cost, now)
        if len(self._buckets) > _BUCKETS:
            self._buckets.popitem(last=False)
        return wait


class RedisLimiter:
    """Buckets that all machines share. Redis away means no limit, not no service."""

    _SCRIPT: Final = """
        local capacity, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
        local time = redis.call('TIME')
        local now = time[1] + time[2] / 1e6
        local level = tonumber(redis.call('HGET', KEYS[1], 'level') or capacity)
        local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
        level = math.min(capacity, level + (now - at) * capacity / 60)
        local wait = 0
        if level >= cost then level = level - cost else wait = (cost - level) * 60 / capacity end
        redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now))
        redis.call('EXPIRE', KEYS[1], 120)
        return tostring(wait)
    """

    def __init__(self, url: str) -> None:
        self._redis: Any = Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._script = self._redis.register_script(self._SCRIPT)

    async def take(self, key: str, cost: float, capacity: float) -> float:
        try:
            return float(await self._script(keys=[f"kilo:limit:{key}"], args=[capacity, cost]))
        except (RedisError, OSError):
            return 0.0

    async def close(self) -> None:
        await self._redis.aclose()


async def spend(limiter: Limiter, key: str, cost: float, capacity: float, what: str) -> None:
    """Take from a bucket or raise RateLimited with the seconds to wait."""
    wait = await limiter.take(key, min(cost, capacity), capacity)
    if wait > 0:
        raise RateLimited(
            f"Too many {what} in a minute.",
            details={"perMinute": capacity},
            remediation=[f"Wait {math.ceil(wait)} s and try again."],
            retry_after=math.ceil(wait),
        )
