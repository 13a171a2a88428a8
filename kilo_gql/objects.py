"""Stored files over HTTP: the one way they are answered with, and the addresses that carry their own permission."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from kilo_gql.disposition import content_disposition, safe_type
from kilo_gql.errors import BadRequest, Forbidden
from kilo_gql.signed_urls import PATH, Grant, Signer
from kilo_gql.storage import (
    Incoming,
    StorageConflict,
    Store,
    checked_key,
    object_missing,
    part_size_for,
)

# RFC 9110, 14.1.1; nobody has files of more than 18 digits
_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)

#: What a browser may do with a file that a stranger has sent: look at it, from pages of this site.
_CONFINED: Final = {
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-site",
}
_CACHED_MAX: Final = 3600


class Unsatisfiable(Exception):
    """The range begins after the end."""


def single_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last that a Range header asks for; None: the whole.

    Several ranges, other units and nonsense are ignored, as RFC 9110 (14.2) lets a server do. Raises Unsatisfiable.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        if size == 0 or int(last) == 0:
            raise Unsatisfiable
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(int(last) + 1, size) if last else size


async def respond(
    request: Request,
    store: Store,
    key: str,
    size: int,
    content_type: str,
    *,
    etag: str,
    filename: str | None = None,
    cache_control: str,
) -> Response:
    """Answer a GET or HEAD with an object of ``size`` bytes: whole, one range, or 304.

    ``etag`` names the content and is given without quotes. Raises NotFound (``object_missing``) or Unavailable before
    anything is sent.
    """
    tag = f'"{etag}"'
    headers = {"etag": tag, "cache-control": cache_control, **_CONFINED}
    if _names(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    headers["accept-ranges"] = "bytes"
    wanted = request.headers.get("range")
    if request.method != "GET" or request.headers.get("if-range", tag) != tag:
        wanted = None
    try:
        part = single_range(wanted, size)
    except Unsatisfiable:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    start, end = part or (0, size)
    headers["content-type"] = safe_type(content_type)
    headers["content-disposition"] = content_disposition(content_type, filename)
    headers["content-length"] = str(end - start)
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    if request.method == "HEAD":
        return Response(headers=headers)
    return await _streamed(store.stream(key, start, end), 200 if part is None else 206, headers)


def _names(header: str | None, tag: str) -> bool:
    """Does If-None-Match name this content? Weak comparison (RFC 9110, 13.1.2)."""
    if header is None:
        return False
    return header.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in header.split(",")}


async def _streamed(pieces: AsyncGenerator[bytes, None], status: int, headers: dict[str, str]) -> Response:
    """Waits for the first piece, so that a file which is not there is an error and not a broken answer."""
    first = await anext(pieces, b"")
    if len(first) == int(headers["content-length"]):
        return Response(first, status, headers)

    async def rest() -> AsyncIterator[bytes]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return StreamingResponse(rest(), status, headers)


def signed_objects(store_of: Callable[[Request], Store], signer: Signer, clock: Callable[[], datetime]) -> Route:
    """``/objects/{key}`` for whoever has a signed address: GET and HEAD read it, PUT stores it, once."""

    async def handle(request: Request) -> Response:
        # not the route's parameter: its pattern lets a newline at the end pass unseen
        key = request.scope["path"].partition(PATH)[2]
        query, method = request.scope["query_string"].decode("latin-1"), request.method
        grant = signer.verify("PUT" if method == "PUT" else "GET", key, query, clock())
        if method == "PUT":
            return await _put(request, store_of(request), grant)
        return await _get(request, store_of(request), grant, grant.expires - int(clock().timestamp()))

    return Route(PATH + "{key:path}", handle, methods=["GET", "PUT"])


async def _get(request: Request, store: Store, grant: Grant, seconds: int) -> Response:
    found = await store.stat(checked_key(grant.key))
    if found is None:
        raise object_missing()
    return await respond(
        request,
        store,
        grant.key,
        found.size,
        grant.content_type,
        etag=sha256(grant.key.encode()).hexdigest()[:32],  # an object never changes: its key names its content
        filename=grant.filename,
        cache_control=f"private, max-age={min(seconds, _CACHED_MAX)}",
    )


async def _put(request: Request, store: Store, grant: Grant) -> Response:
    """Store a body of exactly the size and type that were signed."""
    assert grant.size is not None
    if request.headers.get("content-type") != grant.content_type:
        raise Forbidden(
            "The file is of another type than this link is for.",
            code="signature_invalid",
            remediation=[f"Send it with `Content-Type: {grant.content_type}`."],
        )
    declared = request.headers.get("content-length", str(grant.size))
    if declared != str(grant.size):
        raise _wrong_size(grant.size)
    if await store.stat(checked_key(grant.key)) is not None:
        raise StorageConflict("There is a file at this address already.")
    upload_id = uuid4()
    token = await store.begin(upload_id, grant.key, content_type=grant.content_type)
    incoming = Incoming(upload_id, grant.key, grant.size, token, fence=1)
    try:
        await store.complete(await _received(request, store, incoming))
    finally:
        await asyncio.shield(store.abort(incoming))
    return Response(status_code=201)


async def _received(request: Request, store: Store, incoming: Incoming) -> Incoming:
    async with store.receive(incoming) as sink:
        async for piece in request.stream():
            await sink.write(piece)
            if sink.pending >= part_size_for(incoming.size):
                await sink.flush()
        whole = replace(incoming, parts=await sink.flush())
    if whole.received != incoming.size:
        raise _wrong_size(incoming.size)
    return whole


def _wrong_size(size: int) -> BadRequest:
    return BadRequest(
        f"This link is for a file of {size} bytes.",
        code="size_mismatch",
        details={"size": size},
        remediation=["Send exactly the file that the link was asked for."],
    )
