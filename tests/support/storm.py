"""The same keyed call from many clients at once, again and again, through either door; what came of it, counted.

Shared by the test (small, in process) and the benchmark (50 keys by 200 clients, over HTTP).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

CREATE = """
mutation Create($input: CreateProjectInput!, $key: String) {
  createProject(input: $input, idempotencyKey: $key) { project { id title createdAt } receipt { replayed } }
}
"""


@dataclass
class Told:
    """What the clients of one key were told."""

    #: Distinct successful answers, but for what says that it is one again.
    bodies: set[str] = field(default_factory=set)
    first: int = 0
    replayed: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    server_errors: int = 0
    times: list[float] = field(default_factory=list)


async def send(client: httpx.AsyncClient, door: str, key: str, headers: Mapping[str, str]) -> httpx.Response:
    """One call: a project with a title that is its key's."""
    body: dict[str, Any] = {"title": f"Project {key}"}
    if door == "rest":
        return await client.post("/v1/projects", json=body, headers={**headers, "idempotency-key": key})
    asked = {"query": CREATE, "variables": {"input": body, "key": key}}
    return await client.post("/graphql", json=asked, headers=headers)


async def storm(client: httpx.AsyncClient, door: str, key: str, count: int, headers: Mapping[str, str]) -> Told:
    """``count`` identical calls at once."""
    told = Told()

    async def one() -> None:
        started = time.perf_counter()
        response = await send(client, door, key, headers)
        told.times.append(time.perf_counter() - started)
        note(told, door, response)

    await asyncio.gather(*(one() for _ in range(count)))
    return told


def note(told: Told, door: str, response: httpx.Response) -> None:
    """Count one answer."""
    told.server_errors += response.status_code >= 500
    body = response.json()
    failed = body if response.status_code >= 400 else (body.get("errors") or [{}])[0].get("extensions")
    if failed:
        told.codes[failed["code"]] += 1
        return
    replayed = response.headers.get("idempotency-replayed") == "true"
    if door == "graphql":
        made = body["data"]["createProject"]
        replayed, body = made["receipt"]["replayed"], made["project"]
    told.replayed += replayed
    told.first += not replayed
    told.bodies.add(json.dumps(body, sort_keys=True))


def quantile(told: Sequence[Told], share: float) -> float:
    """Seconds within which this share of all calls was answered."""
    times = sorted(time for each in told for time in each.times)
    return times[min(len(times) - 1, int(len(times) * share))]
