"""``/g-assets/{digest}/{name}``: stylesheets and scripts of the gallery pages, kept by browsers for ever.

The digest is of all of them together, so that modules find each other by relative names and never mix with others.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

import clients.gallery
from kilo_gql.errors import NotFound

FOLDER: Final = Path(clients.gallery.__file__).parent
ROUTE: Final = "/g-assets/{digest}/{name}"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: as it is, and compressed."""

    content: bytes
    compressed: bytes
    content_type: str


def _read() -> Iterator[tuple[str, Asset]]:
    for path in sorted((FOLDER / "static").iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            yield path.name, Asset(content, gzip.compress(content, 9, mtime=0), _TYPES[path.suffix])


ASSETS: Final = dict(_read())
DIGEST: Final = sha256(b"".join(name.encode() + b"\0" + asset.content for name, asset in ASSETS.items())).hexdigest()[
    :16
]
#: What the addresses of the present files begin with.
BASE: Final = f"/g-assets/{DIGEST}"


async def serve(request: Request) -> Response:
    """The endpoint of ``ROUTE``. A page of an older build gets the present file, which is not kept."""
    asset = ASSETS.get(request.path_params["name"])
    if asset is None:
        raise NotFound("There is nothing at this address.", code="no_route")
    headers = {
        "content-type": asset.content_type,
        "cache-control": _FOR_EVER if request.path_params["digest"] == DIGEST else "no-store",
        "cross-origin-resource-policy": "same-origin",
        "vary": "accept-encoding",
    }
    if takes_gzip(request):
        return Response(asset.compressed, headers={**headers, "content-encoding": "gzip"})
    return Response(asset.content, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Does the client say that it reads gzip? One that refuses it with ``q=0`` is taken at its word."""
    for coding in request.headers.get("accept-encoding", "").split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
