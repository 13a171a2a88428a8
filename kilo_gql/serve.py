"""Runs the API in this process."""

from __future__ import annotations

import uvicorn

from kilo_gql import logs
from kilo_gql.app import build_app
from kilo_gql.config import Settings


def run(settings: Settings) -> None:
    """Serve until told to stop; open streams are ended at once, requests get 10 s."""
    logs.configure(settings.log_format)
    uvicorn.run(
        build_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="kilo_gql.graphql.frames:BroadcastProtocol",
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    run(Settings())
