"""The asset index over HTTP: compressed once for all columns, and not sent again while it stands."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any, Final

from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from kilo_gql.asset_columns import IndexColumn
from kilo_gql.domain.asset_index import USUAL, AssetIndex, Unchanged
from kilo_gql.errors import BadRequest
from kilo_gql.rest.bodies import Body
from kilo_gql.rest.machinery import CODED
from kilo_gql.rest.views import View

#: Measured on 10,000 photos: about 25 ms. Level 1 takes half of that and sends 6 % more; 9 takes 160 ms and saves 1 %.
_LEVEL: Final = 6
_COLUMNS: Final = {to_camel(column.value): column for column in IndexColumn}


class IndexQuery(Body):
    """``columns``: names of columns with commas between them."""

    columns: str | None = None

    def arguments(self) -> dict[str, Any]:
        if self.columns is None:
            return {"columns": USUAL}
        names = self.columns.split(",")
        if unknown := sorted(set(names) - _COLUMNS.keys()):
            raise BadRequest("There is no such column.", details={"columns": unknown, "known": list(_COLUMNS)})
        return {"columns": tuple(_COLUMNS[name] for name in names)}


class AssetIndexView(View):
    """Columns that were not asked for are null."""

    cursor: str
    count: int
    format_names: list[str]
    ids: str | None
    capture_steps: str | None
    sizes: str | None
    formats: str | None
    flags: str | None
    ratings: str | None
    colors: str | None
    thumbhashes: str | None
    thumbnails: str | None
    previews: str | None


async def respond(request: Request, index: AssetIndex | Unchanged) -> Response:
    """The index, compressed if the client takes that; 304 without a body if the client has it."""
    compress = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "etag": f'"{index.state}{CODED if compress else ""}"',
        "cache-control": "private, no-cache",
        "vary": "authorization, cookie, accept-encoding",
    }
    if isinstance(index, Unchanged):
        return Response(status_code=304, headers=headers)
    body = AssetIndexView.render(index)
    if compress:
        body = await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)
