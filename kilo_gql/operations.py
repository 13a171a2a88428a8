"""The one throat: GraphQL, REST, streams, the CLI and workers all enter the domain through ``execute``.

permission → idempotency → one transaction → events and jobs after the commit.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from asyncpg import PostgresError
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kilo_gql import idempotency
from kilo_gql.access import Actor, Anonymous, Perm, admit
from kilo_gql.codec import canonical
from kilo_gql.db import Database, Tx
from kilo_gql.errors import BadRequest, Unavailable

R = TypeVar("R")

#: Every operation by name; two of one name are an error at import.
OPERATIONS: Final[dict[str, Operation[Any]]] = {}

#: deadlock, serialization failure, and a row that went while another was written that names it (run again, the
#: operation finds that it is not there): the transaction did nothing and may simply be run again
_TRANSIENT: Final = frozenset(("40P01", "40001", "23503"))
_ATTEMPTS: Final = 3
#: a text with a NUL, in a column or within JSON
_UNSTORABLE: Final = frozenset(("22021", "22P05"))


@dataclass(frozen=True, slots=True)
class Operation(Generic[R]):
    """A domain function that a door may call, with what the throat must know about it."""

    name: str
    perm: Perm
    body: Callable[..., Awaitable[R]]
    write: bool
    #: How long the answer to a keyed call is kept (None: its answers hold secrets and are never kept).
    retention: timedelta | None
    #: Puts into an answer, the first as well as a replayed one, what must not be kept: addresses that expire.
    dress: Callable[[Tx, R], R] | None = None

    def dressed(self, tx: Tx, value: R) -> R:
        """The answer as it is given."""
        return value if self.dress is None else self.dress(tx, value)

    @property
    def doc(self) -> str:
        """The first sentence of the docstring: the operation's description in both doors."""
        return inspect.getdoc(self.body).split("\n\n")[0].replace("\n", " ")  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """What an operation answered. ``op_id`` is on each of its events; ``replayed``: an earlier call did the work.

    ``told``: there are events.
    """

    value: R
    op_id: UUID
    replayed: bool = False
    told: bool = False


class Bells(Protocol):
    """Whom to nudge after a commit."""

    def ring_events(self) -> None: ...

    def ring_jobs(self, jobs: list[tuple[str, UUID]]) -> None: ...

    def ring_ended(self, sessions: list[UUID]) -> None: ...


class Throat:
    """Runs operations for actors against one database."""

    def __init__(self, db: Database, bells: Bells) -> None:
        self.db = db
        self.bells = bells

    async def execute(
        self, actor: Actor, operation: Operation[R], /, *arguments: Any, key: str | None = None, **named: Any
    ) -> Outcome[R]:
        """Run one operation in one transaction. Raises KiloError for everything a caller can act on."""
        admit(actor, operation.perm)
        claim = _claim(actor, operation, key, arguments, named) if key is not None else None
        for attempt in range(_ATTEMPTS):
            try:
                return await self._attempt(actor, operation, claim, arguments, named)
            except (DBAPIError, PostgresError) as error:
                if _state(error) in _UNSTORABLE:
                    raise BadRequest("A text holds a character that cannot be stored.") from None
                again = _state(error) in _TRANSIENT or (claim is not None and isinstance(error, IntegrityError))
                if not again or attempt + 1 == _ATTEMPTS:
                    raise
            except PoolTimeout as error:
                raise Unavailable("The server is very busy.", code="busy", retry_after=2) from error
        raise AssertionError("unreachable")

    async def _attempt(
        self,
        actor: Actor,
        operation: Operation[R],
        claim: idempotency.Claim | None,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Outcome[R]:
        async with self.db.transaction(actor, operation.perm, write=operation.write) as tx:
            if claim is not None and (kept := await idempotency.claim(tx, claim)) is not None:
                return Outcome(operation.dressed(tx, kept.value), kept.op_id, replayed=True, told=kept.told)
            value = await operation.body(tx, *arguments, **named)
            if operation.write:
                await tx.write_outbox()
                if claim is not None and tx.refusal is None:
                    await idempotency.keep(tx, claim, value)
                await tx.session.commit()
        self._nudge(tx)
        if tx.refusal is not None:
            raise tx.refusal
        return Outcome(operation.dressed(tx, value), tx.op_id, told=bool(tx.changes))

    def _nudge(self, tx: Tx) -> None:
        if tx.changes:
            self.bells.ring_events()
        if tx.jobs:
            self.bells.ring_jobs(tx.jobs)
        if tx.ended:
            self.bells.ring_ended(tx.ended)


def operation(
    perm: Perm,
    *,
    write: bool = False,
    retention: timedelta | None = idempotency.RETENTION,
    dress: Callable[[Tx, Any], Any] | None = None,
) -> Callable[[Callable[..., Awaitable[R]]], Operation[R]]:
    """Declare a domain function as an operation. Without a permission there is no way to write it."""

    def declare(body: Callable[..., Awaitable[R]]) -> Operation[R]:
        name = body.__name__
        if name in OPERATIONS:
            raise TypeError(f"two operations are called {name}")
        if not inspect.getdoc(body):
            raise TypeError(f"operation {name} has no docstring")
        declared = Operation(name, Perm(perm), body, write, retention if write else None, dress)
        OPERATIONS[name] = declared
        return declared

    return declare


def _claim(
    actor: Actor, operation: Operation[Any], key: str, arguments: tuple[Any, ...], named: dict[str, Any]
) -> idempotency.Claim:
    if operation.retention is None:
        raise BadRequest(
            f"{operation.name} takes no idempotency key.",
            code="idempotency_not_supported",
            remediation=["Send the call without a key."],
        )
    if isinstance(actor, Anonymous):
        raise BadRequest("An idempotency key needs a signed-in actor.", code="idempotency_not_supported")
    fingerprint = _fingerprint(operation, arguments, named)
    return idempotency.Claim(actor.key, operation.name, idempotency.parse_key(key), fingerprint, operation.retention)


def _fingerprint(operation: Operation[Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> bytes:
    """The same for the same call, whether a door names an argument, lists it, or leaves it to its default."""
    call = inspect.signature(operation.body).bind(None, *arguments, **named)
    call.apply_defaults()
    _, *given = call.arguments.items()  # but for the transaction
    return hashlib.sha256(canonical(dict(given))).digest()


def _state(error: DBAPIError | PostgresError) -> str | None:
    return getattr(getattr(error, "orig", error), "sqlstate", None)


__all__ = ["OPERATIONS", "Bells", "Operation", "Outcome", "Throat", "operation"]
