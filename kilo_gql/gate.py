"""What a websocket asks of the application: who is there, may they go on, and run this for them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from starlette.requests import HTTPConnection
from starlette.types import Scope

from kilo_gql import pages
from kilo_gql.access import Actor, Anonymous, Guest, Perm, System, TokenActor, UserActor
from kilo_gql.authenticate import Authenticator, Proof
from kilo_gql.domain import events
from kilo_gql.errors import BadRequest, Forbidden, KiloError, Unauthorized
from kilo_gql.graphql.context import Context, Log
from kilo_gql.graphql.documents import Prepared
from kilo_gql.graphql.executor import Ask, Executor
from kilo_gql.limits import Limiter, payer, spend
from kilo_gql.models import ApiToken, Session
from kilo_gql.operations import Throat

_HOUSE: Final = System("websockets")


class SocketGate:
    """The ``Gate`` of this application's websockets."""

    def __init__(
        self,
        throat: Throat,
        authenticator: Authenticator,
        executor: Executor,
        log: Log,
        limiter: Limiter,
        *,
        origins: frozenset[str],
        requests_per_minute: int,
    ) -> None:
        self._throat = throat
        self._authenticator = authenticator
        self._executor = executor
        self._log = log
        self._limiter = limiter
        self._origins = origins
        self._requests = requests_per_minute

    async def authenticate(self, scope: Scope, params: Mapping[str, Any]) -> Proof:
        """A bearer in the init message or the headers; or a cookie, which a browser adds by itself, so its page's
        origin must be one of ours. Raises Unauthorized or Forbidden.
        """
        connection = HTTPConnection(scope)
        given = params.get("authorization") or params.get("Authorization") or connection.headers.get("authorization")
        if given is not None:
            scheme, _, bearer = str(given).partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthorized("Send `Bearer <token>`.", code="token_invalid")
            return await self._authenticator.bearer(bearer.strip())
        if (cookie := connection.cookies.get(pages.COOKIE)) is not None:
            if connection.headers.get("origin") not in self._origins:
                raise Forbidden("This page may not use your session.", code="origin_not_allowed")
            return await self._authenticator.cookie(cookie)
        return Proof(Anonymous(), None)

    async def still_in(self, actors: Sequence[Actor]) -> Collection[Actor]:
        """Those whose session or token is still good, asked of the database."""
        sessions = [actor.session_id for actor in actors if isinstance(actor, UserActor)]
        tokens = [actor.token_id for actor in actors if isinstance(actor, TokenActor)]
        async with self._throat.db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
            good = set(
                await tx.scalars(
                    select(Session.id).where(
                        Session.id.in_(sessions), Session.revoked_at.is_(None), Session.expires_at > tx.now
                    )
                )
            )
            alive = ApiToken.expires_at.is_(None) | (ApiToken.expires_at > tx.now)
            good |= set(
                await tx.scalars(
                    select(ApiToken.id).where(ApiToken.id.in_(tokens), ApiToken.revoked_at.is_(None), alive)
                )
            )
        # what a guest does is held against the gallery each time
        return [actor for actor in actors if _proof_id(actor) in good or isinstance(actor, Anonymous | Guest)]

    def prepare(self, ask: Ask) -> Prepared:
        """The document, parsed and validated. Raises KiloError."""
        return self._executor.prepare(ask)

    async def charge(self, actor: Actor, prepared: Prepared, ask: Ask) -> None:
        """Take a subscription's points, and one request. Raises RateLimited or TooLarge."""
        pays = payer(actor, "?")  # nobody in particular follows anything
        await spend(self._limiter, f"requests:{pays}", 1, self._requests, "requests")
        await self._executor.charge(prepared, ask, pays)

    async def execute(self, scope: Scope, actor: Actor, ask: Ask, request_id: str) -> Mapping[str, Any]:
        """The answer to a query or mutation. Raises KiloError if it is not run."""
        address = (scope.get("client") or ("?",))[0]
        await spend(self._limiter, f"requests:{payer(actor, address)}", 1, self._requests, "requests")
        context = Context(self._throat, actor, self._log, request_id, address=address)
        made = await self._executor.run(ask, context)
        if not isinstance(made, dict):
            raise BadRequest("@defer and @stream are answered over HTTP.", code="graphql_bad_request")
        return made

    async def rights(self, pairs: list[tuple[Actor, UUID]]) -> list[Hashable | KiloError]:
        """For each actor and project what the actor may read there, or why nothing."""
        known: dict[tuple[Actor, UUID], Hashable | KiloError] = {}
        for pair in pairs:
            if pair not in known:
                known[pair] = await self._right(*pair)
        return [known[pair] for pair in pairs]

    async def _right(self, actor: Actor, project_id: UUID) -> Hashable | KiloError:
        try:
            start = (await self._throat.execute(actor, events.open_stream, project_id)).value
        except KiloError as error:
            return error
        return start.role, actor.scopes if isinstance(actor, TokenActor) else None


def _proof_id(actor: Actor) -> UUID | None:
    match actor:
        case UserActor():
            return actor.session_id
        case TokenActor():
            return actor.token_id
    return None
