"""The whole application behind a real socket, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import uvicorn

from kilo_gql.app import build_app
from kilo_gql.config import Settings
from kilo_gql.server import AbortableHttp, Server
from tests.support.api import Api
from tests.support.wait import until


class _Server(Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Served:
    """``api`` goes past the socket; ``stop`` begins what SIGTERM begins."""

    port: int
    api: Api
    server: Server
    task: asyncio.Task[None]

    def stop(self) -> None:
        self.server.should_exit = True


@asynccontextmanager
async def serving(settings: Settings, port: int = 0) -> AsyncIterator[Served]:
    """The application of these settings on a port (0: a free one), leading the relay."""
    app = build_app(settings)
    config = uvicorn.Config(
        app, port=port, http=AbortableHttp, loop="none", log_level="critical", timeout_graceful_shutdown=5
    )
    server = _Server(config, lambda: app.state.services.hub.stop())
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    if task.done():
        await task
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8400") as client:
        served = Served(port, Api(client, app.state.services, app), server, task)
        await until(lambda: served.api.services.relay.leads)
        try:
            yield served
        finally:
            served.stop()
            await task
