"""A project's events over ``/v1/realtime``, however often the connection breaks: nothing is missed or told twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx
import orjson

from kilo_gql.importing.client import Backoff, Client, Refused

#: The server says something at least every quarter of a minute.
_TIMEOUT: Final = httpx.Timeout(60, connect=10, pool=None)


@dataclass(frozen=True, slots=True)
class Message:
    """One event. The first message of a stream is named "open", and one named "reset" says that events were lost."""

    name: str
    data: dict[str, Any]


OPEN: Final = Message("open", {})


async def follow(client: Client, project_id: UUID) -> AsyncIterator[Message]:
    """What happens in a project from now on. Raises Refused, or Unavailable when patience is at its end."""
    cursor: str | None = None
    backoff = Backoff(client.patience)
    while True:
        bearer = client.headers()
        try:
            async with _stream(client, project_id, cursor) as response:
                if response.is_error:
                    await response.aread()
                    if response.status_code == 401 and await client.renewed(bearer["authorization"][7:]):
                        continue
                    if response.status_code < 500 and response.status_code != 429:
                        raise Refused.of(response)
                else:
                    async for id_, message in _messages(response):
                        backoff.progress()
                        if cursor is None:
                            yield OPEN  # whatever is caused from here on will be told
                        cursor = id_ or cursor
                        if message is not None:
                            yield message
        except httpx.TransportError:
            pass  # the cursor knows where it was
        await client.again(backoff)


def _stream(client: Client, project_id: UUID, cursor: str | None) -> Any:
    query = {"projectId": str(project_id)} | ({} if cursor is None else {"lastEventId": cursor})
    return client.http.stream("GET", "/v1/realtime", params=query, headers=client.headers(), timeout=_TIMEOUT)


async def _messages(response: httpx.Response) -> AsyncIterator[tuple[str | None, Message | None]]:
    """The id and the event of each block that has either (WHATWG HTML, section 9.2.6)."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields or "id" in fields:
            data = fields.get("data")
            message = None if data is None else Message(fields.get("event", "message"), orjson.loads(data))
            yield fields.get("id"), message
        fields.clear()
