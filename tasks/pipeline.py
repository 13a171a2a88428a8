"""What follows what: when a job of the first type is done, these are asked for, in the transaction that ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from kilo_gql.db import Tx
from kilo_gql.domain import clustering, embeddings, suggestions
from kilo_gql.jobs import JobType

Follower = Callable[[Tx, UUID], Awaitable[None]]

FOLLOWERS: Final[dict[JobType, tuple[Follower, ...]]] = {
    JobType.ASSET_INGEST: (clustering.follow, embeddings.follow),
    # grouping follows whatever brings photos back, or takes pairs apart
    JobType.PROJECT_CLUSTER: (suggestions.follow, embeddings.follow),
}


async def follow(tx: Tx, type_: str, project_id: UUID | None) -> None:
    """Ask for what follows a job of this type in a project."""
    if project_id is None:
        return
    for follower in FOLLOWERS.get(JobType(type_), ()):
        await follower(tx, project_id)
