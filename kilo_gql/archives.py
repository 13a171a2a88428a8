"""Requests for a ZIP archive: the whole, or the part that a broken download still lacks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kilo_gql.disposition import content_disposition
from kilo_gql.objects import Unsatisfiable, single_range
from kilo_gql.zips import ZipLayout

_TYPE = "application/zip"


def respond_zip(request: Request, layout: ZipLayout, filename: str, *, cache_control: str = "no-store") -> Response:
    """Answer a GET or HEAD with the archive under this name: 200, 206 for one range, or 416.

    Its entity tag follows from its bytes, so a range is only joined to what it belongs to.
    """
    tag = f'"{layout.etag}"'
    headers = {
        "etag": tag,
        "cache-control": cache_control,
        "accept-ranges": "bytes",
        "content-type": _TYPE,
        "content-disposition": content_disposition(_TYPE, filename),
    }
    wanted = request.headers.get("range")
    if request.method != "GET" or request.headers.get("if-range", tag) != tag:
        wanted = None
    try:
        part = single_range(wanted, layout.size)
    except Unsatisfiable:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{layout.size}"})
    start, end = part or (0, layout.size)
    headers["content-length"] = str(end - start)
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{layout.size}"
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(layout.stream(start, end), 200 if part is None else 206, headers)
