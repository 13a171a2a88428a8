"""GraphQL over websockets: the ``graphql-transport-ws`` protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md).

``connection`` speaks it; here is what all connections of a process share: seats, heartbeats, and the regular question
whether those who read still may.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import structlog
from starlette.types import Receive, Scope, Send

from kilo_gql.graphql.connection import SUBPROTOCOL, Close, Connection, Gate, Seats, SocketLimits
from kilo_gql.graphql.fanout import Fanout

log = structlog.get_logger("kilo.graphql")

#: Seconds between two looks at the connections.
_TICK: Final = 0.5


class ProcessSeats:
    """Connections to this process, for each actor."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def take(self, key: str) -> bool:
        if self._taken[key] >= self._most:
            return False
        self._taken[key] += 1
        return True

    def give_back(self, key: str) -> None:
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]


class GraphQLSocket:
    """The websocket endpoint, an ASGI application. ``dropped`` counts readers that were too slow."""

    def __init__(
        self,
        gate: Gate,
        fanout: Fanout,
        *,
        build: str,
        limits: SocketLimits | None = None,
        seats: Seats | None = None,
    ) -> None:
        self.fanout = fanout
        self.dropped = 0
        self._gate = gate
        self._build = build
        self._limits = limits or SocketLimits()
        self._seats = seats or ProcessSeats(self._limits.connections)
        self._connections: set[Connection] = set()
        self._doubt = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def sockets(self) -> int:
        """Websockets open now."""
        return len(self._connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        offered = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None})
        connection = Connection(self._gate, self.fanout, self._limits, self._seats, self._build, scope, send)
        self._enter(connection)
        try:
            await connection.run(receive)
        finally:
            self._leave(connection)

    def recheck(self) -> None:
        """Ask now whether everyone may go on: something has changed. Otherwise that is asked every few seconds."""
        self._doubt.set()

    def close(self) -> None:
        """Send everyone away, to come back to the next process."""
        for connection in list(self._connections):
            connection.close(Close.RESTARTING, "Service restart")

    def _enter(self, connection: Connection) -> None:
        self._connections.add(connection)
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._repeat(self._tend), name="websockets-tend"),
                asyncio.create_task(self._repeat(self._guard), name="websockets-guard"),
            ]

    def _leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _repeat(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await step()
            except Exception:
                log.exception("websockets_neglected")
                await asyncio.sleep(_TICK)

    async def _tend(self) -> None:
        await asyncio.sleep(min(_TICK, self._limits.stall / 4))
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            self.dropped += not connection.tend(now)

    async def _guard(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._doubt.wait(), self._limits.recheck)
        self._doubt.clear()
        known = [(each, each.proof.actor) for each in self._connections if each.proof is not None]
        if known:
            still_in = frozenset(await self._gate.still_in(list(dict.fromkeys(actor for _, actor in known))))
            for connection, actor in known:
                if actor not in still_in:
                    connection.close(Close.FORBIDDEN, "Forbidden: session_revoked")
        await self.fanout.recheck()
