"""Which other browser origins may read an answer (the CORS protocol of the Fetch standard): those of the settings."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

#: Seconds for which a browser remembers a preflight; Chromium takes no more than two hours.
_REMEMBERED: Final = 7_200


def preflight(request: Request, origins: Set[str], *, methods: Sequence[str], headers: Sequence[str]) -> Response:
    """The answer to ``OPTIONS``: what a page of one of our origins may send. Others get no leave."""
    response = allow(request, Response(status_code=204), origins)
    if "access-control-allow-origin" in response.headers:
        response.headers["access-control-allow-methods"] = ", ".join(methods)
        response.headers["access-control-allow-headers"] = ", ".join(headers)
        response.headers["access-control-max-age"] = str(_REMEMBERED)
    return response


def allow(request: Request, response: Response, origins: Set[str], *, exposed: Sequence[str] = ()) -> Response:
    """Let pages of our origins read an answer, and its ``exposed`` headers."""
    response.headers.add_vary_header("Origin")
    origin = request.headers.get("origin")
    if origin is not None and origin in origins:
        response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-allow-credentials"] = "true"
        if exposed:
            response.headers["access-control-expose-headers"] = ", ".join(exposed)
    return response
