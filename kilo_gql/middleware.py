"""What surrounds every answer: request id, build, timing, counts, one log line, masked bugs."""

from __future__ import annotations

import re
import time
from typing import Final
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kilo_gql.errors import KiloError
from kilo_gql.metrics import Metrics
from kilo_gql.rest.machinery import problem

log = structlog.get_logger("kilo.http")

_REQUEST_ID: Final = re.compile(rb"[\w.:-]{8,64}", re.ASCII)
#: Seconds to the first byte from which an answer is worth a line in the log.
_SLOW: Final = 1.0
_DOORS: Final = ("graphql", "v1", "media", "objects", "uploads", "g", "healthz", "readyz", "metrics")
_MASKED: Final = "Something went wrong on our side."


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return uuid4().hex


def _door(path: str) -> str:
    """A label of few values: a path holds ids."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first if first in _DOORS else "page"


class Surround:
    """Pure ASGI, so that streams pass through untouched."""

    def __init__(self, app: ASGIApp, *, build: str, metrics: Metrics) -> None:
        self._app = app
        self._build = build.encode()
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope["kilo_request_id"] = request_id = _request_id(scope)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, answered = 0, 0.0

        async def send_dressed(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = time.perf_counter() - started
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"kilo-build", self._build),
                    (b"server-timing", b"app;dur=%.1f" % (answered * 1000)),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"same-origin"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_dressed)
        except KiloError as error:
            await problem(error, request_id)(scope, receive, send_dressed)
        except ClientDisconnect:
            pass  # it left before it had said everything: nobody is there to be answered, and nothing is wrong here
        except Exception:
            log.exception("request_failed", request_id=request_id, method=scope["method"])
            if not status:
                bug = KiloError(_MASKED, remediation=["Try again; if it stays, report the request id."])
                await problem(bug, request_id)(scope, receive, send_dressed)
        finally:
            door = _door(scope["path"])
            self._metrics.requests.labels(door, str(status)).inc()
            self._metrics.seconds.labels(door).observe(answered)
            # an upload is answered when its body is here, however long that takes
            if status >= 500 or (answered >= _SLOW and door != "uploads"):
                # the others are counted in the metrics: a line each would cost a tenth of a fast answer
                log.warning(
                    "request_slow" if status < 500 else "request_unanswered",
                    request_id=request_id,
                    method=scope["method"],
                    door=door,
                    status=status,
                    ms=round(answered * 1000, 1),
                )
