"""``node(id:)``: anything by its id."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import nodes
from resolvers.binding import ask
from schema.base import Info, Node

NodeId = Annotated[UUID, strawberry.argument(description="The id, as in REST.")]


@strawberry.type
class NodeQuery:
    """The root field of Relay's refetching."""

    @ask(nodes.get_node, Node)
    async def node(self, info: Info, id: NodeId) -> Any:
        return await info.context.read(nodes.get_node, id)
