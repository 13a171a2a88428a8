"""The GraphQL schema: the printed one is the built one, everything is described, bounded and bound."""

from __future__ import annotations

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    find_breaking_changes,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from kilo_gql.graphql.limits import lint_bounds
from kilo_gql.operations import Operation
from resolvers.schema import CORE, SDL

SNAPSHOT = Path(__file__).parents[2] / "schema" / "schema.graphql"


def test_the_snapshot_is_the_schema() -> None:
    """`kilo schema graphql > schema/schema.graphql` renews it; the review sees what changes."""
    written = SNAPSHOT.read_text()
    breaking = find_breaking_changes(build_schema(written), build_schema(SDL))
    assert written == SDL, "breaking: " + "; ".join(change.description for change in breaking)


def test_everything_is_described() -> None:
    bare = []
    for name, kind in CORE.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(kind, GraphQLEnumType | GraphQLUnionType) and not kind.description:
            bare.append(name)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            if not kind.description and name not in ("Query", "Mutation", "Subscription"):
                bare.append(name)
            for field_name, field in kind.fields.items():
                if not field.description:
                    bare.append(f"{name}.{field_name}")
                bare += [
                    f"{name}.{field_name}({argument_name})"
                    for argument_name, argument in getattr(field, "args", {}).items()
                    if not argument.description
                ]
    assert bare == []


def test_every_list_is_bounded() -> None:
    assert lint_bounds(CORE) == []


def test_every_root_field_is_an_operation() -> None:
    loose = []
    for root in (CORE.query_type, CORE.mutation_type, CORE.subscription_type):
        assert root is not None
        for name, field in root.fields.items():
            definition = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            if not isinstance(definition.metadata.get("operation"), Operation):
                loose.append(f"{root.name}.{name}")
    assert loose == []
