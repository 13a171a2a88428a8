"""What can be asked of models and embedding spaces."""

from __future__ import annotations

from typing import Any

import strawberry

from kilo_gql.domain import embeddings
from kilo_gql.model_catalogue import CATALOGUE
from resolvers.binding import ask_list
from schema.base import Info
from schema.embeddings import EmbeddingSpace, Model

#: One that serves, one that is built, and ``concept-v1``.
_SPACES_MAX = 3


@strawberry.type
class EmbeddingQuery:
    """Root fields about models."""

    @ask_list(embeddings.list_models, Model, bound=len(CATALOGUE))
    async def models(self, info: Info) -> Any:
        return await info.context.read(embeddings.list_models)

    @ask_list(embeddings.list_embedding_spaces, EmbeddingSpace, bound=_SPACES_MAX)
    async def embedding_spaces(self, info: Info) -> Any:
        return await info.context.read(embeddings.list_embedding_spaces)
