"""What the demo says about culling: what belongs together, what is suggested and why, what an automatic cull would do.

Read as a client of the API reads it, once grouping and ranking have caught up with the photos.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import httpx
from rich.table import Table

_STATE: Final = """
    query State($project: UUID!) { grouping(projectId: $project) { state } jobs(projectId: $project, first: 50) {
      nodes { type status }
    } }
"""
_PAGE: Final = """
    query Clusters($project: UUID!, $after: String) {
      clusters(projectId: $project, first: 100, after: $after) {
        nodes { kind size keptSet assetIds winnerAssetId band confidence whyWinner suggestion { assetIds } }
        pageInfo { hasNextPage endCursor }
      }
    }
"""
_NAMES: Final = "query Names($ids: [UUID!]!) { assetsByIds(ids: $ids) { id filename } }"
_PLAN: Final = """
    query Plan($project: UUID!) {
      autoCullPlan(projectId: $project, input: {keepPerMoment: 1}) {
        keepCount rejectCount untouchedCount expectedRegret
      }
    }
"""
_WORK: Final = frozenset(("project.cluster", "project.rank", "project.measure"))
#: Sets and suggestions that are named.
_SHOWN: Final = 5
#: How often, and after how many seconds, it is asked whether the work is done: for two minutes.
_LOOKS, _PAUSE_S = 480, 0.25


async def what_belongs_together(client: httpx.AsyncClient, project_id: str) -> Table:
    """A table of a project's clusters and suggestions. Raises TimeoutError if they are not ready in two minutes."""
    for _ in range(_LOOKS):
        if await _ready(client, project_id):
            break
        await asyncio.sleep(_PAUSE_S)
    else:
        raise TimeoutError("grouping and ranking did not come to an end")
    clusters = [cluster async for cluster in _clusters(client, project_id)]
    moments, bursts, copies = (
        [one for one in clusters if one["kind"] == kind] for kind in ("MOMENT", "BURST", "DUPLICATE_GROUP")
    )
    sets = [one for one in bursts if one["keptSet"]]
    suggested = [one for one in bursts if one["suggestion"]]
    named = await _names(client, [one["assetIds"] for one in sets] + [one["assetIds"] for one in suggested])
    plan = (await _ask(client, _PLAN, project=project_id))["autoCullPlan"]
    table = Table("", "", title="What belongs together", title_justify="left", show_header=False)
    table.add_row("moments", f"{len(moments)}, of {_count(moments)} photos")
    table.add_row("bursts", f"{len(bursts) - len(sets)}")
    table.add_row("copies of one picture", f"{len(copies)}")
    for one in sets[:_SHOWN]:
        table.add_row(f"kept whole: {one['keptSet'].lower().replace('_', ' ')}", _span(one, named))
    for one in suggested[:_SHOWN]:
        table.add_row(f"suggested of {one['size']}", _suggestion(one, named))
    table.add_row(
        "the best of each moment",
        f"would keep {plan['keepCount']}, reject {plan['rejectCount']}, leave {plan['untouchedCount']} as they are; "
        f"{plan['expectedRegret']:.1f} of these choices are expected to be wrong",
    )
    return table


async def _ready(client: httpx.AsyncClient, project_id: str) -> bool:
    found = await _ask(client, _STATE, project=project_id)
    busy = [job for job in found["jobs"]["nodes"] if job["type"] in _WORK and job["status"] in ("QUEUED", "RUNNING")]
    return found["grouping"]["state"] == "READY" and not busy


async def _clusters(client: httpx.AsyncClient, project_id: str) -> AsyncIterator[dict[str, Any]]:
    after: str | None = None
    while True:
        page = (await _ask(client, _PAGE, project=project_id, after=after))["clusters"]
        for cluster in page["nodes"]:
            yield cluster
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


async def _names(client: httpx.AsyncClient, groups: Sequence[Sequence[str]]) -> dict[str, str]:
    ids = list(dict.fromkeys(id_ for group in groups for id_ in group))[:500]
    found = await _ask(client, _NAMES, ids=ids) if ids else {"assetsByIds": []}
    return {photo["id"]: photo["filename"] for photo in found["assetsByIds"]}


async def _ask(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).raise_for_status().json()
    if answer.get("errors"):
        raise RuntimeError(answer["errors"][0]["message"])
    data: dict[str, Any] = answer["data"]
    return data


def _count(clusters: Sequence[dict[str, Any]]) -> int:
    return sum(one["size"] for one in clusters)


def _span(cluster: dict[str, Any], named: dict[str, str]) -> str:
    first, *_, last = cluster["assetIds"]
    return f"{cluster['size']}: {named.get(first, first)} to {named.get(last, last)}"


def _suggestion(cluster: dict[str, Any], named: dict[str, str]) -> str:
    best = cluster["suggestion"]["assetIds"][0]
    reasons = f": {', '.join(cluster['whyWinner'])}" if cluster["whyWinner"] else ""
    sure = "preselected" if cluster["winnerAssetId"] == best else "to compare" if cluster["band"] == "LOW" else "likely"
    return f"{named.get(best, best)} ({cluster['confidence']:.0%}, {sure}){reasons}"
