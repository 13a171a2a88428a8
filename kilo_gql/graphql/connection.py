"""One websocket of ``graphql-transport-ws``: what may be said when, and what runs on it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, Protocol
from uuid import uuid4

import orjson
import structlog
from starlette.types import Message, Receive, Scope, Send

from kilo_gql.access import Actor
from kilo_gql.errors import BadRequest, KiloError, RateLimited, Unavailable
from kilo_gql.graphql.documents import Prepared
from kilo_gql.graphql.errors import extensions
from kilo_gql.graphql.executor import Ask
from kilo_gql.graphql.fanout import Fanout, Subscription
from kilo_gql.graphql.frames import MAX_MESSAGE
from kilo_gql.graphql.outlets import outlet
from kilo_gql.limits import payer

log = structlog.get_logger("kilo.graphql")

SUBPROTOCOL: Final = "graphql-transport-ws"
#: Refused operations for each one allowed, after which a connection is closed.
_PATIENCE: Final = 10
_LONGEST_ID: Final = 128
#: Bytes a close frame has for its reason.
_REASON: Final = 123
#: Seconds until an expiry is looked at again: clocks are corrected.
_LONGEST_TIMER: Final = 3_600.0


class Close(IntEnum):
    """Why a connection ends. Clients come back after 1012, 4403, 4408 and 4413; the others are their own mistakes."""

    TOO_LARGE = 1009
    RESTARTING = 1012
    NOT_UNDERSTOOD = 4400
    NOT_INITIALISED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    ID_IN_USE = 4409
    TOO_SLOW = 4413
    TOO_MANY = 4429


class Closing(Exception):
    """Ends a connection."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Durations in seconds; ``operations`` a connection, ``connections`` an actor in this process."""

    operations: int = 100
    connections: int = 20
    init_timeout: float = 10.0
    #: A reader that is behind without a break for this long is told so and disconnected.
    stall: float = 10.0
    recheck: float = 5.0
    heartbeat: float = 15.0


class Proof(Protocol):
    """Who is there, and until when that is certain (None: until it is revoked)."""

    @property
    def actor(self) -> Actor: ...

    @property
    def expires_at(self) -> datetime | None: ...


class Gate(Protocol):
    """What a websocket asks of the application. Everything here may raise KiloError."""

    async def authenticate(self, scope: Scope, params: Mapping[str, Any]) -> Proof:
        """Who opened this websocket, by ``params["authorization"]``, or the headers (a cookie: from known origins)."""

    async def still_in(self, actors: Sequence[Actor]) -> Collection[Actor]:
        """Those of them whose sessions and tokens are still good; never from a cache."""

    def prepare(self, ask: Ask) -> Prepared:
        """The document, parsed and validated."""

    async def charge(self, actor: Actor, prepared: Prepared, ask: Ask) -> None:
        """Take a subscription's points from its actor's budget."""

    async def execute(self, scope: Scope, actor: Actor, ask: Ask, request_id: str) -> Mapping[str, Any]:
        """The answer to a query or mutation, within its actor's budget."""


class Seats(Protocol):
    """Counts connections. ``key``: an actor, or an address where there is none."""

    def take(self, key: str) -> bool:
        """False: it has as many as it may."""

    def give_back(self, key: str) -> None: ...


