"""Runs the API in this process."""

from __future__ import annotations

import os
import signal
import threading

import uvicorn

from kilo_gql import logs
from kilo_gql.app import build_app, end_streams
from kilo_gql.config import Settings
from kilo_gql.server import AbortableHttp, Server
from kilo_gql.supervisor import LIFELINE


def run(settings: Settings) -> None:
    """Serve until told to stop; open streams are ended at once, requests get 10 s."""
    _end_with_supervisor()
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
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    Server(config, lambda: end_streams(app)).run()


def _end_with_supervisor() -> None:
    """Stop, gently, when the supervisor that started this process dies."""
    if (lifeline := os.environ.pop(LIFELINE, None)) is None:
        return

    def watch() -> None:
        os.read(int(lifeline), 1)  # nobody writes: it returns when the other end is closed
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    run(Settings())
