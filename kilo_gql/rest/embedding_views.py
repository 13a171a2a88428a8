"""What REST answers show of models and embedding spaces."""

from __future__ import annotations

from datetime import datetime

from kilo_gql.model_catalogue import ModelKind
from kilo_gql.models import SpaceState
from kilo_gql.rest.views import View


class ModelView(View):
    name: str
    kind: ModelKind
    title: str
    revision: str | None
    licence: str
    licence_url: str
    research_only: bool
    dim: int | None
    in_use: datetime | None


class EmbeddingSpaceView(View):
    name: str
    model: str
    dim: int
    learned: bool
    state: SpaceState
    embedded_count: int
    asset_count: int
