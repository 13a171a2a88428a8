"""The project that an import is for: found by its id or its title, or made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from kilo_gql.errors import Conflict
from kilo_gql.importing.client import Client


@dataclass(frozen=True, slots=True)
class Target:
    """A project. ``created``: by this import."""

    id: UUID
    title: str
    created: bool = False


async def target(client: Client, wanted: str) -> Target:
    """The project with this id, or with exactly this title, or a new one of this title.

    Raises Conflict ``project_ambiguous`` if several have the title, and Refused.
    """
    try:
        project = await client.call("GET", f"/projects/{UUID(wanted)}")
        return Target(UUID(project["id"]), project["title"])
    except ValueError:
        pass  # not an id: a title
    named = [project async for project in _projects(client) if project["title"] == wanted.strip()]
    if len(named) > 1:
        raise Conflict(
            f"{len(named)} projects are called {wanted!r}.",
            code="project_ambiguous",
            details={"ids": [project["id"] for project in named]},
            remediation=[f"Say which one: --project {project['id']}" for project in named[:5]],
        )
    project = named[0] if named else await client.call("POST", "/projects", {"title": wanted})
    return Target(UUID(project["id"]), project["title"], created=not named)


async def _projects(client: Client) -> AsyncIterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = await client.call("GET", f"/projects?status=active&limit=200{cursor}")
        for project in page["items"]:
            yield project
        if page["pageInfo"]["nextCursor"] is None:
            return
        cursor = f"&cursor={quote(page['pageInfo']['nextCursor'])}"
