"""``/uploads/{uploadId}``: where the bytes of an upload arrive, by plain PUT or by tus 1.0.

    HEAD      how far it is                      PUT       the whole file, or (``Content-Range``) the rest of it
    PATCH     the next bytes, by tus             DELETE    gives it up, by tus

The address is its own permission; whether the uploader may still send is asked when bytes come. What arrives is made
durable and counted part by part, so a connection that is cut, wherever that is, costs at most one part.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kilo_gql import cors, tus
from kilo_gql.domain import receiving
from kilo_gql.domain.receiving import Arriving, offset_mismatch
from kilo_gql.domain.upload_addresses import PATH, check_token
from kilo_gql.domain.uploads import cancel_upload, upload_complete
from kilo_gql.errors import BadRequest, KiloError, NotFound, TooLarge, not_found
from kilo_gql.models import UploadStatus
from kilo_gql.rest.machinery import problem
from kilo_gql.services import Services, services
from kilo_gql.storage import received, upload_too_long
from kilo_gql.upload_writer import HOUSE, Body, Writer, finish

ROUTE: Final = f"{PATH}{{upload_id}}"
METHODS: Final = ("OPTIONS", "HEAD", "PUT", "PATCH", "DELETE", "POST")

_SENT: Final = (
    "Content-Type", "Content-Range", "Tus-Resumable", "Upload-Offset", "Upload-Checksum", "X-HTTP-Method-Override",
)  # fmt: skip
_TOLD: Final = ("Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Expires", "X-Request-Id")


class Uploading:
    """The endpoint, as raw ASGI: an answer may have to go out before the body has come in."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, body = Request(scope, receive), Body(receive)
        origins = services(request).settings.origins
        try:
            response = await _answer(request, body)
        except ClientDisconnect:
            return
        except KiloError as error:
            response = problem(error, scope["kilo_request_id"])
            if isinstance(error, tus.UnsupportedVersion):
                response.headers["tus-version"] = tus.VERSION
        response.headers["tus-resumable"] = tus.VERSION
        response.headers["cache-control"] = "no-store"
        if request.method != "OPTIONS":
            cors.allow(request, response, origins, exposed=_TOLD)
        await _send(response, body, request, send)


