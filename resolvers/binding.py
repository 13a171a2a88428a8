"""Root fields are bound to operations: the description and the permission come from there, and a test walks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from kilo_gql.operations import Operation


def _bind(
    operation: Operation[Any], graphql_type: Any, resolver: Callable[..., Any], **metadata: Any
) -> StrawberryField:
    made: StrawberryField = strawberry.field(
        resolver=resolver,
        # nullable: a refused field must not take its neighbours' answers with it
        graphql_type=graphql_type | None,
        description=f"{operation.doc} Permission: {operation.perm.value}.",
        metadata={"operation": operation, **metadata},
    )
    return made


def ask(operation: Operation[Any], graphql_type: Any) -> Callable[[Callable[..., Any]], StrawberryField]:
    """A query field that is one reading operation."""

    def bind(resolver: Callable[..., Any]) -> StrawberryField:
        return _bind(operation, graphql_type, resolver)

    return bind


def ask_list(operation: Operation[Any], item: Any, *, bound: int) -> Callable[[Callable[..., Any]], StrawberryField]:
    """A query field that answers with a list of at most ``bound`` items."""

    def bind(resolver: Callable[..., Any]) -> StrawberryField:
        return _bind(operation, list[item], resolver, bound=bound)

    return bind


def change(
    operation: Operation[Any], graphql_type: Any, *, bulk: bool = False
) -> Callable[[Callable[..., Any]], StrawberryField]:
    """A mutation field that is one writing operation. ``bulk``: alone in its document, it may take large variables."""
    if not operation.write:
        raise TypeError(f"{operation.name} does not write")

    def bind(resolver: Callable[..., Any]) -> StrawberryField:
        return _bind(operation, graphql_type, resolver, bulk=bulk)

    return bind
