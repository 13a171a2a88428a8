"""From an event to the bytes that subscribers get: the document is executed once for each event, however many read it.

Execution is ``MapSourceToResponseEvent`` (GraphQL specification, section 6.2.3): the event is the root value.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, cast
from uuid import UUID, uuid4

import orjson
from graphql import FieldNode, GraphQLSchema, VariableNode
from graphql.execution import Executor, execute_subscription_event
from graphql.execution.collect_fields import collect_fields
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from graphql.execution.values import get_argument_values

from kilo_gql.access import Actor
from kilo_gql.errors import BadRequest
from kilo_gql.events import Event, EventName, Reset
from kilo_gql.feed import Batch
from kilo_gql.graphql.documents import Prepared
from kilo_gql.graphql.executor import Ask, answer
from kilo_gql.graphql.frames import Rendered

#: The argument of a subscription field that holds the reader's cursor.
CURSOR: Final = "after"
#: What an entry of the memory takes beside its bytes.
_ENTRY: Final = 300

Predicate = Callable[[Event], bool]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the events of a subscription field come from. Arguments have their GraphQL names and parsed values."""

    #: The project to read. Raises KiloError if the actor may not.
    project_of: Callable[[Actor, Mapping[str, Any]], Awaitable[UUID]]
    #: Which of its events belong to these arguments (None: all). Resets always do.
    predicate: Callable[[Mapping[str, Any]], Predicate] | None = None
    #: The event after which nothing follows: the subscription is then completed.
    last: Predicate | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription whose document and variables are known to be good."""

    executor: Executor[Any]
    source: Source
    arguments: Mapping[str, Any]
    #: Document, operation and variables without the cursor: plans that are equal in them give the same answers.
    identity: tuple[str, str | None, bytes]

    @property
    def after(self) -> str | None:
        cursor: str | None = self.arguments.get(CURSOR)
        return cursor


def plan(schema: GraphQLSchema, sources: Mapping[str, Source], prepared: Prepared, ask: Ask) -> Plan:
    """Check the variables and find the source. Raises BadRequest."""
    operation = prepared.operation(ask.operation_name)
    name = operation.name.value if operation.name else None
    executor = ExecutorThrowingOnIncremental.build(
        schema, prepared.document, None, None, dict(ask.variables), name, hide_suggestions=True
    )
    if isinstance(executor, list):
        raise BadRequest(executor[0].message, code="graphql_invalid")
    node = _root_field(schema, executor)
    field = cast("Any", schema.subscription_type).fields[node.name.value]
    cursors = {
        given.value.name.value
        for given in node.arguments or ()
        if given.name.value == CURSOR and isinstance(given.value, VariableNode)
    }
    declared = {each.variable.name.value for each in operation.variable_definitions or ()} - cursors
    variables = {key: value for key, value in ask.variables.items() if key in declared}
    return Plan(
        executor,
        sources[node.name.value],
        get_argument_values(field, node, executor.variable_values),
        (prepared.source_hash, name, orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)),
    )


def _root_field(schema: GraphQLSchema, executor: Executor[Any]) -> FieldNode:
    """The one field of the operation, as validation allows no more; ``@skip`` can still leave none."""
    root: Any = schema.subscription_type
    fields = collect_fields(
        schema, executor.fragments, executor.variable_values, root, executor.operation, True
    ).grouped_field_set
    if len(fields) != 1:
        raise BadRequest("A subscription has exactly one field.", code="graphql_invalid")
    return next(iter(fields.values()))[0].node


@dataclass(slots=True)
class Counts:
    """What happened so far; ``subscriptions`` and ``groups`` are those open now."""

    subscriptions: int = 0
    groups: int = 0
    executions: int = 0
    frames: int = 0


class Told(Rendered):
    """A batch as a group's readers are told it."""

    __slots__ = ("doubts", "final")

    def __init__(self, tails: Sequence[bytes], doubts: frozenset[UUID] | None, *, final: bool = False) -> None:
        super().__init__(tails)
        #: The users whose rights the batch may change (None: everyone's).
        self.doubts = doubts
        #: Nothing follows.
        self.final = final


class Memory:
    """The tails made last, within ``limit`` bytes, for readers that come back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._tails: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable) -> bytes | None:
        return self._tails.get(key)

    def put(self, key: Hashable, tail: bytes) -> None:
        self._tails[key] = tail
        self._bytes += len(tail) + _ENTRY
        while self._bytes > self._limit:
            self._bytes -= len(self._tails.popitem(last=False)[1]) + _ENTRY


class Group:
    """Renders events for everyone with the same project, document, variables and rights."""

    def __init__(self, key: Hashable, plan: Plan, memory: Memory, counts: Counts) -> None:
        self.key = key
        self.members = 0
        self._executor = plan.executor
        self._belongs = plan.source.predicate(plan.arguments) if plan.source.predicate else None
        self._last = plan.source.last
        self._memory = memory
        self._counts = counts
        self._shared: tuple[Batch, Told] = ((), Told((), frozenset()))

    def share(self, batch: Batch) -> Told:
        """A new batch as JSON. The hub gives all readers the same list: the first one makes it, the others find it."""
        if batch is not self._shared[0]:
            self._shared = batch, self.render(batch)
        return self._shared[1]

    def render(self, batch: Batch) -> Told:
        """A batch as JSON; events told before are found in the memory."""
        tails: list[bytes] = []
        for event in batch:
            if isinstance(event, Reset):
                tails.append(self._execute(event))
            elif self._belongs is None or self._belongs(event):
                tails.append(self._tail(event))
                if self._last is not None and self._last(event):
                    return Told(tails, _doubts(batch), final=True)
        return Told(tails, _doubts(batch))

    def _tail(self, event: Event) -> bytes:
        key = (self.key, event.epoch, event.seq)
        tail = self._memory.get(key)
        if tail is None:
            tail = self._execute(event)
            self._memory.put(key, tail)
        return tail

    def _execute(self, event: Event | Reset) -> bytes:
        self._counts.executions += 1
        result = execute_subscription_event(self._executor.build_per_event_executor(event))
        if isawaitable(result):
            cast("Any", result).close()
            raise TypeError("a field below a subscription is asynchronous; events are told without waiting")
        return orjson.dumps(answer(result, uuid4().hex), default=str) + b"}"


def _doubts(batch: Iterable[Event | Reset]) -> frozenset[UUID] | None:
    """Whose rights may have changed: those who joined, left or got another role; all when the project's status did."""
    users: set[UUID] = set()
    for event in batch:
        if isinstance(event, Event):
            if event.name is EventName.MEMBER_UPDATED:
                users.update(event.ids)
            elif event.name is EventName.PROJECT_UPDATED and "status" in event.changed:
                return None
    return frozenset(users)
