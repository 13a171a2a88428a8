"""What GraphQL types are made of: allow-lists over rows, nodes, connections, receipts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import Row

from kilo_gql.graphql.context import Context
from kilo_gql.operations import Outcome
from kilo_gql.paging import Page
from kilo_gql.reads import LightRow

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

T = TypeVar("T")

Info = strawberry.Info[Context, None]


def shows(*models: type) -> Callable[[type[T]], type[T]]:
    """Say which rows a GraphQL type shows. Light rows have no class of their own and pass:
    they come only from fields whose type is concrete.
    """
    accepted = (*models, Row, LightRow)

    def declare(cls: type[T]) -> type[T]:
        def is_type_of(value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
            return isinstance(value, accepted)

        cls.__strawberry_definition__.is_type_of = is_type_of  # type: ignore[attr-defined]
        return cls

    return declare


def text(description: str, **options: Any) -> Any:
    """A plain field: its value is an attribute of the row, read without a resolver."""
    return strawberry.field(description=description, **options)


def bounded(description: str, bound: int, **options: Any) -> Any:
    """A list that is never longer than ``bound`` (the cost model counts with it)."""
    return strawberry.field(description=description, metadata={"bound": bound}, **options)


@strawberry.interface(description="Anything with an id of its own; the id is the same in REST.")
class Node:
    """The interface of everything that ``node(id:)`` can find."""

    id: UUID = text("The id: a UUID, the same in GraphQL and REST.")


@strawberry.type(description="Where a page ends.")
class PageInfo:
    """The cursor of the next page, under the names that Relay and REST clients look for."""

    has_next_page: bool = text("Are there more items after this page?")
    end_cursor: str | None = text("Pass it as `after` to read the next page; null on the last one.")


@strawberry.type(description="An item of a page, with its own cursor.")
class Edge(Generic[T]):
    """A Relay edge."""

    node: T = text("The item.")
    cursor: str = text("The cursor of this item.")


@strawberry.type(description="One page of a list, ordered and stable while items are added.")
class Connection(Generic[T]):
    """A Relay connection over a ``kilo_gql.paging.Page``."""

    @strawberry.field(description="The items of this page.", graphql_type=list[T])
    def nodes(parent: strawberry.Parent[Page[Any]]) -> Any:
        return parent.items

    @strawberry.field(description="The items of this page, each with its cursor.", graphql_type=list[Edge[T]])
    def edges(parent: strawberry.Parent[Page[Any]]) -> Any:
        return [Edge(node=item, cursor=parent.cursor(item)) for item in parent.items]

    @strawberry.field(description="Where this page ends.")
    def page_info(parent: strawberry.Parent[Page[Any]]) -> PageInfo:
        return PageInfo(has_next_page=parent.next_cursor is not None, end_cursor=parent.next_cursor)


@strawberry.type(description="What a mutation left behind in the event log.")
class Receipt:
    """An outcome, seen from the event log."""

    @strawberry.field(description="The id that every event of this mutation carries as `opId`.")
    def op_id(parent: strawberry.Parent[Outcome[Any]]) -> UUID:
        return parent.op_id

    @strawberry.field(description="True: an earlier call with this idempotency key did the work.")
    def replayed(parent: strawberry.Parent[Outcome[Any]]) -> bool:
        return parent.replayed

    @strawberry.field(
        description="The event cursor this mutation reached: a stream that has passed it has seen all of its events. "
        "Null if the mutation changed nothing, or if its events are not numbered within a second."
    )
    async def cursor(parent: strawberry.Parent[Outcome[Any]], info: Info) -> str | None:
        return await info.context.reached(parent.op_id) if parent.told else None


def _value(parent: strawberry.Parent[Outcome[Any]]) -> Any:
    return parent.value


def _outcome(parent: strawberry.Parent[Outcome[Any]]) -> Any:
    return parent


def value(description: str, graphql_type: Any, **options: Any) -> Any:
    """The payload field that holds what the operation answered."""
    return strawberry.field(resolver=_value, description=description, graphql_type=graphql_type, **options)


def receipt() -> Any:
    """The payload field that holds the receipt."""
    return strawberry.field(
        resolver=_outcome, description="What this mutation left in the event log.", graphql_type=Receipt
    )
