"""A client that leaves in the middle of its request is no bug of ours."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from tests.support.api import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("path", ["/v1/projects", "/graphql"])
async def test_a_body_that_breaks_off_is_neither_answered_nor_logged(api: Api, path: str) -> None:
    come: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"title": "We', "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "root_path": "", "path": path, "raw_path": path.encode(), "query_string": b"", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8400), "headers": [(b"content-type", b"application/json"), (b"kilo-csrf", b"1")],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return come.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    with structlog.testing.capture_logs() as logs:
        await api.app(scope, receive, send)
    assert (sent, logs, come) == ([], [], [])
