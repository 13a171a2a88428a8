"""What is followed rather than answered, driven as ASGI: asked once, and left when it is clear what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from kilo_gql.graphql.connection import SUBPROTOCOL
from tests.support.api import Api, check_contract
from tests.support.doors import Answer, Who, document, root_fields, variables_of

#: Before the first event of any project.
BEGIN = "1-0"
_PATIENCE = 10.0
_ASGI = {"asgi": {"version": "3.0"}, "http_version": "1.1", "root_path": "", "client": ("127.0.0.1", 1), "headers": []}


def _headers(api: Api, who: Who) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in api.headers(who).items()]


class RealtimeDoor:
    """``GET /v1/realtime``, until the answer has begun."""

    name = "realtime"

    def __init__(self, api: Api) -> None:
        self.api = api

    async def call(self, operation: str, who: Who, /, **arguments: Any) -> Answer:
        path = "/v1/realtime"
        query = str(httpx.QueryParams({name: str(value) for name, value in arguments.items()}))
        scope = {
            **_ASGI, "type": "http", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "headers": _headers(self.api, who), "server": ("127.0.0.1", 8400),
        }  # fmt: skip
        sent: list[dict[str, Any]] = []
        begun = asyncio.Event()
        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            if (request := next(asked, None)) is not None:
                return request
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) > 1:  # the head, and the first that follows it
                begun.set()

        await asyncio.wait_for(self.api.app(scope, receive, send), _PATIENCE)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return self._answer(httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body))

    def _answer(self, response: httpx.Response) -> Answer:
        failed = response.status_code >= 400
        if failed:
            check_contract("GET", "/realtime", response)
        text = response.text.replace(response.headers["x-request-id"], "REQUEST")
        error = response.json() if failed else None
        return Answer(response.status_code, response.text, error, response.headers, False, None, text)


class SocketDoor:
    """One subscription over the websocket until it tells an error or an event; there must be one after ``BEGIN``."""

    name = "subscription"

    def __init__(self, api: Api) -> None:
        self.api = api

    async def call(self, operation: str, who: Who, /, **arguments: Any) -> Answer:
        [found] = [f for f in root_fields() if f.root == "Subscription" and f.operation.name == operation]
        variables = variables_of(found, {**arguments, "after": BEGIN})
        query = document(found, variables).replace("{ __typename }", "{ __typename ... on JobEnded { ids } }")
        request_id = uuid4().hex
        payload = {"query": query, "variables": variables}
        message = await asyncio.wait_for(self.talk(who, request_id, payload), _PATIENCE)
        headers = httpx.Headers({"x-request-id": request_id})
        text = json.dumps(message).replace(request_id, "REQUEST")
        if message["type"] == "next":
            return Answer(200, message["payload"]["data"], None, headers, False, None, text)
        [error] = message["payload"]
        envelope = {"message": error["message"], **error["extensions"]}
        return Answer(200, None, envelope, headers, False, None, text)

    async def talk(self, who: Who, request_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The first answer to one operation on a connection of its own."""
        scope = {
            **_ASGI, "type": "websocket", "scheme": "ws", "path": "/graphql", "raw_path": b"/graphql",
            "query_string": b"", "subprotocols": [SUBPROTOCOL], "server": ("127.0.0.1", 8400),
            "headers": [(b"x-request-id", request_id.encode())],
        }  # fmt: skip
        said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        said.put_nowait({"type": "websocket.connect"})
        talk = asyncio.create_task(self.api.app(scope, said.get, heard.put))

        def say(message: Mapping[str, Any]) -> None:
            said.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

        try:
            say({"type": "connection_init", "payload": self.api.headers(who)})
            say({"type": "subscribe", "id": "1", "payload": payload})
            while True:
                message = await heard.get()
                assert message["type"] != "websocket.close", message
                told = json.loads(message.get("text") or "{}")
                if told.get("type") in ("next", "error"):
                    return told
        finally:
            said.put_nowait({"type": "websocket.disconnect", "code": 1000})
            await talk
