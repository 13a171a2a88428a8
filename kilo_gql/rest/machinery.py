"""Turns a row of the route table into an endpoint: parse, one call to the throat, render."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from kilo_gql.access import Actor, Perm
from kilo_gql.errors import BadRequest, KiloError, TooLarge, not_found
from kilo_gql.operations import Operation, Outcome, Throat
from kilo_gql.rest.bodies import Body

MAX_BODY: Final = 1 << 20
#: What the entity tag of a compressed answer ends with: its bytes are others.
CODED: Final = "-gzip"
_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')
_PARAMETER: Final = re.compile(r"{(\w+)}")


class Renders(Protocol):
    """A view: an operation's value as JSON."""

    def render(self, value: Any) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RestRoute:
    """One documented operation: ids of the path go first, then what the body or the query names."""

    method: str
    path: str
    operation: Operation[Any]
    view: Renders
    body: type[Body] | None = None
    query: type[Body] | None = None
    #: The most bytes of a body.
    max_body: int = MAX_BODY
    status: int = 200
    #: Is the operation told what the caller's device says it is (``user_agent``)?
    device: bool = False
    #: Is it told from which address (IPv4 or IPv6, as text) the caller comes (``address``)?
    address: bool = False
    #: Anybody may ask, and a gallery's guests and members bring proofs of who they are.
    guests: bool = False
    #: Is it told which states of its answer the caller has (``known``, from ``If-None-Match``)?
    conditional: bool = False
    #: Makes the response where that is more than the view's JSON.
    respond: Callable[[Request, Any], Awaitable[Response]] | None = None
    tag: str = ""

    @property
    def path_parameters(self) -> list[str]:
        return _PARAMETER.findall(self.path)


class Door(Protocol):
    """What the application lends to its routes."""

    throat: Throat

    async def actor(self, request: Request) -> Actor:
        """Who is asking, within their rate."""

    async def visitor(self, request: Request) -> Actor:
        """Nobody, within the rate of their address."""


def endpoint(route: RestRoute, door: Callable[[Request], Door]) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint of a route."""

    async def handle(request: Request) -> Response:
        house = door(request)
        public = route.operation.perm is Perm.PUBLIC and not route.guests
        actor = await house.visitor(request) if public else await house.actor(request)
        ids = [_parameter(name, request.path_params[name]) for name in route.path_parameters]
        named = await _named(route, request)
        if route.device:
            named["user_agent"] = request.headers.get("user-agent")
        if route.address:
            named["address"] = client_address(request)
        if route.conditional:
            named["known"] = known_states(request)
        key = request.headers.get("idempotency-key") if route.operation.write else None
        outcome = await house.throat.execute(actor, route.operation, *ids, key=key, **named)
        if route.respond is not None:
            return await route.respond(request, outcome.value)
        return _answer(route, outcome)

    return handle


def known_states(request: Request) -> list[str]:
    """The entity tags that a request says it has, without quotes and without the suffix of a content coding."""
    return [tag.removesuffix(CODED) for tag in _TAG.findall(request.headers.get("if-none-match", ""))]


def _answer(route: RestRoute, outcome: Outcome[Any]) -> Response:
    response = Response(route.view.render(outcome.value), route.status, media_type="application/json")
    if route.status == 204:
        del response.headers["content-type"]
    response.headers["cache-control"] = "no-store"
    if route.operation.write:
        response.headers["kilo-op-id"] = str(outcome.op_id)
        if outcome.replayed:
            response.headers["idempotency-replayed"] = "true"
    return response


async def _named(route: RestRoute, request: Request) -> dict[str, Any]:
    try:
        if route.body is not None:
            return route.body.model_validate_json(await _body(request, route.max_body)).arguments()
        if route.query is not None:
            return route.query.model_validate_strings(dict(request.query_params)).arguments()
    except ValidationError as error:
        raise invalid(error) from error
    return {}


async def _body(request: Request, limit: int) -> bytearray:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise BadRequest("Send the body as application/json.", code="unsupported_media_type")
    body = bytearray()  # grows in place, where bytes would be copied with each chunk
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"A body has at most {limit} bytes.")
    return body


def client_address(request: Request) -> str:
    """The address a request comes from; "?" where the server does not know."""
    return request.client.host if request.client is not None else "?"


def _parameter(name: str, text: str) -> UUID | str:
    """What stands in the path: the id of a thing, or the slug of a gallery as it is."""
    if not name.endswith("Id"):
        return text
    try:
        return UUID(text)
    except ValueError:
        raise not_found(name.removesuffix("Id")) from None


def invalid(error: ValidationError) -> BadRequest:
    """What is wrong with a body or query, field by field, without repeating what was sent."""
    faults = {".".join(map(str, fault["loc"])) or "body": fault["msg"] for fault in error.errors(include_input=False)}
    first = next(iter(faults.items()))
    return BadRequest(f"{first[0]}: {first[1]}", details={"fields": faults})


def problem(error: KiloError, request_id: str) -> Response:
    """The contract's Error envelope."""
    content: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "remediation": error.remediation,
        "requestId": request_id,
    }
    response = Response(orjson.dumps(content), error.status, media_type="application/json")
    response.headers["cache-control"] = "no-store"
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response
