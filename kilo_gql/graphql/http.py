"""GraphQL over HTTP: one JSON document a POST, GraphiQL for people in development."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from kilo_gql.access import Anonymous
from kilo_gql.errors import BadRequest, Forbidden, KiloError, TooLarge
from kilo_gql.graphql.context import Context
from kilo_gql.graphql.errors import refusal
from kilo_gql.graphql.executor import Ask, Executor

#: Document and variables together; of somebody who is signed in, for what takes large variables.
MAX_BODY: Final = 2 << 20
MAX_BULK_BODY: Final = 8 << 20
_BOUNDARY: Final = "-"


class GraphQLHTTP:
    """The HTTP endpoint. ``context`` authenticates a request and makes what its resolvers use."""

    def __init__(
        self,
        executor: Callable[[Request], Executor],
        context: Callable[[Request], Awaitable[Context]],
        *,
        graphiql: bool,
    ) -> None:
        self._executor = executor
        self._context = context
        self._graphiql = graphiql

    async def handle(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page(request)
        try:
            _check_origin(request)
            context = await self._context(request)
            known = not isinstance(context.actor, Anonymous)
            ask = Ask.parse(await _json(request, MAX_BULK_BODY if known else MAX_BODY))
            incremental = "multipart/mixed" in request.headers.get("accept", "")
            made = await self._executor(request).run(ask, context, incremental=incremental)
        except KiloError as error:
            return _refused(error, request.scope["kilo_request_id"])
        if isinstance(made, dict):
            response = Response(_encode(made), media_type="application/json")
        else:
            response = StreamingResponse(_multipart(made), media_type=f'multipart/mixed; boundary="{_BOUNDARY}"')
        response.headers["cache-control"] = "no-store"
        return response

    def _page(self, request: Request) -> Response:
        if not self._graphiql:
            error = BadRequest("Send GraphQL documents as POST.", code="graphql_bad_request")
            return _refused(error, request.scope["kilo_request_id"])
        page = files("strawberry.static").joinpath("graphiql.html").read_text()
        return HTMLResponse(page.replace("{{ SUBSCRIPTION_ENABLED }}", "true"))


def _check_origin(request: Request) -> None:
    """A browser cannot be made to send these headers from another site without asking first (CSRF)."""
    if "authorization" not in request.headers and "kilo-csrf" not in request.headers:
        raise Forbidden(
            "Send an Authorization header, or a Kilo-Csrf header with any value.",
            code="csrf_header_missing",
            remediation=["Add the header `Kilo-Csrf: 1` to the request."],
        )


async def _json(request: Request, limit: int) -> Any:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise BadRequest("Send the request as application/json.", code="unsupported_media_type")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"A request has at most {limit} bytes.", code="graphql_too_large")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("The request is not JSON.", code="graphql_bad_request") from error


def _refused(error: KiloError, request_id: str) -> Response:
    response = Response(_encode(refusal(error, request_id)), error.status, media_type="application/json")
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, round(error.retry_after)))
    return response


async def _multipart(parts: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for part in parts:
        yield b"\r\n---\r\nContent-Type: application/json; charset=utf-8\r\n\r\n" + _encode(part)
    yield b"\r\n-----\r\n"


def _encode(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
