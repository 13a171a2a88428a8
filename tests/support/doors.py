"""Both doors with the same verbs: an operation's name and its arguments in, one kind of answer out.

REST's words are used for both: ``limit`` and ``cursor``, enum values as they are stored, one error envelope. What a
door needs beyond that (path and body, or document and variables) is made from the route table and from the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol

import httpx
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from kilo_gql.access import Account
from kilo_gql.operations import Operation
from kilo_gql.rest.machinery import RestRoute
from kilo_gql.rest.routes import ROUTES
from resolvers.schema import CORE
from tests.support.api import Api

#: Who asks: nobody, somebody by id, or whoever holds this bearer.
Who = Account | str | None

#: Operations that GraphQL reaches through a field of another one's answer.
NESTED: Final = {
    "get_stats": ("get_project", "stats"),
    "get_signals": ("get_asset", "signals"),
    "get_client_choices": ("get_asset", "clientChoices"),
}
_PAGE_WORDS: Final = {"limit": "first", "cursor": "after"}


@dataclass(frozen=True)
class Answer:
    """What a call came to. ``value`` and ``error`` are in REST's words; one of them is None."""

    status: int
    value: Any
    error: dict[str, Any] | None
    headers: httpx.Headers
    replayed: bool
    op_id: str | None
    #: The answer as it came, but for the request id.
    text: str = field(repr=False)

    @property
    def code(self) -> str | None:
        return self.error["code"] if self.error else None

    @property
    def ok(self) -> Any:
        """The value of a call that must succeed."""
        assert self.error is None, self.error
        return self.value


class Door(Protocol):
    """A way to run operations."""

    name: str
    api: Api

    async def call(self, operation: str, who: Who, /, *, key: str | None = None, **arguments: Any) -> Answer: ...


# --- REST ------------------------------------------------------------------------------------------------------------


@cache
def routes_of(operation: str) -> list[RestRoute]:
    return [route for route in ROUTES if route.operation.name == operation]


class RestDoor:
    """``/v1``. Every answer is held against the contract on its way."""

    name = "rest"

    def __init__(self, api: Api) -> None:
        self.api = api

    async def call(self, operation: str, who: Who, /, *, key: str | None = None, **arguments: Any) -> Answer:
        [route] = routes_of(operation)
        rest = {name: _json(value) for name, value in arguments.items()}
        path = route.path
        for name in route.path_parameters:
            path = path.replace(f"{{{name}}}", str(rest.pop(name)))
        if route.body is None and rest:
            path += f"?{httpx.QueryParams(rest)}"
        headers = {} if key is None else {"idempotency_key": key}
        body = rest if route.body is not None else None
        return self._answer(await self.api.rest(route.method, path, body, actor=who, **headers))

    def _answer(self, response: httpx.Response) -> Answer:
        is_json = response.headers.get("content-type") == "application/json"
        body = response.json() if is_json else response.text or None
        failed = response.status_code >= 400
        return Answer(
            response.status_code,
            None if failed else _dated(_unpaged(body)),
            body if failed else None,
            response.headers,
            response.headers.get("idempotency-replayed") == "true",
            response.headers.get("kilo-op-id"),
            _anonymous(response),
        )


def _unpaged(body: Any) -> Any:
    if not isinstance(body, dict) or "items" not in body:
        return body
    if "pageInfo" not in body:
        return body["items"]
    return {"items": body["items"], "nextCursor": body["pageInfo"]["nextCursor"]}


# --- GraphQL ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RootField:
    """A root field of the schema and the operation it is."""

    root: str
    name: str
    field: GraphQLField
    operation: Operation[Any]

    def __str__(self) -> str:
        return f"{self.root}.{self.name}"


@cache
def root_fields() -> list[RootField]:
    """Every root field, each of which is bound to an operation (``test_schema`` holds that)."""
    roots = (CORE.query_type, CORE.mutation_type, CORE.subscription_type)
    return [
        RootField(root.name, name, made, made.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].metadata["operation"])
        for root in roots
        if root is not None
        for name, made in root.fields.items()
    ]


def root_field_of(operation: str) -> RootField:
    [found] = [f for f in root_fields() if f.operation.name == operation and f.root != "Subscription"]
    return found


class GraphQLDoor:
    """``/graphql``: each call is one root field with everything that can be selected without a second thought."""

    name = "graphql"

    def __init__(self, api: Api) -> None:
        self.api = api

    async def call(self, operation: str, who: Who, /, *, key: str | None = None, **arguments: Any) -> Answer:
        outer, nested = NESTED.get(operation, (operation, None))
        found = root_field_of(outer)
        if key is not None:
            arguments["idempotencyKey"] = key
        variables = variables_of(found, arguments)
        response = await self.api.post_graphql(document(found, variables, nested), variables, actor=who)
        return self._answer(response, found, nested)

    def _answer(self, response: httpx.Response, found: RootField, nested: str | None) -> Answer:
        body = response.json()
        error = None
        if body.get("errors"):
            first = body["errors"][0]
            error = {"message": first["message"], **first["extensions"]}
            error.pop("retryAfter", None)
        data = None if error else body["data"][found.name]
        receipt = data.get("receipt") if isinstance(data, dict) else None
        value = _value(found, data, nested) if error is None else None
        return Answer(
            response.status_code,
            _dated(value),
            error,
            response.headers,
            bool(receipt and receipt["replayed"]),
            receipt and receipt["opId"],
            _anonymous(response),
        )


