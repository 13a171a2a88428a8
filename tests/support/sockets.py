"""A websocket server with a small schema of its own, on a real port, in front of a real hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest_asyncio
import strawberry
import uvicorn
from graphql import GraphQLSchema, execute
from graphql.execution import ExecutionResult
from starlette.types import Scope

from kilo_gql.access import Actor, UserActor
from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.errors import Forbidden, KiloError, NotFound, Unauthorized
from kilo_gql.events import Event, EventName, Reset, ResetReason
from kilo_gql.graphql.connection import SocketLimits
from kilo_gql.graphql.documents import Documents, Prepared
from kilo_gql.graphql.executor import Ask, answer
from kilo_gql.graphql.fanout import Fanout, Pair
from kilo_gql.graphql.limits import Limits
from kilo_gql.graphql.rendering import Source
from kilo_gql.graphql.socket import GraphQLSocket
from kilo_gql.hub import Hub
from tests.support.postgres import new_database
from tests.support.socket_client import SocketClient
from tests.support.wait import until

FAST = "kilo_gql.graphql.frames:BroadcastProtocol"
#: uvicorn's own protocol, without frames made once.
PLAIN = "websockets-sansio"

CHANGES = "subscription($p: UUID!, $after: String) { changes(projectId: $p, after: $after) { %s } }"
SEQ = CHANGES % "... on Changed { cursor n } ... on StreamReset { cursor reason }"


def _n(parent: strawberry.Parent[Event]) -> int | None:
    return parent.changed.get("n")


def _text(parent: strawberry.Parent[Event]) -> str | None:
    return parent.changed.get("text")


def _broken() -> int | None:
    raise RuntimeError("a bug below an event")


@strawberry.type
class Changed:
    """Any event."""

    cursor: str
    name: str
    n: int | None = strawberry.field(resolver=_n)
    text: str | None = strawberry.field(resolver=_text)
    broken: int | None = strawberry.field(resolver=_broken)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Event)


@strawberry.type
class StreamReset:
    """A gap."""

    cursor: str
    reason: strawberry.enum(ResetReason)  # type: ignore[valid-type]

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Reset)


Told = Annotated[Changed | StreamReset, strawberry.union("Told")]


def _told(resolver: Any) -> Any:
    return strawberry.subscription(resolver, graphql_type=Told)


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    async def slow(self) -> int:
        await asyncio.sleep(30)
        return 1

    @strawberry.field
    def refused(self) -> int | None:
        raise Forbidden("Not you.", code="not_you")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def double(self, n: int) -> int:
        return 2 * n


@strawberry.type
class Subscription:
    @_told
    async def changes(self, project_id: UUID, after: str | None = None) -> AsyncIterator[Any]:
        raise NotImplementedError
        yield

    @_told
    async def until(self, project_id: UUID, n: int, after: str | None = None) -> AsyncIterator[Any]:
        raise NotImplementedError
        yield


def schema() -> GraphQLSchema:
    return strawberry.Schema(Query, Mutation, Subscription)._schema


async def _project_of(_actor: Actor, arguments: Mapping[str, Any]) -> UUID:
    project_id: UUID = arguments["projectId"]
    return project_id


SOURCES = {
    "changes": Source(_project_of),
    # even numbers alone, up to n
    "until": Source(
        _project_of,
        lambda arguments: lambda event: event.changed["n"] % 2 == 0 and event.changed["n"] <= arguments["n"],
        lambda event: event.changed["n"] >= 10,
    ),
}


@dataclass
class Proof:
    actor: Actor
    expires_at: datetime | None = None


@dataclass
class Door:
    """The application behind the socket: a token is a name, a name is a person; everyone reads, unless barred."""

    schema: GraphQLSchema = field(default_factory=schema)
    people: dict[str, UserActor] = field(default_factory=dict)
    expiry: dict[str, datetime] = field(default_factory=dict)
    revoked: set[Actor] = field(default_factory=set)
    #: What each person is in every project; "viewer" unless said otherwise, None: nobody.
    roles: dict[str, str | None] = field(default_factory=dict)
    asked: int = 0
    charged: int = 0

    def __post_init__(self) -> None:
        self.documents = Documents(self.schema, Limits())

    def person(self, name: str) -> UserActor:
        return self.people.setdefault(name, UserActor(uuid4(), uuid4()))

    def name(self, actor: Actor) -> str:
        return next(name for name, known in self.people.items() if known == actor)

    async def authenticate(self, scope: Scope, params: Mapping[str, Any]) -> Proof:
        scheme, _, name = str(params.get("authorization", "")).partition(" ")
        if scheme != "Bearer" or name == "nobody":
            raise Unauthorized("Who are you?", code="token_invalid")
        return Proof(self.person(name), self.expiry.get(name))

    async def still_in(self, actors: Sequence[Actor]) -> Collection[Actor]:
        self.asked += 1
        return [actor for actor in actors if actor not in self.revoked]

    def prepare(self, ask: Ask) -> Prepared:
        return self.documents.prepare(ask.query or "")

    async def charge(self, actor: Actor, prepared: Prepared, ask: Ask) -> None:
        self.charged += 1

    async def execute(self, scope: Scope, actor: Actor, ask: Ask, request_id: str) -> Mapping[str, Any]:
        made: Any = execute(
            self.schema, self.prepare(ask).document, variable_values=dict(ask.variables),
            operation_name=ask.operation_name,
        )  # fmt: skip
        result: ExecutionResult = made if isinstance(made, ExecutionResult) else await made
        return answer(result, request_id)

    async def rights(self, pairs: list[Pair]) -> Sequence[Hashable | KiloError]:
        roles = [self.roles.get(self.name(actor), "viewer") for actor, _ in pairs]
        return [role or NotFound("This project does not exist, or you cannot see it.") for role in roles]


class Log:
    """Writes numbered events, as the relay would, and tells the hub."""

    def __init__(self, connection: Any, hub: Hub) -> None:
        self._connection = connection
        self.hub = hub
        self._last: dict[UUID, int] = {}

    async def tell(
        self,
        project_id: UUID,
        *changes: Mapping[str, Any],
        name: str = EventName.ASSET_UPDATED,
        ids: Sequence[UUID] = (),
    ) -> None:
        first = self._last.get(project_id, 0) + 1
        last = self._last[project_id] = first + len(changes) - 1
        now = datetime.now(UTC)
        events = [
            Event(1, first + i, project_id, name, tuple(ids), changed, None, None, now)
            for i, changed in enumerate(changes)
        ]
        await self._connection.execute(
            "INSERT INTO event_streams (project_id, last_seq) VALUES ($1, $2) "
            "ON CONFLICT (project_id) DO UPDATE SET last_seq = excluded.last_seq",
            project_id, last,
        )  # fmt: skip
        await self._connection.executemany(
            "INSERT INTO events (project_id, seq, name, ids, changed, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            [(project_id, e.seq, e.name, list(e.ids), orjson.dumps(e.changed).decode(), now) for e in events],
        )
        self.hub.publish(project_id, events)

    async def count(self, project_id: UUID, first: int, last: int) -> None:
        """Events with ``n`` from first to last."""
        await self.tell(project_id, *({"n": n} for n in range(first, last + 1)))


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Served:
    """What a test holds of a running server."""

    port: int
    door: Door
    socket: GraphQLSocket
    fanout: Fanout
    log: Log
    server: uvicorn.Server
    clients: list[SocketClient] = field(default_factory=list)

    async def open(self, **options: Any) -> SocketClient:
        """A connection that has said nothing yet."""
        return self._kept(await SocketClient.open(self.port, **options))

    async def ready(self, name: str = "ada", **options: Any) -> SocketClient:
        """A connection that was acknowledged."""
        return self._kept(await SocketClient.ready(self.port, name, **options))

    async def following(self, project_id: UUID, subscribers: int) -> None:
        """Return when so many have caught up with a project and are told what happens."""
        await until(lambda: project_id in (feeds := self.log.hub.feeds) and len(feeds[project_id].live) == subscribers)

    def _kept(self, client: SocketClient) -> SocketClient:
        self.clients.append(client)
        return client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database_url(postgres: str) -> AsyncIterator[str]:
    """One database for a module, to be imported there: every test makes up projects of its own."""
    async with new_database(postgres) as url:
        yield url


@asynccontextmanager
async def serving(
    db: Database, database_url: str, limits: SocketLimits | None = None, ws: str = FAST
) -> AsyncIterator[Served]:
    """The server on a free port; ``ws``: the websocket implementation."""
    bell = await Bell.open(database_url)
    hub = Hub(db, bell, Settings())
    connection = await asyncpg.connect(database_url)
    door = Door()
    fanout = Fanout(door.schema, hub, SOURCES, door.rights)
    socket = GraphQLSocket(door, fanout, build="test", limits=limits)
    config = uvicorn.Config(
        socket, port=0, ws=ws, ws_per_message_deflate=False, lifespan="off", log_level="critical",
        loop="none", timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        served = Served(port, door, socket, fanout, Log(connection, hub), server)
        yield served
        for client in served.clients:
            client.drop()
    finally:
        server.should_exit = True
        await task
        await connection.close()
        await hub.close()
        await bell.close()
