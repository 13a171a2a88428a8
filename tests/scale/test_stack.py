"""Two APIs and a worker on one database and one Redis."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from migrations import HEAD
from tests.support.redis import RedisServer
from tests.support.stack import open_stack
from tests.support.tcp_postgres import PASSWORD

pytestmark = pytest.mark.scale


async def events(base: str, token: str, project: str) -> list[dict[str, Any]]:
    """What a stream tells until a job has ended."""
    told: list[dict[str, Any]] = []
    query = {"projectId": project, "lastEventId": "1-0"}
    async with (
        httpx.AsyncClient(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=60) as client,
        client.stream("GET", "/v1/realtime", params=query) as response,
    ):
        assert response.status_code == 200
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                told.append({"name": name, **orjson.loads(line[6:])})
                if name == "job.done":
                    break
    return told


async def test_many_machines(tmp_path: Path, redis_server: RedisServer) -> None:
    async with open_stack(tmp_path, redis_server.url) as stack:
        assert stack.migrated == f"schema empty → {HEAD}\n"
        bases = stack.bases
        async with httpx.AsyncClient(timeout=30) as client:
            started = (await client.post(f"{bases[0]}/v1/auth/login", json={"email": "ada@example.org"})).json()
            code = await mailed(tmp_path / "mailbox")
            proof = {"challengeId": started["challengeId"], "code": code}
            token = (await client.post(f"{bases[1]}/v1/auth/verify", json=proof)).json()["accessToken"]
            client.headers["authorization"] = f"Bearer {token}"
            made = await client.post(f"{bases[0]}/v1/projects", json={"title": "Two machines"})
            project = made.json()["id"]
            # the one API follows what the other one starts
            following = asyncio.create_task(events(bases[1], token, project))
            await client.post(f"{bases[0]}/v1/projects/{project}/jobs:drill", json={"steps": 5, "stepMs": 20})
            told = await asyncio.wait_for(following, 60)
            assert [told[0]["name"], told[-1]["name"]] == ["project.updated", "job.done"]
            assert told[-1]["changed"]["status"] == "done"
            assert {event["projectId"] for event in told} == {project}
            closed = await client.post(f"{bases[0]}/graphql", json={"query": "{ __schema { types { name } } }"})
            assert closed.json()["errors"][0]["extensions"]["code"] == "introspection_off"
            assert (await client.get(f"{bases[0]}/metrics")).status_code == 404
    text = stack.log.read_text()
    assert PASSWORD not in text
    assert code not in text
    assert token not in text


async def mailed(mailbox: Path) -> str:
    """The code of the mail, once it is there."""
    for _ in range(600):
        for path in mailbox.glob("*.eml"):
            if found := re.search(r"\b\d{4}-\d{4}\b", path.read_text()):
                return found[0]
        await asyncio.sleep(0.05)
    raise TimeoutError("no mail came")
