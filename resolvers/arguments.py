"""Arguments that many fields share, described once."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from kilo_gql.paging import Slice

First = Annotated[int, strawberry.argument(description="How many items at most: 1 to 200.")]
After = Annotated[
    str | None, strawberry.argument(description="The `endCursor` of the page before; none for the first page.")
]
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(
        description="8 to 128 printable characters; a retry with the same key gets the first answer (kept 24 hours)."
    ),
]
ProjectId = Annotated[UUID, strawberry.argument(description="The project's id.")]
EventCursor = Annotated[
    str | None,
    strawberry.argument(description="Events after this cursor, `<epoch>-<seq>`; none: from now on."),
]


def page(first: int, after: str | None) -> Slice:
    """The rows that a connection field asks for."""
    return Slice(first, after)
