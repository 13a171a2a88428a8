"""Both doors of a running application, in process. No REST answer leaves here without a look at the contract."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
from openapi_schema_validator import OAS30ReadValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from starlette.applications import Starlette

from kilo_gql import tokens
from kilo_gql.access import Account, UserActor
from kilo_gql.app import build_app
from kilo_gql.config import Settings
from kilo_gql.domain.sessions import ACCESS_KEY
from kilo_gql.rest import openapi
from kilo_gql.rest.routes import ROUTES
from kilo_gql.services import Services


@cache
def _document() -> dict[str, Any]:
    return openapi.document(ROUTES)


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resource("urn:kilo", Resource(_document(), DRAFT4))


def check_contract(method: str, path: str, response: httpx.Response) -> None:
    """The answer's status is documented, and its body is of the documented shape."""
    for template, methods in _document()["paths"].items():
        if _matches(template, path) and method.lower() in methods:
            answer = methods[method.lower()]["responses"].get(str(response.status_code))
            assert answer is not None, f"{method} {template} does not document {response.status_code}"
            if "$ref" in answer:
                answer = _document()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            content = answer.get("content")
            if content is None:
                assert response.content == b""
                return
            if response.headers["content-type"] != "application/json":
                assert response.headers["content-type"] in content
                return
            schema = json.loads(json.dumps(content["application/json"]["schema"]).replace('"#/', '"urn:kilo#/'))
            OAS30ReadValidator(schema, registry=_registry(), format_checker=OAS30ReadValidator.FORMAT_CHECKER).validate(
                response.json()
            )
            return
    assert response.status_code == 404, f"{method} {path} is not documented"


def _matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/:]+", template), path) is not None


@dataclass
class Api:
    """A client of one application."""

    client: httpx.AsyncClient
    services: Services
    app: Starlette

    def headers(self, actor: Account | str | None) -> dict[str, str]:
        """What an actor sends: nobody nothing, somebody with a session an access token, a bearer itself."""
        if actor is None:
            return {}
        if isinstance(actor, str):
            return {"authorization": f"Bearer {actor}"}
        assert isinstance(actor, UserActor)
        house = self.services.db.house
        token = tokens.access_token(
            house.key(ACCESS_KEY), house.base_url, actor.user_id, actor.session_id, house.clock(), uuid4().hex
        )
        return {"authorization": f"Bearer {token}"}

    async def rest(
        self, method: str, path: str, body: Any = None, *, actor: Account | str | None = None, **headers: str
    ) -> httpx.Response:
        """One REST call, checked against the contract. Keyword names become header names (``idempotency_key``)."""
        sent = self.headers(actor) | {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self._turned(await self.client.request(method, f"/v1{path}", json=body, headers=sent))
        check_contract(method, path.partition("?")[0], response)
        return response

    async def graphql(
        self, query: str, variables: dict[str, Any] | None = None, *, actor: Account | str | None = None
    ) -> dict[str, Any]:
        """One GraphQL document; the answer as it came."""
        answer: dict[str, Any] = (await self.post_graphql(query, variables, actor=actor)).json()
        return answer

    async def post_graphql(
        self, query: str, variables: dict[str, Any] | None = None, *, actor: Account | str | None = None
    ) -> httpx.Response:
        """One GraphQL document over HTTP."""
        headers = {"kilo-csrf": "1", **self.headers(actor)}
        payload = {"query": query, "variables": variables or {}}
        return await self._turned(await self.client.post("/graphql", json=payload, headers=headers))

    @staticmethod
    async def _turned(response: httpx.Response) -> httpx.Response:
        """The loop has turned when an answer arrives through a socket; without one it may not have."""
        await asyncio.sleep(0)
        return response


@asynccontextmanager
async def open_api(settings: Settings) -> AsyncIterator[Api]:
    """An application of these settings, running for the length of a block."""
    app = build_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
            yield Api(client, app.state.services, app)
