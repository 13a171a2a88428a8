"""The one schema, as graphql-core runs it and as SDL."""

from __future__ import annotations

from typing import Any

import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from schema.scalars import SCALARS


def build(query: type, mutation: type, subscription: type | None, types: list[Any]) -> strawberry.Schema:
    """The Strawberry schema; list bounds, costs and attribute names are written where limits and executor look."""
    made = strawberry.Schema(
        query,
        mutation,
        subscription,
        types=types,
        config=StrawberryConfig(enable_experimental_incremental_execution=True, scalar_map=SCALARS),
    )
    _annotate(core(made))
    return made


def core(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema underneath."""
    return schema._schema


def _annotate(schema: GraphQLSchema) -> None:
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for field in kind.fields.values():
            definition: Any = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            if definition is None:
                continue
            field.extensions.update({k: v for k, v in definition.metadata.items() if k in ("bound", "bulk", "cost")})
            if definition.is_basic_field:
                field.extensions["attribute"] = definition.python_name