class Connection:
    """A websocket from its handshake to its end."""

    def __init__(
        self, gate: Gate, fanout: Fanout, limits: SocketLimits, seats: Seats, build: str, scope: Scope, send: Send
    ) -> None:
        self.proof: Proof | None = None
        self.outlet = outlet(scope, send)
        self._gate, self._fanout, self._limits, self._seats = gate, fanout, limits, seats
        self._build = build
        self._scope = scope
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._seat: str | None = None
        self._greeted = False
        self._closed = False
        self._operations: dict[str, Subscription | asyncio.Task[None]] = {}
        self._refused = self._asked = 0
        self._ping_at = 0.0
        self._request_id = scope.get("kilo_request_id") or uuid4().hex

    # --- its life

    async def run(self, receive: Receive) -> None:
        """Talk until either side has enough. The handshake is done, with the subprotocol if the client offered it."""
        try:
            if SUBPROTOCOL not in self._scope["subprotocols"]:
                raise Closing(Close.SUBPROTOCOL, f"Subprotocol not acceptable: use {SUBPROTOCOL}")
            self._timer = self._loop.call_later(
                self._limits.init_timeout, self.close, Close.INIT_TIMEOUT, "Connection initialisation timeout"
            )
            while (message := await receive())["type"] != "websocket.disconnect":
                if not self._closed:
                    await self._take(_parse(message))
                while self.outlet.paused_since is not None:  # nor is more taken in than goes out
                    await self.outlet.drained()
        except Closing as closing:
            self.close(closing.code, closing.reason)
        finally:
            self._stop()
            await self.outlet.finish()

    def close(self, code: Close, reason: str) -> None:
        """End everything now, and send nothing more but the close frame."""
        if not self._closed:
            self._stop()
            self.outlet.close(code, reason.encode()[:_REASON].decode(errors="ignore"))

    def tend(self, now: float) -> bool:
        """Ping the client when it is time; called regularly, with the loop's time. False: it is too slow, given up."""
        since = self.outlet.paused_since
        if self._closed:
            return True
        if since is not None and now - since > self._limits.stall:
            self._give_up()
            return False
        if since is None and self.proof is not None and now >= self._ping_at:
            self._ping_at = now + self._limits.heartbeat
            self._say(type="ping")
        return True

    def _stop(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for operation in list(self._operations.values()):
            _end(operation)
        self._operations.clear()
        if self._seat is not None:
            self._seats.give_back(self._seat)
            self._seat = None

    def _give_up(self) -> None:
        error = Unavailable(
            "You read too slowly.",
            code="slow_consumer",
            remediation=["Connect again, and subscribe with the last cursor you have."],
            retry_after=1,
        )
        for operation_id in list(self._operations):
            self.failed(operation_id, error)
        self.close(Close.TOO_SLOW, "slow_consumer")

    # --- what the client says

    async def _take(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                await self._greet(message.get("payload"))
            case "ping":
                payload = message.get("payload")
                self._say(type="pong", **({} if payload is None else {"payload": payload}))
            case "pong":
                pass
            case "subscribe":
                self._begin(message)
            case "complete":
                operation = self._operations.pop(_id_of(message), None)
                if operation is not None:
                    _end(operation)
            case kind:
                raise Closing(Close.NOT_UNDERSTOOD, f"Invalid message type {kind}")

    async def _greet(self, payload: object) -> None:
        if self._greeted:
            raise Closing(Close.TOO_MANY, "Too many initialisation requests")
        self._greeted = True
        if not isinstance(payload, dict | None):
            raise Closing(Close.NOT_UNDERSTOOD, "The payload of connection_init is an object")
        if self._timer is not None:
            self._timer.cancel()
        try:
            proof = await self._gate.authenticate(self._scope, payload or {})
        except KiloError as error:
            raise Closing(Close.FORBIDDEN, f"Forbidden: {error.code}") from error
        seat = payer(proof.actor, (self._scope.get("client") or ("?",))[0])
        if not self._seats.take(seat):
            raise Closing(Close.TOO_MANY, "Too many connections")
        self._seat = seat
        self._watch_expiry(proof)
        self.proof = proof
        self._ping_at = self._loop.time() + self._limits.heartbeat
        self._say(type="connection_ack", payload={"build": self._build, "heartbeat": self._limits.heartbeat})

    def _watch_expiry(self, proof: Proof) -> None:
        if proof.expires_at is None:
            return
        left = (proof.expires_at - datetime.now(UTC)).total_seconds()
        if left <= 0:
            self.close(Close.FORBIDDEN, "Forbidden: token_expired")
        else:
            self._timer = self._loop.call_later(min(left, _LONGEST_TIMER), self._watch_expiry, proof)

    def _begin(self, message: Mapping[str, Any]) -> None:
        if self.proof is None:
            raise Closing(Close.NOT_INITIALISED, "Unauthorized")
        operation_id = _id_of(message)
        try:
            ask = Ask.parse(message.get("payload"))
        except BadRequest as error:
            raise Closing(Close.NOT_UNDERSTOOD, error.message) from error
        if operation_id in self._operations:
            raise Closing(Close.ID_IN_USE, f"Subscriber for {operation_id} already exists")
        if len(self._operations) >= self._limits.operations:
            self._refuse(operation_id)
            return
        work = self._operate(operation_id, ask, self.proof.actor)
        self._operations[operation_id] = asyncio.create_task(work, name="websocket-operation")

    def _refuse(self, operation_id: str) -> None:
        self._refused += 1
        if self._refused > _PATIENCE * self._limits.operations:
            raise Closing(Close.TOO_MANY, "Too many subscriptions")
        error = RateLimited(
            f"A connection has at most {self._limits.operations} operations at a time.",
            code="too_many_subscriptions",
            details={"limit": self._limits.operations},
            remediation=["Complete a subscription first."],
        )
        self._say(id=operation_id, type="error", payload=[self._shown(error)])

    # --- what runs on it

    async def _operate(self, operation_id: str, ask: Ask, actor: Actor) -> None:
        try:
            prepared = self._gate.prepare(ask)
            if prepared.kind(ask.operation_name) == "subscription":
                plan = self._fanout.plan(prepared, ask)
                await self._gate.charge(actor, prepared, ask)
                self._operations[operation_id] = await self._fanout.subscribe(actor, plan, operation_id, self)
            else:
                self._asked += 1
                request_id = f"{self._request_id}.{self._asked}"
                made = await self._gate.execute(self._scope, actor, ask, request_id)
                self._say(id=operation_id, type="next", payload=made)
                self.completed(operation_id)
        except KiloError as error:
            self.failed(operation_id, error)
        except Exception:
            log.exception("operation_failed", request_id=self._request_id)
            self.failed(operation_id, KiloError("Something went wrong on our side."))

    def completed(self, operation_id: str) -> None:
        """An operation has nothing more to say."""
        if (operation := self._operations.pop(operation_id, None)) is not None:
            _end(operation)
            self._say(id=operation_id, type="complete")

    def failed(self, operation_id: str, error: KiloError) -> None:
        """An operation ends with an error."""
        if (operation := self._operations.pop(operation_id, None)) is not None:
            _end(operation)
            self._say(id=operation_id, type="error", payload=[self._shown(error)])

    def _shown(self, error: KiloError) -> dict[str, Any]:
        return {"message": error.message, "extensions": extensions(error, self._request_id)}

    def _say(self, **message: Any) -> None:
        self.outlet.text(orjson.dumps(message, option=orjson.OPT_NON_STR_KEYS))


def _end(operation: Subscription | asyncio.Task[None]) -> None:
    if isinstance(operation, Subscription):
        operation.close()
    elif operation is not asyncio.current_task():
        operation.cancel()


def _parse(message: Message) -> Mapping[str, Any]:
    """One message of the protocol. Raises Closing."""
    text = message.get("text")
    if text is None:
        raise Closing(Close.NOT_UNDERSTOOD, "Messages are text")
    if len(text) > MAX_MESSAGE:
        raise Closing(Close.TOO_LARGE, f"A message has at most {MAX_MESSAGE} bytes")
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Closing(Close.NOT_UNDERSTOOD, "Messages are JSON") from error
    if not isinstance(parsed, dict) or not isinstance(parsed.get("type"), str):
        raise Closing(Close.NOT_UNDERSTOOD, "Messages are objects with a type")
    return parsed


def _id_of(message: Mapping[str, Any]) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= _LONGEST_ID:
        raise Closing(Close.NOT_UNDERSTOOD, f"An id is a string of 1 to {_LONGEST_ID} characters")
    return operation_id
