"""What can be asked about what was measured. Signals of a photo are a field of it."""

from __future__ import annotations

from typing import Any

import strawberry

from kilo_gql.domain import filmstrip
from resolvers.arguments import After, First, ProjectId, page
from resolvers.binding import ask
from schema.base import Info
from schema.signals import FilmConnection


@strawberry.type
class SignalQuery:
    """Root fields that read what was measured."""

    @ask(filmstrip.filmstrip, FilmConnection)
    async def filmstrip(self, info: Info, project_id: ProjectId, first: First = 50, after: After = None) -> Any:
        return await info.context.read(filmstrip.filmstrip, project_id, page(first, after))
