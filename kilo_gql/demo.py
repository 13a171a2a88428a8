"""``make demo``: the whole house on a fresh machine, driven through its public doors alone.

It signs in with the code from the mailbox, watches a job over both live doors, and imports a shoot: your own
(``PHOTOS``) or one that is drawn for it.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from kilo_gql import demo_album, demo_cull, demo_delivery, up
from kilo_gql.config import Settings
from kilo_gql.importing import command
from kilo_gql.importing.client import Session

_EMAIL: Final = "demo@example.org"
_STEPS: Final = 40
_SUBSCRIPTION: Final = """
    subscription Watch($project: UUID!, $after: String) {
      projectEvents(projectId: $project, after: $after) {
        __typename
        ... on JobProgressed { ids progress stage }
        ... on JobEnded { ids status }
      }
    }
"""
_CREATE: Final = """
    mutation Create($title: String!) {
      createProject(input: {title: $title}) { project { id title } receipt { cursor } }
    }
"""


@dataclass(slots=True)
class Seen:
    """What the two live streams told about the job."""

    sse: list[str] = field(default_factory=list)
    socket: list[str] = field(default_factory=list)


def run(console: Console) -> None:
    """Start everything, show the main job, and leave the server running unless ONCE=1."""
    settings = _settings()
    started = time.perf_counter()
    stack = subprocess.Popen((sys.executable, "-m", "kilo_gql.up"), env={**os.environ, **up.environment(settings)})
    try:
        asyncio.run(up.ready(settings.base_url))
        console.print(f"PostgreSQL, API and worker run after {time.perf_counter() - started:.1f} s.")
        with ThreadPoolExecutor(1) as drawing:
            photos = drawing.submit(_photos, settings.home / "sample")
            asyncio.run(_show(settings, photos, console))
        if os.environ.get("ONCE") != "1":
            console.print("Open the sign-in link above; Ctrl-C stops the server.")
            stack.wait()
    except KeyboardInterrupt:
        pass
    finally:
        stack.terminate()
        stack.wait()


def _photos(sample: Path) -> Path:
    """The folder to import: PHOTOS, or the sample shoot, drawn when it is first needed."""
    if own := os.environ.get("PHOTOS"):
        return Path(own)
    if not sample.exists():
        from kilo_gql import sample_shoot

        draft = sample.with_name(f"sample.{os.getpid()}")
        sample_shoot.render(draft)
        draft.rename(sample)
    return sample


def _settings() -> Settings:
    os.environ.setdefault("KILO_HOME", str(Path(".kilo").absolute()))
    settings = Settings()
    if settings.host == "127.0.0.1" and _taken(settings.port):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
    return settings.model_copy(update={"base_url": f"http://{settings.host}:{settings.port}"})


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _show(settings: Settings, photos: Future[Path], console: Console) -> None:
    async with httpx.AsyncClient(base_url=settings.base_url, timeout=30) as client:
        session = await _sign_in(client, settings)
        client.headers["authorization"] = f"Bearer {session.bearer}"
        console.print(f"Signed in as {_EMAIL} with the code from the mailbox.")
        answer = (await client.post("/graphql", json={"query": _CREATE, "variables": {"title": "Demo"}})).json()
        created = answer["data"]["createProject"]
        project, cursor = created["project"]["id"], created["receipt"]["cursor"]
        console.print(f"Created the project “Demo” through GraphQL; its event log stands at {cursor}.")
        await _watch_a_job(client, settings, project, cursor, console)
        if not photos.done():
            console.print("Drawing the sample shoot.")
        folder = await asyncio.to_thread(photos.result)
        console.print(f"Importing {folder} through the public API.")
        report = await command.run(command.Wish([folder], project), settings.base_url, session, console)
        report.print(console)
        client.headers["authorization"] = f"Bearer {session.bearer}"
        console.print(await demo_album.what_came_in(client, project))
        with console.status("Waiting for grouping and ranking."):
            together = await demo_cull.what_belongs_together(client, project)
        console.print(together)
        with console.status("Making a gallery, and exports."):
            delivered = await demo_delivery.what_is_delivered(client, project, settings.home / "exports")
        console.print(delivered)
        if os.environ.get("ONCE") != "1":
            link = await _mailed(client, settings, "magic_link", r"https?://\S+/sign-in\?\S+")
            console.print(f"Sign in as {_EMAIL}, once, with {link[1]}", soft_wrap=True)


async def _watch_a_job(
    client: httpx.AsyncClient, settings: Settings, project: str, cursor: str, console: Console
) -> None:
    seen = Seen()
    started = time.perf_counter()
    token = client.headers["authorization"].removeprefix("Bearer ")
    streams = [
        asyncio.create_task(_follow_sse(client, project, cursor, seen, console)),
        asyncio.create_task(_follow_socket(settings, token, project, cursor, seen)),
    ]
    job = (await client.post(f"/v1/projects/{project}/jobs:drill", json={"steps": _STEPS, "stepMs": 40})).json()
    await asyncio.wait_for(asyncio.gather(*streams), 60)
    done = (await client.get(f"/v1/jobs/{job['id']}")).json()
    console.print(
        f"Started a job through REST: [green]{done['status']}[/] after {time.perf_counter() - started:.1f} s and "
        f"{done['attempts']} attempt. SSE told {len(seen.sse)} events, the GraphQL subscription {len(seen.socket)}."
    )


async def _sign_in(client: httpx.AsyncClient, settings: Settings) -> Session:
    challenge, code = await _mailed(client, settings, "email_code", r"\b(?:\d{4}-\d{4})\b")
    proof = {"challengeId": challenge, "code": code}
    tokens = (await client.post("/v1/auth/verify", json=proof)).raise_for_status().json()
    return Session(tokens["accessToken"], tokens["refreshToken"])


async def _mailed(client: httpx.AsyncClient, settings: Settings, delivery: str, pattern: str) -> tuple[str, str]:
    """Ask for a way in, and wait for it as one waits for a mail; the challenge, and what the mail says.

    The embedded mode delivers mail into a folder.
    """
    since = time.time() - 1
    wanted = {"email": _EMAIL, "delivery": delivery}
    challenge = (await client.post("/v1/auth/login", json=wanted)).raise_for_status().json()["challengeId"]
    for _ in range(300):
        if found := await asyncio.to_thread(_newest, settings.home / "mailbox", since, pattern):
            return challenge, found
        await asyncio.sleep(0.1)
    raise TimeoutError(f"no mail for challenge {challenge} in {settings.home / 'mailbox'}")


def _newest(mailbox: Path, since: float, pattern: str) -> str | None:
    for path in sorted(mailbox.glob("*.eml"), reverse=True):
        if path.stat().st_mtime >= since:
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = message.get_body(("plain",))
            if body is not None and (found := re.search(pattern, body.get_content())):
                return found[0]
    return None


async def _follow_sse(client: httpx.AsyncClient, project: str, after: str, seen: Seen, console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("job", total=1.0)
        async for name, data in _sse(client, {"projectId": project, "lastEventId": after}):
            seen.sse.append(name)
            changed = data.get("changed", {})
            if name == "job.progress":
                progress.update(bar, completed=changed.get("progress", 0.0), description=changed.get("stage") or "job")
            if name == "job.done":
                progress.update(bar, completed=1.0)
                return


async def _sse(client: httpx.AsyncClient, query: dict[str, str]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    async with client.stream("GET", "/v1/realtime", params=query) as response:
        response.raise_for_status()
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                yield name, orjson.loads(line[6:])


async def _follow_socket(settings: Settings, token: str, project: str, after: str, seen: Seen) -> None:
    address = settings.base_url.replace("http", "ws", 1) + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        hello = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
        await connection.send(orjson.dumps(hello).decode())
        subscribe = {"query": _SUBSCRIPTION, "variables": {"project": project, "after": after}}
        async for text in connection:
            message = orjson.loads(text)
            if message["type"] == "connection_ack":
                ask = {"id": "watch", "type": "subscribe", "payload": subscribe}
                await connection.send(orjson.dumps(ask).decode())
            elif message["type"] == "next":
                event = message["payload"]["data"]["projectEvents"]
                seen.socket.append(event["__typename"])
                if event["__typename"] == "JobEnded":
                    return
            elif message["type"] == "error":
                raise RuntimeError(message["payload"])
