"""What a resolver may use. Its body is one call: ``await info.context.run(operation, …)``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from kilo_gql.access import Actor
from kilo_gql.graphql.loaders import Loaders
from kilo_gql.operations import Operation, Outcome, Throat

R = TypeVar("R")


class Log(Protocol):
    """The event log, as far as a mutation's receipt needs it."""

    async def reached(self, op_id: UUID) -> str | None: ...


@dataclass(slots=True)
class Context:
    """One request's way into the throat."""

    throat: Throat
    actor: Actor
    log: Log
    request_id: str
    user_agent: str | None = None
    #: From where the request comes: IPv4 or IPv6 as text, "?" where that is not known.
    address: str = "?"
    #: The session token to set as a cookie with the answer ("" clears it, None leaves it alone).
    cookie: str | None = None
    load: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.load = Loaders(self.throat, self.actor)

    async def read(self, operation: Operation[R], *arguments: Any, **named: Any) -> R:
        """The value of a reading operation."""
        return (await self.throat.execute(self.actor, operation, *arguments, **named)).value

    async def run(
        self, operation: Operation[R], *arguments: Any, idempotency_key: str | None = None, **named: Any
    ) -> Outcome[R]:
        """The outcome of a writing operation. What loaders had read before it is forgotten."""
        outcome = await self.throat.execute(self.actor, operation, *arguments, key=idempotency_key, **named)
        self.load = Loaders(self.throat, self.actor)
        return outcome

    async def reached(self, op_id: UUID) -> str | None:
        return await self.log.reached(op_id)
