"""The ASGI application: doors, stores and adapters meet here and nowhere else."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from kilo_gql import export_archive, floors, gallery_media, health, media, objects, pages, uploading
from kilo_gql.access import Anonymous
from kilo_gql.config import Settings
from kilo_gql.domain import auth, events, invitations, users
from kilo_gql.errors import BadRequest, Forbidden, KiloError, NotFound, RateLimited, Unauthorized, not_found
from kilo_gql.gallery_pages.routes import ROUTES as GALLERY_PAGES
from kilo_gql.graphql.http import GraphQLHTTP
from kilo_gql.metrics import Metrics
from kilo_gql.middleware import Surround
from kilo_gql.models import SessionKind
from kilo_gql.rest import openapi, reference
from kilo_gql.rest.machinery import endpoint, problem
from kilo_gql.rest.routes import ROUTES
from kilo_gql.rest.sse import Reading, last_event_id, stream
from kilo_gql.services import Services, open_services, services
from kilo_gql.signed_urls import Signer
from kilo_gql.storage import Store


def end_streams(app: Starlette) -> None:
    """Tell everyone who follows something to come back to the next process."""
    opened: Services = app.state.services
    opened.socket.close()
    opened.hub.stop()


def build_app(settings: Settings) -> Starlette:
    """The ASGI application for these settings. Refuses to be built on packages with known holes."""
    floors.check()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_services(settings, metrics) as opened:
            app.state.services = opened
            yield

    return Starlette(
        routes=_routes(settings),
        lifespan=lifespan,
        exception_handlers={KiloError: _refused, 404: _unknown, 405: _unknown},  # type: ignore[dict-item]
        middleware=[Middleware(Surround, build=settings.build, metrics=metrics)],
    )


def _routes(settings: Settings) -> list[BaseRoute]:
    graphql = GraphQLHTTP(
        lambda request: services(request).executor,
        lambda request: services(request).context(request),
        graphiql=not settings.production,
    )
    described = openapi.document(ROUTES, settings.base_url)
    described_json, described_page = orjson.dumps(described), reference.page(described)

    async def openapi_json(request: Request) -> Response:
        return Response(described_json, media_type="application/json")

    async def reference_page(request: Request) -> Response:
        return HTMLResponse(described_page)

    return [
        Route("/graphql", graphql.handle, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", Socket()),
        Route("/v1/openapi.json", openapi_json),
        Route("/v1/reference", reference_page),
        Route("/v1/realtime", Realtime()),
        *GALLERY_PAGES,
        *gallery_media.routes(),
        *(Route(openapi.PREFIX + r.path, endpoint(r, services), methods=[r.method]) for r in ROUTES),
        Route(media.ROUTE, media.serve, methods=["GET", "OPTIONS"]),
        Route(export_archive.ROUTE, export_archive.serve, methods=["GET"]),
        Route(uploading.ROUTE, uploading.Uploading(), methods=list(uploading.METHODS)),
        objects.signed_objects(_store, Signer.of(settings), _now),
        Route("/", _landing),
        Route("/sign-in", _confirm, methods=["GET"]),
        Route("/join", _invited, methods=["GET"]),
        Route("/join", _join, methods=["POST"]),
        Route("/sign-in", _sign_in, methods=["POST"]),
        Route("/healthz", _healthz),
        Route("/readyz", _readyz),
        Route("/metrics", _metrics),
    ]


def _store(request: Request) -> Store:
    return services(request).store


def _now() -> datetime:
    return datetime.now(UTC)


class Socket:
    """The websocket, as raw ASGI."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await services(HTTPConnection(scope)).socket(scope, receive, send)


class Realtime:
    """``GET /v1/realtime`` as raw ASGI: Starlette hands a class instance the connection itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        house = services(request)
        proof = await house.proof(request)
        project_id = _project_of(request)
        await house.throat.execute(proof.actor, events.open_stream, project_id)

        async def allowed() -> bool:
            try:
                fresh = await house.proof(request)
                await house.throat.execute(fresh.actor, events.open_stream, project_id)
            except (Unauthorized, Forbidden, NotFound):
                return False
            return True

        reading = Reading(
            project_id,
            proof.actor,
            last_event_id(request),
            allowed,
            until=proof.expires_at,
            heartbeat=house.settings.events_heartbeat,
            lifetime=house.settings.stream_lifetime,
        )
        if not house.streams.take(proof.actor.key):
            raise RateLimited(
                "You have as many open streams as you may.",
                code="too_many_streams",
                remediation=["Close some, or follow several projects over one websocket."],
                retry_after=30,
            )
        try:
            with house.metrics.streams.track_inprogress():
                await stream(scope, receive, send, hub=house.hub, reading=reading)
        finally:
            house.streams.give_back(proof.actor.key)


def _project_of(request: Request) -> UUID:
    text = request.query_params.get("projectId")
    if text is None:
        raise BadRequest("Say which project: `?projectId=…`.", details={"field": "projectId"})
    try:
        return UUID(text)
    except ValueError:
        raise not_found("project") from None


async def _refused(request: Request, error: KiloError) -> Response:
    return problem(error, request.scope["kilo_request_id"])


async def _unknown(request: Request, error: Exception) -> Response:
    """No such path, or no such method there."""
    return problem(NotFound("There is nothing at this address.", code="no_route"), request.scope["kilo_request_id"])


async def _landing(request: Request) -> Response:
    house = services(request)
    proof = await house.proof(request)
    user = None
    if not isinstance(proof.actor, Anonymous):
        user = (await house.throat.execute(proof.actor, users.me)).value
    return pages.landing(user.email if user else None, graphiql=not house.settings.production)


async def _confirm(request: Request) -> Response:
    return pages.confirm(request)


async def _sign_in(request: Request) -> Response:
    house = services(request)

    async def exchange(challenge: str, code: str) -> str:
        named = {"user_agent": request.headers.get("user-agent"), "kind": SessionKind.COOKIE}
        outcome = await house.throat.execute(Anonymous(), auth.verify_login, challenge, code, **named)
        assert outcome.value.cookie is not None
        return outcome.value.cookie

    return await pages.sign_in(request, exchange, secure=house.settings.base_url.startswith("https:"))


async def _invited(request: Request) -> Response:
    signed_in = not isinstance((await services(request).proof(request)).actor, Anonymous)
    return pages.invited(request.query_params.get("code", ""), signed_in=signed_in)


async def _join(request: Request) -> Response:
    house = services(request)
    actor = (await house.proof(request)).actor

    async def accept(code: str) -> None:
        await house.throat.execute(actor, invitations.accept_invitation, code)

    return await pages.join(request, accept)


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _metrics(request: Request) -> Response:
    """For Prometheus: with the configured bearer, or to anybody in development."""
    house = services(request)
    wanted = house.settings.metrics_token
    given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
    if wanted is None and house.settings.production:
        raise NotFound("There is nothing at this address.", code="no_route")
    if wanted is not None and not hmac.compare_digest(given, wanted.get_secret_value().encode()):
        raise Unauthorized("Send the metrics token as bearer.")
    await house.measure()
    return Response(house.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _readyz(request: Request) -> Response:
    found = await health.examine(services(request).settings, health.READY)
    ready = all(finding.ok is not False for finding in found)
    report = {finding.part: finding.says if finding.ok is not False else "failing" for finding in found}
    return Response(orjson.dumps(report), 200 if ready else 503, media_type="application/json")
