"""What the demo says about the photos that came in, as a client of the API reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

import httpx
from rich.table import Table

_PAGE: Final = """
    query Album($project: UUID!, $after: String) {
      assets(projectId: $project, first: 100, after: $after) {
        nodes {
          filename format cameraMake cameraModel capturedAt gps { latitude } keywords
          companions { filename format }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
"""
_SIDECAR: Final = "xmp"
#: Names, or kinds, that a line shows.
_SHOWN: Final = 6


async def what_came_in(client: httpx.AsyncClient, project_id: str) -> Table:
    """A table of a project's photos: formats, cameras, times, pairs."""
    photos = [photo async for photo in _photos(client, project_id)]
    files = [file for photo in photos for file in (photo, *photo["companions"])]
    pairs = [photo for photo in photos if any(file["format"] != _SIDECAR for file in photo["companions"])]
    sidecars = [photo for photo in photos if any(file["format"] == _SIDECAR for file in photo["companions"])]
    taken = sorted(photo["capturedAt"][:16].replace("T", " ") for photo in photos if photo["capturedAt"])
    table = Table("", "", title="What came in", title_justify="left", show_header=False)
    table.add_row("photos", str(len(photos)))
    table.add_row("formats", _counted(file["format"] for file in files))
    table.add_row("cameras", _counted(_camera(photo) for photo in photos))
    table.add_row("taken", f"{taken[0]} to {taken[-1]} UTC ({len(taken)} with a time)" if taken else "unknown")
    table.add_row("with a place", str(sum(photo["gps"] is not None for photo in photos)))
    table.add_row("pairs of RAW and JPEG", _named(pairs))
    table.add_row("with a sidecar", _named(sidecars))
    return table


async def _photos(client: httpx.AsyncClient, project_id: str) -> AsyncIterator[dict[str, Any]]:
    after: str | None = None
    while True:
        question = {"query": _PAGE, "variables": {"project": project_id, "after": after}}
        page = (await client.post("/graphql", json=question)).raise_for_status().json()["data"]["assets"]
        for photo in page["nodes"]:
            yield photo
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _camera(photo: dict[str, Any]) -> str:
    make, model = photo["cameraMake"] or "", photo["cameraModel"] or ""
    named = model if model.lower().startswith(make.lower().split(" ")[0]) else f"{make} {model}"
    return named.strip() or "unknown"


def _counted(things: Iterable[str]) -> str:
    counts = Counter(things).most_common()
    more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
    return ", ".join(f"{count} × {thing}" for thing, count in counts[:_SHOWN]) + more


def _named(photos: Sequence[dict[str, Any]]) -> str:
    names = [" + ".join((photo["filename"], *(file["filename"] for file in photo["companions"]))) for photo in photos]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)}: {', '.join(names[:_SHOWN])}{more}" if names else "none"
