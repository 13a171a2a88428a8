"""What one running application holds, and how it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import orjson
from starlette.requests import HTTPConnection, Request

from kilo_gql import assembly, backing, pages
from kilo_gql.access import Actor, Anonymous, Perm, System
from kilo_gql.authenticate import Authenticator, Proof
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.errors import Forbidden, Unauthorized
from kilo_gql.gate import SocketGate
from kilo_gql.graphql.connection import SocketLimits
from kilo_gql.graphql.context import Context
from kilo_gql.graphql.documents import Documents
from kilo_gql.graphql.executor import Executor
from kilo_gql.graphql.fanout import Fanout
from kilo_gql.graphql.limits import Limits
from kilo_gql.graphql.socket import GraphQLSocket, ProcessSeats
from kilo_gql.hub import Hub
from kilo_gql.jobs import queue_lag
from kilo_gql.limits import Limiter, MemoryLimiter, RedisLimiter, payer, spend
from kilo_gql.metrics import Metrics
from kilo_gql.operations import Throat
from kilo_gql.relay import Relay
from kilo_gql.rest.machinery import client_address
from kilo_gql.storage import Store
from resolvers.schema import CORE
from resolvers.subscription import sources
from tasks.broker import HouseBells


@dataclass(slots=True)
class Services:
    """What one running application holds."""

    settings: Settings
    db: Database
    hub: Hub
    relay: Relay
    throat: Throat
    authenticator: Authenticator
    limiter: Limiter
    executor: Executor
    socket: GraphQLSocket
    streams: ProcessSeats
    metrics: Metrics
    store: Store

    async def proof(self, connection: HTTPConnection) -> Proof:
        """Who is asking: a bearer first, then the session cookie. Raises Unauthorized if either is no longer good."""
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                raise Unauthorized("Send `Authorization: Bearer <token>`.", code="token_invalid")
            return await self.authenticator.bearer(bearer.strip())
        if (cookie := connection.cookies.get(pages.COOKIE)) is not None:
            origin = connection.headers.get("origin")
            if origin is not None and origin not in self.settings.origins:
                raise Forbidden("This page may not use your session.", code="origin_not_allowed")
            return await self.authenticator.cookie(cookie)
        return Proof(Anonymous(), None)

    async def actor(self, request: Request) -> Actor:
        """The actor of an HTTP request, within its rate. Raises Unauthorized or RateLimited."""
        actor = (await self.proof(request)).actor
        await self._spend(payer(actor, client_address(request)))
        return actor

    async def visitor(self, request: Request) -> Actor:
        """Nobody, within the rate of their address. Raises RateLimited."""
        await self._spend(payer(Anonymous(), client_address(request)))
        return Anonymous()

    async def _spend(self, key: str) -> None:
        await spend(self.limiter, f"requests:{key}", 1, self.settings.requests_per_minute, "requests")

    async def measure(self) -> None:
        """Bring the gauges about queues and events up to date."""
        async with self.db.transaction(System("metrics"), Perm.SYSTEM, write=False) as tx:
            for lag in await queue_lag(tx):
                self.metrics.queued.labels(lag.queue).set(lag.queued)
                self.metrics.queue_lag.labels(lag.queue).set(lag.oldest)
        self.metrics.event_lag.set(self.relay.lag)

    async def context(self, request: Request) -> Context:
        """What the resolvers of one request use."""
        return Context(
            self.throat,
            await self.actor(request),
            self.hub,
            request.scope["kilo_request_id"],
            request.headers.get("user-agent"),
            client_address(request),
        )


def services(connection: HTTPConnection) -> Services:
    """The services of the application that serves this connection."""
    return cast("Services", connection.app.state.services)


@asynccontextmanager
async def open_services(settings: Settings, metrics: Metrics) -> AsyncIterator[Services]:
    """Everything an application needs, closed in reverse order at the end."""
    async with AsyncExitStack() as stack:
        url = await backing.await_database(settings)
        redis = backing.redis_url(settings)
        db = assembly.open_database(settings)
        stack.push_async_callback(db.close)
        store = await assembly.open_store(settings, db)
        stack.push_async_callback(store.aclose)
        bell = await Bell.open(url, redis)
        stack.push_async_callback(bell.close)
        bells = HouseBells(bell, redis)
        stack.callback(bells.close)
        throat = Throat(db, bells)
        hub = Hub(db, bell, settings)
        stack.push_async_callback(hub.close)
        relay = Relay(url, bell, hub, settings, bells.ring_jobs)
        stack.push_async_callback(relay.close)
        limiter: Limiter = MemoryLimiter()
        if redis is not None:
            limiter = RedisLimiter(redis)
            stack.push_async_callback(limiter.close)
        authenticator = Authenticator(db, bell)
        executor = Executor(CORE, _documents(settings), limiter, settings.graphql_points_per_minute)
        gate = SocketGate(
            throat,
            authenticator,
            executor,
            hub,
            limiter,
            origins=settings.origins,
            requests_per_minute=settings.requests_per_minute,
        )
        socket = GraphQLSocket(
            gate,
            Fanout(CORE, hub, sources(throat), gate.rights),
            build=settings.build,
            limits=SocketLimits(settings.socket_subscriptions, settings.socket_connections_per_actor),
        )
        stack.callback(socket.close)
        bell.listen("session", lambda _: socket.recheck())
        metrics.watch(socket)
        yield Services(
            settings=settings,
            db=db,
            hub=hub,
            relay=relay,
            throat=throat,
            authenticator=authenticator,
            limiter=limiter,
            executor=executor,
            socket=socket,
            streams=ProcessSeats(settings.socket_connections_per_actor),
            metrics=metrics,
            store=store,
        )


def _documents(settings: Settings) -> Documents:
    """The schema's documents: open in development, without hints in production."""
    limits = Limits(introspection=not settings.production, suggestions=not settings.production)
    path = settings.trusted_documents
    trusted: dict[str, str] = orjson.loads(path.read_bytes()) if path is not None else {}
    return Documents(CORE, limits, trusted=trusted, trusted_only=settings.trusted_documents_only)