def variables_of(found: RootField, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """REST's arguments under GraphQL's names: ``id`` for the thing, ``input`` or ``filter`` for what they hold."""
    nest = next((name for name in ("input", "filter") if name in found.field.args), None)
    variables: dict[str, Any] = {} if nest is None else {nest: {}}
    nested = {} if nest is None else get_named_type(found.field.args[nest].type).fields
    for name, value in arguments.items():
        name = _PAGE_WORDS.get(name, name)
        if name not in (*found.field.args, *nested) and name.endswith("Id") and "id" in found.field.args:
            name = "id"
        (variables if name in found.field.args or nest is None else variables[nest])[name] = value
    return {name: _given(value, found.field.args.get(name)) for name, value in variables.items()}


def document(found: RootField, variables: Mapping[str, Any], nested: str | None = None) -> str:
    """The document that calls a root field with these variables and selects what ``selection`` says."""
    args = found.field.args
    declared = ", ".join(f"${name}: {args[name].type}" for name in variables if name in args)
    passed = ", ".join(f"{name}: ${name}" for name in variables)
    kind = get_named_type(found.field.type)
    chosen = f"{{ {nested} {selection(kind.fields[nested].type)} }}" if nested else selection(found.field.type)
    head = f"{found.root.lower()} Call{f'({declared})' if declared else ''}"
    return f"{head} {{ {found.name}{f'({passed})' if passed else ''} {chosen} }}"


def selection(kind: Any) -> str:
    """All leaves, and the objects below whatever is itself no thing of its own (payloads, pages, receipts)."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    if not isinstance(named, GraphQLObjectType):
        return "{ __typename }"
    thing = {"id", "createdAt"} & set(named.fields)
    chosen = ["__typename"]
    for name, each in named.fields.items():
        if is_leaf_type(get_named_type(each.type)) or not (thing or each.args or name == "edges"):
            chosen.append(f"{name} {selection(each.type)}")
    return f"{{ {' '.join(chosen)} }}"


def _given(value: Any, argument: GraphQLArgument | None) -> Any:
    return _input(value, argument.type) if argument is not None else value


def _input(value: Any, kind: Any) -> Any:
    named = get_named_type(kind)
    if isinstance(named, GraphQLEnumType):
        return _enum_name(named, value)
    if isinstance(named, GraphQLInputObjectType) and isinstance(value, dict):
        return {
            name: _input(item, named.fields[name].type) if name in named.fields else item
            for name, item in value.items()
        }
    return _json(value)


def _enum_name(kind: GraphQLEnumType, value: Any) -> Any:
    return next((name for name, each in kind.values.items() if each.value == value), value)


def _value(found: RootField, data: Any, nested: str | None) -> Any:
    plain = _plain(data, found.field.type)
    if nested is not None:
        return plain[nested]
    if found.root == "Query":
        return {"items": plain["nodes"], "nextCursor": plain["pageInfo"]["endCursor"]} if "nodes" in plain else plain
    values = {name: value for name, value in plain.items() if name != "receipt"}
    if "count" in values:
        return values
    return next(iter(values.values()), None)


def _plain(data: Any, kind: Any) -> Any:
    """The data without ``__typename``, enums by value."""
    while is_non_null_type(kind):
        kind = kind.of_type
    if data is None:
        return None
    if is_list_type(kind):
        return [_plain(item, kind.of_type) for item in data]
    if isinstance(kind, GraphQLEnumType):
        return kind.values[data].value
    if isinstance(kind, GraphQLObjectType):
        return {n: _plain(item, kind.fields[n].type) for n, item in data.items() if n != "__typename"}
    return data


# --- both ------------------------------------------------------------------------------------------------------------


def _json(value: Any) -> Any:
    """A Python value as a client would write it."""
    if isinstance(value, dict):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _dated(value: Any) -> Any:
    """Moments as moments: the doors write them differently."""
    if isinstance(value, list):
        return [_dated(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: datetime.fromisoformat(item) if name.endswith("At") and isinstance(item, str) else _dated(item)
        for name, item in value.items()
    }


def _anonymous(response: httpx.Response) -> str:
    return response.text.replace(response.headers["x-request-id"], "REQUEST")


DOORS: Final[dict[str, type[Door]]] = {"rest": RestDoor, "graphql": GraphQLDoor}


def reachable(operation: str) -> Iterator[str]:
    """The doors that lead to an operation."""
    if routes_of(operation):
        yield "rest"
    if operation in NESTED or any(f.operation.name == operation and f.root != "Subscription" for f in root_fields()):
        yield "graphql"