async def _send(response: Response, body: Body, request: Request, send: Send) -> None:
    """Answer; a client that is still sending is told that the connection ends."""
    expects_none = request.method in ("OPTIONS", "HEAD") or _length(request) == 0
    if body.ended or expects_none:
        await response(request.scope, request.receive, send)
        return
    response.headers["connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    await body.linger()
    await send({"type": "http.response.body", "body": b""})


async def _answer(request: Request, body: Body) -> Response:
    house, method = services(request), _method(request)
    if method == "OPTIONS":
        response = cors.preflight(request, house.settings.origins, methods=METHODS, headers=_SENT)
        response.headers.update(tus.facts(house.settings.max_file_size))
        return response
    try:
        upload_id = UUID(request.path_params["upload_id"])
    except ValueError:
        raise not_found("upload") from None
    tokens = request.query_params.getlist("token")
    check_token(house.settings.key, upload_id, tokens[0] if len(tokens) == 1 else "", house.db.house.clock())
    tus.check_version(request.headers, needed=method in ("PATCH", "DELETE"))
    upload = (await house.throat.execute(HOUSE, receiving.find_upload, upload_id)).value
    return await _ANSWERS[method](house, request, body, upload)


def _method(request: Request) -> str:
    """The method, which a client that knows only POST may say in a header."""
    if request.method != "POST":
        return request.method
    method = request.headers.get("x-http-method-override", "").upper()
    if method not in _ANSWERS:
        raise NotFound("There is nothing at this address.", code="no_route")
    return method


def _length(request: Request) -> int | None:
    """The announced length of the body (None: it comes in chunks); the server has checked that it is a number."""
    said = request.headers.get("content-length")
    if said is not None:
        return int(said)
    return None if "transfer-encoding" in request.headers else 0


# --- the methods ---------------------------------------------------------------------------------------------------


async def _head(house: Services, request: Request, body: Body, upload: Arriving) -> Response:
    if upload.received_in_full:
        await _settle(house, upload)
    response = _progress(upload.incoming.received, 200)
    response.headers["upload-length"] = str(upload.incoming.size)
    if upload.status is not UploadStatus.FINALIZED:
        response.headers["upload-expires"] = tus.expires(upload.expires_at)
    return response


async def _delete(house: Services, request: Request, body: Body, upload: Arriving) -> Response:
    await house.throat.execute(upload.uploader, cancel_upload, upload.incoming.upload_id)
    if upload.status is UploadStatus.RECEIVING:
        await house.store.abort(upload.incoming)
    return Response(status_code=204)


async def _patch(house: Services, request: Request, body: Body, upload: Arriving) -> Response:
    tus.check_body(request.headers)
    offset, length, checksum = tus.offset(request.headers), _length(request), tus.Checksum.of(request.headers)
    if upload.received_in_full:
        await _settle(house, upload)
        if (offset, length) == (upload.incoming.size, 0):
            return _progress(offset, 204)
        raise upload_complete()
    if offset != upload.incoming.received:
        raise offset_mismatch(upload.incoming.received)
    if offset + (length or 0) > upload.incoming.size:
        raise upload_too_long(upload.incoming.size)
    if checksum is not None and (length is None or length > tus.CHECKED_MAX):
        raise TooLarge(
            f"A piece with a checksum has at most {tus.CHECKED_MAX:,} bytes, and says how many.",
            code="chunk_too_large",
            details={"max": tus.CHECKED_MAX},
        )
    return _progress(await _receive(house, upload, body, offset, checksum=checksum), 204)


async def _put(house: Services, request: Request, body: Body, upload: Arriving) -> Response:
    if upload.received_in_full:
        await _settle(house, upload)
        raise upload_complete()
    size, length = upload.incoming.size, _length(request)
    range_ = tus.content_range(request.headers, size)
    first, wanted = range_ or (0, size)
    if length is not None and length > wanted:
        raise upload_too_long(size)
    if length not in (None, wanted):
        raise _size_mismatch(size, first + (length or 0))
    if range_ is not None and first != upload.incoming.received:
        raise offset_mismatch(upload.incoming.received)
    now_at = await _receive(house, upload, body, first, restart=range_ is None)
    if now_at < first + wanted:
        raise _size_mismatch(size, now_at)
    return _progress(now_at, 204)


_Answer = Callable[[Services, Request, Body, Arriving], Awaitable[Response]]
_ANSWERS: Final[dict[str, _Answer]] = {"HEAD": _head, "PUT": _put, "PATCH": _patch, "DELETE": _delete}


def _progress(offset: int, status: int) -> Response:
    return Response(status_code=status, headers={"upload-offset": str(offset)})


def _size_mismatch(size: int, sent: int) -> BadRequest:
    return BadRequest(
        f"This upload has {size} bytes, and {sent} were sent.",
        code="size_mismatch",
        details={"byteSize": size, "sent": sent},
        remediation=["Send the rest, or prepare the upload again with the right size."],
    )


# --- receiving -----------------------------------------------------------------------------------------------------


async def _receive(
    house: Services,
    upload: Arriving,
    body: Body,
    offset: int,
    *,
    restart: bool = False,
    checksum: tus.Checksum | None = None,
) -> int:
    """Take what comes; returns how many bytes of the file are here then."""
    upload_id = upload.incoming.upload_id
    token = upload.incoming.token or await house.store.begin(
        upload_id, upload.incoming.key, content_type=upload.content_type
    )
    claim = await house.throat.execute(upload.uploader, receiving.claim_upload, upload_id, offset, token, restart)
    writer = Writer(house.throat, house.store, claim.value, body, checksum)
    await writer.run()
    if received(writer.parts) == upload.incoming.size:
        await finish(house.throat, house.store, replace(claim.value, parts=writer.parts))
    return received(writer.parts)


async def _settle(house: Services, upload: Arriving) -> None:
    """Catch up on what a crash has kept from being done since the last byte came."""
    if upload.status is UploadStatus.RECEIVING:
        await finish(house.throat, house.store, upload.incoming)
