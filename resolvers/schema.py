"""The schema, assembled: as graphql-core runs it and as SDL."""

from __future__ import annotations

from typing import Final

from graphql import GraphQLSchema

from resolvers.mutation import Mutation
from resolvers.query import Query
from resolvers.subscription import Subscription
from schema.build import build, core

_SCHEMA: Final = build(Query, Mutation, Subscription, [])

CORE: Final[GraphQLSchema] = core(_SCHEMA)
SDL: Final[str] = _SCHEMA.as_str() + "\n"
