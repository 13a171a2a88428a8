"""Models and embedding spaces as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from kilo_gql import model_catalogue, models
from kilo_gql.domain import embeddings
from schema.base import shows, text

strawberry.enum(model_catalogue.ModelKind, description="What a model is for.")
ModelKind = model_catalogue.ModelKind
strawberry.enum(models.SpaceState, description="How far a space is: built beside the one that serves, then serving.")
SpaceState = models.SpaceState


@shows(embeddings.ModelState)
@strawberry.type(description="A model that can be installed with `kilo models`.")
class Model:
    """A model of the catalogue, and whether it is in use."""

    name: str = text("What it is called.")
    kind: ModelKind = text("What it is for.")
    title: str = text("What it is, in words.")
    revision: str | None = text("The revision that is downloaded; null: none is pinned.")
    licence: str = text("SPDX id of its licence, or its name.")
    licence_url: str = text("Where the licence is.")
    research_only: bool = text("It may be used for research alone.")
    dim: int | None = text("Length of its vectors, if it makes any.")
    in_use: datetime | None = text("Since when all workers use it; null: they do not.")


@shows(embeddings.SpaceProgress)
@strawberry.type(description="A space in which photos can be found, and how far it is filled.")
class EmbeddingSpace:
    """A space with counts of the viewer's photos."""

    name: str = text("Its name: the model, and the beginning of the SHA-256 of its weights.")
    model: str = text("The model that makes its vectors.")
    dim: int = text("Length of a vector.")
    learned: bool = text("A learned model makes it; `concept-v1` needs none.")
    state: SpaceState = text("Building, serving or retired.")
    embedded_count: int = text("How many of the photos that you can see have a vector in it.")
    asset_count: int = text("How many photos you can see.")
