"""Runs the API in this process."""

from __future__ import annotations

import uvicorn

from kilo_gql import logs
from kilo_gql.app import build_app, end_streams
from kilo_gql.config import Settings
from kilo_gql.server import AbortableHttp, Server


def run(settings: Settings) -> None:
    """Serve until told to stop; open streams are ended at once, requests get 10 s."""
    logs.configure(settings.log_format)
    app = build_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=AbortableHttp,
        ws="kilo_gql.graphql.frames:BroadcastProtocol",
        ws_per_message_deflate=False,
        ws_ping_interval=10,
        ws_ping_timeout=10,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=10,
    )
    Server(config, lambda: end_streams(app)).run()


if __name__ == "__main__":
    run(Settings())
